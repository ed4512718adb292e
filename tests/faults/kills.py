"""`kill -9` at random moments under running questions: what is charged then, to the micro-dollar.

python -m tests.faults.kills [KILLS]
"""

import asyncio
import random
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from rich.progress import Progress
from websockets.exceptions import WebSocketException

from services.models import Prices
from tests.claude import Call, End, More, Pace, Pause, Say, Stall, Step
from tests.claude.script import Body
from tests.client import Data
from tests.faults import money
from tests.faults.case import case
from tests.faults.long_run import bar, checked, open_world, question_of, screen, size, table, verdict
from tests.faults.world import World

AT_ONCE = 8
LATEST_MOMENT = 3.0
SETTLED_SECONDS = 90.0  # a reservation expires after 60 s, and every 20 s somebody looks for such
DOLLARS_PER_KILL = 0.02  # what 8 reservations come to
DAY = "SELECT spent + reserved AS used FROM spending_days"
HELD = "SELECT count(*) AS n FROM model_calls WHERE cost IS NULL"
OURS = "(killed"
ROWS = f"""
    SELECT calls.*, answers.snapshot->>'question' AS question
    FROM ({money.CALLS.replace("SELECT id::text,", "SELECT answer, id::text,")}) calls
    LEFT JOIN answers ON answers.id = calls.answer
"""
HURRY = "UPDATE model_calls SET expires_at = clock_timestamp() WHERE cost IS NULL"


@dataclass(slots=True)
class Killing:
    """A run, and the most that the day's row said while it went on."""

    world: World
    chance: random.Random
    most: Decimal = Decimal(0)
    asked: int = 0
    settled_after: float = 0.0

    async def play(self, kills: int, progress: Progress | None = None, *, hurry: bool = False) -> None:
        """Kill that often, then wait until nothing is reserved any more. `hurry`: as if all had expired by then."""
        self.world.claude.always(self._answer)
        self.world.claude.pace = Pace(0.1, 30)
        watching = asyncio.create_task(self._watch())
        task = progress.add_task("killing", total=kills) if progress else None
        for number in range(kills):
            await self._round()
            if hurry and number == kills - 1:
                await self._execute(HURRY)
            await self.world.revive()
            if progress and task is not None:
                progress.advance(task)
        await self._settled()
        watching.cancel()

    def _answer(self, body: Body) -> list[Step]:
        """Some come to their end before they are killed, some say something, some say nothing."""
        kind = random.Random(question_of(body)).choice(["quick", "paced", "paced", "stalled"])
        if kind == "stalled":
            return [Say("Trim the wick "), Stall()]
        return [Say(("trim ",) * (10 if kind == "quick" else 60)), Pause(0.1), More("often."), End()]

    async def _round(self) -> None:
        asking = [asyncio.create_task(self._ask()) for _ in range(AT_ONCE)]
        await asyncio.sleep(self.chance.uniform(0.1, LATEST_MOMENT))
        await self.world.kill()
        await asyncio.gather(*asking)

    async def _ask(self) -> None:
        self.asked += 1
        question = f"How often is the wick trimmed? {OURS} {self.asked})"
        try:
            async with self.world.reader(question, url=self.world.replica.direct) as reader:
                await reader.rest()
        except (OSError, EOFError, WebSocketException):
            return  # killed while the socket was opened

    async def _watch(self) -> None:
        async with self.world.connection() as connection:
            while True:
                self.most = max(self.most, await connection.fetchval(DAY) or Decimal(0))
                await asyncio.sleep(0.1)

    async def _settled(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(int(SETTLED_SECONDS / 0.5)):
            if not (await self.world.fetch(HELD))[0]["n"]:
                break
            await asyncio.sleep(0.5)
        self.settled_after = loop.time() - began

    async def _execute(self, sql: str) -> None:
        async with self.world.connection() as connection:
            await connection.execute(sql)


@dataclass(slots=True)
class Sums:
    """Micro-dollars of the calls that are settled in one way: how many, what the ledger says, what the provider."""

    calls: int = 0
    charged: Decimal = Decimal(0)
    billed: Decimal = Decimal(0)
    short: int = 0  # charged less than they are billed


@dataclass(slots=True)
class Account:
    """Ledger and provider beside each other, call by call."""

    sums: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    strangers: int = 0  # billed, and not in the ledger

    def add(self, row: Data, calls: list[Call]) -> None:
        """One row of the ledger with what the provider noted of it."""
        prices = Prices()
        billed = sum((prices.cost(*money.billing(call.body["model"], call.tokens)) for call in calls), Decimal(0))
        sums = self.sums[row["settled_as"] or "still reserved"]
        sums.calls += 1
        sums.charged += money.charge_of(row)
        sums.billed += billed
        sums.short += money.charge_of(row) < billed


async def account(world: World) -> Account:
    """Of all calls of this run, and not of other cases in the same world. A question makes one call."""
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in money.calls_of(world):
        if OURS in (question := question_of(call.body)):
            calls[question].append(call)
    found = Account()
    for row in await world.fetch(ROWS):
        if OURS in (row["question"] or ""):
            found.add(row, calls.pop(row["question"], []))
    found.strangers = sum(map(len, calls.values()))
    return found


async def missed(world: World, killing: Killing, found: Account) -> list[str]:
    """Goals that were not reached."""
    reported, budget = found.sums["reported"], Decimal(str(world.setting("DAILY_BUDGET_USD"))) * money.MICRO
    short = sum(sums.short for sums in found.sums.values())
    wrong = {
        f"reported calls are off by {reported.charged - reported.billed} micro-dollars": reported.charged
        != reported.billed,
        f"{short} calls are charged less than the provider bills": short,
        f"{found.strangers} calls are billed and not in the ledger": found.strangers,
        f"the day came to {killing.most} of {budget}": killing.most > budget,
        f"calls are still reserved after {killing.settled_after:.0f} s": killing.settled_after >= SETTLED_SECONDS,
    }
    return [*(what for what, is_so in wrong.items() if is_so), *await money.broken(world)]


def show(killing: Killing, found: Account) -> None:
    """The sums."""
    rows = [(kind, s.calls, s.charged, s.billed, s.charged - s.billed) for kind, s in sorted(found.sums.items())]
    screen.print(f"{killing.asked} questions; settled {killing.settled_after:.0f} s after the last kill and start")
    table("Micro-dollars", ("settled as", "calls", "ledger", "provider", "difference"), rows)
    screen.print(f"the day came to {killing.most} micro-dollars at most")


async def main() -> int:
    """The whole run."""
    kills = size(__doc__ or "", 25)
    async with open_world(daily_budget_usd=DOLLARS_PER_KILL * kills, budget_share_per_reader=1) as world:
        killing = Killing(world, random.Random(kills))
        with bar() as progress:
            await killing.play(kills, progress)
        found = await account(world)
        show(killing, found)
        broken = await missed(world, killing, found)
        return verdict([*broken, *(what for what in await checked(world) if what not in broken)])


@case("long runs", "kill -9 twice under questions, and the books are right")
async def _(world: World) -> None:
    killing = Killing(world, random.Random(2))
    await killing.play(2, hurry=True)
    broken = await missed(world, killing, await account(world))
    assert not broken, broken


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
