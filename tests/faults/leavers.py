"""Readers who leave at a random moment: how soon the model's stream is closed then.

python -m tests.faults.leavers [ASKS]
"""

import asyncio
import contextlib
import math
import random
import sys
from dataclasses import dataclass, field

from rich.progress import Progress
from websockets.exceptions import WebSocketException

from tests.claude import Call, End, More, Pace, Pause, Say, Step
from tests.claude.script import Body
from tests.faults import leaving
from tests.faults.case import case
from tests.faults.departures import WAYS, Leaver
from tests.faults.long_run import bar, checked, open_world, quantile, question_of, screen, size, table, verdict
from tests.faults.world import World

AT_ONCE, A_SECOND = 40, 8
IN_HOLES = 150  # they only wait
LATEST_MOMENT = 2.0
HOLE_SECONDS = 45.0  # uvicorn pings a socket every 20 s and waits 20 s for the pong; then the grace time
SLACK_SECONDS = 1.0
SPOKEN: tuple[Step, ...] = (Say(("trim ",) * 60),)
ON: tuple[Step, ...] = (Pause(0.5), More(("on ",)))
HEADINGS = ("way", "asks", "over before", "no call", "measured", "median s", "max s", "limit s", "over the limit")


@dataclass(slots=True)
class Calls:
    """The model's calls by what was asked."""

    world: World
    read: int = 0
    found: dict[str, Call] = field(default_factory=dict)

    def of(self, leaver: Leaver) -> Call | None:
        """The call for a leaver's question, if there was one so far."""
        calls = self.world.claude.calls
        self.found |= {question_of(call.body): call for call in calls[self.read :]}
        self.read = len(calls)
        return self.found.get(leaver.question)


def limit(world: World, way: str) -> float:
    """Seconds within which the model's stream has to be closed."""
    if "black hole" in way:
        return HOLE_SECONDS
    grace = float(str(world.setting("LEAVE_GRACE_SECONDS")))
    return SLACK_SECONDS + (grace if way not in leaving.WAYS or leaving.WAYS[way].wanted else 0)


def spoken(world: World, way: str) -> list[Step]:
    """An answer that goes on for longer than it may after its reader went."""
    longer = 0 if limit(world, way) == SLACK_SECONDS else limit(world, way) + 8
    return [*SPOKEN, *(ON * math.ceil(longer / 0.5)), End()]


@dataclass(slots=True)
class Leavers:
    """All readers of a run, and when each of them goes."""

    world: World
    chance: random.Random
    calls: Calls
    all: dict[str, Leaver] = field(default_factory=dict)

    def answer(self, body: Body) -> list[Step]:
        """What the model says to whom."""
        asked = self.all.get(question_of(body))
        return spoken(self.world, asked.way if asked else "complete")

    async def moment(self, leaver: Leaver) -> None:
        """For every fourth some time after they asked; for the others some time after the model was asked."""
        if self.chance.random() < 0.25:
            await asyncio.sleep(self.chance.uniform(0, 0.5))
            return
        await self._call(leaver)
        await asyncio.sleep(self.chance.uniform(0, LATEST_MOMENT))

    async def stay(self, leaver: Leaver) -> None:
        """Until the call is closed, or should have been; without one, for as long as one might still begin."""
        if call := await self._call(leaver):
            closing = asyncio.create_task(call.closing.wait())
            await asyncio.wait([closing], timeout=limit(self.world, leaver.way) + 15)
            closing.cancel()

    async def _call(self, leaver: Leaver) -> Call | None:
        for _ in range(80):
            if call := self.calls.of(leaver):
                return call
            await asyncio.sleep(0.05)
        return None


async def let_leave(world: World, count: int, ways: list[str], progress: Progress | None = None) -> list[Leaver]:
    """That many of them, weighted evenly, the black holes beside the others."""
    leavers = Leavers(world, random.Random(count), Calls(world))
    world.claude.pace = Pace(0.1, 30)
    world.claude.always(leavers.answer)
    doors = {False: asyncio.Semaphore(AT_ONCE), True: asyncio.Semaphore(IN_HOLES)}
    task = progress.add_task("leaving", total=count) if progress else None

    async def one(leaver: Leaver) -> None:
        async with doors["black hole" in leaver.way]:
            with contextlib.suppress(AssertionError, OSError, EOFError, WebSocketException):  # busy: there is no call
                await WAYS[leaver.way](world, leaver)
        if progress and task is not None:
            progress.advance(task)

    await world.ask()  # the first one is slow
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            question = f"How often is the wick trimmed? ({number})"
            leavers.all[question] = Leaver(question, ways[number % len(ways)], leavers.moment, leavers.stay)
            group.create_task(one(leavers.all[question]))
            await asyncio.sleep(1 / A_SECOND)
    return list(leavers.all.values())


@dataclass(frozen=True, slots=True)
class Measured:
    """All leavers of one way; `times` are of those whose answer was being written when they went."""

    way: str
    asks: int
    before: int
    without: int
    times: list[float]
    limit: float

    @property
    def late(self) -> int:
        """How many took longer than they may."""
        return sum(taken > self.limit for taken in self.times)

    @property
    def row(self) -> tuple[object, ...]:
        """As the table has it."""
        found = (len(self.times), quantile(self.times, 0.5), max(self.times, default=0.0))
        return (self.way, self.asks, self.before, self.without, *found, self.limit, self.late)


def measured(world: World, way: str, leavers: list[Leaver]) -> Measured:
    """What came of one way."""
    calls, closed, without = Calls(world), [], 0
    mine = [leaver for leaver in leavers if leaver.way == way]
    for leaver in mine:
        call = calls.of(leaver)
        if not call:
            without += 1
        elif leaver.went is not None:
            # Whoever went before the call began would have had it not begin.
            closed.append((call.closed or math.inf) - max(leaver.went, call.received))
    times = [taken for taken in closed if taken >= 0]
    return Measured(way, len(mine), len(closed) - len(times), without, times, limit(world, way))


def missed(world: World, results: list[Measured]) -> list[str]:
    """Goals that were not reached."""
    late = [f"{each.way}: {each.late} of {len(each.times)} took over {each.limit:g} s" for each in results if each.late]
    return [*late, *([f"{streams(world)} upstream streams are still open"] if streams(world) else [])]


def streams(world: World) -> int:
    """How many are open to a model."""
    return world.claude.open_streams + world.fallback.model.open_streams


async def main() -> int:
    """The whole run."""
    count = size(__doc__ or "", 1000)
    async with open_world(leave_grace_seconds=2) as world:
        with bar() as progress:
            leavers = await let_leave(world, count, list(WAYS), progress)
        await asyncio.sleep(1)
        results = [measured(world, way, leavers) for way in WAYS]
        table(f"{count} readers who left", HEADINGS, [each.row for each in results])
        broken = missed(world, results)
        screen.print(f"{streams(world)} upstream streams open")
        return verdict(broken + await checked(world))


@case("long runs", "a few readers leave in every way but into a black hole")
async def _(world: World) -> None:
    assert leaving.WAYS.keys() <= WAYS.keys(), "a way to leave is missing in departures.py"
    ways = [way for way in WAYS if "black hole" not in way]
    leavers = await let_leave(world, 2 * len(ways), ways)
    broken = missed(world, [measured(world, way, leavers) for way in ways])
    assert not broken, broken


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
