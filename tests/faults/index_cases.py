"""Group "Storage", the vector index: a Qdrant server that fails, and a full disk under the embedded one."""

import asyncio
import resource
import shutil

from tests.client import ask
from tests.faults.case import case
from tests.faults.history import Asking
from tests.faults.process_cases import TITLE, edited_book
from tests.faults.proxy import Mode
from tests.faults.qdrant import Qdrant
from tests.faults.world import World
from tests.processes import footnote

LITTLE = 4096  # bytes of a file


def server_of(world: World) -> Qdrant:
    """The Qdrant server of a world that has one."""
    assert world.qdrant
    return world.qdrant


def by_words(asking: Asking) -> None:
    """An answer by the words alone, which says so and is proven all the same."""
    answer = asking.answer
    assert (answer["status"], answer["degraded"]) == ("COMPLETE", ["INDEX"]), (answer["status"], answer["degraded"])
    assert answer["citations"], "nothing is cited"


@case("storage", "a Qdrant server that is gone", qdrant=True)
async def _(world: World) -> None:
    assert (await world.ask()).answer["degraded"] == []
    await server_of(world).proxy.vanish()
    by_words(await world.ask())


@case("storage", "a Qdrant server that takes more than two seconds", qdrant=True)
async def _(world: World) -> None:
    server_of(world).delay = 2.2
    asking = await world.ask()
    by_words(asking)
    assert asking.first_text
    assert asking.first_text - asking.began < 6, f"the first text took {asking.first_text - asking.began:.1f} s"


@case("storage", "a Qdrant server that answers 500", qdrant=True)
async def _(world: World) -> None:
    server_of(world).status = 500
    by_words(await world.ask())


@case("storage", "a Qdrant server that takes connections, and nothing else", qdrant=True)
async def _(world: World) -> None:
    await server_of(world).proxy.switch(Mode.BLACK_HOLE)
    by_words(await world.ask())


@case("storage", "the disk is full for the index of a new edition", tolerates=("unexpected error",))
async def _(world: World) -> None:
    before = await ask(world.replica.direct, TITLE)
    folder = await asyncio.to_thread(edited_book, world, "rocket")
    _, most = resource.prlimit(world.replica.pid, resource.RLIMIT_FSIZE)
    # Nothing of what it writes may be longer: what a full disk is to it, but for the errno.
    resource.prlimit(world.replica.pid, resource.RLIMIT_FSIZE, (LITTLE, most))
    settings = {**world.replica.settings, "DATA_DIR": folder.parent}
    try:
        done = await footnote("ingest", folder, **settings)
        assert done.code == 0, done.told
        await asyncio.sleep(1.2)
        assert (await world.ask()).answer["status"] == "COMPLETE"
    finally:
        resource.prlimit(world.replica.pid, resource.RLIMIT_FSIZE, (most, most))
        await asyncio.to_thread(shutil.rmtree, folder.parent)
    await asyncio.sleep(1.2)
    await ask(world.replica.direct, TITLE)
    await asyncio.sleep(1.2)
    assert await ask(world.replica.direct, TITLE) != before, "the new edition is not served when there is room again"
