"""An answer being written: what was said so far, each step of it in the log."""

import time
from collections.abc import Iterable
from dataclasses import replace

from services.answer import (
    Answer,
    AnswerCited,
    AnswerDelta,
    AnswerFinished,
    AnswerSource,
    AnswerStatus,
    DeclineReason,
    Degradation,
    NearPassage,
    started,
)
from services.answer_log import AnswerLog
from services.citations import Citation, utf16_length


class Draft:
    """Belongs to the one task that writes the answer."""

    def __init__(self, answer: Answer, asked_at: float) -> None:
        """`asked_at` is when the question came in, by the monotonic clock: from then on readers wait."""
        self.start = answer
        self.log = AnswerLog()
        self.source: AnswerSource | None = None
        self.model: str | None = None
        self.usage = answer.usage
        self.degraded: list[Degradation] = list(answer.degraded)
        self.citations: list[Citation] = []
        self.offset = 0
        self._said: list[str] = []
        self._asked_at = asked_at

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self._said)

    def prepare(self, searched_for: str, degraded: tuple[Degradation, ...], passages: tuple[NearPassage, ...]) -> None:
        """What the answer is made of, once that is found."""
        self.start = replace(self.start, searched_for=searched_for, degraded=degraded, passages=passages)
        self.degraded = list(degraded)

    def begin(self) -> None:
        """Show the passages, before anything is said about them."""
        self.log.append(started(self.start))

    def say(self, text: str) -> None:
        """Add text to the answer, if there is any."""
        if not text:
            return
        self._said.append(text)
        self.offset += utf16_length(text)
        self.log.append(AnswerDelta(len(self.log.events), text))

    def cite(self, citations: Iterable[Citation]) -> None:
        """Add proven citations. A quotation that was used before keeps its number."""
        for citation in citations:
            place = (citation.chapter_id, citation.start, citation.end)
            numbers = {(c.chapter_id, c.start, c.end): c.number for c in self.citations}
            numbered = replace(citation, number=numbers.get(place, len(set(numbers.values())) + 1))
            self.citations.append(numbered)
            self.log.append(AnswerCited(len(self.log.events), numbered))

    def so_far(self) -> Answer:
        """The answer as it stands, still running."""
        return self.finished(AnswerStatus.STREAMING).answer

    @property
    def told(self) -> dict[str, object]:
        """What is known of it beside its events."""
        return {"source": self.source, "model": self.model or self.start.model, "degraded": self.degraded}

    @property
    def begun(self) -> bool:
        """True once the first event is in the log."""
        return bool(self.log.events)

    def finished(self, status: AnswerStatus, reason: DeclineReason | None = None) -> AnswerFinished:
        """The last event, not yet in the log: it is shown once it is stored."""
        answer = replace(
            self.start,
            text=self.text,
            status=status,
            decline_reason=reason,
            source=self.source,
            model=self.model,
            degraded=tuple(self.degraded),
            citations=tuple(self.citations),
            usage=self.usage,
            response_time=time.monotonic() - self._asked_at,
        )
        return AnswerFinished(len(self.log.events), answer)
