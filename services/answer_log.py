"""The log of one answer: whoever listens follows it, from wherever they are."""

import asyncio
from collections.abc import AsyncGenerator

from services.answer import AnswerEvent, AnswerFinished


class AnswerLog:
    """Events in the order they happened; `seq` is the place in the list. One owner appends, any number follow."""

    def __init__(self) -> None:
        self.events: list[AnswerEvent] = []
        self._grown = asyncio.Event()

    @property
    def finished(self) -> bool:
        """True once nothing more will come."""
        return bool(self.events) and isinstance(self.events[-1], AnswerFinished)

    def append(self, event: AnswerEvent) -> None:
        """Add an event and wake all who follow."""
        self.events.append(event)
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    async def follow(self, after: int = -1) -> AsyncGenerator[AnswerEvent, None]:
        """Events with `seq` above `after`: those that are there, then those that come, until the last."""
        next_seq = max(after, -1) + 1
        while True:
            grown = self._grown  # taken before looking: what is appended from here on sets this one
            while next_seq < len(self.events):  # looked at each time: a slow listener is overtaken while it is at it
                yield self.events[next_seq]
                next_seq += 1
            if self.finished:
                return
            await grown.wait()
