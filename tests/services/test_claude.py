"""How Claude is asked, over real HTTP."""

from contextlib import aclosing

import pytest

from services.claude import Call, Cited, ClaudeFailed, Ended, Prompt, Said, Source, open_claude
from services.models import MODELS, charge, model
from tests.claude import Cite, End, Say, ScriptedClaude, Status, Thinking, Tokens

PROMPT = Prompt("Be brief.", "How high?", (Source("Tower", "http://book/tower", ("It is 40 m high.", "It is white.")),))


async def write(claude: ScriptedClaude, name: str = "claude-haiku-5-5") -> tuple[list[Said | Cited | Ended], Call]:
    async with open_claude(api_key="key", base_url=claude.url, model=name) as asked:
        call = asked.call()
        async with aclosing(asked.write(PROMPT, call)) as heard:
            return [item async for item in heard], call


async def test_a_refused_call_is_a_failure_with_its_reason(claude: ScriptedClaude) -> None:
    claude.script(Status(401))
    with pytest.raises(ClaudeFailed, match="AuthenticationError"):
        await write(claude)


async def test_a_call_is_made_once(claude: ScriptedClaude) -> None:
    claude.script(Status(500))
    with pytest.raises(ClaudeFailed):
        await write(claude)
    assert len(claude.calls) == 1


async def test_nobody_listening_is_a_failure() -> None:
    async with open_claude(api_key="key", base_url="http://127.0.0.1:1", model="claude-haiku-5-5") as asked:
        with pytest.raises(ClaudeFailed, match="APIConnectionError"):
            await anext(asked.write(PROMPT, asked.call()))


async def test_text_comes_before_its_citations_and_the_end_comes_last(claude: ScriptedClaude) -> None:
    claude.script(Say(("40 ", "m."), (Cite(0, 0, 1),)), End())
    heard, _ = await write(claude)
    assert heard == [Said("40 "), Said("m."), Cited(0, 0, 1, "It is 40 m high."), Ended("end_turn")]


async def test_thinking_is_not_heard(claude: ScriptedClaude) -> None:
    claude.script(Thinking("Hm."), Say(("40 m.",)), End())
    heard, _ = await write(claude)
    assert heard == [Said("40 m."), Ended("end_turn")]


async def test_what_postgres_cannot_keep_is_not_heard(claude: ScriptedClaude) -> None:
    claude.script(Say(("4\0", "0\0\0", "\0")), End())
    heard, _ = await write(claude)
    assert heard == [Said("4"), Said("0"), Ended("end_turn")]


async def test_cached_tokens_count_as_input(claude: ScriptedClaude) -> None:
    claude.script(Say("40 m."), End(usage=Tokens(input=100, output=7, cache_write=20, cache_read=3)))
    _, call = await write(claude)
    assert (call.usage.input_tokens, call.usage.output_tokens) == (123, 7)


async def test_a_model_that_always_thinks_is_not_told_not_to(claude: ScriptedClaude) -> None:
    await write(claude, "claude-opus-5-5")
    await write(claude, "claude-haiku-5-5")
    assert [call.body["thinking"]["type"] for call in claude.calls] == ["adaptive", "disabled"]


def test_an_unknown_model_is_never_free() -> None:
    assert charge("new-model", input_tokens=1_000_000, output_tokens=0).cost_usd == 4


def test_a_vendors_prefix_does_not_change_the_price() -> None:
    assert model("anthropic/claude-haiku-5.5") == MODELS["claude-haiku-5-5"]
