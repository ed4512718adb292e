"""Readers who ask, and go at a given moment, in every way a connection can end."""

import asyncio
import ctypes
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson

from tests.client import ASK_AND_WAIT, ASK_WITH, STOP, ask
from tests.faults.proxy import linger
from tests.faults.reader import Reader
from tests.faults.world import World

SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python does not name it
RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # a filter of one instruction: of every segment keep 0 bytes
REQUEST = (
    "POST /graphql HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: {}\r\ncontent-length: {}\r\n\r\n"
)
Wait = Callable[["Leaver"], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Leaver:
    """A reader who asks and goes; `went` is when that was. `moment` comes to its end when they are to go, `stay` when
    what follows from it has been seen."""

    question: str
    way: str
    moment: Wait
    stay: Wait
    went: float | None = None


Go = Callable[[World, Leaver], Awaitable[None]]


async def by_complete(world: World, leaver: Leaver) -> None:
    """`complete`; the socket stays open."""
    async with listening(world, leaver) as reader:
        await reader.complete()
        await leaver.stay(leaver)


async def by_stopping(world: World, leaver: Leaver) -> None:
    """`stopAnswer` by id, as soon as that is known."""
    async with world.reader(leaver.question, url=world.replica.direct) as reader:
        await reader.until("AnswerStarted")
        await leaver.moment(leaver)
        leaver.went = time.monotonic()
        await ask(world.replica.direct, STOP, id=reader.asking.answer_id)
        await leaver.stay(leaver)


async def by_close_frame(world: World, leaver: Leaver) -> None:
    """As the protocol has it."""
    async with listening(world, leaver) as reader:
        await reader.socket.connection.close(1000)
        await leaver.stay(leaver)


async def by_reset(world: World, leaver: Leaver) -> None:
    """RST."""
    async with listening(world, leaver) as reader:
        cut_off(reader.socket.connection.transport, hard=True)
        await leaver.stay(leaver)


async def by_fin(world: World, leaver: Leaver) -> None:
    """FIN, without a close frame."""
    async with listening(world, leaver) as reader:
        reader.socket.connection.transport.write_eof()
        await leaver.stay(leaver)
        reader.socket.connection.transport.abort()


async def by_black_hole(world: World, leaver: Leaver) -> None:
    """Nothing is acknowledged any more, and nothing is sent."""
    async with listening(world, leaver) as reader:
        deafen(reader.socket.connection.transport)
        await leaver.stay(leaver)
        reader.socket.connection.transport.abort()


def over_http(document: str, accept: str, leave: Callable[[asyncio.WriteTransport], None]) -> Go:
    """A way to leave an event stream, or a mutation that is waited for."""

    async def go(world: World, leaver: Leaver) -> None:
        transport = await posted(world, leaver, document, accept)
        await leaver.moment(leaver)
        leaver.went = time.monotonic()
        leave(transport)
        await leaver.stay(leaver)
        transport.abort()

    return go


def cut_off(transport: asyncio.WriteTransport, *, hard: bool = False) -> None:
    """Close at once; `hard` with RST."""
    if hard:
        with suppress(OSError):
            linger(transport.get_extra_info("socket"))
    transport.abort()


def deafen(transport: asyncio.WriteTransport) -> None:
    """Make the kernel drop everything that arrives before it can acknowledge it, as if the network were gone."""
    program = ctypes.create_string_buffer(RETURN_NOTHING)
    described = struct.pack("HL", 1, ctypes.addressof(program))
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)


STREAM, JSON = "text/event-stream", "application/json"
WAYS: dict[str, Go] = {
    "complete": by_complete,
    "stopAnswer": by_stopping,
    "close frame": by_close_frame,
    "RST": by_reset,
    "FIN": by_fin,
    "black hole": by_black_hole,
    "SSE cut": over_http(ASK_WITH, STREAM, cut_off),
    "SSE RST": over_http(ASK_WITH, STREAM, lambda transport: cut_off(transport, hard=True)),
    "SSE black hole": over_http(ASK_WITH, STREAM, deafen),
    "mutation cut": over_http(ASK_AND_WAIT, JSON, cut_off),
    "mutation black hole": over_http(ASK_AND_WAIT, JSON, deafen),
}


@asynccontextmanager
async def listening(world: World, leaver: Leaver) -> AsyncIterator[Reader]:
    """A reader on a socket, at the moment when they go: nobody listens any more."""
    async with world.reader(leaver.question, url=world.replica.direct) as reader:
        reader.asking.left = leaver.way
        hearing = asyncio.create_task(reader.rest())
        await leaver.moment(leaver)
        hearing.cancel()
        await asyncio.wait([hearing])
        leaver.went = time.monotonic()
        yield reader


async def posted(world: World, leaver: Leaver, document: str, accept: str) -> asyncio.WriteTransport:
    """A request on a connection of its own, whose response is read and forgotten."""
    address = urlsplit(world.replica.direct)
    assert address.hostname
    assert address.port
    variables = {"input": {"question": leaver.question}} if accept == STREAM else {"question": leaver.question}
    body = orjson.dumps({"query": document, "variables": variables})
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, address.hostname, address.port)
    transport.write(REQUEST.format(address.netloc, accept, len(body)).encode() + body)
    return transport
