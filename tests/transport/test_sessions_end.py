"""What is open ends with the session that opened it, whichever way it came in; and who nobody is."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.claude import Pause, Say, ScriptedClaude
from tests.client import ASK, ASK_AND_WAIT, Data, event_stream, post, socket
from tests.conftest import MakeSettings, database_dsn
from tests.readers import LOG_OUT, ME, sign_up
from tests.serving import Served, serving

WICK = "How often is the wick trimmed?"
MULTIPART = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"


@pytest.fixture
async def cut_off(postgres: str, new_settings: MakeSettings, database_url: str) -> AsyncIterator[tuple[Served, str]]:
    """A server that has lost its database, and the token of a reader."""
    async with serving(new_settings(database_url=database_url)) as served:
        reader = await sign_up(served.url)
        name = urlsplit(database_url).path.removeprefix("/")
        connection = await asyncpg.connect(database_dsn(postgres, "postgres"))
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        await connection.close()
        yield served, reader.token


async def call(url: str, authorization: str) -> Data:
    """The response to `ask` with such a header."""
    async with httpx.AsyncClient(timeout=30) as client:
        body = {"query": ASK_AND_WAIT, "variables": {"question": WICK}}
        response = await client.post(url, json=body, headers={"authorization": authorization})
    told: Data = response.json()
    return told


async def test_while_postgres_is_away_a_socket_is_told_to_try_again(cut_off: tuple[Served, str]) -> None:
    served, token = cut_off
    with pytest.raises(ConnectionClosed) as over:
        async with socket(served.url, token):
            pass
    assert over.value.rcvd
    assert over.value.rcvd.code == 1013


@pytest.mark.parametrize("accept", ["text/event-stream", MULTIPART, "application/json"])
async def test_while_postgres_is_away_a_question_is_busy_and_no_response_is_broken(
    cut_off: tuple[Served, str], accept: str
) -> None:
    served, token = cut_off
    document = ASK_AND_WAIT if accept == "application/json" else ASK
    async with httpx.AsyncClient(timeout=30) as client:
        headers = {"authorization": f"Bearer {token}", "accept": accept}
        body = {"query": document, "variables": {"question": WICK}}
        response = await client.post(served.url, json=body, headers=headers)
    assert response.status_code == 200
    assert '"Busy"' in response.text


async def test_a_waiting_mutation_ends_within_a_second_of_logging_out(served: Served, claude: ScriptedClaude) -> None:
    account = await sign_up(served.url)
    claude.script(Say("Every four hours. "), Pause(30))
    asking = asyncio.create_task(account.post(ASK_AND_WAIT, question=WICK))
    await asyncio.wait({asking}, timeout=0.5)  # until it is being answered
    await account.ask(LOG_OUT)
    async with asyncio.timeout(1):
        assert (await asking)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_multipart_stream_ends_within_a_second_of_logging_out(served: Served, claude: ScriptedClaude) -> None:
    account = await sign_up(served.url)
    claude.script(Say("Every four hours. "), Pause(30))
    headers = {"authorization": f"Bearer {account.token}", "accept": MULTIPART}
    body = {"query": ASK, "variables": {"question": WICK}}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", served.url, json=body, headers=headers) as response,
    ):
        parts = response.aiter_text()
        while "Every four hours" not in await anext(parts):
            pass
        await account.ask(LOG_OUT)
        async with asyncio.timeout(1):
            assert "AnswerFinished" not in "".join([part async for part in parts])


async def test_an_event_stream_ends_when_its_token_expires(
    new_settings: MakeSettings, database_url: str, claude: ScriptedClaude
) -> None:
    settings = new_settings(
        database_url=database_url,
        access_token_expire_minutes=2 / 60,
        anthropic_api_key="key",
        anthropic_base_url=claude.url,
    )
    claude.script(Say("Every four hours. "), Pause(30))
    async with serving(settings) as served:
        account = await sign_up(served.url)
        async with asyncio.timeout(4), event_stream(served.url, ASK, token=account.token, question=WICK) as told:
            kinds = [event["data"]["ask"]["__typename"] async for event in told]
    assert set(kinds) == {"AnswerStarted", "AnswerDelta"}


@pytest.mark.parametrize("authorization", ["Basic cmVhZGVyOnB3", "Bearer", "", "Digest a b"])
async def test_who_signs_in_by_other_means_or_none_is_nobody(served: Served, authorization: str) -> None:
    assert (await call(served.url, authorization))["data"]["ask"]["__typename"] == "Answer"


@pytest.mark.parametrize("authorization", ["Basic cmVhZGVyOnB3", "Bearer", "Bearer ", "", " "])
async def test_over_a_socket_too(served: Served, authorization: str) -> None:
    async with socket(served.url, params={"Authorization": authorization}) as opened:
        assert (await opened.result(ME))["me"] is None


@pytest.mark.parametrize("authorization", ["Bearer x", "bearer x", "x"])
async def test_a_token_that_does_not_hold_is_refused(served: Served, authorization: str) -> None:
    assert (await call(served.url, authorization))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await post(served.url, ME, token="x"))["data"]["me"] is None
