"""Every way in which a reader can go away in the middle of an answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import orjson

from tests.client import ASK_AND_WAIT, ASK_WITH, STOP, ask
from tests.faults.history import Asking
from tests.faults.proxy import Mode, Proxy, linger, reset
from tests.faults.reader import Reader
from tests.faults.world import WICK, World

Go = Callable[[World], Awaitable[Asking]]


@dataclass(frozen=True, slots=True)
class Way:
    """How a reader goes, after the first text. `wanted` is False for one who says that no more is wanted: the answer
    ends at once; True for one whose connection died: it goes on for the grace time."""

    name: str
    go: Go
    wanted: bool


WAYS: dict[str, Way] = {}


def way(name: str, *, wanted: bool) -> Callable[[Go], Go]:
    """Register a way to go."""

    def register(go: Go) -> Go:
        WAYS[name] = Way(name, go, wanted)
        return go

    return register


@way("complete", wanted=False)
async def by_complete(world: World) -> Asking:
    """graphql-transport-ws: `complete`; the socket stays for a moment."""
    async with heard(world, "complete") as reader:
        await reader.socket.complete(reader.id)
        await asyncio.sleep(0.2)
    return reader.asking


@way("stopAnswer", wanted=False)
async def by_stopping(world: World) -> Asking:
    """`stopAnswer` by id, from elsewhere; the stream shows the end."""
    async with heard(world, "") as reader:
        await ask(world.replica.url, STOP, id=reader.asking.answer_id)
        return await reader.rest()


@way("close frame", wanted=True)
async def by_close_frame(world: World) -> Asking:
    """A socket that is closed as the protocol has it."""
    async with heard(world, "close frame") as reader:
        await reader.socket.connection.close(1000)
    return reader.asking


@way("RST", wanted=True)
async def by_reset(world: World) -> Asking:
    """A phone that is switched off: RST."""
    async with heard(world, "RST") as reader:
        reset(reader.socket.connection.transport)
    return reader.asking


@way("FIN", wanted=True)
async def by_fin(world: World) -> Asking:
    """The connection ends without a close frame."""
    async with heard(world, "FIN") as reader:
        reader.socket.connection.transport.write_eof()
        await asyncio.sleep(0.2)
        reader.socket.connection.transport.abort()
    return reader.asking


@way("black hole", wanted=True)
async def by_black_hole(world: World) -> Asking:
    """A tunnel: nothing arrives any more, in either direction, and nobody is told. It lasts until the case ends."""
    tunnel = await world.case.enter_async_context(Proxy(world.replica.proxy.target))
    url = f"http://127.0.0.1:{tunnel.port}/graphql"
    async with heard(world, "black hole", url) as reader:
        await tunnel.switch(Mode.BLACK_HOLE)
        reader.socket.connection.transport.abort()
    return reader.asking


@way("SSE cut", wanted=True)
async def by_cutting_sse(world: World) -> Asking:
    """An event stream whose client closes the connection."""
    async with heard_sse(world, "SSE cut") as (asking, _):
        return asking


@way("SSE RST", wanted=True)
async def by_resetting_sse(world: World) -> Asking:
    """An event stream whose connection is reset."""
    async with heard_sse(world, "SSE RST") as (asking, response):
        linger(response.extensions["network_stream"].get_extra_info("socket"))
        return asking


@way("mutation cut", wanted=True)
async def by_cutting_a_mutation(world: World) -> Asking:
    """A client that waits for the whole answer, and goes."""
    asking = Asking(WICK, world.replica.number, left="mutation cut")
    world.history.askings.append(asking)
    calls = len(world.claude.calls)
    async with httpx.AsyncClient(verify=False) as client:
        body = {"query": ASK_AND_WAIT, "variables": {"question": WICK}}
        waiting = asyncio.create_task(client.post(world.replica.url, json=body, timeout=30))
        await world.claude.wait_call(calls + 1)
        await asyncio.sleep(0.3)
        waiting.cancel()
        await asyncio.wait([waiting])
    return asking


@contextlib.asynccontextmanager
async def heard(world: World, left: str, url: str = "") -> AsyncIterator[Reader]:
    """A reader who has heard the first text; `left` is how they will have gone."""
    async with world.reader(url=url) as reader:
        await reader.until("AnswerDelta")
        reader.asking.left = left
        yield reader


@contextlib.asynccontextmanager
async def heard_sse(world: World, left: str) -> AsyncIterator[tuple[Asking, httpx.Response]]:
    """The same over an event stream, with its response."""
    asking = Asking(WICK, world.replica.number, left=left)
    world.history.askings.append(asking)
    body = {"query": ASK_WITH, "variables": {"input": world.input(asking)}}
    async with (
        httpx.AsyncClient(verify=False, timeout=30) as client,
        client.stream("POST", world.replica.url, json=body, headers={"accept": "text/event-stream"}) as response,
    ):
        world.history.statuses.append(("an event stream", response.status_code))
        await until_text(asking, response.aiter_lines())
        yield asking, response


async def until_text(asking: Asking, lines: AsyncIterator[str]) -> None:
    """Read events up to the first text."""
    async for line in lines:
        if line.startswith("data: {"):
            asking.saw(orjson.loads(line.removeprefix("data: "))["data"]["ask"])
        if asking.first_text:
            return
