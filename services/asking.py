"""What a reader asks, and what has to be known of it before an answer is begun."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.answer import ChapterNotFound, Degradation, SelectionNotFound
from services.answer_cache import AnswerCache, Kept
from services.journal import Journal
from services.library import OpenBook
from services.passages import CountTokens
from services.problems import InvalidInput
from services.purse import Purse
from services.readers import Caller
from services.retrieval import Retrieved, Retriever
from services.selected import Selected, retrieve_led, select
from services.text import is_text
from services.understanding import Turn, Understanding, Understood, leans_on

QUESTION_CHARACTERS = 2000
SELECTION_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Selection:
    """Text that a reader selected in a chapter."""

    chapter_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it came in, of a reader or of nobody in particular. Without a conversation it begins one."""

    caller: Caller
    question: str
    selection: Selection | None = None
    conversation_id: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """A question that can be asked, with what is known of it before anything is spent. `kept` is an answer that was
    given before; `leaning` tells that the question needs the conversation to be understood."""

    asked: Asked
    conversation_id: str
    book: OpenBook
    turns: Sequence[Turn]
    leaning: bool
    selected: Selected | None
    kept: Kept | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question that can be answered, with what the answer is made of: passages, or an answer that was kept."""

    understood: Understood
    made_of: Retrieved | Kept

    @property
    def answerable(self) -> bool:
        """False where the book has nothing near enough."""
        return isinstance(self.made_of, Kept) or self.made_of.answerable

    @property
    def degraded(self) -> tuple[Degradation, ...]:
        """Why the answer is plainer than it could be, as far as that is known before it is written."""
        reasons = {
            Degradation.LANGUAGE: self.understood.foreign
            or (isinstance(self.made_of, Retrieved) and self.made_of.words_only),
            Degradation.BUDGET: self.understood.unaffordable,
            Degradation.PROVIDER: self.understood.failed,
            Degradation.INDEX: isinstance(self.made_of, Retrieved) and self.made_of.index_away,
        }
        return tuple(reason for reason, holds in reasons.items() if holds)


Refused = InvalidInput | ChapterNotFound | SelectionNotFound


class Asking:
    """Checks a question, and once it is let in, understands it and finds its passages."""

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

    async def look(self, asked: Asked) -> Looked | Refused:
        """What can be known of a valid question for nothing."""
        turns = (
            await self._journal.turns(asked.conversation_id, asked.caller.reader_id) if asked.conversation_id else []
        )
        if turns is None:
            return no_conversation()
        book = await self._retriever.book()  # the same from here to the answer's end, whatever is published meanwhile
        selection = asked.selection
        selected = await select(book, selection.chapter_id, selection.text, self._count) if selection else None
        if isinstance(selected, ChapterNotFound | SelectionNotFound):
            return selected
        before = [] if selected else turns  # "this" means the selection where there is one
        leaning = leans_on(asked.question, before)
        return Looked(
            asked=asked,
            conversation_id=asked.conversation_id.lower() if asked.conversation_id else str(uuid.uuid4()),
            book=book,
            turns=before,
            leaning=leaning,
            selected=selected,
            kept=await self._cache.find(book.edition, asked.question) if not (selected or leaning) else None,
        )

    async def find(self, looked: Looked, purse: Purse) -> Prepared:
        """Understand the question, and find its passages."""
        question, turns, language = looked.asked.question, looked.turns, looked.book.edition.language
        if kept := looked.kept:
            return Prepared(Understood(kept.searched_for or question), kept)
        understood = await self._understanding.understand(
            question, turns, language, purse=purse, leaning=looked.leaning
        )
        first = await self._search(looked, understood)
        asked_in_vain = understood.failed or understood.unaffordable  # once more would cost the reader 3 s again
        if first.answerable or understood.leaned or not turns or asked_in_vain:
            return first
        # What seemed to stand alone is nowhere in the book: it may mean something in its conversation.
        again = await self._understanding.understand(question, turns, language, purse=purse, leaning=True)
        if again.searched_for == understood.searched_for:
            return replace(first, understood=again)
        return await self._search(looked, again)

    async def _search(self, looked: Looked, understood: Understood) -> Prepared:
        sought, book, question = understood.searched_for, looked.book, looked.asked.question
        if understood.leaned and (kept := await self._cache.find(book.edition, question, sought)):
            return Prepared(understood, kept)
        if looked.selected:
            foreign = understood.foreign
            led = await retrieve_led(self._retriever, book, sought, looked.selected, words_alone=foreign)
            return Prepared(understood, led)
        retrieved = await self._retriever.retrieve(sought, book=book, words_alone=understood.foreign, also=question)
        return Prepared(understood, retrieved)


def invalid(asked: Asked) -> InvalidInput | None:
    """Why a question cannot be asked, if so."""
    if problem := invalid_text(asked.question, "question", QUESTION_CHARACTERS):
        return problem
    if asked.selection and (problem := invalid_text(asked.selection.text, "selection.text", SELECTION_CHARACTERS)):
        return problem
    if asked.conversation_id is not None and not is_uuid(asked.conversation_id):
        return no_conversation()
    if asked.request_id is not None and not is_uuid(asked.request_id):
        return InvalidInput("The requestId is no UUID. Make a new one for each question.", "requestId")
    return None


def no_conversation() -> InvalidInput:
    """For ids that nobody has begun a conversation with, and for those of somebody else's."""
    return InvalidInput("There is no conversation with this id.", "conversationId")


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
