"""The graphql-transport-ws protocol."""

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.claude import Say, ScriptedClaude, Stall
from tests.client import ASK, ASK_AND_WAIT, ask, event_stream, events, socket
from tests.serving import Served

WICK = "How often is the wick trimmed?"
PROTOCOL = Subprotocol("graphql-transport-ws")


def address(served: Served) -> str:
    return served.url.replace("http", "ws", 1)


async def test_another_sites_page_is_refused(served: Served) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        await connect(address(served), subprotocols=[PROTOCOL], origin=Origin("http://evil.example"))


async def test_the_book_sites_page_is_let_in(served: Served) -> None:
    async with connect(address(served), subprotocols=[PROTOCOL], origin=Origin("http://localhost:3000")) as connection:
        assert connection.subprotocol == PROTOCOL


async def test_the_old_protocol_is_refused(served: Served) -> None:
    async with connect(address(served), subprotocols=[Subprotocol("graphql-ws")]) as connection:
        assert await close_code(connection) == 4406


async def test_an_operation_before_the_handshake_is_refused(served: Served) -> None:
    async with connect(address(served), subprotocols=[PROTOCOL]) as connection:
        await connection.send('{"type": "subscribe", "id": "1", "payload": {"query": "{ book { title } }"}}')
        assert await close_code(connection) == 4401


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        "null",
        "1",
        '"x"',
        "{}",
        '{"type": "unknown"}',
        '{"type": []}',
        '{"type": "' + "x" * 500 + '"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": "1", "payload": 5}',
        '{"type": "\\ud800"}',
        '{"type": "subscribe", "id": [], "payload": {"query": "{ a }"}}',
        "9" * 5000,
        b"binary",
    ],
    ids=lambda frame: str(frame)[:30],
)
async def test_a_malformed_frame_ends_the_socket_with_a_reason(served: Served, frame: str | bytes) -> None:
    async with socket(served.url) as opened:
        await opened.connection.send(frame)
        assert await close_code(opened.connection) == 4400


async def test_an_error_in_the_document_ends_only_its_operation(served: Served) -> None:
    async with socket(served.url) as opened:
        id = await opened.start("subscription { nothing }")
        assert (await opened.receive())["type"] == "error"
        id = await opened.start("{ book { title } }")
        assert [result["data"]["book"]["title"] async for result in opened.results(id)] == ["The Lighthouse Handbook"]


async def test_a_ping_is_answered(served: Served) -> None:
    async with socket(served.url) as opened:
        await opened.send({"type": "ping"})
        assert await opened.receive() == {"type": "pong"}


async def test_two_answers_stream_over_one_socket(served: Served) -> None:
    async with socket(served.url) as opened:
        ids = {await opened.start(ASK, question=WICK), await opened.start(ASK, question="How heavy is the lens?")}
        finished: set[str] = set()
        while finished != ids:
            message = await opened.receive()
            if message["type"] == "complete":
                finished.add(message["id"])


async def test_an_id_can_be_used_again_after_complete(served: Served) -> None:
    async with socket(served.url) as opened:
        for _ in range(2):
            subscribe = {"query": ASK, "variables": {"question": WICK}}
            await opened.send({"type": "subscribe", "id": "same", "payload": subscribe})
            assert [r["data"]["ask"]["__typename"] async for r in opened.results("same")][-1] == "AnswerFinished"


async def test_answers_are_the_same_over_every_transport(served: Served) -> None:
    async with event_stream(served.url, ASK, question=WICK) as results:
        streamed = [result["data"]["ask"] async for result in results][-1]["answer"]["citations"]
    waited = (await ask(served.url, ASK_AND_WAIT, question=WICK))["ask"]["citations"]
    assert (await events(served.url, WICK))[-1]["answer"]["citations"] == streamed == waited != []


@pytest.mark.parametrize(
    "payload",
    [
        {"query": "{ book { title"},
        {"query": "x" * 500},
        {"query": None},
        {"query": 5},
        {"query": "{ book { title } }", "variables": []},
        {"query": "{ book { title } }", "operationName": 5},
        {"query": "{ book { title } }", "operationName": "other"},
        {"query": "fragment a on Book { title }"},
    ],
)
async def test_an_operation_that_cannot_be_run_is_told_so_and_the_socket_lives_on(
    served: Served, payload: dict[str, object]
) -> None:
    async with socket(served.url) as opened:
        await opened.send({"type": "subscribe", "id": "wrong", "payload": payload})
        message = await opened.receive()
        assert (message["type"], message["id"]) == ("error", "wrong")
        assert "INTERNAL" not in str(message)
        await opened.send({"type": "ping"})
        assert await opened.receive() == {"type": "pong"}


async def test_an_id_that_is_in_use_closes_with_its_code_however_long_it_is(
    served: Served, claude: ScriptedClaude
) -> None:
    claude.script(Say("Every"), Stall())
    async with socket(served.url) as opened:
        for _ in range(2):
            subscribe = {"query": ASK, "variables": {"question": WICK}}
            await opened.send({"type": "subscribe", "id": "long" * 100, "payload": subscribe})
        assert await close_code(opened.connection) == 4409


async def close_code(connection: ClientConnection) -> int | None:
    await connection.wait_closed()
    return connection.close_code
