"""A message batch, and what becomes of its requests."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import uuid4

from anthropic.types.messages import (
    MessageBatch,
    MessageBatchCanceledResult,
    MessageBatchErroredResult,
    MessageBatchExpiredResult,
    MessageBatchIndividualResponse,
    MessageBatchRequestCounts,
    MessageBatchResult,
    MessageBatchSucceededResult,
)

from tests.claude.playing import fault
from tests.claude.script import Cut, Drop, Malformed, Overload, Pause, Ping, Reset, Stall, Status, Tokens
from tests.claude.telling import Telling

DAY = timedelta(days=1)


@dataclass(slots=True, eq=False)
class Item:
    """One request of a batch: a script to be told, or the refusal that it ends as, and its result once it has one."""

    custom_id: str
    ending: Telling | MessageBatchErroredResult
    result: MessageBatchResult | None = None

    def make(self) -> None:
        """Now the model does it."""
        self.result = told(self.ending) if isinstance(self.ending, Telling) else self.ending

    @property
    def tokens(self) -> Tokens:
        """What the provider bills for it: nothing but for messages that were made."""
        if isinstance(self.ending, Telling) and isinstance(self.result, MessageBatchSucceededResult):
            return self.ending.tokens
        return Tokens()


@dataclass(slots=True, eq=False)
class Batch:
    """A batch at the provider. It has ended after so many `looks`, or, where they are None, when it is told to."""

    items: Sequence[Item]
    looks: int | None
    id: str = field(default_factory=lambda: f"msgbatch_{uuid4().hex[:24]}")
    status: Literal["in_progress", "canceling", "ended"] = "in_progress"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    canceled: datetime | None = None
    ended: datetime | None = None
    archived: datetime | None = None

    def look(self) -> None:
        """Somebody looks: time passes."""
        if self.status == "canceling" or self.looks == 0:
            self.end()
        elif self.looks is not None:
            self.looks -= 1

    def end(self) -> None:
        """Make what is to be made."""
        if self.status == "ended":
            return
        for item in self.items:
            if not item.result:
                item.make()
        self.status, self.ended = "ended", datetime.now(UTC)

    def cancel(self, made: int) -> None:
        """Make no more than the first `made` requests. Raises ValueError for a batch that has ended."""
        if self.status == "ended":
            raise ValueError(f"Batch {self.id} has ended: it cannot be canceled.")
        for item in self.items[:made]:
            item.make()
        for item in self.items[made:]:
            item.result = MessageBatchCanceledResult(type="canceled")
        self.status, self.canceled = "canceling", datetime.now(UTC)

    def archive(self) -> None:
        """29 days pass."""
        self.archived = datetime.now(UTC)

    def shown(self, url: str) -> MessageBatch:
        """The batch as the API shows it; its results are at `url`."""
        readable = self.ended and not self.archived
        return MessageBatch(
            id=self.id,
            type="message_batch",
            processing_status=self.status,
            request_counts=self._counts(),
            created_at=self.created,
            expires_at=self.created + DAY,
            cancel_initiated_at=self.canceled,
            ended_at=self.ended,
            archived_at=self.archived,
            results_url=url if readable else None,
        )

    def lines(self) -> list[bytes]:
        """The results as JSON Lines."""
        results = [(item.custom_id, item.result) for item in self.items if item.result]
        responses = [MessageBatchIndividualResponse(custom_id=id, result=result) for id, result in results]
        return [response.model_dump_json(exclude_unset=True).encode() + b"\n" for response in responses]

    def _counts(self) -> MessageBatchRequestCounts:
        became = Counter(item.result.type for item in self.items if item.result and self.ended)
        return MessageBatchRequestCounts(
            processing=len(self.items) - became.total(),
            succeeded=became["succeeded"],
            errored=became["errored"],
            canceled=became["canceled"],
            expired=became["expired"],
        )


def told(telling: Telling) -> MessageBatchResult:
    """What a script comes to where nobody listens: a broken connection is the provider's own, and a stall lasts until
    the batch expires."""
    for item in telling:
        match item:
            case Status():
                return errored(item.code, "The script says so.")
            case Overload():
                return errored(529, "Overloaded")
            case Stall():
                return MessageBatchExpiredResult(type="expired")
            case Cut() | Drop() | Reset() | Malformed():
                return errored(500, "Internal server error")
            case Ping() | Pause():
                pass
    telling.message.usage.service_tier = "batch"
    return MessageBatchSucceededResult(type="succeeded", message=telling.message)


def errored(status: int, message: str) -> MessageBatchErroredResult:
    """The result of a request that was refused, or failed."""
    return MessageBatchErroredResult(type="errored", error=fault(status, message))
