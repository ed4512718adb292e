"""An answer, the events it is streamed as, and the outcomes of asking that are not one."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter

from services.citations import Citation
from services.models import Usage
from services.retrieval import Found

DECLINE = "I don't have this information in the book."


class AnswerStatus(StrEnum):
    """Where an answer stands. All but STREAMING are final."""

    STREAMING = "STREAMING"
    COMPLETE = "COMPLETE"
    DECLINED = "DECLINED"
    INTERRUPTED = "INTERRUPTED"
    STOPPED = "STOPPED"


class DeclineReason(StrEnum):
    """Why the book's answer is "no"."""

    NOT_IN_BOOK = "NOT_IN_BOOK"
    UNVERIFIED = "UNVERIFIED"
    REFUSED = "REFUSED"


class AnswerSource(StrEnum):
    """Who wrote it: the model, by its own provider or by the one that stands in for it, now or for an earlier asker; or
    nobody, where it is made of quoted passages."""

    MODEL = "MODEL"
    FALLBACK_MODEL = "FALLBACK_MODEL"
    CACHE = "CACHE"
    PASSAGES = "PASSAGES"


class Degradation(StrEnum):
    """Why an answer is plainer than it could be."""

    BUDGET = "BUDGET"
    PROVIDER = "PROVIDER"
    INDEX = "INDEX"
    LANGUAGE = "LANGUAGE"


@dataclass(frozen=True, slots=True)
class NearPassage:
    """A passage of the book with its relevance to a question, 0 to 1."""

    chapter_id: str
    chapter_title: str
    section: str
    url: str
    text: str
    similarity: float
    reviewed: bool


def near(found: Found) -> NearPassage:
    """A found passage as readers see it."""
    passage = found.passage
    return NearPassage(
        chapter_id=passage.chapter_id,
        chapter_title=passage.chapter_title,
        section=passage.section,
        url=passage.url,
        text=passage.text,
        similarity=found.similarity,
        reviewed=passage.reviewed,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked and what was said. `response_time` is in seconds."""

    id: str
    request_id: str | None
    conversation_id: str
    question: str
    searched_for: str
    text: str
    status: AnswerStatus
    decline_reason: DeclineReason | None
    source: AnswerSource | None
    model: str | None
    degraded: tuple[Degradation, ...]
    citations: tuple[Citation, ...]
    passages: tuple[NearPassage, ...]
    usage: Usage
    response_time: float
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """The first event: what the answer will be made of, and how that was found."""

    seq: int
    answer_id: str
    conversation_id: str
    passages: tuple[NearPassage, ...]
    searched_for: str
    degraded: tuple[Degradation, ...]


def started(answer: Answer) -> AnswerStarted:
    """The first event of an answer."""
    return AnswerStarted(0, answer.id, answer.conversation_id, answer.passages, answer.searched_for, answer.degraded)


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    """Some more text. All of them, joined, are the answer's text."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class AnswerCited:
    """A proven citation of the text so far."""

    seq: int
    citation: Citation


@dataclass(frozen=True, slots=True)
class AnswerFinished:
    """The last event: the whole answer."""

    seq: int
    answer: Answer


AnswerEvent = AnswerStarted | AnswerDelta | AnswerCited | AnswerFinished

ANSWER = TypeAdapter(Answer)
EVENTS: TypeAdapter[list[AnswerEvent]] = TypeAdapter(list[AnswerEvent])


@dataclass(frozen=True, slots=True)
class ChapterNotFound:
    """No chapter has this id."""

    chapter_id: str
    message: str = "There is no chapter with this id."


@dataclass(frozen=True, slots=True)
class SelectionNotFound:
    """The selected text does not stand in the chapter."""

    chapter_id: str
    message: str = "The selected text does not stand in this chapter."


@dataclass(frozen=True, slots=True)
class AnswerNotFound:
    """No answer has this id."""

    message: str = "There is no answer with this id."
