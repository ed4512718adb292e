"""Group "Variants": corrupt renderings, many who ask, makers that die, a chapter that changes, no Postgres, no model.

Worlds are shared and a variant is made once, so each case has a form of its own.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.readers import Level
from tests.claude import Pace, Status, Step, answering
from tests.claude.script import Body
from tests.claude.translating import WELL, Habits, translating
from tests.client import Data, ask
from tests.conftest import LIGHTHOUSE
from tests.faults.case import case
from tests.faults.postgres import CRASH
from tests.faults.process_cases import edited_book
from tests.faults.proxy import Hold
from tests.faults.storage_cases import AWAY_LONG, without_postgres
from tests.faults.world import World
from tests.processes import footnote
from tests.readers import Account, sign_up
from tests.variants import URDU, find, make, watch

LAMP = (LIGHTHOUSE / "lamp.md").read_text("utf-8").partition("\n---\n")[2]
SECTIONS = 4
CORRUPT = Habits(*[0.3] * 9)
KEPT = re.compile(r"`[^`]+`|\{#[\w-]+\}|^\|[-|]+\|$|\d+(?:\.\d+)?", re.MULTILINE)  # code, anchors, tables, numbers
AWAY = (
    *AWAY_LONG,
    *("could not be stored", "could not be ended", "could not be made", "sessions could not be looked after"),
)
USED = "{ quotas { kind used } }"


def speaks(world: World, habits: Habits = WELL, pace: float = 0.0) -> None:
    """A model that answers questions, and translates."""

    def speak(body: Body) -> Sequence[Step]:
        return (translating(habits) if "<t id=" in str(body["messages"]) else answering())(body)

    world.claude.always(speak)
    world.claude.pace = Pace(first_token=pace)


def asked(world: World) -> Counter[str]:
    """How often each section was asked for."""
    messages = [str(call.body["messages"]) for call in world.claude.calls]
    return Counter(said for said in messages if "<t id=" in said)


async def used(reader: Account, world: World) -> dict[str, int]:
    """The places that a reader has taken."""
    quotas = (await ask(world.replicas[-1].direct, USED, token=reader.token))["quotas"]
    return {quota["kind"]: quota["used"] for quota in quotas if quota["used"]}


def whole(variant: Data) -> None:
    """A variant of the chapter on the lamp has what must not change in it."""
    assert variant["__typename"] == "ChapterVariant", variant
    kept = Counter(found for found in KEPT.findall(LAMP) if not found.startswith("{"))
    there = Counter(KEPT.findall(variant["content"]))
    assert kept <= there, kept - there


@case("variants", "renderings come back corrupt in every way", replicas=2)
async def _(world: World) -> None:
    speaks(world, CORRUPT)
    reader = await sign_up(world.replica.direct)
    for level in Level:
        made = await make(world.replica.direct, "lamp", reader.token, level=level, **URDU)
        if made["__typename"] != "VariantFailed":
            whole(made)


@case("variants", "fifty ask at once at two processes", replicas=2)
async def _(world: World) -> None:
    speaks(world, pace=0.1)
    readers = [await sign_up(world.replica.direct) for _ in range(5)]
    made = await asyncio.gather(
        *(make(world.replicas[n % 2].direct, "lamp", readers[n % 5].token, **URDU) for n in range(50))
    )
    assert len({one["id"] for one in made}) == 1, made
    whole(made[0])
    assert set(asked(world).values()) == {1}
    assert sum([(await used(reader, world)).get("TRANSLATIONS", 0) for reader in readers]) == 1


@dataclass(frozen=True, slots=True)
class Death:
    """Where a maker dies, and the level of the variant that it makes."""

    level: Level
    hold: Hold
    statement: str


DEATHS = (
    Death(Level.BEGINNER, Hold.AFTER, "INSERT INTO variant_leases"),
    Death(Level.INTERMEDIATE, Hold.AFTER, "INSERT INTO section_renderings"),
    Death(Level.ADVANCED, Hold.BEFORE, "INSERT INTO variants"),
)


@case("variants", "kill -9 of the maker at each of its writes, and another process goes on", replicas=4)
async def _(world: World) -> None:
    speaks(world)
    await asyncio.gather(*(outlived(world, number, death) for number, death in enumerate(DEATHS)))


async def outlived(world: World, number: int, death: Death) -> None:
    """A variant whose maker dies at a statement, while a reader follows it at the last process."""
    reader, form = await sign_up(world.replicas[-1].direct), {"level": death.level}
    async with world.database.when(death.statement, hold=death.hold) as reached:
        making = asyncio.create_task(watch(world.replicas[number].direct, "lamp", reader.token, **form))
        await reached.wait()
        following = asyncio.create_task(make(world.replicas[-1].direct, "lamp", reader.token, **form))
        await world.kill(world.replicas[number])
    await asyncio.wait([making])
    making.exception()
    whole(await following)
    assert (await used(reader, world)) == {"PERSONALIZATIONS": 1}


@case("variants", "the chapter is changed while it is made", replicas=2)
async def _(world: World) -> None:
    speaks(world, pace=0.5)
    reader, form = await sign_up(world.replica.direct), {"level": Level.ADVANCED}
    making = asyncio.create_task(make(world.replica.direct, "lamp", reader.token, **form))
    await world.claude.wait_call(2)
    folder = await asyncio.to_thread(edited_book, world, "buoy")
    lamp = folder / "lamp.md"
    lamp.write_text(lamp.read_text("utf-8").replace("170 grams", "180 grams"), "utf-8")
    done = await footnote("ingest", folder, **{**world.replica.settings, "DATA_DIR": folder.parent})
    assert done.code == 0, done.told
    made = await making
    assert "170" in made["content"]
    await asyncio.sleep(1.2)
    stale = await find(world.replica.direct, "lamp", reader.token, **form)
    assert stale
    assert (stale["stale"], stale["staleSections"]) == (True, ["The lamp"])
    remade = await make(world.replica.direct, "lamp", reader.token, **form)
    assert "180" in remade["content"]
    assert len(world.claude.calls) == SECTIONS + 1


@case("variants", "Postgres crashes while a chapter is made", tolerates=AWAY)
async def _(world: World) -> None:
    speaks(world, pace=0.4)
    reader = await sign_up(world.replica.direct)
    making = asyncio.create_task(make(world.replica.direct, "lamp", reader.token, **URDU))
    await world.claude.wait_call(2)
    async with without_postgres(world, CRASH):
        await asyncio.sleep(1)
    made = await making
    for _ in range(20):
        if made["__typename"] != "Busy":
            break
        await asyncio.sleep(0.5)
        made = await make(world.replica.direct, "lamp", reader.token, **URDU)
    whole(made)
    assert max(asked(world).values()) == 1, "a section was paid for twice"


@case("variants", "the model fails in the middle of a chapter")
async def _(world: World) -> None:
    speaks(world)
    world.claude.script(translating())
    world.claude.always(Status(401))
    world.fallback.model.always(Status(401))
    reader, form = await sign_up(world.replica.direct), {"level": Level.BEGINNER, **URDU}
    failed = await make(world.replica.direct, "lamp", reader.token, **form)
    assert failed["__typename"] == "VariantFailed", failed
    assert await used(reader, world) == {}
    assert await find(world.replica.direct, "lamp", reader.token, **form) is None
    calls = len(world.claude.calls)
    speaks(world)
    whole(await make(world.replica.direct, "lamp", reader.token, **form))
    assert len(world.claude.calls) == calls + SECTIONS - 1
