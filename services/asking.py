"""What a reader asks, and what has to be known of it before an answer is begun."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.answer import ChapterNotFound, Degradation, SelectionNotFound
from services.answer_cache import AnswerCache, Kept
from services.book import Chapter, Passage, Span
from services.journal import Journal
from services.library import OpenBook
from services.models import Usage
from services.passages import CountTokens
from services.problems import InvalidInput
from services.retrieval import BUDGET, Found, Retrieved, Retriever, within
from services.selections import find
from services.text import is_text
from services.understanding import Turn, Understanding, Understood

QUESTION_CHARACTERS = 2000
SELECTION_CHARACTERS = 4000
SELECTION_TOKENS = 1000  # beside the budget of the passages


@dataclass(frozen=True, slots=True)
class Selection:
    """Text that a reader selected in a chapter."""

    chapter_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it came in. Without a conversation it begins one."""

    question: str
    selection: Selection | None = None
    conversation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question that can be answered, with everything the answer is made of."""

    asked: Asked
    conversation_id: str
    searched_for: str
    retrieved: Retrieved
    kept: Kept | None
    degraded: tuple[Degradation, ...]
    usage: Usage


Refused = InvalidInput | ChapterNotFound | SelectionNotFound


class Asking:
    """Checks a question, understands it, and finds its passages."""

    def __init__(
        self,
        retriever: Retriever,
        understanding: Understanding,
        cache: AnswerCache,
        journal: Journal,
        count: CountTokens,
    ) -> None:
        self._retriever = retriever
        self._understanding = understanding
        self._cache = cache
        self._journal = journal
        self._count = count

    async def prepare(self, asked: Asked) -> Prepared | Refused:
        """Everything up to the first word of the answer."""
        if problem := invalid(asked):
            return problem
        turns = await self._journal.turns(asked.conversation_id) if asked.conversation_id else []
        if turns is None:
            return InvalidInput("There is no conversation with this id.", "conversationId")
        book = await self._retriever.book()  # the same from here to the answer's end, whatever is published meanwhile
        selected = await self._selected(book, asked.selection) if asked.selection else None
        if isinstance(selected, ChapterNotFound | SelectionNotFound):
            return selected
        return await self._find(book, asked, turns, selected)

    async def _selected(self, book: OpenBook, selection: Selection) -> Passage | ChapterNotFound | SelectionNotFound:
        chapter = book.edition.chapter(selection.chapter_id)
        if chapter is None:
            return ChapterNotFound(selection.chapter_id)
        span = await asyncio.to_thread(find, chapter.content, selection.text)  # up to a second in the largest page
        passages = [passage for passage in book.edition.passages.values() if passage.chapter_id == chapter.id]
        passage = span and passage_of(chapter, span, passages, self._count)
        return passage or SelectionNotFound(selection.chapter_id)

    async def _find(self, book: OpenBook, asked: Asked, turns: Sequence[Turn], selected: Passage | None) -> Prepared:
        # "This" means the selection where there is one, and not what was said before it.
        before = [] if selected else turns
        understood = await self._understanding.understand(asked.question, before, book.edition.language)
        kept = None if selected else await self._cache.find(asked.question, understood.searched_for, book.edition)
        sought = f"{understood.searched_for} {selected.text}" if selected else understood.searched_for
        retrieved = await self._retriever.retrieve(sought, book=book, words_alone=understood.foreign)
        if selected:
            retrieved = led_by(retrieved, selected)
        return Prepared(
            asked=asked,
            conversation_id=asked.conversation_id.lower() if asked.conversation_id else str(uuid.uuid4()),
            searched_for=understood.searched_for,
            retrieved=retrieved,
            kept=kept,
            degraded=degraded(understood, index_away=retrieved.index_away and not kept),
            usage=understood.usage,
        )


def degraded(understood: Understood, *, index_away: bool) -> tuple[Degradation, ...]:
    """Why the answer is plainer than it could be, as far as that is known before it is written."""
    reasons = {
        Degradation.LANGUAGE: understood.foreign,
        Degradation.PROVIDER: understood.failed,
        Degradation.INDEX: index_away,
    }
    return tuple(reason for reason, holds in reasons.items() if holds)


def passage_of(chapter: Chapter, span: Span, passages: Sequence[Passage], count: CountTokens) -> Passage | None:
    """What a selection touches, in whole sentences, as a passage of its own; None where it touches none of them."""
    touched = [
        (passage, unit)
        for passage in passages
        for unit in passage.units
        if unit.start < span.end and span.start < unit.end
    ]
    units: list[Span] = []
    tokens = 0
    if not touched:
        return None
    one_section = {unit for passage, unit in touched if passage.url == touched[0][0].url}  # a citation has one address
    for unit in sorted(one_section, key=lambda unit: unit.start):
        size = count(chapter.content[unit.start : unit.end])
        if units and tokens + size > SELECTION_TOKENS:
            break
        units.append(unit)
        tokens += size
    return replace(
        touched[0][0],
        id=uuid.uuid4(),
        text=chapter.content[units[0].start : units[-1].end],
        units=tuple(units),
        tokens=tokens,
    )


def led_by(retrieved: Retrieved, selected: Passage) -> Retrieved:
    """The selection first, then the passages that do not lie within it. It is in the book, so there is an answer."""
    first = Found(selected, 1.0)
    inside = set(selected.units)
    others = [
        found
        for found in retrieved.found
        if found.passage.chapter_id != selected.chapter_id or not inside.issuperset(found.passage.units)
    ]
    return replace(
        retrieved,
        found=(first, *others),
        given=(first, *within(others, BUDGET)),
        answerable=True,
        quotable=True,
    )


def invalid(asked: Asked) -> InvalidInput | None:
    """Why a question cannot be asked, if so."""
    if problem := invalid_text(asked.question, "question", QUESTION_CHARACTERS):
        return problem
    if asked.selection and (problem := invalid_text(asked.selection.text, "selection.text", SELECTION_CHARACTERS)):
        return problem
    if asked.conversation_id is not None and not is_uuid(asked.conversation_id):
        return InvalidInput("There is no conversation with this id.", "conversationId")
    return None


def invalid_text(text: str, field: str, most: int) -> InvalidInput | None:
    """Why a text cannot be taken, if so."""
    if not text.strip():
        return InvalidInput(f"The {field} is empty.", field)
    if len(text) > most:
        return InvalidInput(f"The {field} is longer than {most} characters.", field)
    if not is_text(text):
        return InvalidInput(f"The {field} has characters that are not text.", field)
    return None


def is_uuid(id: str) -> bool:
    """True for the form that our ids have."""
    try:
        return str(uuid.UUID(id)) == id.lower()
    except ValueError:
        return False
