"""Marks around what a section has to read from right to left. Code, formulas and modules stay outside of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import groupby

from markdown_it.token import Token

from services import mdx
from services.markdown import begins_page
from services.masking import is_verbatim
from services.parser import parser
from services.source import Source, cuts_fences

OPENING = '<div dir="rtl">'
CLOSING = "</div>"

_CONTAINED = re.compile(r"[ \t>]|[-+*][ \t]|\d{1,9}[.)][ \t]")
_STRAY_COLONS = re.compile(r"[ \t>]*:{3,}[ \t]*")
_BLANK_LINE = re.compile(r"[ \t]*(?:\n[ \t]*(?:\n|\Z)|\Z)")
_BLANK_LINES = re.compile(r"(?:[ \t]*\n)*")


class _Reading(Enum):
    """What a block is between its neighbours: words, something that goes with words, or what parts them."""

    WORDS = 1
    BESIDE = 2
    APART = 3


@dataclass(frozen=True, slots=True)
class _Block:
    """A block of the top level from line `first` to before line `last`, and the tags in it that open or close.

    `is_title`: it is a heading of level 1.
    """

    first: int
    last: int
    reading: _Reading
    tags: tuple[mdx.Piece, ...]
    is_title: bool = False


_READINGS = {
    "fence": _Reading.APART,
    "math_block": _Reading.APART,
    "hr": _Reading.APART,
    "mdx_esm": _Reading.APART,
    "footnote_reference_open": _Reading.APART,  # shown at the end of the page, wherever it stands
    "mdx": _Reading.BESIDE,
}


def marks(content: str, start: int, end: int) -> list[tuple[int, str]]:
    """What to insert into a section of a chapter's content, and where. Each section closes what it opens.

    None where the section begins inside a list or a quote, which a mark would end. A page's title stays outside, where
    Docusaurus looks for it.
    """
    if cuts_fences(content, start, end) or (start and _begins_contained(content, start)):
        return []
    source = Source.read(content[start:end])
    lines = source.text.split("\n")
    blocks = _joined(list(_blocks(source.text, lines)))
    if blocks and blocks[0].is_title and begins_page(content, start + source.offsets[blocks[0].first]):
        blocks[0] = replace(blocks[0], reading=_Reading.APART)
    if blocks and _begins_contained(content, end):
        blocks[-1] = replace(blocks[-1], reading=_Reading.APART)
    found: list[tuple[int, str]] = []
    for first, last in _runs(blocks):
        while not lines[last - 1].strip(" \t"):  # lists take in the blank lines below them
            last -= 1
        end_of_line = source.offsets[last - 1] + len(lines[last - 1])
        found += _around(content, start + source.offsets[first], start + end_of_line)
    return found


def _begins_contained(content: str, start: int) -> bool:
    blank = _BLANK_LINES.match(content, start)
    return _CONTAINED.match(content, blank.end() if blank else start) is not None


def _blocks(text: str, lines: Sequence[str]) -> Iterator[_Block]:
    tokens = parser().parse(text, {})
    position = 0
    while position < len(tokens):
        first = position
        while tokens[position].level or tokens[position].nesting > 0:
            position += 1
        position += 1
        if place := tokens[first].map:
            reading = _reading(tokens[first], lines[slice(*place)])
            is_title = tokens[first].tag == "h1"
            yield _Block(place[0], place[1], reading, tuple(_tags(tokens[first:position])), is_title)


def _reading(token: Token, lines: Sequence[str]) -> _Reading:
    # An admonition that goes on in the next section, or the end of one that began before this one.
    is_cut = not token.meta.get("closed", True)
    if token.type == "paragraph_open":
        is_cut = any(map(_STRAY_COLONS.fullmatch, lines))
    return _Reading.APART if is_cut else _READINGS.get(token.type, _Reading.WORDS)


def _tags(tokens: Sequence[Token]) -> Iterator[mdx.Piece]:
    for token in tokens:
        piece = token.meta["piece"] if token.type == "mdx" else None
        if piece and piece.sort in (mdx.Sort.OPEN, mdx.Sort.CLOSE):
            yield piece
        yield from _tags(token.children or ())


def _joined(blocks: Sequence[_Block]) -> list[_Block]:
    """The blocks, where those that an element holds together are one.

    Where a tag has no partner in the section, elements may stand in one that wants its children to be just them.
    """
    tags = [(index, tag) for index, block in enumerate(blocks) for tag in block.tags]
    partners = mdx.partners_of([tag for _, tag in tags])
    reach = list(range(len(blocks)))  # the last block of what begins in each
    halves: set[int] = set()
    for (index, _), partner in zip(tags, partners, strict=True):
        if partner is None:
            halves.add(index)
        else:
            reach[index] = max(reach[index], tags[partner][0])
    joined: list[_Block] = []
    first = 0
    while first < len(blocks):
        last = first
        while (further := max(reach[first : last + 1])) > last:
            last = further
        has_half = not halves.isdisjoint(range(first, last + 1))
        joined.append(_join(blocks[first : last + 1], is_half=has_half, beside_half=bool(halves)))
        first = last + 1
    return joined


def _join(blocks: Sequence[_Block], *, is_half: bool, beside_half: bool) -> _Block:
    readings = {block.reading for block in blocks}
    is_element = len(blocks) > 1 or readings == {_Reading.BESIDE}
    is_code = len(blocks) > 1 and any(map(is_verbatim, blocks[0].tags))
    if is_half or is_code or (is_element and beside_half):
        reading = _Reading.APART
    elif len(blocks) == 1:
        reading = blocks[0].reading
    else:
        reading = _Reading.WORDS if _Reading.WORDS in readings else _Reading.BESIDE
    return _Block(blocks[0].first, blocks[-1].last, reading, (), blocks[0].is_title)


def _runs(blocks: Sequence[_Block]) -> Iterator[tuple[int, int]]:
    """The lines of blocks in a row that have words, from the first that has to the last."""
    for is_apart, group in groupby(blocks, key=lambda block: block.reading is _Reading.APART):
        worded = [block for block in group if block.reading is _Reading.WORDS]
        if worded and not is_apart:
            yield worded[0].first, worded[-1].last


def _around(content: str, start: int, end: int) -> list[tuple[int, str]]:
    """The marks around a range that begins and ends with a line, each with a blank line on both sides."""
    above = content[content.rfind("\n", 0, max(start - 1, 0)) + 1 : start]
    below = _BLANK_LINE.match(content, end)
    opening = f"{OPENING}\n\n"
    closing = f"\n\n{CLOSING}"
    return [(start, f"\n{opening}" if above.strip(" \t\n") else opening), (end, closing if below else f"{closing}\n")]
