"""Group "Storage" of what it must survive: Postgres away, full, busy, and come back."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

from tests.claude import End, More, Pause, Say, Step
from tests.client import socket
from tests.faults.case import case
from tests.faults.postgres import CRASH, FAST
from tests.faults.proxy import Mode
from tests.faults.world import WICK, World

AWAY = ("not stored yet", "were not stored; trying again", "are not settled yet", "is not settled yet")
AWAY_LONG = (*AWAY, "were not looked after", "were not ended; trying again", "could not be opened")
SLOWLY: tuple[Step, ...] = (Say("Trim the wick "), *(step for _ in range(20) for step in (Pause(0.1), More("often "))))
LOOKING_UP = '{ answer(id: "00000000-0000-4000-8000-000000000000") { id } quotas { used } }'
FULL = """
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON answer_events FOR EACH ROW EXECUTE FUNCTION full_disk();
"""


@contextlib.asynccontextmanager
async def in_mid_answer(world: World) -> AsyncIterator[None]:
    """The block runs while a reader listens to an answer of two seconds, which has to come to its end."""
    world.claude.script(*SLOWLY, End())
    async with world.reader() as reader:
        await reader.until("AnswerDelta")
        yield
        await reader.rest()
    assert "often " * 20 in reader.asking.answer["text"], reader.asking.answer


@contextlib.asynccontextmanager
async def without_postgres(world: World, how: signal.Signals) -> AsyncIterator[None]:
    """Postgres is ended, and started again when the block ends."""
    await world.postgres.stop(how)
    try:
        yield
    finally:
        await world.postgres.start()


@case("storage", "all connections to Postgres are reset between two questions")
async def _(world: World) -> None:
    await world.ask()
    world.database.reset_all()
    assert (await world.ask()).answer["status"] == "COMPLETE"


@case("storage", "all connections to Postgres are reset in mid-answer", tolerates=AWAY)
async def _(world: World) -> None:
    async with in_mid_answer(world):
        world.database.reset_all()


@case("storage", "Postgres is gone for three seconds in mid-answer", tolerates=AWAY_LONG)
async def _(world: World) -> None:
    async with in_mid_answer(world):
        await world.database.vanish()
        await asyncio.sleep(3)
        await world.database.switch(Mode.PASS)


@case("storage", "Postgres hangs for three seconds in mid-answer", tolerates=AWAY_LONG)
async def _(world: World) -> None:
    async with in_mid_answer(world):
        await world.database.switch(Mode.STALL)
        await asyncio.sleep(3)
        await world.database.switch(Mode.PASS)


@case("storage", "what is sent to Postgres gets lost for three seconds in mid-answer", tolerates=AWAY_LONG)
async def _(world: World) -> None:
    async with in_mid_answer(world):
        await world.database.switch(Mode.BLACK_HOLE)
        await asyncio.sleep(3)
        await world.database.switch(Mode.PASS)


@case("storage", "Postgres is slow: 100 ms each way")
async def _(world: World) -> None:
    world.database.delay = 0.1
    async with in_mid_answer(world):
        pass


@case("storage", "Postgres is restarted in mid-answer", tolerates=AWAY_LONG)
async def _(world: World) -> None:
    async with in_mid_answer(world), without_postgres(world, FAST):
        await asyncio.sleep(0.5)


@case("storage", "Postgres crashes in mid-answer and recovers", tolerates=AWAY_LONG)
async def _(world: World) -> None:
    async with in_mid_answer(world), without_postgres(world, CRASH):
        await asyncio.sleep(0.5)


@case("storage", "the disk is full for the events of an answer", tolerates=AWAY)
async def _(world: World) -> None:
    async with in_mid_answer(world), world.connection() as connection:
        await connection.execute(FULL)
        await asyncio.sleep(1.5)
        await connection.execute("DROP TRIGGER full_disk ON answer_events; DROP FUNCTION full_disk")


@case("storage", "the pool is exhausted: a table is locked for three seconds under 30 questions", tolerates=AWAY)
async def _(world: World) -> None:
    async with world.connection() as connection:
        async with connection.transaction():
            await connection.execute("LOCK TABLE answers IN ACCESS EXCLUSIVE MODE")
            asking = [asyncio.create_task(world.ask()) for _ in range(30)]
            await asyncio.sleep(3)
        asked = await asyncio.gather(*asking)
    for each in asked:
        busy = each.refused and each.refused.get("__typename") == "Busy"
        assert each.finished or busy, f"a question got {each.refused}"


@case("storage", "two thousand calls are cancelled")
async def _(world: World) -> None:
    async with socket(world.replica.url) as opened:
        for _ in range(100):
            ids = [await opened.start(LOOKING_UP) for _ in range(20)]
            await asyncio.sleep(0.12)  # under way, each somewhere else; more at once is more than a process can do
            for id in ids:
                await opened.complete(id)
        await opened.start("{ book { title } }")
        while (message := await opened.receive())["type"] != "next" or "book" not in message["payload"]["data"]:
            pass


@case("storage", "a deadlock in letting a question in")
async def _(world: World) -> None:
    await world.ask()  # so that the rows are there
    async with world.connection() as connection:
        await connection.execute("SET deadlock_timeout = '1min'")  # so that Footnote is the one that is given up
        async with connection.transaction():
            await connection.execute("SELECT FROM spending_days FOR UPDATE")
            asking = asyncio.create_task(world.ask())
            await asyncio.sleep(0.3)
            await connection.execute("UPDATE quota_places SET times = times")
    assert (await asking).answer["status"] == "COMPLETE"


@case("storage", "a backup is restored", replicas=2)
async def _(world: World) -> None:
    asked = await world.ask(WICK)
    name = world.dsn.rpartition("/")[2].partition("?")[0]
    await world.postgres.run("pg_dump", f"--dbname={world.dsn}", "--format=custom", f"--file={name}.dump")
    for replica in world.replicas:
        await world.kill(replica)
    await world.postgres.administer(f"DROP DATABASE {name} WITH (FORCE)")
    await world.postgres.administer(f"CREATE DATABASE {name} TEMPLATE template0")
    await world.postgres.run("pg_restore", f"--dbname={world.dsn}", "--exit-on-error", f"{name}.dump")
    assert asked.finished  # and the checker reads it in what was restored
