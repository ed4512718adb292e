"""The WebSockets that are open in this process, so that it can close them before it ends."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from transport.sockets import SocketHandler

MOMENT_SECONDS = 1.0  # for the ends of answers to be written out


class OpenSockets:
    """Every socket from its acceptance to its end."""

    def __init__(self) -> None:
        self._open: set[SocketHandler] = set()

    @contextmanager
    def holding(self, socket: SocketHandler) -> Iterator[None]:
        """A socket is open until the block ends."""
        self._open.add(socket)
        try:
            yield
        finally:
            self._open.discard(socket)

    async def close(self) -> None:
        """Give what streams a moment to come to its end, then close all sockets with 1001.

        Returns when all close frames are sent: for a client that does not read, when its connection is aborted.
        """
        streaming = [task for socket in self._open for task in socket.running]
        if streaming:
            await asyncio.wait(streaming, timeout=MOMENT_SECONDS)
        # Some clients are gone by now, each without consequence for the others.
        await asyncio.gather(*(socket.go_away() for socket in self._open), return_exceptions=True)
