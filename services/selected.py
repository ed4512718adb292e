"""What a reader selected in a chapter, as passages that lead the others."""

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from services.answer import ChapterNotFound, SelectionNotFound
from services.book import Chapter, Passage, Span
from services.library import OpenBook
from services.passages import CountTokens
from services.retrieval import BUDGET, Found, Retrieved, Retriever, within
from services.selections import places, skeleton

# Beside the budget of the passages. No script takes more than a token for a character, so the longest selection fits,
# with the rest of the two units that it begins and ends in.
SELECTION_TOKENS = 4500


@dataclass(frozen=True, slots=True)
class Selected:
    """What a reader selected: `text` as the page showed it, and where it stands, a passage for each section."""

    text: str
    passages: tuple[Passage, ...]


async def select(
    book: OpenBook, chapter_id: str, text: str, count: CountTokens
) -> Selected | ChapterNotFound | SelectionNotFound:
    """Find a selection in its chapter."""
    chapter = book.edition.chapter(chapter_id)
    if chapter is None:
        return ChapterNotFound(chapter_id)
    passages = [passage for passage in book.edition.passages.values() if passage.chapter_id == chapter.id]
    # Up to a second in the largest page.
    found = await asyncio.to_thread(passages_of, chapter, text, passages, count)
    return Selected(text, found) if found else SelectionNotFound(chapter_id)


async def retrieve_led(
    retriever: Retriever, book: OpenBook, question: str, selected: Selected, *, words_alone: bool
) -> Retrieved:
    """The passages for a question about a selection, which lead them.

    What is searched is both, as "What is this?" alone says nothing. But a selection is in the book whatever is asked
    about it, so that only the question by itself tells whether other passages can speak for themselves.
    """
    sought = " ".join([question, *(passage.text for passage in selected.passages)])
    retrieved = await retriever.retrieve(sought, book=book, words_alone=words_alone)
    alone = await retriever.retrieve(question, book=book, words_alone=words_alone)
    return led_by(replace(retrieved, quotable=alone.quotable), selected)


def led_by(retrieved: Retrieved, selected: Selected) -> Retrieved:
    """The selection first, then the passages that do not lie within it. It is in the book, so there is an answer."""
    first = tuple(Found(passage, 1.0) for passage in selected.passages)
    inside = {(passage.chapter_id, unit) for passage in selected.passages for unit in passage.units}
    others = [
        found
        for found in retrieved.found
        if not inside.issuperset((found.passage.chapter_id, unit) for unit in found.passage.units)
    ]
    return replace(
        retrieved,
        found=(*first, *others),
        given=(*first, *within(others, BUDGET)),
        answerable=True,
        selection=selected.text,
        leading=len(first),
    )


def passages_of(
    chapter: Chapter, selected: str, passages: Sequence[Passage], count: CountTokens
) -> tuple[Passage, ...]:
    """What a selection touches, in whole sentences, as passages of its own, one for each section; none where the
    chapter does not show it.

    A word may stand in many places, and nobody can know which was meant: it is the first in reading order that can be
    cited. Where none can, as in a heading, it is what stands beneath.
    """
    first: Span | None = None
    for place in places(chapter.content, selected):
        first = first or place
        if touched := touching(place, passages):
            return tuple(by_section(chapter, touched, count))
    if first is None and skeleton(selected) != skeleton(chapter.title):  # which may come from the front matter
        return ()
    return beneath(first.end if first else 0, passages)


def touching(place: Span, passages: Iterable[Passage]) -> list[tuple[Span, Passage]]:
    """The units that a range touches, in reading order, each with the first passage that has it."""
    touched: dict[Span, Passage] = {}
    for passage in passages:
        for unit in passage.units:
            if unit.start < place.end and place.start < unit.end:
                touched.setdefault(unit, passage)
    return sorted(touched.items(), key=lambda item: item[0].start)


def by_section(chapter: Chapter, touched: Iterable[tuple[Span, Passage]], count: CountTokens) -> Iterable[Passage]:
    """Units as passages, as a citation has one address; as many as there is room for, and one at least."""
    sections: dict[str, tuple[Passage, list[Span], int]] = {}
    left = SELECTION_TOKENS
    for unit, passage in touched:
        size = count(chapter.content[unit.start : unit.end])
        if sections and size > left:
            break
        left -= size
        _, units, tokens = sections.get(passage.url, (passage, [], 0))
        sections[passage.url] = (passage, [*units, unit], tokens + size)
    for passage, units, tokens in sections.values():
        text = chapter.content[units[0].start : units[-1].end]
        yield replace(passage, id=uuid.uuid4(), text=text, units=tuple(units), tokens=tokens)


def beneath(position: int, passages: Iterable[Passage]) -> tuple[Passage, ...]:
    """The passage that follows a place; behind the last one, that."""
    ordered = sorted(passages, key=lambda passage: passage.units[-1].start)
    return tuple([passage for passage in ordered if passage.units[-1].start >= position][:1] or ordered[-1:])
