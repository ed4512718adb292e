"""Cases played beside each other: most of a case is waiting, so two at a time take half as long."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.faults.case import Case, Needs
from tests.faults.stage import Outcome, Stage, open_stage, told

LANES = 2
Outcomes = dict[Case, asyncio.Future[Outcome]]


@asynccontextmanager
async def open_lanes(cases: Sequence[Case]) -> AsyncIterator[Outcomes]:
    """Every case with its outcome to come, each lane with a Postgres of its own."""
    outcomes: Outcomes = {case: asyncio.get_running_loop().create_future() for case in cases}
    waiting = deque(batches(cases))
    lanes = [asyncio.create_task(play_on(waiting, outcomes)) for _ in range(min(LANES, len(waiting)))]
    try:
        yield outcomes
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


def batches(cases: Sequence[Case]) -> list[list[Case]]:
    """Those that are played in one world, in their order, the longest first."""
    found: dict[tuple[str, Needs], list[Case]] = {}
    for case in cases:
        found.setdefault((case.group, case.needs), []).append(case)
    return sorted(found.values(), key=len, reverse=True)


async def play_on(waiting: deque[list[Case]], outcomes: Outcomes) -> None:
    """One lane: batch after batch. Where it cannot go on, its cases and those that wait are broken."""
    taken: list[Case] = []
    try:
        async with open_stage() as stage:
            while waiting:
                taken = take(waiting, stage)
                for case in taken:
                    outcomes[case].set_result(await stage.play(case))
    except Exception as error:
        for case in [*taken, *(case for batch in waiting for case in batch)]:
            if not outcomes[case].done():
                outcomes[case].set_result(Outcome(case, 0.0, (told(error),)))


def take(waiting: deque[list[Case]], stage: Stage) -> list[Case]:
    """The next batch, best one that the world which is open will do for."""
    batch = next((batch for batch in waiting if batch[0].needs == stage.needs), waiting[0])
    waiting.remove(batch)
    return batch
