"""A reader who asks over a socket, and notes everything that arrives."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from websockets.exceptions import ConnectionClosed

from tests.client import ASK_WITH, Data, Socket, socket
from tests.faults.history import Asking, Closed, History

PATIENCE = 45.0  # seconds that a reader waits for the next event


class Reader:
    """Listens to one answer. What it has seen is in `asking`."""

    def __init__(self, socket: Socket, asking: Asking, history: History) -> None:
        self.socket = socket
        self.asking = asking
        self.id = ""
        self._history = history

    async def begin(self, given: Mapping[str, object]) -> None:
        """Ask."""
        self.id = await self.socket.start(ASK_WITH, input=given)

    async def until(self, kind: str = "AnswerDelta") -> Asking:
        """Listen up to the next event of a kind. Raises AssertionError where the stream ends before that."""
        while event := await self._next():
            if event["__typename"] == kind:
                return self.asking
        raise AssertionError(f"no {kind} came, but {self.asking.refused or self.asking.events[-1:]}")

    async def rest(self) -> Asking:
        """Listen until nothing more comes."""
        while await self._next():
            pass
        return self.asking

    async def complete(self) -> None:
        """Say that no more is wanted."""
        self.asking.left = "complete"
        await self.socket.complete(self.id)

    async def _next(self) -> Data | None:
        """The next event, or None where the operation or the connection has ended."""
        try:
            async with asyncio.timeout(PATIENCE):
                message = await self.socket.receive()
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            self._history.closed.append(Closed(self.asking.replica, code, time.monotonic()))
            return None
        if message["type"] != "next":
            self.asking.refused = self.asking.refused or (message if message["type"] == "error" else None)
            return None
        if not message["payload"].get("data"):
            self.asking.refused = message["payload"]
            return None
        event: Data = message["payload"]["data"]["ask"]
        self.asking.saw(event)
        return event


@asynccontextmanager
async def reading(url: str, asking: Asking, history: History, given: Mapping[str, object]) -> AsyncIterator[Reader]:
    """A reader who has asked. Where the connection cannot be had, or is lost at once, the asking says so."""
    async with socket(url, asking.token) as opened:
        reader = Reader(opened, asking, history)
        with contextlib.suppress(ConnectionClosed):
            await reader.begin(given)
        yield reader
