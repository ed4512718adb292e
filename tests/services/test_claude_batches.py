"""Batches of messages over real HTTP: what is refused, what becomes of each request, and what can be found again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from services.claude import ClaudeFailed, Fault
from services.claude_batches import Batches, BatchRequest, BatchResult, open_batches
from services.ledger import Feature, Settled
from services.models import Prices, Tokens
from services.patience import BatchPatience
from services.prompt import Prompt
from tests.claude import Cut, End, Malformed, Overload, Say, ScriptedClaude, Stall, Status, Step
from tests.claude import Tokens as Billed

PROMPT = Prompt("Write Urdu.", "A robot.", most=3000, feature=Feature.VARIANTS, cached=True)
HAIKU, OPUS = "claude-haiku-5-5", "claude-opus-5-5"
A, B, C = (BatchRequest(id, replace(PROMPT, question=f"Robot {id}."), HAIKU) for id in "abc")
HASTY = BatchPatience(submit=0.5, look=0.5, next_result=0.5)


@pytest.fixture(scope="module")
async def opened(shared_claude: ScriptedClaude) -> AsyncIterator[Batches]:
    async with open_batches(base_url=shared_claude.url, api_key="key", prices=Prices(), patience=HASTY) as batches:
        yield batches


@pytest.fixture
def batches(opened: Batches, claude: ScriptedClaude) -> Batches:
    """Of a scripted Claude without a past."""
    assert claude.calls == []
    return opened


async def ended(batches: Batches, *requests: BatchRequest) -> dict[str, BatchResult]:
    """The results of a batch of these."""
    batch = await batches.submit(requests)
    return {result.custom_id: result async for result in batches.results(batch.id)}


async def failed(batches: Batches, *requests: BatchRequest) -> ClaudeFailed:
    with pytest.raises(ClaudeFailed) as caught:
        await batches.submit(requests)
    return caught.value


# Refusals


@pytest.mark.parametrize(
    ("requests", "reason"),
    [
        ([], "1 to 100,000 requests, not 0"),
        ([A] * 100_001, "1 to 100,000 requests, not 100,001"),
        ([replace(A, custom_id="")], "'' is no custom_id"),
        ([replace(A, custom_id="a/b")], "'a/b' is no custom_id"),
        ([replace(A, custom_id="a\n")], "is no custom_id"),
        ([replace(A, custom_id="a" * 65)], "is no custom_id"),
        ([A, B, A], "the same custom_id"),
        ([A, replace(B, prompt=replace(PROMPT, question="x" * 256_000_000))], "at most 256,000,000 bytes, not 256,000"),
    ],
)
async def test_what_is_no_batch_is_refused_and_not_sent(
    batches: Batches, claude: ScriptedClaude, requests: list[BatchRequest], reason: str
) -> None:
    failure = await failed(batches, *requests)
    assert reason in str(failure)
    assert (failure.fault, claude.batches.made) == (Fault.OURS, [])


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (Status(400), Fault.OURS),
        (Status(413), Fault.OURS),
        (Status(401), Fault.LASTING),
        (Status(429), Fault.PASSING),
        (Status(529), Fault.PASSING),
        (Malformed(), Fault.PASSING),
        (Cut(), Fault.PASSING),
        (Stall(), Fault.SLOW),
    ],
)
async def test_a_failure_tells_what_it_says_of_the_provider(
    batches: Batches, claude: ScriptedClaude, step: Status | Stall | Malformed | Cut, fault: Fault
) -> None:
    claude.batches.fail("create", step)
    assert (await failed(batches, A)).fault == fault


async def test_nobody_listening_there_is_a_failure() -> None:
    async with open_batches(base_url="http://127.0.0.1:1", api_key="key", prices=Prices()) as nobody:
        assert (await failed(nobody, A)).fault == Fault.PASSING


async def test_a_look_that_fails_says_how_long_to_wait_and_the_next_one_works(
    batches: Batches, claude: ScriptedClaude
) -> None:
    batch = await batches.submit([A])
    claude.batches.fail("look", Status(429, retry_after=7))
    with pytest.raises(ClaudeFailed) as caught:
        await batches.look(batch.id)
    assert (caught.value.fault, caught.value.wait) == (Fault.PASSING, 7)
    assert (await batches.look(batch.id)).ended


async def test_a_batch_that_is_not_there_is_a_failure_that_lasts(batches: Batches) -> None:
    with pytest.raises(ClaudeFailed) as caught:
        await batches.look("msgbatch_1")
    assert caught.value.fault == Fault.LASTING


async def test_there_are_no_results_before_the_end(batches: Batches, claude: ScriptedClaude) -> None:
    claude.batches.looks = None
    batch = await batches.submit([A])
    with pytest.raises(ClaudeFailed, match=f"{batch.id} are not there yet"):
        await anext(batches.results(batch.id))


async def test_there_are_no_results_after_29_days(batches: Batches, claude: ScriptedClaude) -> None:
    batch = await batches.submit([A])
    claude.batches.made[0].end()
    claude.batches.made[0].archive()
    with pytest.raises(ClaudeFailed, match="29 days"):
        await anext(batches.results(batch.id))


@pytest.mark.parametrize(
    ("step", "reason"), [(Cut(), "has 3 results, and only 1 came"), (Malformed(), "JSONDecodeError")]
)
async def test_results_that_break_off_are_a_failure_after_those_that_came(
    batches: Batches, claude: ScriptedClaude, step: Malformed | Cut, reason: str
) -> None:
    batch = await batches.submit([A, B, C])
    claude.batches.fail("results", step)
    results = batches.results(batch.id)
    assert (await anext(results)).custom_id == "a"
    with pytest.raises(ClaudeFailed, match=reason):
        await anext(results)


async def test_results_that_do_not_come_are_not_waited_for(batches: Batches, claude: ScriptedClaude) -> None:
    batch = await batches.submit([A])
    claude.batches.fail("results", Stall())
    with pytest.raises(ClaudeFailed) as caught:
        await anext(batches.results(batch.id))
    assert caught.value.fault == Fault.SLOW


# What becomes of requests


async def test_a_request_says_what_a_single_call_says(batches: Batches, claude: ScriptedClaude) -> None:
    told: list[dict[str, Any]] = []

    def noted(body: dict[str, Any]) -> list[Step]:
        told.append(body)
        return [Say("ایک")]

    claude.always(noted)
    await batches.submit([A, replace(B, model=OPUS)])
    assert [(body["model"], body["thinking"]["type"]) for body in told] == [(HAIKU, "disabled"), (OPUS, "adaptive")]
    assert [body["system"][0]["cache_control"] for body in told] == [{"type": "ephemeral"}] * 2
    assert {(body["max_tokens"], body["output_config"]["effort"]) for body in told} == {(3000, "low")}


async def test_a_batch_ends_in_its_own_time(batches: Batches, claude: ScriptedClaude) -> None:
    claude.batches.looks = 1
    submitted = await batches.submit([A, B])
    seen = [await batches.look(submitted.id) for _ in range(2)]
    assert [(state.ended, state.readable, state.counts.processing) for state in seen] == [
        (False, False, 2),
        (True, True, 0),
    ]
    assert (seen[1].counts.succeeded, seen[1].counts.total) == (2, 2)


async def test_results_are_found_by_their_ids_in_whatever_order_they_come(
    batches: Batches, claude: ScriptedClaude
) -> None:
    claude.batches.backwards = True
    claude.script(Say("ایک"))
    claude.script(Say("دو\0"), End("max_tokens"))
    results = await ended(batches, A, B)
    assert list(results) == ["b", "a"]
    assert (results["a"].text, results["a"].reason) == ("ایک", "end_turn")
    assert (results["b"].text, results["b"].reason) == ("دو", "max_tokens")


async def test_what_was_made_is_charged_as_the_provider_counted_it(batches: Batches, claude: ScriptedClaude) -> None:
    claude.script(Say("ایک"), End(usage=Billed(100, 7, cache_write=20, cache_read=3)))
    result = (await ended(batches, A))["a"]
    assert result.call.model == HAIKU
    assert result.call.settlement == (Settled.REPORTED, Tokens(100, 7, 20, 3))
    assert claude.batches.billed == Billed(100, 7, 20, 3)


async def test_a_count_without_input_is_not_believed(batches: Batches, claude: ScriptedClaude) -> None:
    claude.script(Say("ایک"), End(usage=Billed(0, 7)))
    assert (await ended(batches, A))["a"].call.settlement == (Settled.UNKNOWN, None)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Status(400), "invalid_request_error: The script says so."),
        (Overload(), "overloaded_error: Overloaded"),
        (Stall(), "The request is expired."),
    ],
)
async def test_what_was_not_made_says_why_and_is_not_charged(
    batches: Batches, claude: ScriptedClaude, step: Step, error: str
) -> None:
    claude.script(step)
    result = (await ended(batches, A, B))["a"]
    assert (result.text, result.error) == (None, error)
    assert result.call.settlement == (Settled.UNUSED, None)


async def test_a_canceled_batch_has_what_was_made_until_then(batches: Batches, claude: ScriptedClaude) -> None:
    claude.batches.looks, claude.batches.made_when_canceled = None, 1
    batch = await batches.submit([A, B])
    assert not (await batches.cancel(batch.id)).ended
    errors = {result.custom_id: result.error async for result in batches.results(batch.id)}
    assert errors == {"a": None, "b": "The request is canceled."}


async def test_who_stops_reading_results_can_read_them_again(batches: Batches) -> None:
    batch = await batches.submit([A, B, C])
    async with aclosing(batches.results(batch.id)) as results:
        await anext(results)
    assert len([result async for result in batches.results(batch.id)]) == 3


# What can be found again


async def test_a_batch_that_nobody_noted_is_the_newest_of_the_recent_ones(
    batches: Batches, claude: ScriptedClaude
) -> None:
    await batches.submit([A])
    claude.batches.fail("create", Stall())
    submitting = asyncio.create_task(batches.submit([A, B]))
    made = await claude.batches.wait_made(2)
    submitting.cancel()
    await asyncio.wait([submitting])
    newest = await anext(batches.recent())
    assert (newest.id, newest.counts.total) == (made.id, 2)


async def test_recent_batches_come_page_by_page_the_newest_first(batches: Batches, claude: ScriptedClaude) -> None:
    made = [(await batches.submit([A])).id for _ in range(101)]
    assert [state.id async for state in batches.recent()] == made[::-1]


async def test_a_list_that_fails_is_a_failure(batches: Batches, claude: ScriptedClaude) -> None:
    claude.batches.fail("list", Status(500))
    with pytest.raises(ClaudeFailed):
        await anext(batches.recent())


async def test_an_account_without_batches_has_no_recent_ones(batches: Batches) -> None:
    assert [state async for state in batches.recent()] == []
