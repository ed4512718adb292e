"""Words that a model wrote, as Markdown that shows just them."""

import html
import re

_ESCAPED = r"\\[!-/:-@\[-`{-~]"
_SYNTAX = re.compile(rf"{_ESCAPED}|[<{{}}]|&(?=#?\w+;)|\\\Z")
_BRACKETS = re.compile(rf"{_ESCAPED}|[\[\]]")
_BARS = re.compile(rf"{_ESCAPED}|\|")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#0*39|#[xX]27);")
# What begins another block than a paragraph, up to the character that must not be read as such.
_BLOCK_START = re.compile(r"\d{1,9}(?=[.)](?:\s|\Z))|(?=>|#{1,6}(?:\s|\Z)|[-+*](?:\s|\Z)|\[[^\[\]]*\]:|\[[ xX]\]\s)")
_COLONS = re.compile(r":{2,}")


def escaped(words: str) -> str:
    """Words in which nothing is syntax but emphasis and the writer's own escapes."""
    return _SYNTAX.sub(_escape, _ENTITY.sub(lambda found: html.unescape(found[0]), words))


def without_bars(markdown: str) -> str:
    """The same for a cell of a table, which a bar would end."""
    return _BARS.sub(_escape, markdown)


def without_brackets(markdown: str) -> str:
    """The same for the title of an admonition, which an odd bracket would end."""
    return _BRACKETS.sub(_escape, markdown)


def not_a_block(markdown: str) -> str:
    """The same where it could begin a line: no heading, list, quote or definition."""
    colons = _COLONS.match(markdown)
    if colons:  # each of them, since one after an escaped one could still begin a directive
        return "\\:" * len(colons[0]) + markdown[colons.end() :]
    found = _BLOCK_START.match(markdown)
    return f"{markdown[: found.end()]}\\{markdown[found.end() :]}" if found else markdown


def _escape(found: re.Match[str]) -> str:
    """One character with a backslash before it; one that has it already stays as it is."""
    return found[0] if len(found[0]) == 2 else f"\\{found[0]}"
