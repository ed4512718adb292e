"""Compares two texts of a chapter block by block: everything but the words must be the same."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token
from markdown_it.utils import EnvType

from services import mdx
from services.anchors import Slugger, slugify
from services.directions import OPENING
from services.inline_facts import facts
from services.parser import parser, read_heading
from services.source import Source

MOST = 20  # differences that are told


@dataclass(slots=True)
class _Block:
    """A block: what it is, how deep, and on which line; what it has to the letter, and what in any order."""

    kind: str
    level: int
    line: int
    exact: str = ""
    facts: Counter[str] = field(default_factory=Counter)
    anchor: str | None = None
    slug: str | None = None
    """What an anchor is made of that nobody wrote."""


_NAMES = {
    "paragraph_open": "a paragraph",
    "bullet_list_open": "a list",
    "list_item_open": "an item of a list",
    "blockquote_open": "a quote",
    "table_open": "a table",
    "tr_open": "a row of a table",
    "th_open": "a cell of a header",
    "td_open": "a cell",
    "fence": "a block of code",
    "math_block": "a formula",
    "hr": "a line across",
    "mdx_esm": "an import or export",
}


def differences(source: str, rendered: str) -> list[str]:
    """What is not the same in two texts, each in a line; empty when nothing is. Marks of direction do not count.

    A heading without an id of its own may have its anchor as one, also with the number that sets it apart in its page.
    """
    first, second = _Text(source), _Text(rendered)
    found = list(_shapes(first.blocks, second.blocks)) or list(_contents(first.blocks, second.blocks))
    found += _changed("definition", first.definitions, second.definitions)
    return found[:MOST]


class _Text:
    """The blocks of a text, and what its links and footnotes are defined as."""

    def __init__(self, content: str) -> None:
        env: EnvType = {}
        tokens = parser().parse(Source.read(content).text, env)
        self._slugger = Slugger()
        self._line = 0
        self.blocks = list(self._blocks(_without_marks(tokens), env))
        references = env.get("references", {}).items()
        self.definitions = Counter(f"[{label}]: {target['href']} {target['title']}" for label, target in references)
        self.definitions.update(f"[^{label[1:]}]" for label in env.get("footnotes", {}).get("refs", {}))

    def _blocks(self, tokens: Sequence[Token], env: EnvType) -> Iterator[_Block]:
        block = _Block("", 0, 0)
        for token in tokens:
            self._line = token.map[0] + 1 if token.map else self._line
            if token.type == "inline":
                if "title" in token.meta:
                    block = _Block("a title", token.level, self._line)
                    yield block
                is_heading = block.kind.startswith("a heading")
                shown = self._name(block, token, env) if is_heading else token.children
                block.facts = facts(shown or ())
            elif token.nesting >= 0 and token.type not in ("thead_open", "tbody_open"):
                block = _Block(_kind(token), token.level, self._line, _exact(token))
                yield block

    def _name(self, heading: _Block, inline: Token, env: EnvType) -> list[Token]:
        """Give a heading its anchor; what it shows besides."""
        shown, id, slug = read_heading(inline, env)
        number = id or self._slugger.slug(slug) or None
        heading.anchor = id if heading.kind.endswith("1") else number
        heading.slug = None if id else slugify(slug)
        return shown


def _without_marks(tokens: Sequence[Token]) -> list[Token]:
    """All tokens but the marks of direction around blocks and what closes them."""
    waiting: list[int | None] = []  # for each element that is open, its place if it is a mark
    dropped: set[int] = set()
    for place, token in enumerate(tokens):
        for part in (token, *(token.children or ())):
            piece: mdx.Piece | None = part.meta.get("piece")
            if piece and piece.name == "div" and piece.sort is mdx.Sort.OPEN:
                waiting.append(place if part is token and piece.source == OPENING else None)
            elif piece and piece.name == "div" and piece.sort is mdx.Sort.CLOSE and waiting:
                mark = waiting.pop()
                dropped |= {mark, place} if mark is not None and part is token else set()
    return [token for place, token in enumerate(tokens) if place not in dropped]


def _kind(token: Token) -> str:
    if token.type == "heading_open":
        return f"a heading of level {token.tag[1]}"
    if token.type == "ordered_list_open":
        return f"a list with numbers from {token.attrGet('start') or 1}"
    if token.type == "directive_open":
        return f"an admonition {token.info.strip()}"
    if token.type == "footnote_reference_open":
        return f"the footnote {token.meta['label']}"
    if token.type == "mdx":
        return f"the tag {token.meta['piece'].source}"
    style = token.attrGet("style")
    more = " without blank lines around it" if token.hidden else f" with {style}" if style else ""
    return f"{_NAMES.get(token.type, token.type)}{more}"


def _exact(token: Token) -> str:
    return f"{token.info}\n{token.content}" if token.type in ("fence", "math_block", "mdx_esm") else ""


def _shapes(first: Sequence[_Block], second: Sequence[_Block]) -> Iterator[str]:
    """Where the blocks are other ones, or stand in others: the first place, and all that is too little or too much."""
    shapes = [[(block.level, block.kind) for block in blocks] for blocks in (first, second)]
    if shapes[0] == shapes[1]:
        return
    same = next((i for i, pair in enumerate(zip(*shapes, strict=False)) if pair[0] != pair[1]), min(map(len, shapes)))
    was, now = (blocks[same] if same < len(blocks) else None for blocks in (first, second))
    place = f"line {now.line}: {now.kind}" if now else "at the end: nothing"
    yield f"{place} stands where the source has {f'{was.kind} (line {was.line})' if was else 'nothing'}"
    yield from _changed("block", *(Counter(kind for _, kind in shape) for shape in shapes))


def _contents(first: Sequence[_Block], second: Sequence[_Block]) -> Iterator[str]:
    """What is not the same within blocks that are."""
    for was, now in zip(first, second, strict=True):
        if was.exact != now.exact:
            yield f"line {now.line}: {now.kind} is not as in line {was.line} of the source"
        if was.facts != now.facts:
            yield from (f"line {now.line}: {change}" for change in _changed("part", was.facts, now.facts))
        if was.anchor != now.anchor and not _is_numbered(was, now):
            yield f"line {now.line}: the heading's anchor is {now.anchor}, not {was.anchor}"


def _is_numbered(was: _Block, now: _Block) -> bool:
    """Whether a heading has as its id what its source's anchor is made of, with any number."""
    if was.slug is None or now.slug is not None or not now.anchor:
        return False
    return re.fullmatch(rf"{re.escape(was.slug)}(-\d+)?", now.anchor) is not None


def _changed(what: str, first: Counter[str], second: Counter[str]) -> Iterator[str]:
    yield from (f"a {what} is missing: {_short(name)}" for name in first - second)
    yield from (f"a {what} is not in the source: {_short(name)}" for name in second - first)


def _short(name: str) -> str:
    return " ".join(name.split())[:200]
