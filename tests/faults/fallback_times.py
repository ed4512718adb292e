"""How long readers wait for the first word of the second provider, while the first one fails in one way or another.

python -m tests.faults.fallback_times [QUESTIONS]
"""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rich.progress import Progress, TaskID

from tests.claude import Stall, Start, Status, Step
from tests.faults.case import case
from tests.faults.history import Asking
from tests.faults.long_run import bar, checked, open_world, quantile, screen, size, table, verdict
from tests.faults.world import World

A_SECOND = 5
NEVER = 1_000_000  # failures until a provider is left alone
FALLBACK_SECONDS = 5.0
PASSAGES_SECONDS = 12.0
HEADINGS = ("the first provider", "breaker", "asked", "p50 s", "p95 s", "max s", "limit s", "other ends")
Fault = Callable[[World], Awaitable[None]]


def by(*steps: Step) -> Fault:
    """A fault of the first provider."""

    async def begin(world: World) -> None:
        world.claude.always(*steps)

    return begin


async def refuse(world: World) -> None:
    """Nothing listens there."""
    await world.primary.proxy.vanish()


async def stall_both(world: World) -> None:
    """Both take the question, and say nothing."""
    world.claude.always(Stall())
    world.fallback.model.always(Start(), Stall())


async def refuse_both(world: World) -> None:
    """Nothing listens, at either."""
    await world.primary.proxy.vanish()
    await world.fallback.proxy.vanish()


FAULTS: dict[str, Fault] = {
    "stalls before its headers": by(Stall()),
    "stalls after them": by(Start(), Stall()),
    "refuses connections": refuse,
    "503": by(Status(503)),
    "401": by(Status(401)),
    "429, retry-after 3600": by(Status(429, retry_after=3600)),
}
BOTH: dict[str, Fault] = {"both stall": stall_both, "both refuse": refuse_both}


@dataclass(frozen=True, slots=True)
class Waited:
    """Seconds to the first text under one fault; `others` are ends by somebody else than was to be expected."""

    fault: str
    breaker: str
    times: list[float]
    others: list[str]
    limit: float

    @property
    def missed(self) -> list[str]:
        """The goal is p95 where the fallback answers, and all where nobody does."""
        reached = quantile(self.times, 0.95) if self.fault in FAULTS else max(self.times, default=0.0)
        slow = [f"{self.fault}, {self.breaker}: took {reached:.2f} s"] if reached > self.limit else []
        return [*slow, *(f"{self.fault}, {self.breaker}: {other}" for other in dict.fromkeys(self.others))]

    @property
    def row(self) -> tuple[object, ...]:
        """As the table has it."""
        middle, most = quantile(self.times, 0.5), quantile(self.times, 0.95)
        longest = max(self.times, default=0.0)
        return (self.fault, self.breaker, len(self.times), middle, most, longest, self.limit, len(self.others))


async def waited(world: World, fault: str, breaker: str, count: int, tick: Callable[[], None]) -> Waited:
    """Ask so often under a fault, without waiting for answers between, and take the fault back."""
    await (FAULTS | BOTH)[fault](world)
    async with asyncio.TaskGroup() as group:
        tasks = []
        for _ in range(count):
            tasks.append(group.create_task(world.ask()))
            tasks[-1].add_done_callback(lambda _: tick())
            await asyncio.sleep(1 / A_SECOND)
    await world.primary.forget()
    await world.fallback.forget()
    asked = [task.result() for task in tasks]
    source, limit = ("FALLBACK_MODEL", FALLBACK_SECONDS) if fault in FAULTS else ("PASSAGES", PASSAGES_SECONDS)
    times = [each.first_text - each.began for each in asked if each.first_text]
    return Waited(fault, breaker, times, [end for each in asked if (end := told(each)) != source], limit)


def told(asking: Asking) -> str:
    """Who answered, or what came instead."""
    if not asking.finished:
        return str(asking.refused or "no end")
    complete = asking.answer["status"] == "COMPLETE"
    return str(asking.answer["source"] if complete else asking.answer["status"])


async def outages(count: int, failures: int, progress: Progress, task: TaskID) -> tuple[list[Waited], list[str]]:
    """All faults, one after the other, each beginning with a provider that is trusted."""
    results = []
    async with open_world(provider_failures=failures, provider_rest_seconds=15) as world:
        for fault in FAULTS | BOTH:
            screen.print(time.strftime("%H:%M:%S"), fault)
            await world.ask()
            breaker = "never opens" if failures == NEVER else f"opens after {failures}"
            results.append(await waited(world, fault, breaker, count, lambda: progress.advance(task)))
            if failures != NEVER:
                await renewed(world)
        return results, await checked(world)


async def renewed(world: World) -> None:
    """A new process knows of no failures."""
    await world.end(world.replica, signal.SIGTERM)
    await world.revive()


async def main() -> int:
    """The whole run."""
    count = size(__doc__ or "", 100)
    with bar() as progress:
        task = progress.add_task("waiting", total=2 * count * len(FAULTS | BOTH))
        usual, broken = await outages(count, 3, progress, task)
        alone, also_broken = await outages(count, NEVER, progress, task)
    results = [*usual, *alone]
    table("Seconds from the question to the first text", HEADINGS, [each.row for each in results])
    screen.print("limits hold for p95; where both fail, for all")
    return verdict([*(what for each in results for what in each.missed), *broken, *also_broken])


@case("long runs", "three questions under each failure of a provider", provider_failures=NEVER)
async def _(world: World) -> None:
    broken = [what for fault in FAULTS for what in (await waited(world, fault, "", 3, lambda: None)).missed]
    assert not broken, broken


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
