"""One process at a time: who lives keeps others away, and who was killed does not."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from db.postgres import Database, pool
from services.leases import AlreadyRunning, alone


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


async def expires_in(database: Database, seconds: float) -> None:
    """Time passes."""
    await database.execute(
        "UPDATE variant_leases SET expires_at = clock_timestamp() + make_interval(secs => $1)", seconds
    )


async def done() -> str:
    return "done"


async def forever() -> str:
    await asyncio.Event().wait()
    return "never"


async def test_who_comes_second_is_told_as_soon_as_the_first_one_shows_that_it_lives(database: Database) -> None:
    first = asyncio.create_task(alone(database, "command", forever))
    await asyncio.sleep(0.1)
    with pytest.raises(AlreadyRunning, match="Another command is running"):
        await alone(database, "command", done)
    first.cancel()
    await asyncio.wait({first})
    assert await alone(database, "command", done) == "done"


async def test_who_was_killed_is_waited_for_until_its_lease_expires(database: Database) -> None:
    await database.execute(
        """
        INSERT INTO variant_leases (chapter_id, level, language, hardware, maker, operation, expires_at)
        VALUES ('', '', '', '', gen_random_uuid(), gen_random_uuid(), clock_timestamp() + interval '1 second')
        """
    )
    assert await alone(database, "command", done) == "done"


async def test_who_lost_its_lease_stops(database: Database) -> None:
    first = asyncio.create_task(alone(database, "command", forever))
    await asyncio.sleep(0.1)
    await expires_in(database, -1)
    assert await alone(database, "command", done) == "done"
    with pytest.raises(AlreadyRunning, match="PostgreSQL could not be reached"):
        await first
