"""Attempts are counted exactly, over a window that rolls."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from db.attempts import Full, Taken, fail, full, give_back, sweep, take
from db.postgres import Database, pool

WHO = b"somebody"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


async def attempt(database: Database, most: int = 3, seconds: float = 60, who: bytes = WHO) -> Taken | Full:
    return await take(database, what="try", who=who, most=most, seconds=seconds)


async def failure(database: Database, most: int = 3, seconds: float = 60) -> None:
    taken = await attempt(database, most, seconds)
    assert isinstance(taken, Taken)
    await fail(database, taken=taken)


async def test_no_more_are_let_through_than_the_limit_and_it_says_when_the_next_is(database: Database) -> None:
    for _ in range(3):
        await failure(database)
    oldest = await database.fetchval("SELECT times[3] FROM attempts")
    assert [await attempt(database) for _ in range(2)] == [Full(oldest + timedelta(seconds=60))] * 2
    assert await attempt(database, most=2) == Full(
        await database.fetchval("SELECT times[2] FROM attempts") + timedelta(seconds=60)
    )


async def test_while_one_is_under_way_nobody_says_when_the_next_is_let_through(database: Database) -> None:
    await failure(database, most=2)
    under_way = await attempt(database, most=2)
    assert await attempt(database, most=2) == Full(None)
    assert isinstance(under_way, Taken)
    await fail(database, taken=under_way)
    full = await attempt(database, most=2)
    assert isinstance(full, Full)
    assert full.free_at


async def test_what_is_never_settled_has_failed(database: Database) -> None:
    await attempt(database, most=1)
    await database.execute("UPDATE attempts SET times = ARRAY[times[1] - interval '31 seconds']")
    assert await attempt(database, most=1) == Full(
        await database.fetchval("SELECT times[1] FROM attempts") + timedelta(seconds=60)
    )


async def test_what_was_given_back_meanwhile_keeps_nobody_waiting_for_a_window(database: Database) -> None:
    await failure(database)
    assert await full(database, what="try", who=WHO, most=2, seconds=60) == Full(None)
    assert await full(database, what="try", who=b"nobody yet", most=2, seconds=60) == Full(None)


async def test_of_a_hundred_at_once_exactly_so_many_get_through(database: Database) -> None:
    taken = await asyncio.gather(*(attempt(database, most=20) for _ in range(100)))
    assert sum(isinstance(one, Taken) for one in taken) == 20


async def test_with_a_limit_of_none_nobody_gets_through(database: Database) -> None:
    refused = await attempt(database, most=0)
    assert isinstance(refused, Full)
    assert refused.free_at
    assert refused.free_at > datetime.now(UTC)


async def test_the_window_rolls(database: Database) -> None:
    await failure(database, most=1, seconds=0.2)
    assert isinstance(await attempt(database, most=1, seconds=0.2), Full)
    await asyncio.sleep(0.25)
    assert isinstance(await attempt(database, most=1, seconds=0.2), Taken)


async def test_what_is_given_back_is_free_again(database: Database) -> None:
    taken = await attempt(database, most=1)
    assert isinstance(taken, Taken)
    await give_back(database, taken=taken)
    assert isinstance(await attempt(database, most=1), Taken)


async def test_everybody_has_a_limit_of_their_own(database: Database) -> None:
    assert isinstance(await attempt(database, most=1), Taken)
    assert isinstance(await attempt(database, most=1, who=b"another"), Taken)


async def test_who_tried_nothing_for_long_is_forgotten(database: Database) -> None:
    await failure(database)
    await sweep(database, seconds=60)
    assert await database.fetchval("SELECT count(*) FROM attempts") == 1
    await sweep(database, seconds=0)
    assert await database.fetchval("SELECT count(*) FROM attempts") == 0
