"""One request is one question: told again byte for byte, on any connection and in any process."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.claude import Cite, End, Pause, Say, ScriptedClaude
from tests.client import ASK_WITH, FOLLOW, Data, ask, event_stream, events_with, post, replayed, socket
from tests.conftest import MakeSettings
from tests.readers import sign_up
from tests.serving import Served, serving

WICK = "How often is the wick trimmed?"
SIXTY = (Say(tuple(f"Word {number}. " for number in range(57)), (Cite(0, 0, 1),)), End())
STOP_REQUEST = "mutation ($id: ID!) { stopAnswer(requestId: $id) { __typename ... on Answer { id status text } } }"


@pytest.fixture(scope="module")
async def replicas(
    new_settings: MakeSettings, shared_claude: ScriptedClaude, fresh_url: str
) -> AsyncIterator[tuple[Served, Served]]:
    """Two servers on one database."""
    given = {
        "database_url": fresh_url,
        "anthropic_api_key": "key",
        "anthropic_base_url": shared_claude.url,
        "jwt_secret": "a secret of more than thirty-two bytes",
        "leave_grace_seconds": 1.5,
        "answer_cache_days": 0,
    }
    async with serving(new_settings(**given)) as one, serving(new_settings(**given), ingest=False) as other:
        yield one, other


def new_id() -> str:
    return str(uuid.uuid4())


def told(events: list[Data]) -> list[str]:
    """Byte for byte."""
    return [json.dumps(event) for event in events]


@pytest.mark.parametrize("id", ["", "7", "not-a-uuid"])
async def test_a_request_id_that_is_no_uuid_is_invalid_input(replicas: tuple[Served, Served], id: str) -> None:
    (refused,) = await events_with(replicas[0].url, question=WICK, requestId=id)
    assert (refused["__typename"], refused["field"]) == ("InvalidInput", "requestId")


async def test_the_same_request_id_for_something_else_is_a_conflict(
    replicas: tuple[Served, Served], claude: ScriptedClaude
) -> None:
    request = new_id()
    await events_with(replicas[0].url, question=WICK, requestId=request)
    other: list[Data] = [
        {"question": f"{WICK}?"},
        {"question": WICK, "conversationId": new_id()},
        {"question": WICK, "selection": {"chapterId": "lamp", "text": "wick"}},
    ]
    for input in other:
        (refused,) = await events_with(replicas[1].url, requestId=request, **input)
        assert refused["__typename"] == "RequestConflict"
    assert len(claude.calls) == 1


async def test_asked_again_it_is_the_same_answer_in_any_process_for_one_call(
    replicas: tuple[Served, Served], claude: ScriptedClaude
) -> None:
    request = new_id()
    first = await events_with(replicas[0].url, question=WICK, requestId=request)
    assert first[-1]["answer"]["requestId"] == request
    for served in replicas:
        assert told(await events_with(served.url, question=WICK, requestId=request.upper())) == told(first)
    assert len(claude.calls) == 1


async def test_two_tabs_at_once_share_one_call(replicas: tuple[Served, Served], claude: ScriptedClaude) -> None:
    request = new_id()
    asked = [events_with(served.url, question=WICK, requestId=request) for served in replicas * 3]
    first, *others = await asyncio.gather(*asked)
    assert [told(events) for events in others] == [told(first)] * 5
    assert len(claude.calls) == 1


async def test_a_request_id_is_each_readers_own(replicas: tuple[Served, Served], claude: ScriptedClaude) -> None:
    request, one, other = new_id(), await sign_up(replicas[0].url), await sign_up(replicas[0].url)
    first = await events_with(replicas[0].url, question=WICK, requestId=request, token=one.token)
    second = await events_with(replicas[0].url, question=WICK, requestId=request, token=other.token)
    assert first[0]["answerId"] != second[0]["answerId"]
    assert len(claude.calls) == 2


async def test_who_signs_in_goes_on_with_what_was_asked_before(
    replicas: tuple[Served, Served], claude: ScriptedClaude
) -> None:
    request = new_id()
    first = await events_with(replicas[0].url, question=WICK, requestId=request)
    reader = await sign_up(replicas[0].url)
    assert told(await events_with(replicas[1].url, question=WICK, requestId=request, token=reader.token)) == told(first)
    assert len(claude.calls) == 1


async def test_after_a_day_the_id_is_free_again(replicas: tuple[Served, Served], claude: ScriptedClaude) -> None:
    request, database = new_id(), replicas[0].house.stores.database
    first = await events_with(replicas[0].url, question=WICK, requestId=request)
    await database.execute("UPDATE answers SET created_at = created_at - interval '24 hours'")
    second = await events_with(replicas[0].url, question=f"{WICK} ", requestId=request)
    assert second[-1]["answer"]["id"] != first[-1]["answer"]["id"]
    assert len(claude.calls) == 2


async def test_cut_at_every_event_each_replay_is_byte_identical_in_both_processes(
    replicas: tuple[Served, Served], claude: ScriptedClaude
) -> None:
    claude.script(*SIXTY)
    whole = await events_with(replicas[0].url, question=WICK)
    assert len(whole) >= 60
    id = whole[0]["answerId"]
    for cut in range(-1, len(whole)):
        for served in replicas:
            assert told(await replayed(served.url, id, cut)) == told(whole[cut + 1 :])
    assert len(claude.calls) == 1


async def test_a_running_answer_is_followed_from_another_process(
    replicas: tuple[Served, Served], claude: ScriptedClaude
) -> None:
    claude.script(Say("Every four hours. "), Pause(2), Say("Trim it.", (Cite(0, 0, 1),)), End())
    request = new_id()
    async with socket(replicas[0].url) as opened:
        operation = await opened.start(ASK_WITH, input={"question": WICK, "requestId": request})
        first = (await anext(opened.results(operation)))["data"]["ask"]
        following = asyncio.create_task(replayed(replicas[1].url, first["answerId"]))
        rest = [result["data"]["ask"] async for result in opened.results(operation)]
    assert told(await following) == told([first, *rest])


async def test_who_follows_from_another_process_holds_the_grace_time_off(
    replicas: tuple[Served, Served], claude: ScriptedClaude
) -> None:
    claude.script(Say("Every four hours. "), Pause(4), Say("Trim it.", (Cite(0, 0, 1),)), End())
    async with event_stream(replicas[0].url, ASK_WITH, input={"question": WICK}) as results:
        id = (await anext(results))["data"]["ask"]["answerId"]
        following = asyncio.create_task(replayed(replicas[1].url, id))
        await asyncio.sleep(1)
    assert (await following)[-1]["answer"]["status"] == "COMPLETE"


async def test_the_last_to_complete_in_another_process_stops_it(
    replicas: tuple[Served, Served], claude: ScriptedClaude
) -> None:
    claude.script(Say("Every four hours. "), Pause(20), End())
    async with event_stream(replicas[0].url, ASK_WITH, input={"question": WICK}) as results:
        id = (await anext(results))["data"]["ask"]["answerId"]
    async with socket(replicas[1].url) as opened:
        operation = await opened.start(FOLLOW, id=id, after=-1)
        await asyncio.sleep(0.8)
        await opened.send({"type": "complete", "id": operation})
        async with asyncio.timeout(1.2):
            assert await claude.wait_closed(claude.calls[-1]) == "gone"


async def test_it_is_stopped_by_its_request_id_in_any_process(
    replicas: tuple[Served, Served], claude: ScriptedClaude
) -> None:
    claude.always(Say("Every four hours. "), Pause(20), End())
    for served in replicas:
        request = new_id()
        async with socket(replicas[0].url) as opened:
            await opened.start(ASK_WITH, input={"question": WICK, "requestId": request})
            call = await claude.wait_call(len(claude.calls) + 1)
            stopped = (await ask(served.url, STOP_REQUEST, id=request))["stopAnswer"]
            assert stopped["status"] == "STOPPED"
            assert await claude.wait_closed(call) == "gone"


async def test_nobody_stops_what_another_reader_asked(replicas: tuple[Served, Served], claude: ScriptedClaude) -> None:
    request, reader, other = new_id(), await sign_up(replicas[0].url), await sign_up(replicas[0].url)
    await events_with(replicas[0].url, question=WICK, requestId=request, token=reader.token)
    for token in (None, other.token):
        stopped = await ask(replicas[0].url, STOP_REQUEST, id=request, token=token)
        assert stopped["stopAnswer"]["__typename"] == "AnswerNotFound"
    assert (await reader.ask(STOP_REQUEST, id=request))["stopAnswer"]["status"] == "COMPLETE"


async def test_stopping_needs_one_of_the_two_ids(replicas: tuple[Served, Served]) -> None:
    for arguments in ("", f'(id: "{new_id()}", requestId: "{new_id()}")', "(id: null)"):
        response = await post_stop(replicas[0].url, arguments)
        assert response["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def post_stop(url: str, arguments: str) -> Data:
    return await post(url, f"mutation {{ stopAnswer{arguments} {{ __typename }} }}")
