"""Inline Markdown with everything that is not words put behind tags."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markdown_it.utils import EnvType

from services import mdx
from services.places import Part, Sort, parts
from services.segments import Tag

_VERBATIM = frozenset({"code", "pre", "kbd", "samp", "var", "tt", "script", "style", "svg", "math", "CodeBlock"})
_DEEPEST = 20  # elements in each other; beyond it is no prose
_SYNTAX = re.compile(r"[<{}$]")
_EDGE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Masked:
    """A stretch of an inline text: `text` is what stands from `start` to `end`, on one line, with `tags` in it."""

    start: int
    end: int
    text: str
    tags: tuple[Tag, ...]


def masked(text: str, env: EnvType) -> Iterator[Masked]:
    """The stretches of an inline text that have words.

    There are several where only tags hold them together, as in a row of list items. A stretch whose parts cannot be
    told apart safely is left out. `env` has the definitions of the page.
    """
    found = _with_elements(parts(text, env))
    if not _is_tree(found):
        return
    masker = _Masker(text, found)
    for start, end in masker.stretches(0, len(text)):
        if stretch := masker.masked(start, end):
            yield stretch


def is_verbatim(piece: mdx.Piece) -> bool:
    """Whether what stands inside a tag is code."""
    return piece.name in _VERBATIM


class _Unsafe(Exception):
    """A part would change by being moved."""


class _Masker:
    """Masks the stretches of one text."""

    def __init__(self, text: str, found: Sequence[Part]) -> None:
        self._text = text
        self._parts = found
        self._starts = [part.start for part in found]
        self._tags: list[Tag | None] = []

    def stretches(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where a range has words of its own, and where the elements in it have, if it has none.

        A tag without its partner ends a stretch: it must not be moved past any word.
        """
        inside = list(self._outermost(start, end))
        ends = [(start, start), *((part.start, part.end) for part in inside if _is_half(part)), (end, end)]
        for (_, first), (last, _) in pairwise(ends):
            if self._has_words(first, last, elements=False):
                yield self._trimmed(first, last)
                continue
            for part in self._outermost(first, last):
                if part.sort is Sort.ELEMENT and part.inner:
                    yield from self.stretches(*part.inner)

    def masked(self, start: int, end: int) -> Masked | None:
        """One stretch, or None when that is not safe."""
        if self._text.startswith(("```", "~~~"), start):
            return None  # no code in the middle of a line, but a fence by itself
        self._tags = []
        try:
            text = self._masked(start, end)
        except _Unsafe:
            return None
        return Masked(start, end, text, tuple(tag for tag in self._tags if tag))

    def _masked(self, start: int, end: int) -> str:
        out: list[str] = []
        position = start
        for part in self._outermost(start, end):
            out += [self._plain(position, part.start), self._put_away(part)]
            position = part.end
        return "".join([*out, self._plain(position, end)])

    def _plain(self, start: int, end: int) -> str:
        return _SYNTAX.sub(lambda found: self._lone(Tag(found[0], None, False)), self._text[start:end])

    def _put_away(self, part: Part) -> str:
        if part.sort is Sort.SOFT_BREAK:
            return " "
        if part.inner and self._has_words(*part.inner):
            return self._around(part, part.inner)
        if _is_half(part):
            raise _Unsafe
        return self._lone(Tag(self._source(part, part.start, part.end), None, self._is_code(part)))

    def _source(self, part: Part, start: int, end: int) -> str:
        """What of a part a tag stands for. Lines of MDX stay apart, since one may end with a comment."""
        source = self._text[start:end]
        if not part.piece:
            return source if part.sort is Sort.HARD_BREAK else source.replace("\n", " ")
        is_code = "`" in source or (part.sort is Sort.ELEMENT and not part.inner)
        if is_code and "\n" in source:
            raise _Unsafe  # its lines would lose their indentation
        return source

    def _lone(self, tag: Tag) -> str:
        self._tags.append(tag)
        return f"<x{len(self._tags)}/>"

    def _around(self, part: Part, inner: tuple[int, int]) -> str:
        self._tags.append(None)
        number = len(self._tags)
        words = self._masked(*inner)
        opening, closing = self._source(part, part.start, inner[0]), self._source(part, inner[1], part.end)
        if part.sort in (Sort.LINK, Sort.IMAGE) and not closing.startswith("]("):
            # It is found by its words, which are about to change.
            closing = closing if len(closing) > len("][]") else f"][{self._text[slice(*inner)]}]"
        self._tags[number - 1] = Tag(opening, closing, False)
        return f"<g{number}>{words}</g{number}>"

    def _has_words(self, start: int, end: int, *, elements: bool = True) -> bool:
        position = start
        for part in self._outermost(start, end):
            if _letters(self._text[position : part.start]):
                return True
            if part.inner and (elements or part.sort is not Sort.ELEMENT) and self._has_words(*part.inner):
                return True
            position = part.end
        return _letters(self._text[position:end])

    def _is_code(self, part: Part) -> bool:
        if part.sort in (Sort.CODE, Sort.MATH) or (part.piece and is_verbatim(part.piece)):
            return True
        return any(self._is_code(inside) for inside in self._outermost(*part.inner or (0, 0)))

    def _trimmed(self, start: int, end: int) -> tuple[int, int]:
        """Without blanks, breaks and comments at the ends."""
        inside = list(self._outermost(start, end))
        for part in inside:
            start = self._after_blanks(start, end)
            start = part.end if part.start <= start and _is_blank(part) else start
        for part in reversed(inside):
            end = start + len(self._text[start:end].rstrip())
            end = part.start if part.end >= end and _is_blank(part) else end
        return self._after_blanks(start, end), start + len(self._text[start:end].rstrip())

    def _after_blanks(self, start: int, end: int) -> int:
        found = _EDGE.match(self._text, start, end)
        return found.end() if found else start

    def _outermost(self, start: int, end: int) -> Iterator[Part]:
        for index in range(bisect_left(self._starts, start), bisect_left(self._starts, end)):
            part = self._parts[index]
            if part.start >= start:
                yield part
                start = part.end


def _with_elements(found: Sequence[Part]) -> list[Part]:
    """The parts, where each tag and the one that closes it are one part."""
    tags = [(part, part.piece) for part in found if part.piece]
    partners = mdx.partners_of([piece for _, piece in tags])
    whole = [part for part in found if not part.piece]
    for index, (part, piece) in enumerate(tags):
        partner = partners[index]
        if partner is None:
            whole.append(part)
        elif partner > index:
            closing = tags[partner][0]
            inner = None if is_verbatim(piece) else (part.end, closing.start)
            whole.append(Part(Sort.ELEMENT, part.start, closing.end, inner, piece))
    return sorted(whole, key=lambda part: (part.start, -part.end))


def _is_tree(found: Sequence[Part]) -> bool:
    """Whether each part ends before the one that it begins in, and none is too deep in others."""
    ends: list[int] = []
    for part in found:
        while ends and ends[-1] <= part.start:
            ends.pop()
        if (ends and ends[-1] < part.end) or len(ends) > _DEEPEST:
            return False
        ends.append(part.end)
    return True


def _is_half(part: Part) -> bool:
    """Whether it is an opening or a closing tag whose partner stands in another block."""
    sort = part.piece.sort if part.piece and part.sort is Sort.TAG else None
    return sort in (mdx.Sort.OPEN, mdx.Sort.CLOSE)


def _is_blank(part: Part) -> bool:
    comment = part.piece and (part.piece.sort is mdx.Sort.COMMENT or part.piece.source.startswith("{/*"))
    return bool(comment) or part.sort in (Sort.SOFT_BREAK, Sort.HARD_BREAK)


def _letters(text: str) -> bool:
    return any(character.isalpha() for character in text)
