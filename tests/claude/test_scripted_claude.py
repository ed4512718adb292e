"""The scripted Claude seen through the real SDK: what it says, what it refuses, and how it notices who left."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, get_args

import anthropic
import httpx2
import pytest
from anthropic.types import RawContentBlockDeltaEvent, RawMessageStreamEvent, StopReason

from tests.claude import (
    Cite,
    Cut,
    Drop,
    End,
    Malformed,
    More,
    Overload,
    Pace,
    Pause,
    Ping,
    Reset,
    Say,
    ScriptedClaude,
    Stall,
    Start,
    Status,
    Step,
    Thinking,
    Tokens,
)

Stream = anthropic.AsyncStream[RawMessageStreamEvent]


@pytest.fixture
async def claude() -> AsyncIterator[ScriptedClaude]:
    async with ScriptedClaude() as claude:
        yield claude


@pytest.fixture
async def client(claude: ScriptedClaude) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=claude.url, api_key="test", max_retries=0) as client:
        yield client


def passage(*sentences: str, **changes: object) -> dict[str, Any]:
    content = [{"type": "text", "text": sentence} for sentence in sentences]
    return {"type": "search_result", "source": "s", "title": "t", "content": content, **changes}


def body(*blocks: dict[str, Any], **changes: object) -> dict[str, Any]:
    content = [*blocks, {"type": "text", "text": "Why is the sky blue?"}]
    return {
        "model": "claude-haiku-5-5",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": content}],
        **changes,
    }


async def ask(client: anthropic.AsyncAnthropic, *blocks: dict[str, Any], **changes: object) -> Stream:
    stream = await client.messages.create(stream=True, **body(*blocks, **changes))
    assert isinstance(stream, anthropic.AsyncStream)
    return stream


async def read(stream: Stream) -> list[RawMessageStreamEvent]:
    async with stream:
        return [event async for event in stream]


def short(events: list[RawMessageStreamEvent]) -> list[str]:
    return [event.delta.type if isinstance(event, RawContentBlockDeltaEvent) else event.type for event in events]


def text(events: list[RawMessageStreamEvent]) -> str:
    deltas = [event.delta for event in events if isinstance(event, RawContentBlockDeltaEvent)]
    return "".join(delta.text for delta in deltas if delta.type == "text_delta")


CITED = {"citations": {"enabled": True}}
PREFILL = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "The"}]
MARKED = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (body(temperature=0.5), "temperature"),
        (body(top_p=0.5), "top_p"),
        (body(tools=[]), "tools"),
        (body(made_up=1), "body.made_up: Extra inputs"),
        (body(max_tokens=0), "max_tokens: should be at least 1"),
        (body(max_tokens="9"), "body.max_tokens: Input should be a valid integer"),
        (body(thinking={"type": "enabled"}), "budget_tokens: Field required"),
        (body(thinking={"type": "enabled", "budget_tokens": 1024}), "below max_tokens"),
        (body(output_config={"effort": "huge"}), "effort: Input should be"),
        (body(system=""), "system.0.text: text content blocks must contain"),
        (body(system=[MARKED] * 5), "at most 4"),
        (body(messages=[]), "at least one message"),
        (body(messages=PREFILL), "prefill"),
        (body(messages=[PREFILL[0], PREFILL[0]]), "messages.1.role: should be assistant"),
        (body(messages=[{"role": "robot", "content": "x"}]), "messages.0.role: Input should be"),
        (body({"type": "text", "text": " "}), "messages.0.content.0.text"),
        (body({"type": "image", "source": "x"}), "messages.0.content.0: Input tag 'image'"),
        (body(passage("a", title="")), "content.0.title: should not be empty"),
        (body(passage("a", source=None)), "source: Input should be a valid string"),
        (body(passage()), "content.0.content: should not be empty"),
        (body(passage("")), "content.0.content.0.text"),
        (body(passage("a", url="x")), "url: Extra inputs"),
        (body(passage("a", **CITED), passage("b")), "on all search results or on none"),
    ],
)
async def test_a_malformed_request_is_refused_and_recorded(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic, wrong: dict[str, Any], reason: str
) -> None:
    with pytest.raises(anthropic.BadRequestError, match=reason) as refusal:
        await client.post("/v1/messages", body=wrong, cast_to=object)
    assert refusal.value.type == "invalid_request_error"
    assert reason in claude.violations[0]
    assert not claude.calls


async def test_a_request_without_key_version_and_json_is_refused(claude: ScriptedClaude) -> None:
    async with httpx2.AsyncClient() as http:
        response = await http.post(f"{claude.url}/v1/messages", content=b'{"a": "\\ud800"}')
        await http.post(f"{claude.url}/v1/messages", json=body())
    assert response.status_code == 400
    assert claude.violations[0].startswith("body: ")
    assert claude.violations[1:] == [
        "x-api-key or authorization: header is required; anthropic-version: header is required"
    ]


async def test_a_mistake_in_the_script_is_named(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.script(Say("Blue.", (Cite(7),)))
    with pytest.raises(anthropic.InternalServerError):
        await ask(client)
    assert "points at nothing" in claude.violations[0]


async def test_the_default_answer_quotes_what_was_sent(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    events = await read(
        await ask(client, passage("Light scatters.", "Blue most.", **CITED), passage("It is so.", **CITED))
    )
    block = ["content_block_start", "citations_delta", "text_delta", "text_delta"]
    first, second = (
        [*block, "text_delta", "content_block_stop"],
        [*block, "text_delta", "text_delta", "content_block_stop"],
    )
    assert short(events) == ["message_start", *first, *second, "message_delta", "message_stop"]
    assert text(events) == "Light scatters. It is so. "
    assert claude.violations == []


async def test_a_citation_says_where_it_points_and_a_fabricated_one_what_it_is_told(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    claude.script(Say("Blue.", (Cite(0, 0, 2),)), Cite(9, cited_text="Never written."))
    events = await read(await ask(client, passage("Light scatters. ", "Blue most.", **CITED)))
    deltas = [event.delta for event in events if isinstance(event, RawContentBlockDeltaEvent)]
    cited = [delta.citation.cited_text for delta in deltas if delta.type == "citations_delta"]
    assert [delta.type for delta in deltas] == ["citations_delta", "text_delta", "citations_delta"]
    assert cited == ["Light scatters. Blue most.", "Never written."]


async def test_thinking_comes_in_a_block_of_its_own(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.script(Thinking("Hm."), Ping(), Say(("Bl", "ue.")), Pause(0.01), More(" Yes."))
    events = await read(await ask(client, thinking={"type": "adaptive"}, output_config={"effort": "low"}))
    thought = ["content_block_start", "thinking_delta", "signature_delta", "content_block_stop"]
    said = ["content_block_start", "text_delta", "text_delta", "text_delta", "content_block_stop"]
    assert short(events) == ["message_start", *thought, *said, "message_delta", "message_stop"]


@pytest.mark.parametrize("reason", get_args(StopReason))
async def test_every_stop_reason_arrives(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic, reason: StopReason
) -> None:
    claude.script(Say("Blue."), End(reason))
    events = await read(await ask(client))
    assert [event.delta.stop_reason for event in events if event.type == "message_delta"] == [reason]


async def test_a_cut_raises_nothing_and_brings_no_message_stop(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    claude.script(Say("Blue and"), Cut())
    events = await read(await ask(client))
    assert short(events)[-1] == "text_delta"
    assert await claude.wait_closed(claude.calls[0]) == "cut"


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Drop(), httpx2.RemoteProtocolError),
        (Reset(), httpx2.ReadError),
        (Malformed(), json.JSONDecodeError),
        (Overload(), anthropic.APIStatusError),
    ],
)
async def test_a_fault_in_mid_stream_reaches_the_reader_after_the_words(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic, fault: Step, raised: type[Exception]
) -> None:
    claude.script(Say("Blue and"), Pause(0.05), fault)
    stream = await ask(client)
    events = []
    with pytest.raises(raised) as caught:
        events += [event async for event in stream]
    assert getattr(caught.value, "type", None) in (None, "overloaded_error")


@pytest.mark.parametrize("code", [401, 429, 500, 529])
async def test_a_status_is_an_error_of_its_kind(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic, code: int
) -> None:
    claude.script(Status(code, retry_after=3600))
    with pytest.raises(anthropic.APIStatusError) as caught:
        await ask(client)
    assert (caught.value.status_code, caught.value.response.headers["retry-after"]) == (code, "3600")
    assert claude.billed == Tokens()


@pytest.mark.parametrize("steps", [(Start(), Stall()), (Say("Blue and"), Stall())])
async def test_a_client_that_leaves_is_noticed_at_once(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic, steps: tuple[Step, ...]
) -> None:
    claude.script(*steps)
    stream = await ask(client)
    await anext(stream)
    assert claude.open_streams == 1
    leaving = time.monotonic()
    await stream.close()
    call = claude.calls[0]
    assert await claude.wait_closed(call) == "gone"
    assert call.closed
    assert call.closed - leaving < 0.2
    assert claude.open_streams == 0


async def test_a_stall_before_everything_sends_not_even_headers(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    claude.script(Stall())
    asking = asyncio.create_task(ask(client))
    call = await claude.wait_call()
    asking.cancel()
    assert await claude.wait_closed(call) == "gone"
    assert call.first_event is None


async def test_two_calls_at_once_keep_their_scripts(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.script(*[Say(("one ", "one ", "one"))])
    claude.script(*[Say(("two ", "two ", "two"))])
    claude.pace = Pace(per_second=100)
    first, second = await ask(client), await ask(client)
    answers = await asyncio.gather(read(first), read(second))
    assert [text(answer) for answer in answers] == ["one one one", "two two two"]


async def test_a_whole_message_carries_its_citations(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    message = await client.messages.create(**body(passage("Light scatters.", **CITED)))
    assert message.content[0].text == "Light scatters. "
    assert message.content[0].citations[0].cited_text == "Light scatters."
    assert message.stop_reason == "end_turn"


async def test_the_bill_is_the_usage_that_was_sent(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.always(Say("Blue."), End(usage=Tokens(100, 7, cache_write=20, cache_read=3)))
    start, *_ = await read(await ask(client))
    await client.messages.create(**body())
    assert start.type == "message_start"
    assert start.message.usage.cache_read_input_tokens == 3
    assert claude.billed == Tokens(200, 14, 40, 6)


async def test_tokens_are_counted_without_a_call(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    asked = body()
    del asked["max_tokens"]
    counted = await client.messages.count_tokens(**asked)
    assert counted.input_tokens == len(json.dumps(asked, separators=(",", ":"))) // 4
    assert not claude.calls


async def test_the_pace_is_kept(claude: ScriptedClaude, client: anthropic.AsyncAnthropic) -> None:
    claude.pace = Pace(first_token=0.1, per_second=100)
    claude.script(Say("word " * 20))
    await read(await ask(client))
    call = claude.calls[0]
    await call.closing.wait()
    assert call.closed
    assert call.first_event
    assert call.first_event - call.received >= 0.1
    assert 0.18 < call.closed - call.first_event < 0.4
