"""Who is asked when somebody fails, how long that takes, and what each call is charged."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import pytest

from db.postgres import Database, pool
from services.breaker import Breaker
from services.claude import Claude, ClaudeFailed, open_claude
from services.heard import Ended, Heard, Said
from services.ledger import Account, Budget, Feature, Ledger, Settled, open_ledger
from services.models import Prices, Tokens
from services.patience import Patience
from services.prompt import Prompt, Source
from services.providers import Began, BudgetSpent, Composed, Provider, Providers
from services.purse import Purse
from tests.claude import (
    Cut,
    Drop,
    End,
    Malformed,
    Overload,
    Pace,
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
VARIANT = Prompt("Write Urdu. " * 20, "A robot.", most=3000, feature=Feature.VARIANTS, cached=True)
HAIKU, OTHER, SONNET = "claude-haiku-5-5", "anthropic/claude-haiku-5.5", "claude-sonnet-5-5"
NOBODY = "http://127.0.0.1:1"
DAY = Decimal(1_000_000)
# Three tries with their pauses fit into the one, and waiting for nothing does not take long with the other.
PATIENT = Patience(first_token=2, next_token=0.3, reword=0.3)
HASTY = Patience(first_token=0.3, next_token=0.3, reword=0.3)
FOR_VARIANTS = Patience(first_token=1, next_token=0.6, whole=1.2)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class World:
    """Two providers, or as many as there are addresses, and the ledger that pays for them."""

    providers: Providers
    ledger: Ledger
    database: Database
    clock: Clock

    def purse(self) -> Purse:
        return Purse(self.ledger, Account(Feature.QUESTIONS, "asker"))

    async def write(self, purse: Purse | None = None) -> list[Began | Heard]:
        async with aclosing(self.providers.write(PROMPT, purse or self.purse())) as told:
            return [item async for item in told]

    async def compose(self) -> Composed:
        return await self.providers.compose(VARIANT, Purse(self.ledger, Account(Feature.VARIANTS, "asker")))

    async def settled(self) -> list[tuple[str, str]]:
        """Model and settlement of each call, in their order."""
        rows = await self.database.fetch("SELECT model, settled_as FROM model_calls ORDER BY reserved_at")
        return [(row["model"], row["settled_as"]) for row in rows]

    async def charged(self) -> Decimal:
        total: Decimal = await self.database.fetchval("SELECT sum(cost) FROM model_calls")
        return total


class Clients:
    """Claude at each address, made once: that takes longer than most tests."""

    def __init__(self, opened: AsyncExitStack) -> None:
        self._opened = opened
        self._made: dict[tuple[str, Patience], Claude] = {}

    async def at(self, address: str, patience: Patience) -> Claude:
        key = (address, patience)
        if key not in self._made:
            claude = open_claude(
                name=address,
                api_key="key",
                base_url=address,
                prices=Prices(),
                patience=patience,
                for_variants=FOR_VARIANTS,
            )
            self._made[key] = await self._opened.enter_async_context(claude)
        return self._made[key]


@pytest.fixture(scope="module")
async def clients() -> AsyncIterator[Clients]:
    async with AsyncExitStack() as opened:
        yield Clients(opened)


MakeWorld = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def world(fresh_url: str, clients: Clients) -> MakeWorld:
    """Makes worlds, at the end of which no call may be left that is not settled."""

    @asynccontextmanager
    async def make(
        *addresses: str, patience: Patience = PATIENT, day: Decimal = DAY, models: Sequence[str] = (HAIKU, HAIKU)
    ) -> AsyncIterator[World]:
        clock = Clock()
        by = zip(addresses, (tuple(models), (OTHER,)), strict=False)
        providers = [Provider(await clients.at(url, patience), names, Breaker(clock=clock)) for url, names in by]
        async with pool(fresh_url) as opened:
            database = Database(opened)
            await database.execute("DELETE FROM model_calls")
            await database.execute("DELETE FROM spending_days")
            async with open_ledger(
                database, Prices(), Budget(day, Decimal("0.8"), Decimal(1), Decimal("0.5"))
            ) as ledger:
                yield World(Providers(providers), ledger, database, clock)
            assert await database.fetchval("SELECT count(*) FROM model_calls WHERE cost IS NULL") == 0
            assert await database.fetchval("SELECT coalesce(sum(reserved), 0) FROM spending_days") == 0

    return make


@pytest.fixture(scope="module")
async def shared_fallback() -> AsyncIterator[ScriptedClaude]:
    async with ScriptedClaude() as scripted:
        yield scripted


@pytest.fixture
async def fallback(shared_fallback: ScriptedClaude) -> AsyncIterator[ScriptedClaude]:
    shared_fallback.reset()
    yield shared_fallback
    assert shared_fallback.violations == []


@pytest.fixture
async def both(world: MakeWorld, claude: ScriptedClaude, fallback: ScriptedClaude) -> AsyncIterator[World]:
    async with world(claude.url, fallback.url) as made:
        yield made


@pytest.fixture
async def hasty(world: MakeWorld, claude: ScriptedClaude, fallback: ScriptedClaude) -> AsyncIterator[World]:
    async with world(claude.url, fallback.url, patience=HASTY) as made:
        yield made


def text(told: list[Began | Heard]) -> str:
    return "".join(item.text for item in told if isinstance(item, Said))


def price(claude: ScriptedClaude) -> Decimal:
    """What the provider bills for all its calls."""
    billed = claude.billed
    return Prices().cost(HAIKU, Tokens(billed.input, billed.output, billed.cache_write, billed.cache_read))


# Refusals


async def test_without_room_in_the_budget_nobody_is_asked(world: MakeWorld, claude: ScriptedClaude) -> None:
    async with world(claude.url, day=Decimal(100)) as small:
        with pytest.raises(BudgetSpent):
            await small.write()
        with pytest.raises(BudgetSpent):
            await small.providers.reword("Rules.", "And why?", small.purse())
        assert (claude.calls, await small.settled()) == ([], [])


async def test_a_database_that_is_away_is_no_fault_of_a_provider_and_nobody_is_asked(
    world: MakeWorld, claude: ScriptedClaude
) -> None:
    async with world(claude.url) as here, pool("postgresql://nobody@127.0.0.1:1/none") as nowhere:
        away = Ledger(Database(nowhere), Prices(), Budget(DAY, Decimal("0.8"), Decimal(1), Decimal("0.5")))
        for _ in range(4):
            with pytest.raises(ClaudeFailed, match="could not be reserved"):
                await here.write(Purse(away, Account(Feature.QUESTIONS, "asker")))
        assert claude.calls == []


async def test_where_all_fail_the_last_failure_is_told(
    both: World, claude: ScriptedClaude, fallback: ScriptedClaude
) -> None:
    claude.always(Status(500))
    fallback.always(Status(529))
    with pytest.raises(ClaudeFailed, match="Overloaded"):
        await both.write()
    assert (len(claude.calls), len(fallback.calls)) == (3, 3)
    assert await both.charged() == 0


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 413])
async def test_what_will_not_pass_is_not_tried_again(
    both: World, claude: ScriptedClaude, fallback: ScriptedClaude, code: int
) -> None:
    claude.always(Status(code))
    began, *_ = await both.write()
    assert began == Began(OTHER, fallback=True, cheaper=False)
    assert (len(claude.calls), len(fallback.calls)) == (1, 1)


@pytest.mark.parametrize("fault", [Cut(), Drop(), Reset(), Malformed(), Overload(), Stall()])
async def test_nobody_goes_on_with_what_another_began(
    both: World, claude: ScriptedClaude, fallback: ScriptedClaude, fault: Step
) -> None:
    claude.script(Say("It is"), Pause(0.05), fault)
    told = both.providers.write(PROMPT, both.purse())
    assert [await anext(told) for _ in range(3)] == [Began(HAIKU, False, False), Said("It"), Said(" is")]
    with pytest.raises(ClaudeFailed):
        await anext(told)
    assert (len(claude.calls), len(fallback.calls)) == (1, 0)
    assert await both.settled() == [(HAIKU, "estimated")]
    assert await both.charged() >= price(claude)


# Trying again


async def test_an_answer_is_told_by_the_first_provider(
    both: World, claude: ScriptedClaude, fallback: ScriptedClaude
) -> None:
    claude.script(Say("40 m."), End())
    told = await both.write()
    assert (told[0], told[-1], text(told)) == (Began(HAIKU, False, False), Ended("end_turn"), "40 m.")
    assert fallback.calls == []


@pytest.mark.parametrize("code", [408, 409, 429, 500, 503, 529])
async def test_a_fast_failure_is_tried_again(both: World, claude: ScriptedClaude, code: int) -> None:
    claude.script(Status(code))
    began, *_ = await both.write()
    assert (began, len(claude.calls)) == (Began(HAIKU, False, False), 2)
    assert await both.settled() == [(HAIKU, "reported")]


async def test_after_three_tries_the_fallback_writes(
    both: World, claude: ScriptedClaude, fallback: ScriptedClaude
) -> None:
    claude.always(Status(529))
    began, *_ = await both.write()
    assert (began, len(claude.calls), len(fallback.calls)) == (Began(OTHER, True, False), 3, 1)
    assert await both.settled() == [(HAIKU, "unused"), (OTHER, "reported")]


@pytest.mark.parametrize(
    ("steps", "settled"),
    [
        ((Overload(),), "unused"),
        ((Reset(),), "unknown"),
        ((Drop(),), "unknown"),
        ((Malformed(),), "unknown"),
        ((Start(), Overload()), "estimated"),
        ((Start(), Cut()), "estimated"),
        ((Thinking("Hm."), Reset()), "estimated"),
    ],
)
async def test_what_breaks_before_its_first_word_is_tried_again_and_each_try_is_charged_for_itself(
    both: World, claude: ScriptedClaude, steps: tuple[Step, ...], settled: str
) -> None:
    claude.script(*steps)
    claude.script(Say("40 m."), End())
    assert text(await both.write()) == "40 m."
    # What was not billed leaves its reservation to the next try.
    before = [] if settled == "unused" else [(HAIKU, settled)]
    assert await both.settled() == [*before, (HAIKU, "reported")]


async def test_nobody_listening_there_costs_nothing(world: MakeWorld, fallback: ScriptedClaude) -> None:
    async with world(NOBODY, fallback.url) as made:
        began, *_ = await made.write()
        assert began == Began(OTHER, True, False)
        assert await made.settled() == [(HAIKU, "unused"), (OTHER, "reported")]


async def test_a_short_wait_that_a_provider_asks_for_is_kept(both: World, claude: ScriptedClaude) -> None:
    claude.script(Status(429, retry_after=0.5))
    started = time.monotonic()
    began, *_ = await both.write()
    assert began == Began(HAIKU, False, False)
    assert 0.5 <= time.monotonic() - started < 1


async def test_a_long_one_sends_the_question_elsewhere_at_once(both: World, claude: ScriptedClaude) -> None:
    claude.script(Status(429, retry_after=3600))
    started = time.monotonic()
    began, *_ = await both.write()
    assert began == Began(OTHER, True, False)
    assert time.monotonic() - started < 0.3
    assert len(claude.calls) == 1


# Deadlines


@pytest.mark.parametrize("steps", [(Stall(),), (Start(), Stall()), (Thinking("Hm."), Stall())])
async def test_a_provider_that_does_not_begin_is_left_for_the_next(
    hasty: World, claude: ScriptedClaude, steps: tuple[Step, ...]
) -> None:
    claude.script(*steps)
    started = time.monotonic()
    began, *_ = await hasty.write()
    assert began == Began(OTHER, True, False)
    assert 0.3 <= time.monotonic() - started < 0.6
    assert (len(claude.calls), await claude.wait_closed(claude.calls[0])) == (1, "gone")


async def test_each_provider_has_the_time_for_itself(
    hasty: World, claude: ScriptedClaude, fallback: ScriptedClaude
) -> None:
    claude.script(Stall())
    fallback.script(Stall())
    started = time.monotonic()
    with pytest.raises(ClaudeFailed, match="too long"):
        await hasty.write()
    assert 0.6 <= time.monotonic() - started < 1


async def test_an_answer_that_never_ends_is_ended(world: MakeWorld, claude: ScriptedClaude) -> None:
    claude.pace = Pace(per_second=20)
    claude.script(Say("word " * 100), End())
    async with world(claude.url, patience=Patience(first_token=1, whole=0.5)) as made:
        with pytest.raises(ClaudeFailed, match="too long"):
            await made.write()
        assert await made.settled() == [(HAIKU, "estimated")]


# Money


async def test_an_answer_is_charged_what_the_provider_billed_to_the_micro_dollar(
    both: World, claude: ScriptedClaude
) -> None:
    claude.script(Say("40 m."), End(usage=Billed(1234, 56, cache_write=78, cache_read=9)))
    purse = both.purse()
    await both.write(purse)
    assert await both.charged() == price(claude) == Decimal("161.240")
    assert (purse.usage.input_tokens, purse.usage.output_tokens) == (1321, 56)


async def test_what_nobody_counted_is_charged_as_it_was_reserved(hasty: World, claude: ScriptedClaude) -> None:
    claude.always(Stall())
    async with asyncio.timeout(1):
        await hasty.write()
    row = await hasty.database.fetchrow("SELECT cost, reserved FROM model_calls WHERE settled_as = 'unknown'")
    assert row
    assert row["cost"] == row["reserved"] > 0


async def test_a_reader_who_leaves_closes_the_stream_at_once_and_pays_for_what_was_said(
    both: World, claude: ScriptedClaude
) -> None:
    claude.script(Say("It is forty"), Stall())
    purse = both.purse()
    told = both.providers.write(PROMPT, purse)
    while not isinstance(await anext(told), Said):
        pass
    leaving = time.monotonic()
    await told.aclose()
    assert await claude.wait_closed(claude.calls[0]) == "gone"
    assert time.monotonic() - leaving < 0.2
    assert (await both.settled(), purse.usage.output_tokens) == ([(HAIKU, "estimated")], 1)


@pytest.mark.parametrize(("steps", "settled"), [((Say("It is"), Stall()), "estimated"), ((Stall(),), "unknown")])
async def test_a_cancelled_question_is_settled_and_its_stream_closed(
    both: World, claude: ScriptedClaude, steps: tuple[Step, ...], settled: str
) -> None:
    claude.script(*steps)
    writing = asyncio.create_task(both.write())
    call = await claude.wait_call()
    await asyncio.sleep(0.1)
    writing.cancel()
    await asyncio.wait([writing])
    assert writing.cancelled()
    assert await claude.wait_closed(call) == "gone"
    assert await both.settled() == [(HAIKU, settled)]


async def test_a_question_cancelled_at_any_moment_again_and_again_leaves_nothing_unsettled(
    both: World, claude: ScriptedClaude
) -> None:
    for milliseconds in range(0, 60, 3):
        claude.script(Status(500))
        writing = asyncio.create_task(both.write())
        await asyncio.sleep(milliseconds / 1000)
        while not writing.done():
            writing.cancel()
            await asyncio.sleep(0)
    assert len(await both.settled()) > 5


async def test_near_the_end_of_the_budget_the_cheaper_model_writes(world: MakeWorld, claude: ScriptedClaude) -> None:
    async with world(claude.url, day=Decimal(1000_000), models=(SONNET, HAIKU)) as made:
        await made.database.execute(
            "INSERT INTO spending_days (day, spent) VALUES ((now() AT TIME ZONE 'UTC')::date, 799000)"
        )
        began, *_ = await made.write()
        assert began == Began(HAIKU, fallback=False, cheaper=True)
        assert claude.calls[0].body["model"] == HAIKU


async def test_a_fallback_that_the_budget_has_no_room_for_is_not_asked(
    world: MakeWorld, claude: ScriptedClaude, fallback: ScriptedClaude
) -> None:
    claude.script(Stall())
    async with world(claude.url, fallback.url, patience=HASTY, day=Decimal(1500)) as made:
        with pytest.raises(BudgetSpent):
            await made.write()
        assert (fallback.calls, await made.settled()) == ([], [(HAIKU, "unknown")])


async def test_what_the_question_was_admitted_with_is_used_first(both: World) -> None:
    account = Account(Feature.QUESTIONS, "asker")
    held = await both.ledger.reserve(account, [HAIKU], Tokens(100_000, 1500))
    assert held
    await both.write(Purse(both.ledger, account, held))
    assert await both.settled() == [(HAIKU, "reported")]


# The breaker


async def fail(world: World, claude: ScriptedClaude, fault: Step, times: int = 3) -> None:
    """So many questions in a row that the first provider fails."""
    claude.always(fault)
    for _ in range(times):
        await world.write()
    claude.always(Say("40 m."), End())


async def test_after_three_failed_questions_nobody_waits_for_the_provider(hasty: World, claude: ScriptedClaude) -> None:
    await fail(hasty, claude, Stall())
    started = time.monotonic()
    began, *_ = await hasty.write()
    assert began == Began(OTHER, True, False)
    assert time.monotonic() - started < 0.2
    assert len(claude.calls) == 3


async def test_a_wrong_key_is_given_up_and_a_wrong_request_is_not(both: World, claude: ScriptedClaude) -> None:
    await fail(both, claude, Status(400))
    assert (await both.write())[0] == Began(HAIKU, False, False)
    await fail(both, claude, Status(401))
    assert (await both.write())[0] == Began(OTHER, True, False)


async def test_with_nobody_left_to_ask_the_question_fails_at_once(
    both: World, claude: ScriptedClaude, fallback: ScriptedClaude
) -> None:
    await fail(both, claude, Status(401), 2)
    fallback.always(Status(401))
    claude.always(Status(401))
    for _ in range(3):
        with pytest.raises(ClaudeFailed):
            await both.write()
    with pytest.raises(ClaudeFailed, match="left alone"):
        await both.write()
    with pytest.raises(ClaudeFailed, match="left alone"):
        await both.providers.reword("Rules.", "And why?", both.purse())


async def test_one_question_finds_the_provider_working_again(both: World, claude: ScriptedClaude) -> None:
    await fail(both, claude, Status(401))
    both.clock.now = 15
    claude.script(Pause(0.2), Say("40 m."), End())
    probe, other = await asyncio.gather(both.write(), both.write())
    assert (probe[0], other[0]) == (Began(HAIKU, False, False), Began(OTHER, True, False))
    assert (await both.write())[0] == Began(HAIKU, False, False)


async def test_a_probe_is_one_try(both: World, claude: ScriptedClaude) -> None:
    await fail(both, claude, Status(401))
    both.clock.now = 15
    claude.script(Status(500))
    assert (await both.write())[0] == Began(OTHER, True, False)
    assert len(claude.calls) == 4


async def test_a_provider_whose_answers_all_break_off_is_given_up(both: World, claude: ScriptedClaude) -> None:
    claude.always(Say("It is"), Cut())
    for _ in range(3):
        with pytest.raises(ClaudeFailed):
            await both.write()
    assert (await both.write())[0] == Began(OTHER, True, False)


async def test_readers_who_leave_are_no_failures(both: World, claude: ScriptedClaude) -> None:
    claude.always(Say("It is"), Stall())
    for _ in range(4):
        told = both.providers.write(PROMPT, both.purse())
        assert await anext(told) == Began(HAIKU, False, False)
        await told.aclose()


# Rewording


async def test_a_rewording_is_charged_as_one(both: World, claude: ScriptedClaude) -> None:
    claude.script(Say("Why is it 40 m high?"), End())
    purse = both.purse()
    assert await both.providers.reword("Rules.", "And why?", purse) == "Why is it 40 m high?"
    row = await both.database.fetchrow("SELECT feature, cost, settled_as FROM model_calls")
    assert row
    assert tuple(row) == ("rewording", price(claude), Settled.REPORTED)
    assert purse.usage.output_tokens == claude.billed.output


async def test_a_rewording_that_was_cut_off_is_charged_all_the_same(both: World, claude: ScriptedClaude) -> None:
    claude.script(Say("Why is"), End("max_tokens"))
    with pytest.raises(ClaudeFailed, match="max_tokens"):
        await both.providers.reword("Rules.", "And why?", both.purse())
    assert await both.charged() == price(claude)


@pytest.mark.parametrize(("fault", "settled"), [(Status(500), "unused"), (Stall(), "unknown"), (Reset(), "unknown")])
async def test_a_rewording_is_tried_once_and_not_for_long(
    both: World, claude: ScriptedClaude, fallback: ScriptedClaude, fault: Step, settled: str
) -> None:
    claude.script(fault)
    started = time.monotonic()
    with pytest.raises(ClaudeFailed):
        await both.providers.reword("Rules.", "And why?", both.purse())
    assert time.monotonic() - started < 0.6
    assert (len(claude.calls), len(fallback.calls)) == (1, 0)
    assert await both.settled() == [(HAIKU, settled)]


async def test_what_a_rewording_held_in_vain_is_not_what_the_answer_is_charged_to(
    both: World, claude: ScriptedClaude
) -> None:
    claude.script(Status(500))
    purse = both.purse()
    with pytest.raises(ClaudeFailed):
        await both.providers.reword("Rules.", "And why?", purse)
    await both.write(purse)
    rows = await both.database.fetch("SELECT feature, settled_as FROM model_calls ORDER BY reserved_at")
    assert [tuple(row) for row in rows] == [("rewording", "unused"), ("questions", "reported")]


async def test_a_slow_rewording_gives_up_nobody_and_a_failing_one_does(
    both: World, claude: ScriptedClaude, fallback: ScriptedClaude
) -> None:
    faults: list[Step] = [*[Stall()] * 3, *[Status(500)] * 3]
    for fault in faults:
        claude.script(fault)
        with pytest.raises(ClaudeFailed):
            await both.providers.reword("Rules.", "And why?", both.purse())
    assert len(claude.calls) == 6
    await both.providers.reword("Rules.", "And why?", both.purse())
    assert len(fallback.calls) == 1


# Variants


async def test_without_room_in_the_budget_no_variant_is_asked_for(world: MakeWorld, claude: ScriptedClaude) -> None:
    async with world(claude.url, day=Decimal(100)) as small:
        with pytest.raises(BudgetSpent):
            await small.compose()
        assert claude.calls == []


@pytest.mark.parametrize("fault", [Cut(), Drop(), Malformed(), Overload()])
async def test_what_breaks_in_its_middle_is_no_reply_and_is_charged(
    both: World, claude: ScriptedClaude, fallback: ScriptedClaude, fault: Step
) -> None:
    claude.script(Say("ایک"), Pause(0.05), fault)
    with pytest.raises(ClaudeFailed):
        await both.compose()
    assert (await both.settled(), fallback.calls) == ([(HAIKU, "estimated")], [])
    assert await both.charged() >= price(claude)


async def test_a_reply_that_is_cut_off_says_so(both: World, claude: ScriptedClaude) -> None:
    claude.script(Say("ایک رو"), End("max_tokens"))
    assert await both.compose() == Composed("ایک رو", "max_tokens", HAIKU)


async def test_a_whole_reply_tells_who_gave_it(both: World, claude: ScriptedClaude) -> None:
    claude.script(Say("ایک روبوٹ"), End())
    assert await both.compose() == Composed("ایک روبوٹ", "end_turn", HAIKU)
    claude.script(Status(401))
    assert (await both.compose()).model == OTHER


async def test_a_variant_is_charged_as_one_and_reading_from_the_cache_at_its_price(
    both: World, claude: ScriptedClaude
) -> None:
    for _ in range(2):
        await both.compose()
    rows = await both.database.fetch(
        "SELECT feature, settled_as, cache_write_tokens, cache_read_tokens FROM model_calls ORDER BY reserved_at"
    )
    written = claude.calls[0].tokens.cache_write
    assert written > 50
    assert [tuple(row) for row in rows] == [("variants", "reported", written, 0), ("variants", "reported", 0, written)]
    assert await both.charged() == price(claude)


async def test_a_variant_is_waited_for_longer_than_an_answer(
    hasty: World, claude: ScriptedClaude, fallback: ScriptedClaude
) -> None:
    claude.always(Pause(0.5), Say("ایک"), Pause(0.5), End())
    assert (await hasty.compose()).model == HAIKU
    assert fallback.calls == []
    assert (await hasty.write())[0] == Began(OTHER, True, False)


async def test_a_variant_that_does_not_begin_is_left_to_the_next_provider(hasty: World, claude: ScriptedClaude) -> None:
    claude.script(Stall())
    started = time.monotonic()
    assert (await hasty.compose()).model == OTHER
    assert 1 <= time.monotonic() - started < 1.5


async def test_a_variant_that_never_ends_is_ended(both: World, claude: ScriptedClaude) -> None:
    claude.pace = Pace(per_second=20)
    claude.script(Say("word " * 100), End())
    started = time.monotonic()
    with pytest.raises(ClaudeFailed, match="too long"):
        await both.compose()
    assert 1.2 <= time.monotonic() - started < 1.6


async def test_what_fails_variants_is_not_asked_for_answers_either(both: World, claude: ScriptedClaude) -> None:
    claude.always(Status(401))
    for _ in range(3):
        await both.compose()
    assert (await both.write())[0] == Began(OTHER, True, False)
    assert len(claude.calls) == 3
