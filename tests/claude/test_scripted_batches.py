"""The scripted Claude's message batches seen through the real SDK: their pace, their results and their faults."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse

from tests.claude import Cut, End, Malformed, Overload, Reset, Say, ScriptedClaude, Stall, Status, Step, Tokens

ABC = ("a", "b", "c")


@pytest.fixture
async def claude() -> AsyncIterator[ScriptedClaude]:
    async with ScriptedClaude() as claude:
        yield claude


@pytest.fixture
async def client(claude: ScriptedClaude) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=claude.url, api_key="test", max_retries=0) as client:
        yield client


def asked(custom_id: str, **changes: object) -> Any:  # noqa: ANN401 wrong ones too
    said = [{"role": "user", "content": f"Why {custom_id}?"}]
    return {
        "custom_id": custom_id,
        "params": {"model": "claude-haiku-5-5", "max_tokens": 9, "messages": said} | changes,
    }


async def create(client: anthropic.AsyncAnthropic, *ids: str) -> MessageBatch:
    return await client.messages.batches.create(requests=[asked(id) for id in ids])


async def read(client: anthropic.AsyncAnthropic, batch: MessageBatch) -> list[MessageBatchIndividualResponse]:
    return [line async for line in await client.messages.batches.results(batch.id)]


async def became(client: anthropic.AsyncAnthropic, batch: MessageBatch) -> dict[str, str]:
    await client.messages.batches.retrieve(batch.id)
    return {line.custom_id: line.result.type for line in await read(client, batch)}


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        ([], "should be 1 to 100000, found 0"),
        ([asked("a b")], "'a b' does not match"),
        ([asked("ü" * 65)], "does not match"),
        ([asked("a"), asked("a")], "'a' is not unique"),
        ([asked("a") | {"priority": 1}], "priority: Extra inputs"),
        ([{"custom_id": "a"}], "params: Field required"),
    ],
)
async def test_a_malformed_batch_is_refused_and_recorded(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic, requests: list[Any], reason: str
) -> None:
    with pytest.raises(anthropic.BadRequestError, match=reason):
        await client.messages.batches.create(requests=requests)
    assert reason in claude.violations[0]
    assert claude.batches.made == []


async def test_one_malformed_request_is_an_error_of_its_own(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    wrong = [asked("b", temperature=1), asked("c", stream=True), asked("d", max_tokens=0)]
    batch = await client.messages.batches.create(requests=[asked("a"), *wrong])
    assert await became(client, batch) == {"a": "succeeded", "b": "errored", "c": "errored", "d": "errored"}
    assert [fault.split(":")[0] for fault in claude.violations] == ["temperature", "stream", "max_tokens"]


async def test_without_a_key_nothing_is_told(claude: ScriptedClaude) -> None:
    async with httpx2.AsyncClient() as http:
        response = await http.get(f"{claude.url}/v1/messages/batches")
    assert response.status_code == 400
    assert "x-api-key or authorization: header is required" in claude.violations[0]


async def test_an_unknown_batch_is_not_found(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.batches.retrieve("msgbatch_1")


async def test_a_batch_that_has_not_ended_has_no_results(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    claude.batches.looks = None
    batch = await create(client, *ABC)
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 3)
    with pytest.raises(anthropic.AnthropicError, match="results_url"):
        await read(client, batch)


async def test_requests_take_scripts_in_their_order(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.script(Say("One."))
    claude.script(lambda body: [Say(body["messages"][0]["content"]), End("max_tokens")])
    lines = await read(client, await create_and_look(client, *ABC))
    results = [line.result for line in lines if line.result.type == "succeeded"]
    texts = [block.text for result in results for block in result.message.content if block.type == "text"]
    assert texts == ["One.", "Why b?", "There is nothing to quote from."]
    assert [result.message.stop_reason for result in results] == ["end_turn", "max_tokens", "end_turn"]


async def create_and_look(client: anthropic.AsyncAnthropic, *ids: str) -> MessageBatch:
    return await client.messages.batches.retrieve((await create(client, *ids)).id)


async def test_results_may_come_in_another_order(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.batches.backwards = True
    assert [line.custom_id for line in await read(client, await create_and_look(client, *ABC))] == ["c", "b", "a"]


@pytest.mark.parametrize("looks", [0, 2])
async def test_a_batch_ends_after_so_many_looks(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic, looks: int
) -> None:
    claude.batches.looks = looks
    batch = await create(client, *ABC)
    seen = [(await client.messages.batches.retrieve(batch.id)).processing_status for _ in range(looks + 1)]
    assert seen == ["in_progress"] * looks + ["ended"]


async def test_a_batch_ends_when_it_is_told_to(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.batches.looks = None
    batch = await create_and_look(client, *ABC)
    claude.batches.made[0].end()
    assert batch.processing_status == "in_progress"
    assert await became(client, batch) == dict.fromkeys(ABC, "succeeded")


@pytest.mark.parametrize(
    ("step", "result"),
    [(Status(429), "errored"), (Overload(), "errored"), (Reset(), "errored"), (Stall(), "expired")],
)
async def test_a_request_that_fails_is_a_result_and_costs_nothing(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic, step: Step, result: str
) -> None:
    claude.script(step)
    assert await became(client, await create(client, "a")) == {"a": result}
    assert claude.batches.billed == Tokens()


async def test_the_bill_is_the_usage_of_what_was_made(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.always(Say("Blue."), End(usage=Tokens(100, 7, 20, 3)))
    claude.script(Status(500))
    line, *_ = reversed(await read(client, await create_and_look(client, *ABC)))
    assert line.result.type == "succeeded"
    assert line.result.message.usage.service_tier == "batch"
    assert (claude.batches.billed, claude.billed) == (Tokens(200, 14, 40, 6), Tokens())


async def test_a_canceled_batch_keeps_what_was_made(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.batches.looks, claude.batches.made_when_canceled = None, 1
    batch = await client.messages.batches.cancel((await create(client, *ABC)).id)
    assert (batch.processing_status, batch.request_counts.processing) == ("canceling", 3)
    assert await became(client, batch) == {"a": "succeeded", "b": "canceled", "c": "canceled"}
    with pytest.raises(anthropic.BadRequestError, match="has ended"):
        await client.messages.batches.cancel(batch.id)


async def test_batches_are_listed_from_the_newest_page_by_page(client: anthropic.AsyncAnthropic) -> None:
    made = [(await create(client, "a")).id for _ in range(5)]
    listed = [batch.id async for batch in client.messages.batches.list(limit=2)]
    assert listed == made[::-1]


async def test_a_batch_is_made_though_nobody_hears_of_it(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    claude.batches.fail("create", Stall())
    creating = asyncio.create_task(create(client, *ABC))
    made = await claude.batches.wait_made()
    creating.cancel()
    assert [batch.id async for batch in client.messages.batches.list()] == [made.id]


async def test_a_look_that_fails_does_not_count(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    batch = await create(client, *ABC)
    claude.batches.fail("look", Status(529), Status(429, retry_after=7))
    for _ in range(2):
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client.messages.batches.retrieve(batch.id)
    assert caught.value.response.headers["retry-after"] == "7"
    assert claude.batches.made[0].status == "in_progress"


async def test_results_may_break_off(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    batch = await create_and_look(client, *ABC)
    claude.batches.fail("results", Cut(), Malformed())
    assert len(await read(client, batch)) == 1
    with pytest.raises(json.JSONDecodeError):
        await read(client, batch)


async def test_after_29_days_the_results_are_gone(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    batch = await create_and_look(client, *ABC)
    claude.batches.made[0].archive()
    with pytest.raises(anthropic.AnthropicError, match="results_url"):
        await read(client, batch)


async def test_a_mistake_in_a_script_is_named(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.script(lambda body: body["nothing"])
    with pytest.raises(anthropic.InternalServerError, match="KeyError"):
        await create(client, "a")
    assert claude.batches.made == []
