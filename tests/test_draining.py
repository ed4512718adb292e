"""SIGTERM: running answers come to their ends, who listens hears them, and the process ends in time."""

import asyncio
import signal
import socket as sockets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import httpx
import orjson
import pytest
from graphql import get_introspection_query
from websockets.asyncio.client import ClientConnection

from tests.claude import Cite, Pause, Say, ScriptedClaude, Stall
from tests.client import ASK, ASK_AND_WAIT, FOLLOW, Data, Socket, ask, event_stream, socket
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.processes import Server, server

WICK = "How often is the wick trimmed?"
QUOTED = Say("Every four hours. ", (Cite(0),))
GOING_AWAY = 1001

Start = Callable[..., AbstractAsyncContextManager[Server]]


def starting(claude: ScriptedClaude, database_url: str, new_settings: MakeSettings) -> Start:
    """Starts servers that speak with the scripted Claude."""

    def start(**given: object) -> AbstractAsyncContextManager[Server]:
        own: dict[str, object] = {"DATABASE_URL": database_url, "DATA_DIR": new_settings().data_dir}
        writing = {"ANTHROPIC_API_KEY": "key", "ANTHROPIC_BASE_URL": claude.url}
        return server(BOOK_PATH=LIGHTHOUSE, **own, **writing, **given)

    return start


@pytest.fixture
def start(claude: ScriptedClaude, database_url: str, new_settings: MakeSettings) -> Start:
    """Starts servers on the test's database."""
    return starting(claude, database_url, new_settings)


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who has heard the first text of an answer, and hears the rest."""

    id: str
    rest: asyncio.Task[list[Data]]
    socket: Socket


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Listener]:
    """Ask over a socket, and wait for the first text."""
    async with socket(url) as opened:
        results = opened.results(await opened.start(ASK, question=WICK))
        id = (await anext(results))["data"]["ask"]["answerId"]
        while (await anext(results))["data"]["ask"]["__typename"] != "AnswerDelta":
            pass
        yield Listener(id, asyncio.create_task(rest(results)), opened)


async def rest(results: AsyncIterator[Data]) -> list[Data]:
    return [event async for result in results for event in result["data"].values()]


async def followed(url: str, id: str) -> list[Data]:
    async with event_stream(url, FOLLOW, id=id) as results:
        return await rest(results)


async def close_code(connection: ClientConnection) -> int | None:
    await connection.wait_closed()
    return connection.close_code


async def get(running: Server, path: str) -> tuple[int, str]:
    async with httpx.AsyncClient() as client:
        response = await client.get(running.url.removesuffix("/graphql") + path)
    return response.status_code, response.text


async def tell_to_end(running: Server) -> None:
    """Send SIGTERM, and wait until it is heard."""
    running.process.send_signal(signal.SIGTERM)
    for _ in range(50):
        if (await get(running, "/health/ready"))[0] == 503:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not hear")


async def stored_status(database_url: str, id: str) -> str:
    connection = await asyncpg.connect(database_url)
    status: str = await connection.fetchval("SELECT status FROM answers WHERE id = $1", id)
    await connection.close()
    return status


@asynccontextmanager
async def deaf(url: str) -> AsyncIterator[None]:
    """A connection over which is asked and asked and never read, until the server takes no more of it."""
    loop, address = asyncio.get_running_loop(), urlsplit(url)
    body = orjson.dumps({"query": get_introspection_query()})
    head = f"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    with sockets.socket() as connection:
        for buffer in (sockets.SO_RCVBUF, sockets.SO_SNDBUF):
            connection.setsockopt(sockets.SOL_SOCKET, buffer, 4096)
        connection.setblocking(False)
        await loop.sock_connect(connection, (address.hostname, address.port))
        with suppress(TimeoutError):
            while True:
                async with asyncio.timeout(0.5):
                    await loop.sock_sendall(connection, head.encode() + body)
        yield


@asynccontextmanager
async def deaf_socket(url: str) -> AsyncIterator[None]:
    """A socket whose client takes nothing in any more, not even a close frame."""
    async with socket(url) as opened:
        opened.connection.transport.pause_reading()
        yield
        await opened.cut()


# While an answer is finished


@dataclass(frozen=True, slots=True)
class Drained:
    """What was seen while a server ended: meanwhile, by those who listened, and at the end."""

    ready: tuple[int, str]
    live: tuple[int, str]
    asked: Data
    searched: Data
    heard: list[Data]
    heard_elsewhere: list[Data]
    codes: list[int | None]
    exit_code: int
    seconds: float
    said: str


@pytest.fixture(scope="module")
async def drained(shared_claude: ScriptedClaude, fresh_url: str, new_settings: MakeSettings) -> Drained:
    """One answer runs on a server that is told to end; some of its clients do not read."""
    shared_claude.reset()
    shared_claude.script(QUOTED, Pause(2), QUOTED)
    start = starting(shared_claude, fresh_url, new_settings)
    async with (
        start() as running,
        deaf(running.url),
        deaf_socket(running.url),
        socket(running.url) as idle,
        listening(running.url) as listener,
    ):
        elsewhere = asyncio.create_task(followed(running.url, listener.id))
        await tell_to_end(running)
        meanwhile = await asyncio.gather(
            get(running, "/health/ready"),
            get(running, "/health/live"),
            ask(running.url, ASK_AND_WAIT, question=WICK),
            ask(running.url, "{ book { title } }"),
        )
        assert not listener.rest.done()
        heard = await asyncio.gather(listener.rest, elsewhere)
        finished = time.monotonic()
        codes = await asyncio.gather(close_code(listener.socket.connection), close_code(idle.connection))
        code = await running.process.wait()
        seconds = time.monotonic() - finished
    return Drained(*meanwhile, *heard, [*codes], code, seconds, await running.rest())


async def test_a_new_question_is_busy(drained: Drained) -> None:
    assert drained.asked["ask"]["__typename"] == "Busy"


async def test_readiness_is_off_and_liveness_is_not(drained: Drained) -> None:
    assert (drained.ready, drained.live) == ((503, "draining"), (200, "live"))


async def test_everything_else_goes_on(drained: Drained) -> None:
    assert drained.searched["book"]["title"] == "The Lighthouse Handbook"


async def test_a_running_answer_is_finished_for_all_who_listen(drained: Drained) -> None:
    for heard in (drained.heard, drained.heard_elsewhere):
        assert heard[-1]["answer"]["status"] == "COMPLETE"
        assert len(heard[-1]["answer"]["citations"]) == 2


async def test_then_sockets_are_closed_as_going_away_the_idle_ones_too(drained: Drained) -> None:
    assert drained.codes == [GOING_AWAY, GOING_AWAY]


async def test_it_says_in_one_line_what_it_waits_for(drained: Drained) -> None:
    assert drained.said.split("\n") == ["", "Footnote is ending; it waits up to 30 s for 1 answer.", ""]
    assert drained.exit_code == 0


async def test_clients_that_do_not_read_do_not_hold_it_up(drained: Drained) -> None:
    assert drained.seconds < 6


# What does not end by itself


async def test_an_answer_that_takes_too_long_ends_interrupted_and_is_stored_so(
    start: Start, claude: ScriptedClaude, database_url: str
) -> None:
    claude.script(QUOTED, Stall())
    async with start(DRAIN_SECONDS=0.5) as running, listening(running.url) as listener:
        running.process.send_signal(signal.SIGTERM)
        assert (await listener.rest)[-1]["answer"]["status"] == "INTERRUPTED"
        assert await close_code(listener.socket.connection) == GOING_AWAY
        assert await running.process.wait() == 0
    assert await stored_status(database_url, listener.id) == "INTERRUPTED"
    assert await claude.wait_closed(claude.calls[0]) == "gone"
    assert "Traceback" not in await running.rest()


async def test_a_second_signal_ends_at_once(start: Start, claude: ScriptedClaude, database_url: str) -> None:
    claude.script(QUOTED, Stall())
    async with start() as running, listening(running.url) as listener:
        await tell_to_end(running)
        running.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(2):
            assert (await listener.rest)[-1]["answer"]["status"] == "INTERRUPTED"
            assert await close_code(listener.socket.connection) == GOING_AWAY
            assert await running.process.wait() == 0
    assert await stored_status(database_url, listener.id) == "INTERRUPTED"


async def test_an_idle_server_ends_within_two_seconds(start: Start) -> None:
    async with start() as running, socket(running.url) as idle:
        began = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert await close_code(idle.connection) == GOING_AWAY
        assert await running.process.wait() == 0
    assert time.monotonic() - began < 2
