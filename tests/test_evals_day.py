"""A simulated day never passes its cap, and what it says of prices is what the ledger charges."""

import re
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from db.postgres import Database, pool
from evals.day import HAIKU, SONNET, Plan, spent_in, table
from evals.spending import Became, Day, LedgerWrong, Step, uncapped
from evals.traffic import Asked, Call, Question, Quota, Sizes, Variant, day
from services.ledger import Budget, Ledger
from services.models import MODELS, Prices, Tokens
from tests.conftest import MakeSettings
from tests.processes import ROOT

WORTH = Call(most=Tokens(16_000, 1_500), used=Tokens(4_000, 250))
REWORDING = Call(most=Tokens(3_000, 300), used=Tokens(300, 20))
ANSWERED = Question(None, WORTH, kept=True, quotable=True)
NOT_IN_BOOK = Question(REWORDING, WORTH, kept=False, quotable=False)
DECLINED = Question(None, None, kept=False, quotable=False)
CHAPTER = Variant(Call(Tokens(1_400, 600), Tokens(700, 300)), sections=3)
SIZES = Sizes((ANSWERED, NOT_IN_BOOK, DECLINED), CHAPTER, CHAPTER)
TWO_READERS = day(SIZES, 2, Quota(10, 1, 1), seed=1)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


async def test_a_day_that_passes_its_cap_is_found_out(database: Database) -> None:
    generous = Ledger(
        database, Prices(), Budget(Decimal(10**9), cheaper_at=Decimal(1), no_variants_at=Decimal(1), share=Decimal(1))
    )
    with pytest.raises(LedgerWrong, match="reserved and spent, of 100000"):
        await Day(database, generous, Decimal(100_000), [SONNET], caches=False).spend(TWO_READERS, lambda: None)


@pytest.mark.parametrize("caches", [False, True])
async def test_a_day_never_passes_its_cap(database: Database, new_settings: MakeSettings, caches: bool) -> None:
    settings = new_settings(daily_budget_usd="0.05")
    result = await spent_in(database, Plan(HAIKU, caches), settings, TWO_READERS, lambda: None)
    assert result.spending.by_hour == sorted(result.spending.by_hour)
    assert result.spending.by_hour[-1] <= Decimal("0.05") < result.uncapped
    assert result.spending.became.total() == 2 * (24 * 10 + 2)
    assert result.spending.became[Became.QUOTED] > 0
    assert bool(result.spending.became[Became.CACHED]) == caches


async def test_the_cheaper_model_comes_before_no_model(database: Database, new_settings: MakeSettings) -> None:
    settings = new_settings(daily_budget_usd="0.3", budget_share_per_reader=1)
    result = await spent_in(database, Plan(SONNET, False), settings, TWO_READERS, lambda: None)
    assert result.spending.since[Step.CHEAPER] < result.spending.since[Step.NOTHING]
    assert len(table([result], settings).rows) == 2 + len(Became) + len(Step)


@pytest.mark.parametrize(("model", "dollars"), [(HAIKU, "0.000525"), (SONNET, "0.0105")])
def test_a_question_costs_its_tokens(model: str, dollars: str) -> None:
    assert uncapped([[Asked("a reader", ANSWERED)]], Prices(), model, caches=False) == Decimal(dollars)


def test_what_the_book_answers_is_paid_once_and_what_it_does_not_each_time() -> None:
    again = [Asked("a reader", what, number=7) for what in (ANSWERED, ANSWERED, NOT_IN_BOOK, NOT_IN_BOOK, DECLINED)]
    with_cache, without = (uncapped([again], Prices(), HAIKU, caches=caches) for caches in (True, False))
    assert (with_cache, without) == (Decimal("0.001655"), Decimal("0.00218"))


def test_the_same_seed_draws_the_same_day() -> None:
    assert day(SIZES, 2, Quota(10, 1, 1), seed=1) == TWO_READERS
    assert day(SIZES, 2, Quota(10, 1, 1), seed=2) != TWO_READERS


def test_every_quota_is_used_up() -> None:
    asked = [one for hour in day(SIZES, 3, Quota(20, 5, 5), seed=1) for one in hour if one.reader == "0"]
    assert sum(isinstance(one.what, Question) for one in asked) == 480
    assert sum(isinstance(one.what, Variant) for one in asked) == 10


def test_the_page_has_the_prices_that_are_charged() -> None:
    page = (ROOT / "docs" / "cost.md").read_text("utf-8")
    rows = re.findall(r"^\| `(claude[\w-]+)` \| \$([\d.]+) \| \$([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", page, re.M)
    said = {name: tuple(map(Decimal, prices)) for name, *prices in rows}
    assert said == {
        name: (model.input_price, model.output_price, model.cache_write, model.cache_read)
        for name, model in MODELS.items()
    }
