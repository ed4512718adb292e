"""Where the parts of an inline text stand: markdown-it finds them, but does not say where."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType

from services import mdx
from services.parser import new_parser

Rule = Callable[[StateInline, bool], bool]


class Sort(StrEnum):
    """What a part of an inline text is."""

    CODE = "code"
    MATH = "math"
    TAG = "tag"  # a tag, an expression or a comment of MDX
    ELEMENT = "element"  # two tags and what stands between them
    LINK = "link"
    IMAGE = "image"
    ADDRESS = "address"  # a bare one, which GFM makes a link
    SOFT_BREAK = "soft break"
    HARD_BREAK = "hard break"
    MARK = "mark"  # an escape, an entity, a footnote's number, a lone backtick


@dataclass(frozen=True, slots=True)
class Part:
    """A part from `start` to `end`. `inner` is where its words stand: those of a link, or of an image's plain text."""

    sort: Sort
    start: int
    end: int
    inner: tuple[int, int] | None = None
    piece: mdx.Piece | None = None


_SORTS = {
    "code_inline": Sort.CODE,
    "math_inline": Sort.MATH,
    "math_inline_double": Sort.MATH,
    "mdx": Sort.TAG,
    "link_close": Sort.LINK,
    "image": Sort.IMAGE,
    "softbreak": Sort.SOFT_BREAK,
    "hardbreak": Sort.HARD_BREAK,
    "footnote_ref": Sort.MARK,
}
_RULES = (
    "backticks",
    "math_inline",
    "mdx",
    "link",
    "image",
    "escape",
    "entity",
    "newline",
    "footnote_ref",
    "directive",
)
_FOUND = "parts"  # the key of the env under which they are collected
_URL = re.compile(r"(?:https?://|www\.)[^\s<]*", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_AFTER_URL = "?!.,:;*_~'\""


def parts(text: str, env: EnvType) -> list[Part]:
    """The parts of an inline text in the order of their starts; those inside a link's words follow the link.

    `env` has the definitions of the page.
    """
    found: list[Part] = []
    _parser().inline.parse(text, _parser(), {**env, _FOUND: found}, [])
    found.sort(key=_place)
    return sorted(_with_addresses(found, addresses(text)), key=_place)


def addresses(text: str) -> list[tuple[int, int]]:
    """Where bare URLs and e-mail addresses stand in a text, as GFM links them."""
    urls = [(url.start(), _url_end(text, *url.span())) for url in _URL.finditer(text)]
    ends = [0, *(place for url in urls for place in url), len(text)]
    gaps = zip(ends[::2], ends[1::2], strict=True)
    emails = [email.span() for start, end in gaps for email in _EMAIL.finditer(text, start, end)]
    return sorted([*urls, *emails])


def _url_end(text: str, start: int, end: int) -> int:
    """Punctuation that ends a sentence is no part of a URL, nor is a parenthesis that was opened before it."""
    unopened = text.count(")", start, end) - text.count("(", start, end)
    while text[end - 1] in _AFTER_URL or (text[end - 1] == ")" and unopened > 0):
        end -= 1
        unopened -= text[end] == ")"
    return end


def _with_addresses(found: Sequence[Part], places: Sequence[tuple[int, int]]) -> Iterator[Part]:
    """The parts, and the addresses that stand in the text beside them or in the words of a link.

    An address ends where another part begins or the words do; what looks like an escape inside is a piece of it.
    """
    around: list[Part] = []
    position = 0
    for start, end in places:
        while position < len(found) and found[position].start <= start:
            around.append(found[position])
            yield found[position]
            position += 1
        around = [part for part in around if start < part.end]
        if any(not part.inner or not part.inner[0] <= start < part.inner[1] for part in around):
            continue
        end = min([end, *(part.inner[1] for part in around if part.inner)])
        while position < len(found) and found[position].start < end:
            if found[position].sort is not Sort.MARK:
                end = found[position].start
                break
            position += 1
        yield Part(Sort.ADDRESS, start, end)
    yield from found[position:]


def _place(part: Part) -> tuple[int, int]:
    """Sorts those that stand in others behind them."""
    return part.start, -part.end


@cache
def _parser() -> MarkdownIt:
    md = new_parser()
    ruler = md.inline.ruler
    rules = dict(zip(ruler.get_active_rules(), ruler.getRules(""), strict=True))
    for name in _RULES:
        ruler.at(name, _noting(rules[name]))
    return md


def _noting(rule: Rule) -> Rule:
    """The same rule, which also notes what it finds."""

    def noting(state: StateInline, silent: bool) -> bool:
        if silent:
            return rule(state, True)
        found: list[Part] = state.env[_FOUND]
        start, known, before = state.pos, len(found), len(state.tokens)
        if not rule(state, False):
            return False
        last = state.tokens[-1] if len(state.tokens) > before else None
        if last and last.type in ("image", "directive"):
            del found[known:]  # of its words, which were parsed by themselves and count from another start
        found.extend(_part(state, start, last))
        return True

    return noting


def _part(state: StateInline, start: int, token: Token | None) -> Iterator[Part]:
    if not token:
        yield Part(Sort.MARK, start, state.pos)  # backticks that nothing closes
    elif token.type == "text_special":
        if token.content != token.markup:  # a backslash before a letter stands for itself
            yield Part(Sort.MARK, start, state.pos)
    elif token.type == "directive":
        if not token.content:  # without label and attributes it is shown as it is written
            yield Part(Sort.MARK, start, state.pos)
    else:
        yield _sorted(state, Part(_SORTS[token.type], start, state.pos), token)


def _sorted(state: StateInline, part: Part, token: Token) -> Part:
    if part.sort is Sort.TAG:
        return replace(part, piece=token.meta["piece"])
    if part.sort is Sort.LINK:
        return replace(part, inner=(part.start + 1, state.md.helpers.parseLinkLabel(state, part.start, True)))
    if part.sort is Sort.IMAGE and all(child.type == "text" for child in token.children or ()):
        return replace(part, inner=(part.start + 2, part.start + 2 + len(token.content)))
    if part.sort in (Sort.SOFT_BREAK, Sort.HARD_BREAK):
        return replace(part, start=len(state.src[: part.start].rstrip(" ")))
    return part
