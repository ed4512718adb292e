"""The ways in which a process, or Postgres, ends and is started again while questions go on."""

import signal
from collections.abc import Awaitable, Callable
from functools import partial

from tests.faults.postgres import CRASH, FAST
from tests.faults.world import World


async def end_process(world: World, how: signal.Signals, number: int) -> None:
    """End one of the processes, and start it again."""
    await world.end(world.replicas[number], how)
    await world.revive()


async def end_postgres(world: World, how: signal.Signals) -> None:
    """The same of Postgres."""
    await world.postgres.stop(how)
    await world.postgres.start()


ENDS: dict[str, Callable[[World], Awaitable[None]]] = {
    "SIGTERM": partial(end_process, how=signal.SIGTERM, number=0),
    "kill -9": partial(end_process, how=signal.SIGKILL, number=-1),
    "Postgres' restart": partial(end_postgres, how=FAST),
    "Postgres' crash": partial(end_postgres, how=CRASH),
}
