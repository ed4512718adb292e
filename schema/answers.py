"""Answers, and the events they are streamed as."""

from datetime import datetime
from typing import Annotated

import strawberry

import services.answer
import services.citations
import services.models
from schema.book import Passage
from schema.problems import (
    AnswerNotFound,
    Busy,
    ChapterNotFound,
    InvalidInput,
    RequestConflict,
    SelectionNotFound,
)
from schema.quotas import QuotaExceeded
from schema.shows import shows
from services.answer import AnswerSource, AnswerStatus, DeclineReason, Degradation

for names in (AnswerStatus, DeclineReason, AnswerSource):
    strawberry.enum(names)
strawberry.enum(Degradation, description="Why an answer is plainer than it could be.")


@strawberry.type(
    description="A verbatim quotation: `Chapter.content.slice(start, end) === quote`, in UTF-16 code units."
)
@shows(services.citations.Citation)
class Citation:
    number: int = strawberry.field(description="1, 2, ... in order of first use.")
    offset: int = strawberry.field(description="The place in Answer.text after which the marker belongs.")
    chapter_id: strawberry.ID
    chapter_title: str
    section: str
    url: str
    quote: str
    start: int
    end: int
    similarity: float
    reviewed: bool


@strawberry.type(description="What the model's provider counted.")
@shows(services.models.Usage)
class Usage:
    input_tokens: int
    output_tokens: int
    cost_usd: float


@strawberry.type(description="What was asked, and what the book says.")
@shows(services.answer.Answer)
class Answer:
    id: strawberry.ID
    request_id: strawberry.ID | None
    conversation_id: strawberry.ID | None
    question: str
    searched_for: str = strawberry.field(
        description="The question as it was searched: made self-contained, or in the book's language."
    )
    text: str
    status: AnswerStatus
    decline_reason: DeclineReason | None
    source: AnswerSource | None = strawberry.field(description="Null when declined before anything was written.")
    model: str | None
    degraded: list[Degradation]
    citations: list[Citation]
    passages: list[Passage]
    usage: Usage
    response_time: float = strawberry.field(description="In seconds.")
    created_at: datetime


@strawberry.type(description="The first event: the passages that the answer is made of.")
@shows(services.answer.AnswerStarted)
class AnswerStarted:
    seq: int
    answer_id: strawberry.ID
    conversation_id: strawberry.ID | None
    passages: list[Passage]


@strawberry.type(description="Some more text. All deltas, joined, are the answer's text.")
@shows(services.answer.AnswerDelta)
class AnswerDelta:
    seq: int
    text: str


@strawberry.type(description="A proven citation of the text so far.")
@shows(services.answer.AnswerCited)
class AnswerCited:
    seq: int
    citation: Citation


@strawberry.type(description="The last event: the whole answer.")
@shows(services.answer.AnswerFinished)
class AnswerFinished:
    seq: int
    answer: Answer


AnswerEvent = Annotated[
    AnswerStarted
    | AnswerDelta
    | AnswerCited
    | AnswerFinished
    | InvalidInput
    | QuotaExceeded
    | Busy
    | SelectionNotFound
    | ChapterNotFound
    | RequestConflict
    | AnswerNotFound,
    strawberry.union("AnswerEvent", description="`seq` counts 0, 1, 2, ... within one answer."),
]
AskResult = Annotated[
    Answer | InvalidInput | QuotaExceeded | Busy | SelectionNotFound | ChapterNotFound | RequestConflict,
    strawberry.union("AskResult"),
]
StopResult = Annotated[Answer | AnswerNotFound, strawberry.union("StopResult")]
