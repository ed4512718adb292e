"""Group "Storage", processes: started together, told to end, and books that are half-way in."""

import asyncio
import shutil
import signal
import time
from pathlib import Path

from tests.claude import End, More, Pause, Say
from tests.client import ask
from tests.faults.case import case
from tests.faults.proxy import Hold
from tests.faults.stage import BOOK, SETTINGS
from tests.faults.world import World, eventually
from tests.processes import footnote, start

TITLE = "{ book { chapters { title } version } }"
DRAINING = int(str(SETTINGS["DRAIN_SECONDS"]))
DRIP = tuple(step for _ in range(60) for step in (Pause(1), More("more ")))


@case("storage", "three processes migrate an empty database and ingest at once", replicas=3, book=False)
async def _(world: World) -> None:
    versions = {(await ask(replica.direct, TITLE))["book"]["version"] for replica in world.replicas}
    assert len(versions) == 1, versions


@case("storage", "SIGTERM under load: what ends in time is whole, what does not ends INTERRUPTED", replicas=2)
async def _(world: World) -> None:
    world.claude.script(Say("Trim the wick "), Pause(3), More("often. "), End())
    async with world.reader() as short:
        await short.until("AnswerDelta")
        world.claude.script(Say("Trim the wick "), *DRIP, End())
        async with world.reader() as endless:
            await endless.until("AnswerDelta")
            began = time.monotonic()
            ending = asyncio.create_task(world.end(world.replica, signal.SIGTERM))
            await asyncio.gather(short.rest(), endless.rest())
            code = await ending
    assert time.monotonic() - began < DRAINING + 5, f"it took {time.monotonic() - began:.1f} s to end"
    assert code == 0, f"it ended with {code}"
    assert "often." in short.asking.answer["text"], short.asking.answer
    assert endless.asking.answer["status"] == "INTERRUPTED", endless.asking.answer["status"]


@case("storage", "an ingest is killed half-way", replicas=1)
async def _(world: World) -> None:
    before = await ask(world.replica.direct, TITLE)
    folder = await asyncio.to_thread(edited_book, world, "bell")
    settings = {**world.replica.settings, "DATA_DIR": folder.parent}
    async with world.database.when("INSERT INTO current_edition", hold=Hold.AFTER) as published:
        process = await start("ingest", folder, **settings)
        await published.wait(30)
        process.kill()
        await process.wait()
    await asyncio.sleep(1.2)
    assert await ask(world.replica.direct, TITLE) == before, "a book was published that was not whole"
    done = await footnote("ingest", folder, **settings)
    assert done.code == 0, done.told
    await asyncio.sleep(1.2)
    assert await ask(world.replica.direct, TITLE) != before, "the book was not published the second time"


def edited_book(world: World, chapter: str) -> Path:
    """The book with one more chapter of this name, in a folder that the process which ingests it may call its own."""
    own = world.data_dir / f"ingest_{chapter}"
    own.mkdir()
    (own / "models").symlink_to((world.data_dir / "models").readlink())
    folder = own / "book"
    shutil.copytree(BOOK, folder)
    (folder / f"{chapter}.md").write_text(f"# The {chapter}\n\nThe {chapter} is used once a minute in snow.\n")
    return folder


@case("storage", "the embedded index is gone after a crash")
async def _(world: World) -> None:
    await world.kill()
    await asyncio.to_thread(shutil.rmtree, world.data_dir / "index")
    await world.revive()
    await eventually(lambda: world.replica.serves, 1, "it serves")
    assert (await world.ask()).answer["degraded"] == []
