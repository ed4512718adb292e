"""Group "Storage", `kill -9` at each write: before Postgres has it, and after, when nobody was told.

Four processes die in one case, each at its own point, since starting them again is what takes time.
"""

import asyncio
import contextlib

from tests.claude import Cite, End, More, Pause, Say, Stall
from tests.client import FOLLOW, socket
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
MONEY: tuple[Point, ...] = (
    (Hold.BEFORE, "INSERT INTO model_calls"),
    (Hold.AFTER, "INSERT INTO model_calls"),
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


@case("storage", "kill -9 where a call's money is reserved, and where a reader follows from elsewhere", replicas=4)
async def _(world: World) -> None:
    for replica, point in zip(world.replicas[:2], MONEY, strict=True):
        await killed(world, replica, point)
    await world.primary.forget()  # what those two were to be told: they died before they asked
    owner, followed = world.replicas[2:]
    world.claude.script(Say("Trim the wick ", (Cite(0),)), Pause(2), More("often."), End())
    async with (
        world.database.when("INSERT INTO followers", hold=Hold.AFTER) as follows,
        world.reader(at=owner) as reader,
    ):
        await reader.until("AnswerDelta")
        async with socket(followed.direct) as opened:
            await opened.start(FOLLOW, id=reader.asking.answer_id)
            await follows.wait()
            await world.kill(followed)
        await reader.rest()
    assert reader.asking.answer["status"] == "COMPLETE", reader.asking.answer["status"]


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
