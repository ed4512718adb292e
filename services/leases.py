"""Work that is done as long as a lease is held: one process at a time does it, and another one takes over."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import structlog

import db.variant_leases
from db.postgres import Database, DatabaseUnavailable
from db.variant_leases import LEASE_SECONDS, Lease
from db.variants import FormKey

Result = TypeVar("Result")
LOOK_SECONDS = 1.0  # between two looks at a lease that somebody else holds, or held
log = structlog.get_logger()


class AlreadyRunning(Exception):
    """Another process does it."""


async def while_held(database: Database, lease: Lease, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Do it, as long as the lease is held; None where it was lost, and with it the right to go on."""
    working = asyncio.create_task(work)
    renewing = asyncio.create_task(keep_renewing(database, lease))
    try:
        await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, renewing):
            task.cancel()
        await asyncio.wait({working, renewing})


async def keep_renewing(database: Database, lease: Lease) -> None:
    """Show that this process lives; returns once others may believe that it does not."""
    now = asyncio.get_running_loop().time
    with suppress(TimeoutError):
        async with asyncio.timeout_at(now() + LEASE_SECONDS) as lost:
            while True:
                await asyncio.sleep(LEASE_SECONDS / 3)  # so that one lost try does not lose the lease
                asked_at = now()
                with suppress(DatabaseUnavailable):
                    if not await db.variant_leases.renew(database, lease):
                        return
                    lost.reschedule(asked_at + LEASE_SECONDS)


async def let_go(database: Database, lease: Lease, *, give_back: bool) -> None:
    """End a lease, as far as that can be done: else it expires by itself."""
    try:
        await db.variant_leases.end(database, lease, give_back=give_back)
    except Exception:
        log.exception("a lease could not be ended", chapter=lease.chapter_id)


async def alone(database: Database, command: str, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Do what one process may do at a time, as `command` calls it. Raises AlreadyRunning and DatabaseUnavailable.

    One that was killed is waited for until its lease expires; one that lives is told from it by renewing.
    """
    lease = Lease("", FormKey("", "", ""), str(uuid.uuid4()), str(uuid.uuid4()), None)
    await become(database, lease, command)
    try:
        done = await while_held(database, lease, work())
    finally:
        await let_go(database, lease, give_back=False)
    if done is None:
        raise AlreadyRunning(f"PostgreSQL could not be reached for a while, and another {command} may run by now.")
    return done


async def become(database: Database, lease: Lease, command: str) -> None:
    """Take a lease as soon as nobody holds it. Raises AlreadyRunning when somebody renews it."""
    before = None
    while not isinstance(await db.variant_leases.take(database, lease, []), Lease):
        expires_at = await db.variant_leases.expires_at(database, lease)
        if before and expires_at and expires_at > before:
            raise AlreadyRunning(f"Another {command} is running. Wait for it, or end it.")
        before = expires_at
        await asyncio.sleep(LOOK_SECONDS)  # Postgres tells nobody that a row was renewed, or has expired
