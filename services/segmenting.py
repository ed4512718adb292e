"""Finds the segments of a chapter's content."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from markdown_it.token import Token
from markdown_it.utils import EnvType

from services import mdx
from services.anchors import explicit_id
from services.masking import is_verbatim, masked
from services.parser import parser
from services.segments import Segment, SegmentSort
from services.source import Prose, Source

_HASHES = re.compile(r"#{1,6}[ \t]*")
# A task's box and the name of an alert are read only as they are; a leaf directive is none of the parser's rules.
_NOT_WORDS = re.compile(r"\[[ xX]\]\s+|\[![A-Za-z]+\]\s*|::[A-Za-z].*", re.DOTALL)
_PREFIX = re.compile(r"\n[ \t>]*")


def segments_of(source: Source) -> list[Segment]:
    """All segments of a chapter, in order. What cannot be put back safely is not among them."""
    env: EnvType = {}
    tokens: list[Token] = []
    parser().block.parse(source.text, parser(), env, tokens)
    found = [
        segment for sort, prose in _texts(source, tokens) for segment in _segments(source.content, sort, prose, env)
    ]
    return sorted(found, key=lambda segment: segment.start)


def _texts(source: Source, tokens: list[Token]) -> Iterator[tuple[SegmentSort, Prose]]:
    """The inline texts of the blocks, but for those of code that is written as tags."""
    depth = 0
    for before, token in pairwise([Token("", "", 0), *tokens]):
        if token.type == "mdx":
            depth = max(0, depth + _depth(token.meta["piece"]))
        elif token.type != "inline" or depth > 0:
            continue
        elif "cell" in token.meta:
            cell = source.prose([token.meta["cell"]])
            if cell.text.replace("\\|", "|") == token.content:
                yield SegmentSort.CELL, cell
        elif "title" in token.meta:
            yield SegmentSort.TITLE, source.prose([token.meta["title"]])
        elif before.type == "heading_open":
            yield from _heading(source, before, token)
        elif before.type == "paragraph_open":
            yield SegmentSort.PROSE, source.prose(token.meta["spans"])


def _depth(piece: mdx.Piece) -> int:
    if not is_verbatim(piece):
        return 0
    return (piece.sort is mdx.Sort.OPEN) - (piece.sort is mdx.Sort.CLOSE)


def _heading(source: Source, opening: Token, inline: Token) -> Iterator[tuple[SegmentSort, Prose]]:
    """A heading's text without its explicit id; not one that has an id in its words."""
    prose = source.prose(inline.meta["spans"])
    if opening.markup:  # hashes, and not the line below
        start, _ = inline.meta["spans"][0]
        hashes = _HASHES.match(prose.text)
        start += prose.text.index(inline.content, hashes.end() if hashes else 0)
        prose = source.prose([(start, start + len(inline.content))])
    words, _ = explicit_id(prose.text)
    if "{#" not in words:
        yield SegmentSort.HEADING, replace(prose, text=words)


def _segments(content: str, sort: SegmentSort, prose: Prose, env: EnvType) -> Iterator[Segment]:
    skipped = _NOT_WORDS.match(prose.text) if sort is SegmentSort.PROSE else None
    shift = skipped.end() if skipped else 0
    for found in masked(prose.text[shift:], env):
        start, end = prose.place(found.start + shift, found.end + shift)
        lines = prose.text[found.start + shift : found.end + shift]
        if _PREFIX.sub("\n", content[start:end]) == lines:  # nothing else stands between its lines
            yield Segment(sort, start, end, found.text, found.tags)
