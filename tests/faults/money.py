"""Invariants 3 and 4: charged is what the provider counted, never over the budget, and nothing stays reserved."""

import asyncio
from collections import Counter
from decimal import Decimal

from services.models import Prices
from services.models import Tokens as Counted
from tests.claude import Call, Tokens
from tests.client import Data
from tests.faults.world import World

MICRO = 1_000_000
HELD = "SELECT count(*) AS n FROM model_calls WHERE cost IS NULL"
HELD_SECONDS = 120
CALLS = """
    SELECT id::text, day, model, reserved, cost, settled_as, input_tokens, output_tokens, cache_write_tokens,
        cache_read_tokens, extract(epoch FROM clock_timestamp() - reserved_at)::float8 AS age,
        extract(epoch FROM expires_at - clock_timestamp())::float8 AS expires
    FROM model_calls
"""


async def broken(world: World) -> list[str]:
    """What of them does not hold. What could not be settled while Postgres was away is, as soon as it is back."""
    for _ in range(10):
        if world.ever_killed or not (await world.fetch(HELD))[0]["n"]:
            break
        await asyncio.sleep(0.3)
    rows, days = await world.fetch(CALLS), await world.fetch("SELECT * FROM spending_days")
    return [*within_the_budget(world, rows, days), *as_billed(world, rows), *let_go(world, rows)]


def within_the_budget(world: World, rows: list[Data], days: list[Data]) -> list[str]:
    """A day's row is the sum of its calls, and not over the budget."""
    budget, broken = Decimal(str(world.setting("DAILY_BUDGET_USD"))) * MICRO, []
    for day in days:
        calls = [row for row in rows if row["day"] == day["day"]]
        spent = sum((row["cost"] for row in calls if row["cost"] is not None), Decimal(0))
        reserved = sum((row["reserved"] for row in calls if row["cost"] is None), Decimal(0))
        if (spent, reserved) != (day["spent"], day["reserved"]):
            broken.append(
                f"the day says {day['spent']} and {day['reserved']} reserved, its calls {spent} and {reserved}"
            )
        if day["spent"] + day["reserved"] > budget:
            broken.append(f"{day['spent']} + {day['reserved']} reserved is over the budget of {budget}")
    return broken


def as_billed(world: World, rows: list[Data]) -> list[str]:
    """Calls that are charged by the provider's count are calls that the provider counted so; what is not is charged at
    least what the provider bills for all others."""
    prices = Prices()
    billed = Counter(billing(str(call.body["model"]), call.tokens) for call in calls_of(world))
    reported = Counter(billing(row["model"], tokens_of(row)) for row in rows if row["settled_as"] == "reported")
    broken = [f"charged as reported, and the provider did not: {each}" for each in (reported - billed)]
    others = sum((prices.cost(*each) * times for each, times in (billed - reported).items()), Decimal(0))
    charged = sum((charge_of(row) for row in rows if row["settled_as"] != "reported"), Decimal(0))
    if charged < others:
        broken.append(
            f"charged {charged} micro-dollars for calls without a reported usage, the provider bills {others}"
        )
    return broken + dearer(rows, prices)


def dearer(rows: list[Data], prices: Prices) -> list[str]:
    """Reported calls whose charge is not the price of their tokens."""
    wrong = [
        row
        for row in rows
        if row["settled_as"] == "reported" and row["cost"] != prices.cost(row["model"], tokens_of(row))
    ]
    return [f"{len(wrong)} calls are not charged at their price, such as {wrong[0]}"] if wrong else []


def let_go(world: World, rows: list[Data]) -> list[str]:
    """Nothing is reserved any more, but for a while what a killed process held."""
    held = [row for row in rows if row["cost"] is None]
    if not world.ever_killed:
        return [f"{len(held)} calls are still reserved"] if held else []
    late = [row for row in held if row["age"] > HELD_SECONDS or row["expires"] > HELD_SECONDS]
    return [f"{len(late)} calls are reserved for more than {HELD_SECONDS} s"] if late else []


def calls_of(world: World) -> list[Call]:
    """All calls to both models that the provider bills for."""
    calls = [*world.primary.calls, *world.fallback.calls]
    return [call for call in calls if call.tokens != Tokens()]


def billing(model: str, tokens: Tokens | Counted) -> tuple[str, Counted]:
    """A call as both sides can tell it."""
    return model, Counted(tokens.input, tokens.output, tokens.cache_write, tokens.cache_read)


def tokens_of(row: Data) -> Counted:
    """What a call is charged for."""
    return Counted(row["input_tokens"], row["output_tokens"], row["cache_write_tokens"], row["cache_read_tokens"])


def charge_of(row: Data) -> Decimal:
    """What a call takes from the budget, settled or not."""
    charge: Decimal = row["reserved"] if row["cost"] is None else row["cost"]
    return charge
