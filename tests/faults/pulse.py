"""The cheap query beside everything: whatever breaks, reading the book goes on."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.faults.replica import Replica
from tests.faults.world import World

CHEAP = {"query": "{ book { title } }"}
EVERY_SECONDS = 0.1


@asynccontextmanager
async def pulse(world: World) -> AsyncIterator[None]:
    """Ask a running process every 100 ms, in turn, and note how long it took and what came. In a thread with a loop of
    its own: ours carries all that goes through the proxies."""
    over = threading.Event()
    beating = asyncio.create_task(asyncio.to_thread(asyncio.run, beat(world, over)))
    try:
        yield
    finally:
        over.set()
        await asyncio.wait([beating])


async def beat(world: World, over: threading.Event) -> None:
    """Never waits for an answer before it asks again: a server that hangs would be asked less often."""
    number, asking = 0, set[asyncio.Task[None]]()
    async with httpx.AsyncClient(timeout=10, verify=False) as client:
        while not over.is_set():
            if up := [replica for replica in world.replicas if replica.serves]:
                asking.add(asyncio.create_task(ask(world, up[number % len(up)], client)))
                number += 1
            await asyncio.sleep(EVERY_SECONDS)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def ask(world: World, replica: Replica, client: httpx.AsyncClient) -> None:
    """One cheap query. Those that a process took with it when it was ended do not count, nor does the time in which
    the machine had no core for the process, or for us: other worlds, and processes that start, are no fault of its."""
    began, waited = time.monotonic(), replica.waited() + waited_here()
    try:
        response = await client.post(replica.direct, json=CHEAP)
        status, failed = response.status_code, "errors" in response.json()
    except httpx.HTTPError:
        status, failed = 0, True
    if world.history.killed(replica.number, began - 1) or not replica.serves:
        return
    world.history.cheap.append(time.monotonic() - began - (replica.waited() + waited_here() - waited))
    world.history.statuses.append(("the cheap query", 500 if failed and status == 200 else status))


def waited_here() -> float:
    """Seconds that our own event loop was ready to go on, and the machine had no core for it."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
