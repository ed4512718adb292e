"""How Claude is asked, over real HTTP, and what of a call can be known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from services.calls import Call, number
from services.claude import Claude, ClaudeFailed, Fault, open_claude, worst_case
from services.heard import Cited, Ended, Heard, Said
from services.ledger import Feature, Settled
from services.models import MODELS, Model, Prices, Tokens
from services.patience import Patience
from services.prompt import Prompt, Source
from tests.claude import (
    Cite,
    Cut,
    Drop,
    End,
    Malformed,
    Overload,
    Pause,
    Reset,
    Say,
    ScriptedClaude,
    Stall,
    Start,
    Status,
    Step,
    Thinking,
)
from tests.claude import Tokens as Billed

PROMPT = Prompt("Be brief.", "How high?", (Source("Tower", "http://book/tower", ("It is 40 m high.", "It is white.")),))
HAIKU = "claude-haiku-5-5"
VARIANT = Prompt("Write Urdu.", "A robot.", most=3000, feature=Feature.VARIANTS, cached=True)
IMPATIENT = Patience(first_token=0.4, next_token=0.4)


@dataclass
class Asking:
    """Claude, asked the same again and again; `claude` says what it answers."""

    client: Claude
    claude: ScriptedClaude

    async def told(self, model: str = HAIKU, prompt: Prompt = PROMPT) -> tuple[list[Heard], Call, ClaudeFailed | None]:
        """What is heard of a call until it ends or fails."""
        call = self.client.call(model, prompt.most)
        heard: list[Heard] = []
        try:
            async with aclosing(self.client.write(prompt, call, soon())) as items:
                async for item in items:
                    heard.append(item)
        except ClaudeFailed as failed:
            return heard, call, failed
        return heard, call, None

    async def settlement(self, model: str = HAIKU, prompt: Prompt = PROMPT) -> tuple[Settled, Tokens]:
        """What a call comes to."""
        _, call, _ = await self.told(model, prompt)
        settled, tokens = call.settlement
        return settled, tokens or Tokens()


@pytest.fixture(scope="module")
async def client(shared_claude: ScriptedClaude) -> AsyncIterator[Claude]:
    async with open_claude(
        name="Anthropic", api_key="key", base_url=shared_claude.url, prices=Prices(), patience=IMPATIENT
    ) as opened:
        yield opened


@pytest.fixture
def asking(client: Claude, claude: ScriptedClaude) -> Asking:
    return Asking(client, claude)


def soon() -> float:
    return asyncio.get_running_loop().time() + IMPATIENT.first_token


# Failures


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ((Status(400),), Fault.OURS),
        ((Status(413),), Fault.OURS),
        ((Status(401),), Fault.LASTING),
        ((Status(404),), Fault.LASTING),
        ((Status(429),), Fault.PASSING),
        ((Status(529),), Fault.PASSING),
        ((Overload(),), Fault.PASSING),
        ((Reset(),), Fault.PASSING),
        ((Malformed(),), Fault.PASSING),
        ((Start(), Cut()), Fault.PASSING),
        ((Stall(),), Fault.SLOW),
    ],
)
async def test_a_failure_tells_what_it_says_of_the_provider(
    asking: Asking, steps: tuple[Step, ...], fault: Fault
) -> None:
    asking.claude.script(*steps)
    _, _, failed = await asking.told()
    assert failed
    assert failed.fault == fault


async def test_a_failed_call_is_not_repeated_here(asking: Asking) -> None:
    asking.claude.script(Status(500))
    _, _, failed = await asking.told()
    assert "InternalServerError" in str(failed)
    assert len(asking.claude.calls) == 1


async def test_the_wait_that_a_provider_asks_for_is_passed_on(asking: Asking) -> None:
    asking.claude.script(Status(429, retry_after=3600))
    _, _, failed = await asking.told()
    assert failed
    assert failed.wait == 3600


async def test_a_stream_that_just_ends_is_a_failure_after_its_words(asking: Asking) -> None:
    asking.claude.script(Say("It"), Cut())
    heard, _, failed = await asking.told()
    assert heard == [Said("It")]
    assert "message_stop" in str(failed)


async def test_what_comes_after_the_end_of_the_message_does_not_matter(asking: Asking) -> None:
    asking.claude.script(Say("40 m."), End(), Stall())
    heard, call, _ = await asking.told()
    assert heard[-1] == Ended("end_turn")
    assert call.settlement[0] == Settled.REPORTED


# What is heard


async def test_text_comes_before_its_citations_and_the_end_comes_last(asking: Asking) -> None:
    asking.claude.script(Say(("40 ", "m."), (Cite(0, 0, 1),)), End())
    heard, _, _ = await asking.told()
    assert heard == [Said("40 "), Said("m."), Cited(0, 0, 1, "It is 40 m high."), Ended("end_turn")]


async def test_thinking_is_not_heard(asking: Asking) -> None:
    asking.claude.script(Thinking("Hm."), Say(("40 m.",)), End())
    heard, _, _ = await asking.told()
    assert heard == [Said("40 m."), Ended("end_turn")]


async def test_what_postgres_cannot_keep_is_not_heard(asking: Asking) -> None:
    asking.claude.script(Say(("4\0", "0\0\0", "\0")), End())
    heard, _, _ = await asking.told()
    assert heard == [Said("4"), Said("0"), Ended("end_turn")]


async def test_a_model_that_always_thinks_is_not_told_not_to(asking: Asking) -> None:
    await asking.told("claude-opus-5-5")
    await asking.told(HAIKU)
    bodies = [call.body for call in asking.claude.calls]
    assert [body["thinking"]["type"] for body in bodies] == ["adaptive", "disabled"]
    assert [body["model"] for body in bodies] == ["claude-opus-5-5", HAIKU]


async def test_openrouter_is_shown_its_key_as_bearer_and_no_other(
    claude: ScriptedClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    async with open_claude(name="OpenRouter", auth_token="key", base_url=claude.url, prices=Prices()) as asked:
        await anext(asked.write(PROMPT, asked.call("anthropic/claude-haiku-5.5", 9), soon()))
    headers = claude.calls[0].headers
    assert headers["authorization"] == "Bearer key"
    assert "x-api-key" not in headers


# What a call comes to


@pytest.mark.parametrize("fault", [Status(400), Status(500), Status(529), Overload()])
async def test_what_was_refused_before_it_began_is_not_charged(asking: Asking, fault: Step) -> None:
    asking.claude.script(fault)
    assert await asking.settlement() == (Settled.UNUSED, Tokens())


async def test_what_never_reached_anybody_is_not_charged() -> None:
    async with open_claude(name="Nobody", api_key="key", base_url="http://127.0.0.1:1", prices=Prices()) as nobody:
        call = nobody.call(HAIKU, PROMPT.most)
        with pytest.raises(ClaudeFailed, match="APIConnectionError"):
            await anext(nobody.write(PROMPT, call, soon()))
    assert call.settlement == (Settled.UNUSED, None)


@pytest.mark.parametrize("fault", [Stall(), Drop(), Reset(), Malformed()])
async def test_of_what_broke_before_any_count_nothing_is_known(asking: Asking, fault: Step) -> None:
    asking.claude.script(fault)
    assert await asking.settlement() == (Settled.UNKNOWN, Tokens())


@pytest.mark.parametrize("fault", [Cut(), Drop(), Reset(), Malformed(), Overload(), Stall()])
async def test_what_broke_in_mid_stream_is_estimated_and_high(asking: Asking, fault: Step) -> None:
    asking.claude.script(Say("It is 40 m high.", (Cite(0, 0, 1),)), Pause(0.05), fault)
    settled, tokens = await asking.settlement()
    assert (settled, tokens.input) == (Settled.ESTIMATED, asking.claude.billed.input)
    assert tokens.output >= 8 > asking.claude.billed.output


async def test_an_estimate_counts_bytes_since_urdu_has_more_tokens_than_english(asking: Asking) -> None:
    asking.claude.script(Say("مینار چالیس میٹر"), Cut())
    _, tokens = await asking.settlement()
    assert tokens.output == 15


async def test_an_estimate_is_never_more_than_could_be_said(asking: Asking) -> None:
    asking.claude.script(Say(("word " * 1000,)), Cut())
    _, tokens = await asking.settlement()
    assert tokens.output == 1500


async def test_what_a_model_thought_unseen_is_estimated_as_all_that_it_could(asking: Asking) -> None:
    asking.claude.script(Say("It"), Cut())
    _, tokens = await asking.settlement("claude-opus-5-5")
    assert tokens.output == 1500


async def test_the_providers_last_count_is_what_is_charged(asking: Asking) -> None:
    asking.claude.script(Say("40 m."), End(usage=Billed(100, 7, cache_write=20, cache_read=3)))
    assert await asking.settlement() == (Settled.REPORTED, Tokens(100, 7, 20, 3))


async def test_a_count_without_input_is_not_believed(asking: Asking) -> None:
    asking.claude.script(Say("40 m."), End(usage=Billed(0, 7)))
    assert await asking.settlement() == (Settled.UNKNOWN, Tokens())


@pytest.mark.parametrize(("counted", "kept"), [(None, 7), ("many", 7), (-1, 0), (10**30, 10_000_000), (12, 12)])
def test_a_count_that_cannot_be_one_is_not_taken_over(counted: object, kept: int) -> None:
    assert number(counted, 7) == kept


async def test_the_worst_case_is_never_less_than_what_is_sent(asking: Asking) -> None:
    long = Prompt("Be brief. " * 40, "کتنا اونچا؟ " * 50, PROMPT.sources * 20)
    await anext(asking.client.write(long, asking.client.call(HAIKU, long.most), soon()))
    texts = [long.system, long.question, *(unit for source in long.sources for unit in source.units)]
    assert worst_case(long).input >= sum(len(text.encode()) for text in texts) + 2000
    assert worst_case(long).output == asking.claude.calls[0].body["max_tokens"]


async def test_rules_that_later_calls_share_are_marked_for_the_cache_and_others_are_not(asking: Asking) -> None:
    await asking.told(prompt=VARIANT)
    await asking.told()
    marked, plain = (call.body["system"] for call in asking.claude.calls)
    assert marked == [{"type": "text", "text": "Write Urdu.", "cache_control": {"type": "ephemeral"}}]
    assert plain == "Be brief."


async def test_a_prompt_says_how_much_its_reply_may_say(asking: Asking) -> None:
    await asking.told(prompt=VARIANT)
    assert asking.claude.calls[0].body["max_tokens"] == 3000


@pytest.mark.parametrize("least", [0, 10_000])
async def test_the_worst_case_is_never_less_than_what_a_cache_makes_of_a_call(asking: Asking, least: int) -> None:
    asking.claude.cache.least = least  # what is too short for the cache is plain input
    long = replace(VARIANT, system="Write Urdu. " * 200)
    most = Prices().most(HAIKU, worst_case(long))
    written, read = [(await asking.settlement(prompt=long))[1] for _ in range(2)]
    assert written.cache_write == read.cache_read
    assert bool(read.cache_read) == (least == 0)
    assert most > max(Prices().cost(HAIKU, written), Prices().cost(HAIKU, read))


def test_what_is_written_to_the_cache_is_reserved_at_its_price() -> None:
    marked, plain = worst_case(VARIANT), worst_case(replace(VARIANT, cached=False))
    assert Prices().most(HAIKU, marked) > Prices().most(HAIKU, plain)
    assert marked.cache_write >= len(VARIANT.system) + 2000


def test_a_cache_that_costs_nothing_does_not_make_a_reservation_cheaper_than_the_input() -> None:
    own = Prices({HAIKU: Model(Decimal("0.1"), Decimal("0.5"), cache_write=Decimal(0))})
    assert own.most(HAIKU, Tokens(cache_write=100)) == own.cost(HAIKU, Tokens(input=100)) == 10


def test_an_unknown_model_is_never_free() -> None:
    assert Prices().cost("new-model", Tokens(input=1_000_000)) == Decimal(4_000_000)


def test_a_vendors_prefix_does_not_change_the_price() -> None:
    assert Prices().model("anthropic/claude-haiku-5.5") == MODELS[HAIKU]
