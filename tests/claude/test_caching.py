"""What the scripted Claude counts as written to its cache, and as read from it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from anthropic.types import Message

from tests.claude import Pace, ScriptedClaude, Status

RULES = "Answer in one word. " * 10


@pytest.fixture
async def claude() -> AsyncIterator[ScriptedClaude]:
    async with ScriptedClaude() as claude:
        yield claude


@pytest.fixture
async def client(claude: ScriptedClaude) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=claude.url, api_key="test", max_retries=0) as client:
        yield client


def marked(text: str = RULES, **changes: object) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}, **changes}


PASSAGE = {"type": "search_result", "source": "s", "title": "t", "content": [marked()]}


def body(question: str = "Why?", **changes: object) -> dict[str, Any]:
    said = [{"role": "user", "content": question}]
    return {"model": "claude-haiku-5-5", "max_tokens": 99, "system": [marked()], "messages": said, **changes}


async def ask(
    client: anthropic.AsyncAnthropic, question: str = "Why?", **asked: object
) -> tuple[int, int | None, int | None]:
    """Input, written and read."""
    message = await client.messages.create(**body(question, **asked))
    assert isinstance(message, Message)
    usage = message.usage
    return usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (body(system=[marked(cache_control={"type": "eternal"})]), "cache_control.type: Input should be 'ephemeral'"),
        (body(system=[marked(cache_control={"type": "ephemeral", "ttl": "1d"})]), "ttl: Input should be '5m' or '1h'"),
        (body(system=[marked()] * 3, messages=[{"role": "user", "content": [marked()] * 2}]), "at most 4 .* found 5"),
        (body(max_tokens=128_001), "128001 > 128000"),
        (body(messages=[{"role": "user", "content": [PASSAGE]}]), "only the search result itself may be marked"),
    ],
)
async def test_a_mark_in_the_wrong_place_is_refused(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic, wrong: dict[str, Any], reason: str
) -> None:
    with pytest.raises(anthropic.BadRequestError, match=reason):
        await client.post("/v1/messages", body=wrong, cast_to=object)
    assert len(claude.violations) == 1


async def test_what_is_marked_is_written_once_and_read_after(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    first, second = await ask(client), await ask(client, question="Why not?")
    assert (first[1], second[2]) == (claude.billed.cache_write, claude.billed.cache_read)
    assert first[1] == second[2] != 0
    assert (first[2], second[1]) == (0, 0)


@pytest.mark.parametrize("changed", [{"system": [marked(f"{RULES}!")]}, {"model": "claude-sonnet-5-5"}])
async def test_other_rules_and_other_models_read_nothing(
    client: anthropic.AsyncAnthropic, changed: dict[str, Any]
) -> None:
    await ask(client)
    assert (await ask(client, **changed))[2] == 0


async def test_what_is_not_marked_is_plain_input(client: anthropic.AsyncAnthropic) -> None:
    assert [(await ask(client, system=RULES))[1:] for _ in range(2)] == [(0, 0)] * 2


async def test_what_is_too_short_for_the_cache_is_plain_input(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    claude.cache.least = 4096
    assert [(await ask(client))[1:] for _ in range(2)] == [(0, 0)] * 2


async def test_of_two_marks_the_longer_beginning_that_is_kept_is_read(client: anthropic.AsyncAnthropic) -> None:
    _, _, longer = [await ask(client, system=[marked(), marked(text)]) for text in ("One.", "Two.", "One.")]
    _, written, read = await ask(client, system=[marked(), marked("Three.")])
    assert longer[1] == 0
    assert written
    assert read
    assert longer[2]
    assert longer[2] > read > written


async def test_calls_at_once_all_write_and_one_that_fails_keeps_nothing(
    claude: ScriptedClaude, client: anthropic.AsyncAnthropic
) -> None:
    claude.script(Status(500))
    with pytest.raises(anthropic.InternalServerError):
        await ask(client)
    claude.pace = Pace(first_token=0.1)
    both = await asyncio.gather(ask(client), ask(client))
    assert [each[2] for each in both] == [0, 0]
