"""A TCP proxy that can be told to fail, and that stops at named points."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Self

from tests.faults.wire import Chunks, Wire


class Mode(Enum):
    """What becomes of bytes and of new connections."""

    PASS = "pass"
    STALL = "stall"  # connections are taken, nothing is forwarded; what waited flows on when it passes again
    BLACK_HOLE = "black hole"  # connections stay open, all bytes are swallowed, in both directions
    REFUSE = "refuse"  # new connections are refused, those that are open go on


class Hold(Enum):
    """Where a tripwire stops the connection that trips it."""

    NOTHING = "nothing"
    BEFORE = "before"  # the server has not seen the piece
    AFTER = "after"  # the server has done what the piece asks, and the client does not know


@dataclass(slots=True, eq=False)
class Link:
    """One connection: the client's end, the server's, and the tripwire that waits for the server's reply."""

    wire: Wire
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    awaiting: "Tripwire | None" = None

    def reset(self) -> None:
        """Send RST to both ends."""
        for end in (self.client, self.server):
            reset(end.transport)


@dataclass(slots=True, eq=False)
class Tripwire:
    """Trips once, when one connection has sent all of `patterns`, in their order, each in a piece of its own."""

    patterns: tuple[str, ...]
    hold: Hold
    tripped: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    taken: bool = False
    _passed: dict[Link, int] = field(default_factory=dict)

    def catches(self, link: Link, name: str) -> bool:
        """True for the piece that trips it."""
        passed = self._passed.get(link, 0)
        if self.taken or self.patterns[passed] not in name:
            return False
        self._passed[link] = passed + 1
        self.taken = passed + 1 == len(self.patterns)
        return self.taken

    async def stop(self) -> None:
        """Trip, and wait until the block that laid it ends."""
        self.tripped.set()
        if self.hold is not Hold.NOTHING:
            await self.released.wait()

    async def wait(self, seconds: float = 10) -> None:
        """Until it is tripped. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            await self.tripped.wait()


class Proxy:
    """Listens at `port` on this machine and connects each client to `target`, another port of it."""

    def __init__(self, target: int, wire: Callable[[], Wire] = Chunks) -> None:
        self.target = target
        self.delay = 0.0  # seconds that every chunk waits, in either direction
        self.mode = Mode.PASS
        self.port = 0
        self.links: set[Link] = set()
        self._wire = wire
        self._tripwires: list[Tripwire] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deafen()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def switch(self, mode: Mode) -> None:
        """Behave otherwise from now on. Connections that lost bytes in a black hole are reset when it is left."""
        before, self.mode = self.mode, mode
        if before is Mode.BLACK_HOLE and mode is not before:
            self.reset_all()
        if mode is Mode.REFUSE:
            self._deafen()
        elif before is Mode.REFUSE:
            await self._listen()
        if mode is Mode.STALL:
            self._flowing.clear()
        else:
            self._flowing.set()

    async def vanish(self) -> None:
        """As a server whose process was killed: nothing listens, all connections are reset."""
        await self.switch(Mode.REFUSE)
        self.reset_all()

    def reset_all(self) -> None:
        """RST to both ends of every open connection."""
        for link in list(self.links):
            link.reset()

    @contextlib.asynccontextmanager
    async def when(self, *patterns: str, hold: Hold = Hold.NOTHING) -> AsyncIterator[Tripwire]:
        """A tripwire, as long as the block lasts; then what it holds flows on."""
        tripwire = Tripwire(patterns, hold)
        self._tripwires.append(tripwire)
        try:
            yield tripwire
        finally:
            self._tripwires.remove(tripwire)
            tripwire.released.set()

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    def _deafen(self) -> None:
        if self._listening:
            self._listening.close()
        self._listening = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: asyncio would report the cancelling of its task as an error.
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            reset(to_client.transport)
            return
        link = Link(self._wire(), to_client, to_server)
        self.links.add(link)
        try:
            await asyncio.gather(
                self._unless_reset(link, self._up(link, from_client)),
                self._unless_reset(link, self._down(link, from_server)),
            )
        finally:
            self.links.discard(link)
            for end in (to_client, to_server):
                end.transport.abort()

    async def _unless_reset(self, link: Link, pump: Awaitable[None]) -> None:
        """One direction to its end. A reset of one side is passed on to the other, unless that is swallowed."""
        try:
            await pump
        except OSError:
            if self.mode is not Mode.BLACK_HOLE:
                link.reset()

    async def _up(self, link: Link, source: asyncio.StreamReader) -> None:
        while data := await source.read(65536):
            if await self._swallows():
                continue
            for piece, name in link.wire.feed(data):
                await self._trip(link, name)
                link.server.write(piece)
            await link.server.drain()
        await self._end(link.server)

    async def _down(self, link: Link, source: asyncio.StreamReader) -> None:
        while data := await source.read(65536):
            if await self._swallows():
                continue
            if link.awaiting:
                await link.awaiting.stop()
                link.awaiting = None
            link.client.write(data)
            await link.client.drain()
        await self._end(link.client)

    async def _swallows(self) -> bool:
        """Wait as long as the proxy's mode asks for; True if it then swallows what came."""
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._flowing.wait()
        return self.mode is Mode.BLACK_HOLE

    async def _end(self, sink: asyncio.StreamWriter) -> None:
        """Pass on the end of one direction, unless that is swallowed too."""
        if self.mode is not Mode.BLACK_HOLE and sink.can_write_eof():
            sink.write_eof()

    async def _trip(self, link: Link, name: str) -> None:
        for tripwire in [tripwire for tripwire in self._tripwires if tripwire.catches(link, name)]:
            if tripwire.hold is Hold.AFTER:
                link.awaiting = tripwire
            else:
                await tripwire.stop()


def reset(transport: asyncio.BaseTransport) -> None:
    """Close a connection with RST."""
    assert isinstance(transport, asyncio.WriteTransport)
    with contextlib.suppress(OSError):
        linger(transport.get_extra_info("socket"))
    transport.abort()


def linger(connection: socket.socket) -> None:
    """A linger time of zero makes the kernel send RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
