"""A reader asks so much and no more, whatever happens to the questions."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.claude import Cite, Cut, End, Pause, Say, ScriptedClaude
from tests.client import ASK, Data, ask, events, events_with, socket
from tests.conftest import MakeSettings
from tests.readers import sign_up
from tests.serving import Served, serving

WICK = "How often is the wick trimmed?"
OFF_TOPIC = "Who won the football world cup?"
QUOTAS = "{ quotas { kind limit used remaining resetsAt } }"
CITED = (Say("Every four hours.", (Cite(0, 0, 1),)), End())


@pytest.fixture
async def library(new_settings: MakeSettings, database_url: str, claude: ScriptedClaude) -> AsyncIterator[Served]:
    """A server with few places."""
    settings = new_settings(
        database_url=database_url,
        anthropic_api_key="key",
        anthropic_base_url=claude.url,
        questions_per_hour=4,
        anonymous_questions_per_hour=2,
        leave_grace_seconds=1,
    )
    async with serving(settings) as served:
        yield served


async def questions(served: Served, token: str | None = None) -> Data:
    """The quota of questions."""
    found: list[Data] = (await ask(served.url, QUOTAS, token=token))["quotas"]
    return next(quota for quota in found if quota["kind"] == "QUESTIONS")


async def test_the_question_after_the_last_is_refused_with_the_moment_of_the_next(
    library: Served, claude: ScriptedClaude
) -> None:
    for _ in range(2):
        await events(library.url, OFF_TOPIC)
    (refused,) = await events(library.url, WICK)
    assert refused["__typename"] == "QuotaExceeded"
    assert refused["quota"] == await questions(library)
    in_an_hour = datetime.fromisoformat(refused["quota"].pop("resetsAt")) - datetime.now(UTC)
    assert timedelta(minutes=59) < in_an_hour <= timedelta(hours=1)
    assert refused["quota"] == {"kind": "QUESTIONS", "limit": 2, "used": 2, "remaining": 0}
    assert claude.calls == []


async def test_a_refused_question_leaves_nothing_behind(library: Served) -> None:
    for _ in range(3):
        await events(library.url, OFF_TOPIC)
    database = library.house.stores.database
    assert await database.fetchval("SELECT count(*) FROM answers") == 2
    assert await database.fetchval("SELECT count(*) FROM conversations") == 2
    assert await database.fetchval("SELECT count(*) FROM model_calls WHERE cost IS NULL") == 0


async def test_of_many_at_once_as_many_are_let_in_as_there_are_places(library: Served) -> None:
    told = await asyncio.gather(*(events(library.url, OFF_TOPIC) for _ in range(12)))
    assert sorted(events[-1]["__typename"] for events in told) == ["AnswerFinished"] * 2 + ["QuotaExceeded"] * 10


async def test_a_declined_question_takes_a_place(library: Served) -> None:
    await events(library.url, OFF_TOPIC)
    assert (await questions(library))["used"] == 1


async def test_a_question_that_cannot_be_asked_takes_none(library: Served) -> None:
    await events(library.url, "")
    await events_with(library.url, question=WICK, conversationId=str(uuid.uuid4()))
    assert await questions(library) == {
        "kind": "QUESTIONS",
        "limit": 2,
        "used": 0,
        "remaining": 2,
        "resetsAt": None,
    }


async def test_an_answer_from_the_cache_takes_none(library: Served, claude: ScriptedClaude) -> None:
    claude.script(*CITED)
    sources = [(await events(library.url, WICK))[-1]["answer"]["source"] for _ in range(4)]
    assert sources == ["MODEL", "CACHE", "CACHE", "CACHE"]
    assert (await questions(library))["used"] == 1


async def test_an_answer_that_was_broken_off_before_its_first_text_gives_its_place_back(
    library: Served, claude: ScriptedClaude
) -> None:
    claude.script(End("max_tokens"))
    answer = (await events(library.url, WICK))[-1]["answer"]
    assert (answer["status"], answer["text"]) == ("INTERRUPTED", "")
    assert (await questions(library))["used"] == 0


async def test_one_that_was_broken_off_later_does_not(library: Served, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four hours."), Pause(0.1), Cut())
    assert (await events(library.url, WICK))[-1]["answer"]["status"] == "INTERRUPTED"
    assert (await questions(library))["used"] == 1


async def test_readers_have_places_of_their_own(library: Served, claude: ScriptedClaude) -> None:
    one, other = await sign_up(library.url), await sign_up(library.url)
    await events(library.url, OFF_TOPIC, one.token)
    assert [(await questions(library, token))["remaining"] for token in (one.token, other.token, None)] == [3, 4, 2]


async def test_a_place_is_free_again_after_an_hour(library: Served) -> None:
    for _ in range(2):
        await events(library.url, OFF_TOPIC)
    an_hour_ago = "UPDATE quota_places SET times = ARRAY(SELECT at - interval '1 hour' FROM unnest(times) AS at)"
    await library.house.stores.database.execute(an_hour_ago)
    assert (await events(library.url, OFF_TOPIC))[-1]["__typename"] == "AnswerFinished"


async def test_all_quotas_are_told(library: Served) -> None:
    reader = await sign_up(library.url)
    told = {quota["kind"]: quota["limit"] for quota in (await reader.ask(QUOTAS))["quotas"]}
    assert told == {"QUESTIONS": 4, "TRANSLATIONS": 5, "PERSONALIZATIONS": 5}


async def test_a_reader_has_three_running_questions_and_no_more(library: Served, claude: ScriptedClaude) -> None:
    reader = await sign_up(library.url)
    claude.always(Say("Every four hours."), Pause(20), End())
    async with socket(library.url, reader.token) as opened:
        for _ in range(3):
            await opened.start(ASK, question=WICK)
        await claude.wait_call(3)
        (busy,) = await events(library.url, WICK, reader.token)
        assert busy["__typename"] == "Busy"
        assert datetime.fromisoformat(busy["retryAt"]) > datetime.now(UTC)
        assert (await questions(library, reader.token))["used"] == 3


async def test_the_same_request_id_takes_one_place(library: Served) -> None:
    request = str(uuid.uuid4())
    asked = [events_with(library.url, question=OFF_TOPIC, requestId=request) for _ in range(5)]
    told = await asyncio.gather(*asked)
    assert all(events == told[0] for events in told)
    assert (await questions(library))["used"] == 1


@pytest.mark.parametrize("completed", [True, False])
async def test_who_leaves_at_the_door_leaves_nothing_running(
    library: Served, claude: ScriptedClaude, completed: bool
) -> None:
    claude.always(Say("Every four hours."), Pause(20), End())
    database = library.house.stores.database
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE quota_places")
        async with socket(library.url) as opened:
            id = await opened.start(ASK, question=WICK)
            await asyncio.sleep(0.3)
            if completed:
                await opened.send({"type": "complete", "id": id})
    async with asyncio.timeout(5):
        while await database.fetchval("SELECT count(*) FROM answers WHERE status <> 'STOPPED'"):  # noqa: ASYNC110 a row
            await asyncio.sleep(0.1)
    assert await database.fetchval("SELECT count(*) FROM model_calls WHERE cost IS NULL") == 0
    assert claude.open_streams == 0
