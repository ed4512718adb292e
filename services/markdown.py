"""The headings and the citable pieces of a page of Docusaurus Markdown, with their places in its source."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import unquote

from markdown_it.token import Token
from markdown_it.utils import EnvType

from services import mdx, sentences
from services.anchors import Slugger
from services.inlines import plain_text
from services.parser import parser, read_heading
from services.source import Source


class Kind(StrEnum):
    """What a block is made of."""

    PROSE = "prose"
    CODE = "code"
    TABLE = "table"
    MATH = "math"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its plain text, and the offsets of its lines in the content; no anchor means no id in the page."""

    text: str
    level: int
    anchor: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest range that can be cited: a sentence, a table row, a whole fence or formula."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, fence, table or formula; `heading` is an index into the headings, -1 before the first."""

    kind: Kind
    start: int
    end: int
    text: str
    units: tuple[Unit, ...]
    heading: int


@dataclass(frozen=True, slots=True)
class Link:
    """Where a link of the page points, as it is written, and the offset of the block that it stands in."""

    target: str
    start: int


@dataclass(frozen=True, slots=True)
class Outline:
    """The headings, the blocks and the links of a page, in the order of the source.

    `ids` are those that tags of the page carry, headings among them or not. `title` is the text of the heading of
    level 1 that begins the page, or None. `shows_title` says that Docusaurus adds no title of its own.
    """

    headings: tuple[Heading, ...]
    blocks: tuple[Block, ...]
    links: tuple[Link, ...]
    ids: frozenset[str]
    title: str | None
    shows_title: bool


def parse(content: str, partials: Sequence[tuple[int, int]] = ()) -> Outline:
    """Read `content`, Markdown without front matter; all offsets are code points into it.

    `partials` are the ranges that were put in place of imports: Docusaurus numbers their repeated anchors, and
    collects their footnotes, apart from the page's.
    """
    reader = _Reader(Source.read(content), partials)
    return reader.outline()


def plain(source: str) -> str:
    """Some Markdown prose as plain text, without its markers."""
    return plain_text(parser().parseInline(source)[0].children or [])


def begins_page(content: str, start: int) -> bool:
    """Whether nothing but imports stands above, so that Docusaurus takes a heading of level 1 there for the title."""
    above = re.split(r"\n{2,}", content[:start].strip())
    return all(re.match(r"import\s|\Z", part) for part in above)


@dataclass(slots=True)
class _OpenHeading:
    """A heading written as a tag, from its opening tag to its closing one."""

    level: int
    anchor: str | None
    start: int
    tokens: list[Token]


class _Reader:
    """Walks the tokens of one page and collects what they hold."""

    def __init__(self, source: Source, partials: Sequence[tuple[int, int]]) -> None:
        self._source = source
        self._scopes = sorted([(0, len(source.content) + 1), *partials], key=lambda scope: scope[1] - scope[0])
        self._sluggers = [Slugger() for _ in self._scopes]
        self._env: EnvType = {}  # the definitions of links and footnotes
        self._footnotes: set[int] = set()
        self._headings: list[Heading] = []
        self._blocks: list[Block] = []
        self._links: list[Link] = []
        self._ids: set[str] = set()
        self._open: _OpenHeading | None = None
        self._title: str | None = None
        self._shows_title: bool | None = None  # None until something decides it
        self._place = 0

    def outline(self) -> Outline:
        """Read all tokens, then number the blocks by the heading above them."""
        tokens = parser().parse(self._source.text, self._env)
        position = 0
        while position < len(tokens):
            position = self._read(tokens, position)
        self._add_footnotes()
        self._headings.sort(key=lambda heading: heading.start)
        starts = [heading.start for heading in self._headings]
        blocks = (replace(block, heading=bisect_right(starts, block.start) - 1) for block in self._blocks)
        return Outline(
            tuple(self._headings),
            tuple(blocks),
            tuple(self._links),
            frozenset(self._ids),
            self._title,
            bool(self._shows_title),
        )

    def _read(self, tokens: list[Token], position: int) -> int:
        """Take in the token at `position`; the position of the next one."""
        token = tokens[position]
        self._collect_links(tokens[position + 1] if token.type == "heading_open" else token)
        if token.type == "heading_open":
            self._heading(token, tokens[position + 1])
            return position + 3
        if token.type == "table_open":
            return self._table(tokens, position)
        if token.type == "inline":
            self._text(token)
        elif token.type == "mdx":
            self._tag(token.meta["piece"])
            self._template(token.meta["piece"])
        elif token.type == "hr":
            self._look_for_title(None, self._range(token)[0])
        elif token.type in ("fence", "math_block"):
            self._verbatim(token)
        return position + 1

    def _heading(self, opening: Token, inline: Token) -> None:
        start, end = self._range(opening)
        scope = self._scope(start)
        self._find_footnotes(inline, scope)
        children, id, slug = read_heading(inline, self._env)
        anchor = id or self._sluggers[scope].slug(slug) or None
        level = int(opening.tag[1])
        text = plain_text(children)
        heading = Heading(text, level, None if level == 1 else anchor, start, end)
        self._headings.append(heading)
        self._look_for_title(heading, start)

    def _look_for_title(self, heading: Heading | None, start: int) -> None:
        """The page's own first heading decides, or a thematic break above it; its tags and partials do not count."""
        if self._shows_title is not None or self._scope(start) != len(self._scopes) - 1:
            return
        self._shows_title = heading is not None and heading.level == 1
        if heading and self._shows_title and begins_page(self._source.content, start):
            self._title = heading.text or None

    def _text(self, inline: Token) -> None:
        start, end = self._range(inline)
        children = inline.children or []
        self._find_footnotes(inline, self._scope(start))
        self._place = start
        shown: list[Token] = []
        for child in children:
            inside = self._open is not None
            if child.type == "mdx":
                self._tag(child.meta["piece"], end)
            if not inside and self._open is None:
                shown.append(child)
            elif self._open:
                self._open.tokens.append(child)
        if self._open:
            self._open.tokens.append(Token("softbreak", "br", 0))
        if text := plain_text(shown):
            self._add(Kind.PROSE, text, self._sentences(inline))

    def _collect_links(self, token: Token) -> None:
        for child in token.children or ():
            target = child.attrGet("href") if child.type == "link_open" else None
            if isinstance(target, str):
                self._links.append(Link(unquote(target), self._range(token)[0]))

    def _tag(self, piece: mdx.Piece, end: int | None = None) -> None:
        start = self._place if end is not None else self._source.offset(piece.start)
        if piece.sort is not mdx.Sort.CLOSE:
            self._ids.update(filter(None, [piece.attribute("id")]))
            target = piece.attribute("href") or piece.attribute("to")
            if target and piece.name in ("a", "Link"):
                self._links.append(Link(target, start))
        level = piece.heading_level
        if level and piece.sort is mdx.Sort.OPEN:
            anchor = None if piece.name == "Heading" and level == 1 else piece.attribute("id")
            self._open = _OpenHeading(level, anchor or None, start, [])
        elif self._open and piece.sort is mdx.Sort.CLOSE and piece.name in (f"h{self._open.level}", "Heading"):
            text = plain_text(self._open.tokens)
            stop = end if end is not None else self._source.offset(piece.end - 1) + 1
            self._headings.append(Heading(text, self._open.level, self._open.anchor, self._open.start, stop))
            self._open = None

    def _verbatim(self, token: Token) -> None:
        text = token.content.rstrip("\n") if token.type == "fence" else token.content.strip()
        if text.strip():
            self._add(Kind.CODE if token.type == "fence" else Kind.MATH, text, [self._range(token)])

    def _template(self, piece: mdx.Piece) -> None:
        place = piece.template
        if place and not self._open:
            start, end = self._source.offset(place[0]), self._source.offset(place[1] - 1) + 1
            self._add(Kind.CODE, self._source.text[slice(*place)], [(start, end)])

    def _table(self, tokens: list[Token], position: int) -> int:
        rows: list[str] = []
        ranges: list[tuple[int, int]] = []
        cells: list[str] = []
        while tokens[position].type != "table_close":
            token = tokens[position]
            if token.type == "tr_open":
                cells = []
                ranges.append(self._range(token))
            elif token.type == "inline":
                self._collect_links(token)
                self._find_footnotes(token, self._scope(ranges[-1][0]))
                cells.append(plain_text(token.children or []))
            elif token.type == "tr_close":
                rows.append(" | ".join(cells))
            position += 1
        self._add(Kind.TABLE, "\n".join(rows), ranges)
        return position + 1

    def _add(self, kind: Kind, text: str, ranges: list[tuple[int, int]]) -> None:
        trimmed = [self._source.trim(start, end) for start, end in ranges]
        units = tuple(Unit(start, end) for start, end in trimmed if start < end)
        if units:
            self._blocks.append(Block(kind, units[0].start, units[-1].end, text, units, -1))

    def _sentences(self, inline: Token) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = inline.meta["spans"]
        prose = self._source.prose(spans)
        start, end = mdx.without_outer_tags(prose.text)
        return [prose.place(start + first, start + last) for first, last in sentences.split(prose.text[start:end])]

    def _range(self, token: Token) -> tuple[int, int]:
        spans: list[tuple[int, int]] = token.meta["spans"]
        return self._source.trim(self._source.offset(spans[0][0]), self._source.offset(spans[-1][1]))

    def _scope(self, offset: int) -> int:
        """The index of the innermost partial around an offset, or of the page itself."""
        return next(index for index, (start, end) in enumerate(self._scopes) if start <= offset < end)

    def _find_footnotes(self, inline: Token, scope: int) -> None:
        if any(child.type == "footnote_ref" for child in inline.children or ()):
            self._footnotes.add(scope)

    def _add_footnotes(self) -> None:
        for scope in self._footnotes:
            end = min(self._scopes[scope][1], len(self._source.content))
            self._headings.append(Heading("Footnotes", 2, "footnote-label", end, end))
