"""A dollar is spent once, and never one that is not there."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

import db.ledger
from db.ledger import Settlement, settle, settle_lost
from db.postgres import Database, pool
from services.ledger import Account, Budget, Feature, Held, Ledger, Settled, open_ledger
from services.models import MODELS, Model, Prices, Tokens
from services.purse import Purse

HAIKU, SONNET = "claude-haiku-5-5", "claude-sonnet-5-5"
CALL = Tokens(input=10_000, output=2_000)  # 2,000 micro-dollars with Haiku, 40,000 with Sonnet
SOMEBODY = Account(Feature.QUESTIONS, "somebody")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


def of(dollars: str, share: str = "1") -> Budget:
    return Budget(Decimal(dollars) * 1_000_000, Decimal("0.8"), Decimal("0.95"), Decimal(share))


def ledger(database: Database, dollars: str = "1", share: str = "1") -> Ledger:
    return Ledger(database, Prices(), of(dollars, share))


async def day(database: Database) -> tuple[float, float]:
    """What of today is reserved, and what is spent."""
    row = await database.fetchrow("SELECT reserved, spent FROM spending_days")
    return (float(row["reserved"]), float(row["spent"])) if row else (0, 0)


async def held(book: Ledger, models: tuple[str, ...] = (HAIKU,)) -> Held:
    found = await book.reserve(SOMEBODY, models, CALL)
    assert found
    return found


async def test_without_a_budget_nothing_is_reserved(database: Database) -> None:
    assert await ledger(database, "0").reserve(SOMEBODY, [HAIKU], CALL) is None


async def test_the_last_dollar_is_given_once(database: Database) -> None:
    book = ledger(database, "0.021")  # ten calls, and half of another one
    reserved = await asyncio.gather(*(book.reserve(SOMEBODY, [HAIKU], CALL) for _ in range(60)))
    assert sum(call is not None for call in reserved) == 10
    assert await day(database) == (20_000, 0)


async def test_what_was_settled_makes_room_for_others(database: Database) -> None:
    book = ledger(database, "0.002")
    first = await held(book)
    assert await book.reserve(SOMEBODY, [HAIKU], CALL) is None
    await book.settle(first, Settled.REPORTED, Tokens(input=0, output=0))
    assert await book.reserve(SOMEBODY, [HAIKU], CALL)


async def test_a_call_is_charged_for_what_the_provider_counted(database: Database) -> None:
    book = ledger(database)
    await book.settle(await held(book), Settled.REPORTED, Tokens(100, 20, cache_write=40, cache_read=30))
    assert await day(database) == (0, 25.3)  # 10 + 5 + 0.3, and 10 of output
    row = await database.fetchrow("SELECT cost, asker, settled_as, cache_read_tokens FROM model_calls")
    assert row
    assert tuple(row) == (Decimal("25.3"), None, "reported", 30)


async def test_what_nobody_counted_is_charged_as_it_was_reserved(database: Database) -> None:
    book = ledger(database)
    await book.settle(await held(book), Settled.UNKNOWN)
    assert await day(database) == (0, 2_000)


async def test_what_was_never_billed_is_free(database: Database) -> None:
    book = ledger(database)
    await book.settle(await held(book), Settled.UNUSED)
    assert await day(database) == (0, 0)


async def test_a_call_is_charged_once(database: Database) -> None:
    book = ledger(database)
    call = await held(book)
    for _ in range(3):
        await book.settle(call, Settled.REPORTED, Tokens(100, 20))
    assert await day(database) == (0, 20)


async def test_who_comes_to_settle_what_was_given_up_finds_it_charged(database: Database) -> None:
    book = ledger(database)
    call = await held(book)
    await database.execute("UPDATE model_calls SET expires_at = now() - interval '1 second'")
    assert (await settle_lost(database), await settle_lost(database)) == (1, 0)
    await settle(database, Settlement(call.id, Decimal(5), "reported"))
    assert await day(database) == (0, 2_000)


async def test_many_lost_calls_are_all_charged(database: Database) -> None:
    book = ledger(database)
    for _ in range(5):
        await held(book)
    await database.execute("UPDATE model_calls SET expires_at = now() - interval '1 second'")
    assert sum(await asyncio.gather(*(settle_lost(database) for _ in range(4)))) == 5
    assert await day(database) == (0, 10_000)


async def test_what_a_living_process_holds_is_not_lost(database: Database) -> None:
    async with open_ledger(database, Prices(), of("1")) as book:
        await held(book)
        await database.execute("UPDATE model_calls SET expires_at = now() + interval '1 second'")
        renewing = asyncio.create_task(book.keep_renewing())
        await asyncio.sleep(1.2)
        renewing.cancel()
        assert await settle_lost(database) == 0


async def test_from_four_fifths_of_the_budget_on_the_cheaper_model_is_used(database: Database) -> None:
    book = ledger(database, "0.1")
    models = [(await held(book, (SONNET, HAIKU))).model for _ in range(4)]
    assert models == [SONNET, SONNET, HAIKU, HAIKU]  # the third would come to 120,000 of 80,000 micro-dollars


async def test_from_nineteen_twentieths_on_there_is_none_for_variants(database: Database) -> None:
    book, variants = ledger(database, "0.0204"), Account(Feature.VARIANTS, "somebody")
    assert [bool(await book.reserve(variants, [HAIKU], CALL)) for _ in range(10)] == [True] * 9 + [False]
    assert await book.reserve(SOMEBODY, [HAIKU], CALL)


async def test_one_reader_cannot_reserve_everything(database: Database) -> None:
    book = ledger(database, "0.02", share="0.2")
    assert [bool(await book.reserve(SOMEBODY, [HAIKU], CALL)) for _ in range(3)] == [True, True, False]
    assert await book.reserve(Account(Feature.QUESTIONS, "another"), [HAIKU], CALL)


async def test_one_call_is_within_anybodys_share(database: Database) -> None:
    assert await ledger(database, "0.002", share="0.01").reserve(SOMEBODY, [HAIKU], CALL)


async def test_a_repeated_reservation_is_one(database: Database) -> None:
    book = ledger(database)
    wanted = book.wanted(SOMEBODY, [HAIKU], CALL)
    assert [await db.ledger.reserve(database, wanted=wanted) for _ in range(2)] == [HAIKU, HAIKU]
    assert await day(database) == (2_000, 0)


async def test_a_purse_uses_what_it_holds_and_gives_back_what_it_does_not(database: Database) -> None:
    book = ledger(database)
    purse = Purse(book, SOMEBODY, await held(book))
    call = await purse.hold([HAIKU], Tokens(input=10, output=10))
    assert call
    await purse.settle(call, Settled.REPORTED, Tokens(100, 20))
    await purse.close()
    assert await day(database) == (0, 20)
    assert purse.usage == Prices().usage(HAIKU, Tokens(100, 20))


async def test_a_call_that_may_cost_more_than_is_held_is_reserved_anew(database: Database) -> None:
    book = ledger(database)
    purse = Purse(book, SOMEBODY, await held(book))
    assert await purse.hold([HAIKU], Tokens(input=20_000, output=2_000))
    assert await day(database) == (3_000, 0)


async def test_what_is_held_without_a_cache_does_not_do_for_a_call_with_one(database: Database) -> None:
    book = ledger(database)
    purse = Purse(book, SOMEBODY, await held(book))
    assert await purse.hold([HAIKU], Tokens(input=10, output=10, cache_write=100))
    assert await day(database) == (18.5, 0)  # 1 + 5 + 12.5, and what was held is given back


async def test_a_call_in_a_batch_is_reserved_and_charged_at_half_the_price(database: Database) -> None:
    book = ledger(database, "0.0012")  # one call in a batch, and none at the full price
    assert await book.reserve(SOMEBODY, [HAIKU], CALL) is None
    call = await book.reserve(SOMEBODY, [HAIKU], CALL, batch=True)
    assert call
    assert await day(database) == (1_000, 0)
    await book.settle(call, Settled.REPORTED, Tokens(100, 20, cache_write=40, cache_read=30))
    assert await day(database) == (0, 12.65)


async def test_a_call_in_a_batch_that_nobody_counted_is_charged_as_it_was_reserved(database: Database) -> None:
    book = ledger(database)
    call = await book.reserve(SOMEBODY, [HAIKU], CALL, batch=True)
    assert call
    await book.settle(call, Settled.UNKNOWN)
    assert await day(database) == (0, 1_000)


def test_a_batch_costs_half_of_everything_unless_the_model_says_otherwise() -> None:
    tokens = Tokens(100, 20, cache_write=40, cache_read=30)
    assert Prices().cost(SONNET, tokens, batch=True) * 2 == Prices().cost(SONNET, tokens)
    assert Prices({HAIKU: replace(MODELS[HAIKU], batch=Decimal(1))}).cost(HAIKU, Tokens(100), batch=True) == 10


def test_own_prices_come_before_the_table() -> None:
    own = Prices({"anthropic/claude-haiku-5.5": Model(Decimal(1), Decimal(2))})
    assert own.cost(HAIKU, Tokens(3, 4)) == 11
    assert own.model(SONNET) == MODELS[SONNET]


def test_an_unknown_model_is_never_free() -> None:
    assert Prices().cost("new-model", Tokens(input=1_000_000)) == 4_000_000


def test_a_vendors_prefix_does_not_change_the_price() -> None:
    assert Prices().model("anthropic/claude-haiku-5.5") == MODELS[HAIKU]


def test_a_fraction_of_a_micro_dollar_is_kept_and_less_than_a_thousandth_is_rounded_up() -> None:
    assert Prices().cost(HAIKU, Tokens(input=1, cache_read=1)) == Decimal("0.11")
    assert Prices({HAIKU: Model(Decimal("0.0001"), Decimal(0))}).cost(HAIKU, Tokens(input=1)) == Decimal("0.001")
