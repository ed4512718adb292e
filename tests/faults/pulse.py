"""The cheap query beside everything: whatever breaks, reading the book goes on."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.faults.replica import Replica
from tests.faults.world import World

CHEAP = {"query": "{ book { title } }"}
EVERY_SECONDS = 0.1


@asynccontextmanager
async def pulse(world: World) -> AsyncIterator[None]:
    """Ask a running process every 100 ms, in turn, and note how long it took and what came."""
    async with httpx.AsyncClient(timeout=10, verify=False) as client:
        beating = asyncio.create_task(beat(world, client))
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait([beating])


async def beat(world: World, client: httpx.AsyncClient) -> None:
    """Never waits for an answer before it asks again: a server that hangs would be asked less often."""
    async with asyncio.TaskGroup() as asking:
        number = 0
        while True:
            if up := [replica for replica in world.replicas if replica.serves]:
                asking.create_task(ask(world, up[number % len(up)], client))
                number += 1
            await asyncio.sleep(EVERY_SECONDS)


async def ask(world: World, replica: Replica, client: httpx.AsyncClient) -> None:
    """One cheap query. Those that a process took with it when it was ended do not count."""
    began = time.monotonic()
    try:
        response = await client.post(replica.direct, json=CHEAP)
        status, failed = response.status_code, "errors" in response.json()
    except httpx.HTTPError:
        status, failed = 0, True
    if world.history.killed(replica.number, began - 1) or not replica.serves:
        return
    world.history.cheap.append(time.monotonic() - began)
    world.history.statuses.append(("the cheap query", 500 if failed and status == 200 else status))
