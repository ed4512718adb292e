"""The log of one answer: whoever listens follows it, from wherever they are."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from services.answer import Answer, AnswerEvent, AnswerFinished


@dataclass(slots=True)
class Leave:
    """How a listener went. One that said `complete` wants no more; one that was cut off may come back."""

    completed: bool = False


class AnswerLog:
    """Events in the order they happened; `seq` is the place in the list. One owner appends, any number follow."""

    def __init__(self) -> None:
        self.events: list[AnswerEvent] = []
        self.listeners = 0
        self._grown = asyncio.Event()

    @property
    def finished(self) -> bool:
        """True once nothing more will come."""
        return bool(self.events) and isinstance(self.events[-1], AnswerFinished)

    @property
    def last(self) -> Answer:
        """The answer as it ended."""
        finished = self.events[-1]
        assert isinstance(finished, AnswerFinished)
        return finished.answer

    def append(self, event: AnswerEvent) -> None:
        """Add an event and wake all who follow."""
        self.events.append(event)
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def follow(self, after: int = -1) -> AsyncGenerator[AnswerEvent, None]:
        """Events with `seq` above `after`: those that are there, then those that come, until the last."""
        next_seq = max(after, -1) + 1
        self.listeners += 1
        try:
            while True:
                grown = self._grown  # taken before looking: what is appended from here on sets this one
                # Looked at each time: a slow listener is overtaken while it is at it.
                while next_seq < len(self.events):
                    yield self.events[next_seq]
                    next_seq += 1
                    if next_seq < len(self.events):  # what is there already has no pace of its own: others have a turn
                        await asyncio.sleep(0)
                if self.finished:
                    return
                await grown.wait()
        finally:
            self.listeners -= 1
