"""Where in a chapter's source the text stands that a reader selected in the rendered page.

Source and selection are compared as skeletons: compatibility-decomposed, without blanks, invisible characters and the
characters that Markdown uses as markers. What the page hides (link targets, tags, list numbers) leaves no skeleton.
Being lax about markers is safe, because what is found is handed on as the chapter has it.
"""

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, islice, product

from services import mdx
from services.blocks import ADMONITIONS
from services.book import Span
from services.source import Source

_DROPPED = frozenset("*_~`#|\\[]{}>$•◦▪‣●○■↩\ufe0e\ufe0f")
_INVISIBLE = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))
_SAME = dict.fromkeys("‐‒–—―−", "-") | dict.fromkeys("“”„‟″", '"') | dict.fromkeys("‘’‚‛′", "'")

# Bounds on how far to look for an end, so that a text of openings alone does not take quadratic time.
_MOST_UNCLOSED = 8  # braces; MDX does not even build a page that has one
_MOST_PLACES = 50  # looked at where a text is not shown literally; each takes as long as its line
_TARGET = (
    r"\([ \t\n]*+(?:<[^<>\n]{0,2000}>|(?:[^\s()<\\]|\\.|\((?:[^\s()\\]|\\.){0,500}+\)){0,2000}+)"
    r"(?:[ \t\n]++(?:\"(?:[^\"\\]|\\.){0,500}+\"|'(?:[^'\\]|\\.){0,500}+'))?[ \t\n]*+\)"
)
_MARK = re.compile(r"[<{`$\[\]:&\\!]")
_LITERAL = re.compile(
    r"(`++)(?:[^`\n]|\n(?![ \t>]*\n)|(?!\1(?!`))`++){1,2000}+\1(?!`)|`++"
    r"|\$\$(?:[^$]|\$(?!\$)){1,3000}+\$\$"
    r"|(?<!\d)\$(?![\s$])(?:[^`$\\\n]|\\.|\n(?![ \t>]*\n)){1,1000}+(?<!\s)\$(?!\d)"
    r"|\\(?!\{#)[!-/:-@\[-`{-~]|\$"
)
_MARKUP = {
    "&": re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});", re.ASCII),
    "!": re.compile(rf"!\[((?:[^\[\]\\]|\\.|\[[^\[\]]{{0,200}}\]){{0,1000}}+)\](?:{_TARGET}|\[[^\[\]]{{0,200}}\])"),
    "[": re.compile(r"\[\^([^\[\]\s]{1,200})\]"),
    "]": re.compile(rf"\](?:{_TARGET}|\[([^\[\]]{{1,200}})\])"),
    ":": re.compile(r"(?<!:):[A-Za-z](?:[\w-]*[A-Za-z0-9])?(?=[\[{])", re.ASCII),
    "\\": re.compile(r"\\\{#[^{}\n]*\}[ \t#]*$", re.MULTILINE),
    "{": re.compile(r"\{#[^{}\n]*()\}|\{\s*(?:\"([^\"\\]*)\"|'([^'\\]*)'|`([^`\\$]*)`|(\d+(?:\.\d+)?))\s*\}"),
}
_PREFIX = re.compile(r"[ \t>]*+(?:(?:[-*+]|\d{1,9}[.)])(?=[ \t\n]|\Z)[ \t>]*+)*+")
_PREFIX_IN_TEXT = re.compile(r"[ \t>]*+(?:(?:[-*+]|1[.)])(?=[ \t\n]|\Z)[ \t>]*+)*+")
_RULE = re.compile(r"[ \t>|:=-]+")
_FENCE = re.compile(r"(`{3,}+(?=[^`\n]*$)|~{3,}+).*", re.MULTILINE)
_TITLE = re.compile(r"\btitle=([\"'])(.*?)\1")
_MAGIC = re.compile(r"^.*\bhighlight-(?:next-line|start|end)\b.*$", re.MULTILINE)
_LABEL = re.compile(
    r"\[\^[^\[\]\s]{1,200}\]:|(\[[ xX]\])(?=\s)"
    rf"|:{{3,}}+(?:({'|'.join(ADMONITIONS)})(?![\w-])|[A-Za-z][\w-]*+(?=[\[{{]|[ \t]*\Z))"
)
_DEFINITION = re.compile(r"^[ \t>]*+\[(?!\^)([^\[\]\n]+)\]:[ \t]*\S.*$", re.MULTILINE)


def find(content: str, selected: str) -> Span | None:
    """The first of the `places` where `selected` stands in `content`; None when it does not."""
    return next(places(content, selected), None)


def places(content: str, selected: str) -> Iterator[Span]:
    """Where `selected` stands in what `content` shows: literally, whole words before parts of words, and then as it is
    rendered, which may tell a place again. Of equals, in reading order: which one was meant, nobody can know.

    Spans count code points, from the first to the last visible character. 100,000 of them take about 50 ms.
    """
    wanted, literal = skeleton(selected), selected.strip()
    if not wanted:
        return
    source = Source.read(content)
    pieces = _Scanner(source.text).pieces
    for start, end in sorted(_literally(source.text, pieces, literal), key=lambda place: _cuts(source.text, *place)):
        yield Span(source.offset(start), source.offset(end - 1) + 1)
    # A selection with list numbers, or pasted from the source with other line ends, is read as Markdown itself.
    for sought, view in product(filter(None, (wanted, rendered(selected))), range(3)):
        for start, end in islice(_as_rendered(source.text, pieces, view, sought), _MOST_PLACES):
            yield Span(source.offset(start), source.offset(end - 1) + 1)


def rendered(content: str) -> str:
    """The skeleton of what a page shows of its source."""
    return "".join(piece.views[-1] for piece in _Scanner(Source.read(content).text).pieces)


def skeleton(text: str) -> str:
    """What is compared of `text`. Its length never shrinks when text is appended."""
    bare = unicodedata.normalize("NFD", text.translate(_folding()))  # only puts marks in order: the length stays
    return re.sub("-{2,}", "-", bare) if "--" in bare else bare


class _Folding(dict[int, str | None]):
    """A table for str.translate that fills itself: for each character what its skeleton is."""

    def __missing__(self, code: int) -> str | None:
        shown = unicodedata.normalize("NFKD", _SAME.get(chr(code), chr(code)))
        visible = (each for each in shown if each not in _DROPPED and unicodedata.category(each) not in _INVISIBLE)
        self[code] = "".join(_SAME.get(each, each) for each in visible) or None
        return self[code]


@cache
def _folding() -> _Folding:
    return _Folding()


@dataclass(frozen=True, slots=True)
class _Piece:
    """A range of the text, and its skeleton as Chrome copies it (titles in capitals), as Firefox does, as written."""

    start: int
    end: int
    views: tuple[str, str, str]

    def as_it_is(self, text: str) -> bool:
        """Whether the page shows this range as the text has it."""
        return skeleton(text[self.start : self.end]) == self.views[-1] != ""

    def place(self, text: str, view: int, index: int) -> tuple[int, int]:
        """The range of the text behind one character of the skeleton."""
        source = text[self.start : self.end]
        if len(skeleton(source)) != len(self.views[view]):  # an entity, or what the page shows in its own words
            return self.start, self.end
        end = bisect_right(range(len(source)), index, key=lambda end: len(skeleton(source[:end])))
        return self.start + end - 1, self.start + end


def _cuts(text: str, start: int, end: int) -> bool:
    return any(text[at - 1 : at].isalnum() and text[at : at + 1].isalnum() for at in (start, end) if at)


def _literally(text: str, pieces: list[_Piece], literal: str) -> Iterator[tuple[int, int]]:
    if literal not in text:
        return
    plain = [piece for piece in pieces if piece.as_it_is(text)]
    starts = [piece.start for piece in plain]

    def shows(position: int) -> bool:
        at = bisect_right(starts, position) - 1
        return at >= 0 and position < plain[at].end

    start = text.find(literal)
    while start >= 0:
        end = start + len(literal)
        if shows(start) and shows(end - 1):  # not so in an import, a link's target, a tag
            yield start, end
        start = text.find(literal, start + 1)


def _as_rendered(text: str, pieces: list[_Piece], view: int, wanted: str) -> Iterator[tuple[int, int]]:
    shown = "".join(piece.views[view] for piece in pieces)
    lengths = list(accumulate((len(piece.views[view]) for piece in pieces), initial=0))[:-1]
    start = shown.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not unicodedata.combining(shown[end : end + 1] or " "):  # "cafe" is not in "café"
            first, last = (
                pieces[i := bisect_right(lengths, at) - 1].place(text, view, at - lengths[i]) for at in (start, end - 1)
            )
            yield first[0], last[1]
        start = shown.find(wanted, start + 1)


class _Scanner:
    """Cuts one text into what is shown, line by line and mark by mark; never goes back."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.pieces: list[_Piece] = []
        self._labels = {found[1].casefold() for found in _DEFINITION.finditer(text)}
        self._footnotes: dict[str, int] = {}
        self._after_blank, self._in_list, self._in_title, self._unclosed = True, False, False, 0
        position = 0
        while position < len(text):
            position = self._line(position)

    def _line(self, start: int) -> int:
        """Take in the line at `start`, and those that belong to it; where the next one begins."""
        text, end = self._text, self._line_end(start)
        position = self._after_prefix(start, end)
        mark, self._in_title = text[position : position + 1], False
        if self._after_blank and mark in "ie" and position == start and mdx.is_esm(text, start):
            return mdx.esm_end(text, start, len(text))
        self._after_blank = position == end
        if mark in "`~" and (fence := _FENCE.match(text, position, end)):
            return self._code(fence)
        if _RULE.fullmatch(text, position, end) or (mark == "[" and _DEFINITION.match(text, start)):
            return end + 1
        return self._inline(self._after_label(position, end), end) + 1

    def _after_prefix(self, start: int, end: int) -> int:
        """Behind the marks of quotes and lists; only a list that begins with 1 can interrupt a paragraph."""
        prefix = _PREFIX if self._after_blank or self._in_list else _PREFIX_IN_TEXT
        found = prefix.match(self._text, start, end)
        position = found.end() if found else start
        if self._text[start:position].strip(" \t>"):
            self._in_list = True
        elif self._after_blank and position == start < end:
            self._in_list = False
        return position

    def _after_label(self, position: int, end: int) -> int:
        """Behind what begins a footnote, a task or an admonition."""
        found = _LABEL.match(self._text, position, end)
        self._in_title = found is not None and found[0].startswith(":")
        if found and found[1]:
            self.pieces.append(_piece(found, written=found[1]))
        elif found and found[2] and found.end() == end:
            self.pieces.append(_piece(found, found[2].upper(), found[2]))
        return found.end() if found else position

    def _code(self, fence: re.Match[str]) -> int:
        """Show the code of a fence, and its title; where the line below it begins."""
        if title := _TITLE.search(fence[0]):
            self.pieces.append(_piece(fence, title[2], title[2]))
        start = stop = fence.end() + 1
        while stop < len(self._text):
            end = self._line_end(stop)
            line = self._text[stop:end].strip(" \t>")
            if line.startswith(fence[1]) and not line.strip(fence[1][0]):
                break
            stop = end + 1
        for found in _MAGIC.finditer(self._text, start, stop):
            self._show(start, found.start())
            self.pieces.append(_piece(found, written=found[0]))
            start = found.end()
        self._show(start, stop)
        return self._line_end(stop) + 1

    def _inline(self, position: int, end: int) -> int:
        """Show a line, and the lines that its last mark goes on to; where they end."""
        start = position
        while mark := _MARK.search(self._text, position, end):
            if literal := _LITERAL.match(self._text, mark.start()):
                position = literal.end()
            elif piece := self._markup(mark.start()):
                self._show(start, mark.start())
                self.pieces.append(piece)
                start = position = piece.end
            else:
                position = mark.end()
            end = end if position <= end else self._line_end(position)
        self._show(start, end)
        return end

    def _markup(self, position: int) -> _Piece | None:
        """What begins with the mark at `position` and is shown otherwise or not at all."""
        mark = self._text[position]
        found = None if mark == "<" else _MARKUP[mark].match(self._text, position)
        if not found:
            return self._tag(position) if mark in "<{" else None
        if mark == "[":
            number = str(self._footnotes.setdefault(found[1], len(self._footnotes) + 1))
            return _piece(found, number, number)
        if mark == "]" and found[1] and found[1].casefold() not in self._labels:
            return None
        if mark == "!":
            return _piece(found, written=found[1])
        shown = html.unescape(found[0]) if mark == "&" else found[found.lastindex or 0] if mark == "{" else ""
        return _piece(found, shown, shown, shown)

    def _tag(self, position: int) -> _Piece | None:
        piece = mdx.piece_at(self._text, position, len(self._text)) if self._unclosed < _MOST_UNCLOSED else None
        self._unclosed += piece is None and self._text[position] == "{"
        return _Piece(position, piece.end, ("", "", "")) if piece else None

    def _show(self, start: int, end: int) -> None:
        if shown := skeleton(self._text[start:end]):
            self.pieces.append(_Piece(start, end, (shown.upper() if self._in_title else shown, shown, shown)))

    def _line_end(self, position: int) -> int:
        end = self._text.find("\n", position)
        return end if end >= 0 else len(self._text)


def _piece(found: re.Match[str], chrome: str = "", firefox: str = "", written: str = "") -> _Piece:
    return _Piece(*found.span(), (skeleton(chrome), skeleton(firefox), skeleton(written)))
