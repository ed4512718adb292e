"""Group "Quotas and budget", dollars: what happens as the day's are used up, and after midnight."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial

from tests.claude import End, More, Pause, Say
from tests.client import Data
from tests.faults.case import case
from tests.faults.history import Asking
from tests.faults.money import MICRO
from tests.faults.quota_cases import asked_everywhere
from tests.faults.world import World
from tests.readers import sign_up

BUDGET = 10 * MICRO
SHARE = 2 * MICRO  # of it, that one asker may have reserved
CHEAP = "claude-haiku-5-5"
CALL = Decimal(2550)  # micro-dollars: what a question to the cheap model may cost at most

budgeted = partial(case, "quotas", replicas=2, claude_model="claude-sonnet-5-5", claude_cheap_model=CHEAP)


@asynccontextmanager
async def used(world: World, upto: Decimal, asker: str | None = None) -> AsyncIterator[None]:
    """So much of today's budget is spent as long as the block lasts; with an asker, so much is reserved by them."""
    id, held = uuid.uuid4(), asker is not None
    await world.fetch(
        "INSERT INTO spending_days (day) VALUES ((now() AT TIME ZONE 'UTC')::date) ON CONFLICT DO NOTHING"
    )
    await world.fetch(
        """
        WITH called AS (
            INSERT INTO model_calls (id, day, feature, model, asker, reserved, expires_at, cost, settled_as)
            SELECT $1, day, 'questions', 'filler', $3, $2 - CASE WHEN $4 THEN 0 ELSE spent + reserved END,
                now() + interval '60 seconds',
                CASE WHEN $4 THEN NULL ELSE $2 - spent - reserved END, CASE WHEN $4 THEN NULL ELSE 'unknown' END
            FROM spending_days WHERE day = (now() AT TIME ZONE 'UTC')::date
            RETURNING day, reserved, cost
        )
        UPDATE spending_days SET spent = spent + coalesce(called.cost, 0),
            reserved = spending_days.reserved + CASE WHEN called.cost IS NULL THEN called.reserved ELSE 0 END
        FROM called WHERE spending_days.day = called.day
        """,
        *(id, upto, asker, held),
    )
    try:
        yield
    finally:
        await world.fetch(FORGET, id)


FORGET = """
    WITH forgotten AS (DELETE FROM model_calls WHERE id = $1 RETURNING day, reserved, cost)
    UPDATE spending_days SET spent = spent - coalesce(forgotten.cost, 0),
        reserved = spending_days.reserved - CASE WHEN forgotten.cost IS NULL THEN forgotten.reserved ELSE 0 END
    FROM forgotten WHERE spending_days.day = forgotten.day
"""


def told(answer: Data) -> tuple[object, ...]:
    """How an answer ended, by whom, and why it is plainer than it could be."""
    return answer["status"], answer["source"], answer["model"], answer["degraded"]


@budgeted("from 80 % of the budget on the cheaper model writes")
async def _(world: World) -> None:
    async with used(world, Decimal(BUDGET * 8 // 10)):
        answer = (await world.ask()).answer
    assert told(answer) == ("COMPLETE", "MODEL", CHEAP, ["BUDGET"]), told(answer)


@budgeted("nothing is left of the budget")
async def _(world: World) -> None:
    async with used(world, Decimal(BUDGET)):
        answer = (await world.ask()).answer
    assert told(answer) == ("COMPLETE", "PASSAGES", None, ["BUDGET"]), told(answer)
    assert not world.claude.calls, "a call was made that nothing was left for"


@budgeted("fifty questions at once for the last dollars")
async def _(world: World) -> None:
    world.claude.always(Say("Trim the wick "), Pause(1), More("often."), End())
    async with used(world, BUDGET - 5 * CALL):
        asking = asyncio.create_task(asked_everywhere(world, 50))
        most = await watched(world, asking)
    plain = [each for each in await asking if each.answer["source"] == "PASSAGES"]
    assert 0 < len(plain) == 50 - len(world.claude.calls) < 50, f"{len(plain)} answers are passages"
    assert all(each.answer["degraded"] == ["BUDGET"] for each in asking.result()), "not all say why they are plain"
    assert most <= BUDGET, f"{most} of {BUDGET} were used"


async def watched(world: World, asking: asyncio.Task[list[Asking]]) -> Decimal:
    """The most that the day came to while questions were asked."""
    most = Decimal(0)
    async with world.connection() as connection:
        while not asking.done():
            most = max(most, await connection.fetchval("SELECT max(spent + reserved) FROM spending_days"))
            await asyncio.wait({asking}, timeout=0.05)
    return most


@budgeted("an asker's share of the budget is reserved")
async def _(world: World) -> None:
    account = await sign_up(world.replica.direct)
    async with used(world, Decimal(SHARE), account.id):
        theirs, others = await world.ask(token=account.token), await world.ask()
    assert told(theirs.answer)[1:] == ("PASSAGES", None, ["BUDGET"]), told(theirs.answer)
    assert others.answer["source"] == "MODEL", told(others.answer)


@budgeted("UTC midnight, with nothing left of the day and a call under way")
async def _(world: World) -> None:
    world.claude.script(Say("Trim the wick "), Pause(1.5), More("often."), End())
    async with world.reader() as reader:
        await reader.until("AnswerDelta")
        async with used(world, Decimal(BUDGET)):
            assert (await world.ask()).answer["source"] == "PASSAGES"
            await world.fetch(YESTERDAY)
            assert (await world.ask()).answer["source"] == "MODEL", "the new day has no budget of its own"
        await reader.rest()
    day = "SELECT day < (now() AT TIME ZONE 'UTC')::date AS before FROM model_calls WHERE answer = $1"
    assert await world.fetch(day, uuid.UUID(reader.asking.answer_id)) == [{"before": True}]


YESTERDAY = """
    WITH today AS (SELECT * FROM spending_days WHERE day = (now() AT TIME ZONE 'UTC')::date), before AS (
        INSERT INTO spending_days (day, reserved, spent) SELECT day - 1, reserved, spent FROM today
        ON CONFLICT (day) DO UPDATE SET reserved = spending_days.reserved + excluded.reserved,
            spent = spending_days.spent + excluded.spent
        RETURNING day
    ), calls AS (
        UPDATE model_calls SET day = before.day FROM before WHERE model_calls.day = before.day + 1
    )
    UPDATE spending_days SET reserved = 0, spent = 0 FROM today WHERE spending_days.day = today.day
"""
