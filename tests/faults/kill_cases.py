"""Group "Storage", `kill -9` at each write: before Postgres has it, and after, when nobody was told.

Four processes die in one case, each at its own point, since starting them again is what takes time.
"""

import asyncio
import contextlib

from tests.claude import End, More, Pause, Say, Stall
from tests.faults.case import case
from tests.faults.proxy import Hold
from tests.faults.replica import Replica
from tests.faults.world import World

Point = tuple[Hold, *tuple[str, ...]]

LETTING_IN: tuple[Point, ...] = (
    (Hold.BEFORE, "INSERT INTO answers"),
    (Hold.AFTER, "INSERT INTO quota_places"),
    (Hold.BEFORE, "INSERT INTO answers", "COMMIT"),
    (Hold.AFTER, "INSERT INTO answers", "COMMIT"),
)
ENDING: tuple[Point, ...] = (
    (Hold.AFTER, "INSERT INTO answer_events", "COMMIT"),
    (Hold.BEFORE, "UPDATE answers SET status"),
    (Hold.AFTER, "UPDATE answers SET status"),
    (Hold.AFTER, "UPDATE model_calls SET cost"),
)


async def killed(world: World, replica: Replica, point: Point) -> None:
    """A question whose process dies at a statement."""
    hold, *patterns = point
    world.claude.script(Say("Trim the wick "), Pause(0.8), More("often."), End())
    async with world.database.when(*patterns, hold=hold) as reached, world.reader(at=replica) as reader:
        await reached.wait()
        await world.kill(replica)
        await reader.rest()


@case("storage", "kill -9 at each write of letting a question in", replicas=4)
async def _(world: World) -> None:
    for replica, point in zip(world.replicas, LETTING_IN, strict=True):
        await killed(world, replica, point)


@case("storage", "kill -9 at each write of an answer and its end", replicas=4)
async def _(world: World) -> None:
    for replica, point in zip(world.replicas, ENDING, strict=True):
        await killed(world, replica, point)


@case("storage", "kill -9 of all processes at once, in mid-answer", replicas=4)
async def _(world: World) -> None:
    world.claude.always(Say("Trim the wick "), Pause(0.7), More("every "), Stall())
    async with contextlib.AsyncExitStack() as open_readers:
        readers = [await open_readers.enter_async_context(world.reader(at=replica)) for replica in world.replicas]
        await asyncio.gather(*(reader.until("AnswerDelta") for reader in readers))
        await asyncio.sleep(1)
        await asyncio.gather(*(world.kill(replica) for replica in world.replicas))
        await asyncio.gather(*(reader.rest() for reader in readers))
    assert not any(asking.finished for asking in world.history.askings)
