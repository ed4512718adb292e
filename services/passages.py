"""Cuts a page into passages: as much of one section as the embedding model reads at once."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from services.book import Span
from services.docusaurus import Page
from services.markdown import Block, Kind, plain

LIMIT = 230  # tokens, title included; the model reads 256 with its two marks, and tokens of parts add up to a few more
FENCE = re.compile(r"(?P<ticks>`{3,}|~{3,})[ \t]*(?P<language>[^\s`{]*)[^\n]*")

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Cut:
    """A passage cut from a page. `source` holds the text of each unit."""

    chapter_id: str
    title: str
    section: str
    anchor: str | None
    text: str
    units: tuple[Span, ...]
    source: tuple[str, ...]
    tokens: int
    reviewed: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """A block, or as much of one as fits into a passage."""

    text: str
    units: tuple[Span, ...]
    tokens: int


def cut(page: Page, count: CountTokens) -> Iterator[Cut]:
    """The passages of a page, in its order. None is over LIMIT tokens, and none crosses a heading."""
    for heading, blocks in groupby(page.outline.blocks, key=lambda block: block.heading):
        section = page.outline.headings[heading] if heading >= 0 else None
        name = section.text if section else page.title
        title = short(f"{page.title} › {name}" if name != page.title else page.title, count)
        room = LIMIT - count(title)
        pieces = [piece for block in blocks for piece in pieces_of(block, page.content, count, room)]
        for packed in pack(pieces, room):
            text = "\n\n".join(piece.text for piece in packed)
            units = tuple(unit for piece in packed for unit in piece.units)
            yield Cut(
                chapter_id=page.id,
                title=title,
                section=name,
                anchor=section.anchor if section else None,
                text=text,
                units=units,
                source=tuple(page.content[unit.start : unit.end] for unit in units),
                tokens=LIMIT - room + sum(piece.tokens for piece in packed),
                reviewed=page.reviewed,
            )


def short(title: str, count: CountTokens) -> str:
    """A title that leaves at least half of a passage to its text."""
    while count(title) > LIMIT // 2:
        title = title[: len(title) // 2]
    return title


def pack(pieces: Sequence[Piece], room: int) -> Iterator[list[Piece]]:
    """Pieces in a row, as many together as there is room for."""
    packed: list[Piece] = []
    for piece in pieces:
        if packed and sum(p.tokens for p in packed) + piece.tokens > room:
            yield packed
            packed = []
        packed.append(piece)
    if packed:
        yield packed


def pieces_of(block: Block, content: str, count: CountTokens, room: int) -> Iterator[Piece]:
    """A block whole, if there is room for it; else its units in groups, a table's each under the table's header."""
    units = [Span(unit.start, unit.end) for unit in block.units]
    sizes = {unit: count(content[unit.start : unit.end]) for unit in units}
    if sum(sizes.values()) <= room:
        text = code(block, content, units) if block.kind == Kind.CODE else block.text
        yield Piece(text, tuple(units), sum(sizes.values()))
        return
    header = units[:1] if block.kind == Kind.TABLE and sizes[units[0]] <= room // 2 else []
    head = sum(sizes[unit] for unit in header)
    if block.kind == Kind.CODE:
        head = min(
            count("\n".join(fence(block, content, whole=False))), room // 2
        )  # each part is shown in a fence of its own
    small = [part for unit in units[len(header) :] for part in fit(unit, content, count, room - head)]
    for group in grouped(small, [count(content[part.start : part.end]) for part in small], room - head):
        parts = (*header, *group)
        tokens = sum(count(content[part.start : part.end]) for part in parts)
        yield Piece(shown(block, content, parts), parts, tokens)


def shown(block: Block, content: str, parts: Sequence[Span]) -> str:
    """What a reader sees of some parts of a block that stand in a row."""
    if block.kind == Kind.CODE:
        return code(block, content, parts)
    if block.kind == Kind.TABLE:
        rows = {Span(unit.start, unit.end): row for unit, row in zip(block.units, block.text.split("\n"), strict=False)}
        return "\n".join(rows.get(part) or plain(content[part.start : part.end]) for part in parts)
    source = "\n".join(content[part.start : part.end] for part in parts)
    return source if block.kind == Kind.MATH else plain(source)


def code(block: Block, content: str, parts: Sequence[Span]) -> str:
    """Some parts of a code block that stand in a row, with their indentation, in a fence of their own."""
    opening, closing = fence(block, content, whole=parts[0].start == block.start)
    first = place_in_code(block, content, parts[0].start)
    last = place_in_code(block, content, parts[-1].end)
    return f"{opening}\n{block.text[first:last].rstrip()}\n{closing}"


def fence(block: Block, content: str, *, whole: bool) -> tuple[str, str]:
    """The lines around a code block; what stands behind the language is not repeated with each part."""
    found = FENCE.match(content, block.start)
    if not found:  # a template string, which has no bare ticks in it
        return "```", "```"
    return (found[0].rstrip() if whole else found["ticks"] + found["language"]), found["ticks"]


def place_in_code(block: Block, content: str, offset: int) -> int:
    """Where an offset into the content is in the text of a code block; the indentation belongs to what follows it."""
    lines = block.text.split("\n")
    row = content.count("\n", block.start, offset) - (1 if FENCE.match(content, block.start) else 0)
    if row < 0:
        return 0
    if row >= len(lines):
        return len(block.text)
    rest = content[offset : block.end].partition("\n")[0].rstrip()
    column = max(0, len(lines[row].rstrip()) - len(rest))
    before = sum(len(line) + 1 for line in lines[:row])
    return before + (column if lines[row][:column].strip() else 0)


def grouped(spans: Sequence[Span], sizes: Sequence[int], room: int) -> Iterator[list[Span]]:
    """Spans in a row, as many together as there is room for."""
    group: list[Span] = []
    used = 0
    for span, size in zip(spans, sizes, strict=True):
        if group and used + size > room:
            yield group
            group, used = [], 0
        group.append(span)
        used += size
    if group:
        yield group


def fit(span: Span, content: str, count: CountTokens, room: int) -> Iterator[Span]:
    """A span in halves, and those in halves, until each has room: at line ends, else between words, else anywhere."""
    text = content[span.start : span.end]
    if count(text) <= room or len(text) < 2:
        yield span
        return
    middle = len(text) // 2
    breaks = [i for i, c in enumerate(text) if c == "\n"] or [i for i, c in enumerate(text) if c.isspace()]
    at = min((i for i in breaks if 0 < i < len(text) - 1), key=lambda i: abs(i - middle), default=middle)
    for half in (trimmed(span.start, span.start + at, content), trimmed(span.start + at, span.end, content)):
        if half.start < half.end:
            yield from fit(half, content, count, room)


def trimmed(start: int, end: int, content: str) -> Span:
    """The range without white space at its ends."""
    text = content[start:end]
    return Span(start + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip()))
