"""What readers were promised and what they saw, and what was done to the processes meanwhile."""

import time
import uuid
from dataclasses import dataclass, field

from tests.client import Data


@dataclass(slots=True, eq=False)
class Asking:
    """One question as its reader saw it; times are `time.monotonic()` seconds.

    `left` tells how the reader went, and is empty for one that stayed to the end. `refused` is what the reader was told
    instead of an answer: a member of the union, or GraphQL's errors.
    """

    question: str
    replica: int
    token: str | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    events: list[Data] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    first_text: float | None = None
    ended: float | None = None
    left: str = ""
    refused: Data | None = None

    def saw(self, event: Data) -> None:
        """Note an event of the stream."""
        kind = event["__typename"]
        if not kind.startswith("Answer") or kind == "AnswerNotFound":
            self.refused = event
            return
        self.events.append(event)
        if kind == "AnswerDelta":
            self.first_text = self.first_text or time.monotonic()
        if kind == "AnswerFinished":
            self.ended = time.monotonic()

    @property
    def answer_id(self) -> str | None:
        """None where the reader never learned it."""
        if not self.events:
            return None
        first = self.events[0]
        id: str = first["answerId"] if first["__typename"] == "AnswerStarted" else first["answer"]["id"]
        return id

    @property
    def finished(self) -> Data | None:
        """The answer of AnswerFinished."""
        last = self.events[-1] if self.events else None
        return last["answer"] if last and last["__typename"] == "AnswerFinished" else None

    @property
    def answer(self) -> Data:
        """The same, where there has to be one."""
        assert self.finished, f"no AnswerFinished, but {self.refused or self.events[-1:]}"
        return self.finished

    @property
    def text(self) -> str:
        """All deltas so far."""
        return "".join(event["text"] for event in self.events if event["__typename"] == "AnswerDelta")

    @property
    def streamed(self) -> bool:
        """False for who waited with the mutation and saw no events but the end."""
        return bool(self.events) and self.events[0]["__typename"] == "AnswerStarted"


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that the case ended."""

    replica: int
    signal: str
    at: float


@dataclass(frozen=True, slots=True)
class Closed:
    """A WebSocket that its reader did not close. 1006: no close frame came."""

    replica: int
    code: int
    at: float


@dataclass(slots=True)
class History:
    """Of one case."""

    askings: list[Asking] = field(default_factory=list)
    processes: list[Ended] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    statuses: list[tuple[str, int]] = field(default_factory=list)  # of HTTP responses: what was asked, what came
    cheap: list[float] = field(default_factory=list)  # seconds that the cheap query took

    def killed(self, replica: int, since: float) -> bool:
        """Whether a process was ended after a moment."""
        return any(ended.replica == replica and ended.at >= since for ended in self.processes)
