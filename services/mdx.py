"""What MDX adds to Markdown: tags, expressions, comments, imports and exports, found in a source text."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Sort(StrEnum):
    """What a piece of MDX is."""

    OPEN = "open"
    CLOSE = "close"
    SELF_CLOSED = "self-closed"
    EXPRESSION = "expression"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Piece:
    """A tag, an expression or a comment; `name` is the tag's, `source` all of it."""

    sort: Sort
    start: int
    end: int
    source: str
    name: str = ""

    @property
    def value(self) -> str:
        """What stands between the braces of an expression."""
        return self.source[1:-1]

    @property
    def template(self) -> tuple[int, int] | None:
        """Where the text of an expression stands that is nothing but a template string without expressions in it."""
        found = _TEMPLATE.fullmatch(self.source) if self.sort is Sort.EXPRESSION else None
        return (self.start + found.start(1), self.start + found.end(1)) if found and found[1] else None

    @property
    def heading_level(self) -> int:
        """The level of a tag that is a heading, else 0."""
        name = (self.attribute("as") or "") if self.name == "Heading" else self.name
        return int(name[1]) if re.fullmatch(r"h[1-6]", name) else 0

    def attribute(self, name: str) -> str | None:
        """The value of a tag's attribute written as a string; None when it is absent or computed."""
        for found in _ATTRIBUTE_VALUE.finditer(self.source):
            if found[1] == name:
                return next(value for value in found.groups()[1:] if value is not None)
        return None


# Bounds on how far to look for an end, so that a text of openings alone does not take quadratic time.
_DEEPEST = 40
_LONGEST_COMMENT = 30_000

_NAME = r"[^\W\d][\w$]*(?:[.:-][\w$-]+)*-*"
_TAG_START = re.compile(rf"<(/?)[ \t\n]*((?:{_NAME})?)")
_ATTRIBUTE = re.compile(r"[^\W\d][\w$:.-]*(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|(?=\{)))?")
_ATTRIBUTE_VALUE = re.compile(
    r"\s([\w$:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|\{\s*\"([^\"]*)\"\s*\}|\{\s*'([^']*)'\s*\})"
)
_TEMPLATE = re.compile(r"\{\s*`(?:[ \t]*\n)*((?:[^`\\$]|\\.|\$(?!\{))*?)\s*`\s*\}", re.DOTALL)
_BLANKS = re.compile(r"\s*")
_COMMENT_START = re.compile(r"<!--(?!>|->)")
_BLANK_LINE = r"\n[ \t]*(?=\n)"
_STATEMENT_PARTS = (
    r"/\*.*?\*/|(?<![:\w])//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|[{}()\[\]]"
)
_JAVASCRIPT = re.compile(_STATEMENT_PARTS, re.DOTALL)
_STATEMENT = re.compile(rf"{_BLANK_LINE}|{_STATEMENT_PARTS}", re.DOTALL)
_VERBATIM = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)|\$\$.+?\$\$|\$(?=\S)[^$\n]*?(?<=\S)\$(?!\d)", re.DOTALL)
_ESM = re.compile(
    r"import\s+(?:[\"']|[\w$*{][^\n]*(?:\bfrom\b|[{,]\s*$))"
    r"|export\s+(?:const|let|var|function|class|default|async|type|interface|enum|\{|\*)",
    re.MULTILINE,
)


def piece_at(source: str, start: int, limit: int) -> Piece | None:
    """The tag, expression or comment that begins at `start` and ends before `limit`."""
    if source.startswith("{", start):
        return _expression(source, start, limit)
    if _COMMENT_START.match(source, start, limit):
        end = source.find("-->", start + 4, min(limit, start + _LONGEST_COMMENT)) + 3
        return Piece(Sort.COMMENT, start, end, source[start:end]) if end > 3 else None
    return _tag(source, start, limit) if source.startswith("<", start) else None


def pieces_in(source: str) -> list[Piece]:
    """All tags, expressions and comments of a text; the caller has masked its code."""
    found: list[Piece] = []
    position = 0
    for mark in re.finditer(r"[<{]", source):
        if mark.start() < position or source[mark.start() - 1 : mark.start()] == "\\":
            continue
        if piece := piece_at(source, mark.start(), len(source)):
            found.append(piece)
            position = piece.end
    return found


def is_esm(source: str, start: int) -> bool:
    """Whether an import or export statement begins at `start`."""
    return _ESM.match(source, start) is not None


def esm_end(source: str, start: int, limit: int) -> int:
    """Where a statement ends: at the first blank line that leaves no bracket open, or else at the first one."""
    first, depth = None, 0
    for token in _STATEMENT.finditer(source, start, limit):
        if token[0][0] == "\n":
            first = token.start() if first is None else first
            if depth <= 0:
                return token.start()
        depth += (token[0] in "{[(") - (token[0] in "}])")
        if depth > _DEEPEST:
            break
    return limit if first is None or depth <= 0 else first


def _expression(source: str, start: int, limit: int) -> Piece | None:
    if source.startswith("{#", start):
        return None  # the explicit id of a heading
    depth = 0
    for token in _JAVASCRIPT.finditer(source, start, limit):
        depth += (token[0] == "{") - (token[0] == "}")
        if depth > _DEEPEST:
            return None
        if not depth:
            return Piece(Sort.EXPRESSION, start, token.end(), source[start : token.end()])
    return None


def _tag(source: str, start: int, limit: int) -> Piece | None:
    opening = _TAG_START.match(source, start, limit)
    if not opening or re.match(r"<\s", opening[0]):
        return None
    end = _tag_end(source, opening.end(), limit)
    if end is None:
        return None
    closed = source.startswith("/>", end - 2) and not opening[1]
    sort = Sort.CLOSE if opening[1] else Sort.SELF_CLOSED if closed else Sort.OPEN
    return Piece(sort, start, end, source[start:end], opening[2])


def _tag_end(source: str, position: int, limit: int) -> int | None:
    while position < limit:
        blanks = _BLANKS.match(source, position, limit)
        position = blanks.end() if blanks else position
        if source.startswith(">", position):
            return position + 1
        if source.startswith("/>", position):
            return position + 2
        if source.startswith("{", position):
            expression = _expression(source, position, limit)
            following = expression.end if expression else None
        else:
            attribute = _ATTRIBUTE.match(source, position, limit)
            following = attribute.end() if attribute else None
        if following is None:
            return None
        position = following
    return None


def without_outer_tags(source: str) -> tuple[int, int]:
    """The range of a paragraph inside the tags, expressions and comments that surround all of it."""
    pieces = pieces_in(_VERBATIM.sub(lambda found: "x" * len(found[0]), source))
    partners = partners_of(pieces)
    start, end = 0, len(source)
    first, last = 0, len(pieces) - 1
    while first <= last and not source[start : pieces[first].start].strip() and partners[first] in (None, last):
        start = pieces[first].end
        if partners[first] == last and first != last:
            end = pieces[last].start if not source[pieces[last].end : end].strip() else end
            last -= 1
        first += 1
    while first <= last and not source[pieces[last].end : end].strip() and partners[last] is None:
        end = pieces[last].start
        last -= 1
    return start, end


def partners_of(pieces: list[Piece]) -> list[int | None]:
    """For each piece the index of the tag that closes or opens it, if it has one here."""
    partners: list[int | None] = [None] * len(pieces)
    waiting: list[int] = []
    for index, piece in enumerate(pieces):
        if piece.sort is Sort.OPEN:
            waiting.append(index)
        elif piece.sort is Sort.CLOSE and waiting and pieces[waiting[-1]].name == piece.name:
            opening = waiting.pop()
            partners[index], partners[opening] = opening, index
    return partners
