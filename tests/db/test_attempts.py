"""Attempts are counted exactly, over a window that rolls."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from db.attempts import Taken, give_back, sweep, take
from db.postgres import Database, pool

WHO = b"somebody"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


async def attempt(database: Database, most: int = 3, seconds: float = 60, who: bytes = WHO) -> Taken | datetime:
    return await take(database, what="try", who=who, most=most, seconds=seconds)


async def test_no_more_are_let_through_than_the_limit_and_it_says_when_the_next_is(database: Database) -> None:
    taken = [await attempt(database) for _ in range(5)]
    first, *_, last = taken
    assert [isinstance(one, Taken) for one in taken] == [True, True, True, False, False]
    assert isinstance(first, Taken)
    assert last == first.at + timedelta(seconds=60)


async def test_of_a_hundred_at_once_exactly_so_many_get_through(database: Database) -> None:
    taken = await asyncio.gather(*(attempt(database, most=20) for _ in range(100)))
    assert sum(isinstance(one, Taken) for one in taken) == 20


async def test_with_a_limit_of_none_nobody_gets_through(database: Database) -> None:
    until = await attempt(database, most=0)
    assert isinstance(until, datetime)
    assert until > datetime.now(UTC)


async def test_the_window_rolls(database: Database) -> None:
    assert isinstance(await attempt(database, most=1, seconds=0.2), Taken)
    assert isinstance(await attempt(database, most=1, seconds=0.2), datetime)
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
    await attempt(database)
    await sweep(database, seconds=60)
    assert await database.fetchval("SELECT count(*) FROM attempts") == 1
    await sweep(database, seconds=0)
    assert await database.fetchval("SELECT count(*) FROM attempts") == 0
