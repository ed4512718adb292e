"""What makes markup in CommonMark 0.31 and GFM, as patterns over a text that may end anywhere.

A pattern called `..._BEGUN` matches a whole text that can still become the thing.
"""

import html
import re
from functools import cache

from markdown_it import MarkdownIt

CONTEXT = 4000  # characters that are parsed to tell a fence from an indented line

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
PLAIN = re.compile(
    r"(?:[^\\`\[\]!<&@$~\nhwfmx/]|h(?=[^t\n])|w(?=[^w\n])|f(?=[^t\n])|m(?=[^a\n])|x(?=[^m\n])|/(?=[^/\n]))+",
    re.IGNORECASE,
)

_LEAD = r"(?:[ \t]|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))*+"
_ATOM = r"(?:\\[^\n]|[^\[\]\\\n])"
_TEXT = rf"(?:{_ATOM}|\[{_ATOM}*+\])*+"
_WITHIN = r"(?:\\[^\n]|[^()\\\n])"
_INSIDE = rf"(?:{_WITHIN}|\({_WITHIN}*+\))*+"
_TITLE = r"""(?:"[^"\n]*"|'[^'\n]*'|\([^()\n]*\))"""

LEAD = re.compile(_LEAD)
MARKER_BEGUN = re.compile(rf"{_LEAD}(?:[-*+]|\d{{1,9}}[.)]?)?")
FENCE = re.compile(rf"({_LEAD})(`{{3,}}+(?=[^`\n]*\n)|~{{3,}}+)[^|\n]*(?=\n)")  # with a `|`, it can head a table
ROW = re.compile(r"([ \t>]*+)(?=[- \t]*[|:])[|:\- \t]*+(?=\n)")  # the dashes under the head of a table
DEFINITION = re.compile(rf"[ ]{{0,3}}\[{_ATOM}+\]:[ \t]*\S+(?:[ \t]+{_TITLE})?[ \t]*(?=\n)")
LINE_BEGUN = re.compile(
    rf"{_LEAD}(?:[-*+]|\d{{1,9}}[.)]?|`{{1,2}}|`{{3,}}[^`\n]*|~{{1,2}}|~{{3,}}[^\n]*)?"
    rf"|[ \t>]*[|:\- \t]*|[ ]{{0,3}}\[{_ATOM}*+(?:\](?::[^\n]*)?|\\)?"
)

LINK = re.compile(rf"(!?)\[({_TEXT})\](?:\(({_INSIDE})\)|\[{_ATOM}*+\])")
LINK_BEGUN = re.compile(
    rf"!?\[{_TEXT}(?:\[{_ATOM}*+)?\\?|!?\[{_TEXT}\](?:\({_INSIDE}(?:\({_WITHIN}*+)?\\?|\[{_ATOM}*+\\?)?"
)
TARGET = re.compile(rf"\s*(?:<([^<>\n]*)>|([^\s<]\S*)?)(?:\s+{_TITLE})?\s*")
AUTOLINK = re.compile(r"<([A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>`|$\[\]]*|[^\W_][^\s<>`|$\[\]@]*@[^\s<>`|$\[\]]+)>")
AUTOLINK_BEGUN = re.compile(r"<(?:[^\W_][^\s<>`|$\[\]]*)?")
TAG_IN_MATH = re.compile(r"<(?:[/!?\n]|[A-Za-z][\w.+-]*[\s/>:])")

URL = re.compile(r"(https?://|ftp://|www\.|mailto:|xmpp:|//)[^\s<`|$\[\]]*", re.IGNORECASE)
URL_STARTS = ("https://", "http://", "ftp://", "www.", "mailto:", "xmpp:", "//")
URL_ESCAPED = re.compile(r"(?:(?:https?|ftp):/{0,2}|mailto:|xmpp:|www\.|[\w.+-]@)$", re.IGNORECASE)
MAIL = re.compile(r"@(?:[\w.\\-]{64}|(?=[\w-]*\\?\.[\w.$|\n-])[\w.\\-]+|[\w-]*(?=[>$|^=+]))")
MAIL_BEGUN = re.compile(r"@[\w-]{0,63}\\?\.?")
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{0,31});")
ENTITY_BEGUN = re.compile(r"&(?:#(?:\d{0,7}|[xX][0-9a-fA-F]{0,6})|[A-Za-z][A-Za-z0-9]{0,31})?")
ESCAPABLE = re.compile(r"[!-/:-@\[-`{-~]")


def opens_fence(above: str, line: str) -> bool:
    """Whether `line`, indented or with a list's marker, opens a fence: that depends on the lines above it."""
    text = above + line
    if len(text) > CONTEXT:
        return False
    last = text.count("\n")
    return any(token.type == "fence" and token.map and token.map[0] == last for token in _blocks().parse(text))


def is_plain(url: str) -> bool:
    """Whether a URL has nothing in it that renderers read in several ways."""
    if not url.isprintable() or re.search(r"""[\s<>()\[\]\\`"'{}|^$@]""", url):
        return False
    return html.unescape(url) == url and not URL.search(url, len("https://"))


@cache
def _blocks() -> MarkdownIt:
    md = MarkdownIt("commonmark").enable("table")
    md.core.ruler.enableOnly(["normalize", "block"])
    return md
