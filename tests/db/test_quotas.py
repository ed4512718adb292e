"""Quotas are exact over a window that rolls."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from db.postgres import Database, pool
from db.quotas import Place, Taken, sweep, take, taken

ASKER = "somebody"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


def place(most: int = 3, operation: str = "", asker: str = ASKER) -> Place:
    return Place("QUESTIONS", asker, None, operation or str(uuid.uuid4()), most, 3600)


async def took(database: Database, wanted: Place) -> bool:
    async with database.transaction() as connection:
        return await take(connection, wanted)


async def used(database: Database) -> Taken:
    return await taken(database, kind="QUESTIONS", asker=ASKER, seconds=3600)


async def age(database: Database, **time: float) -> None:
    moved = "UPDATE quota_places SET times = ARRAY(SELECT at - $1::interval FROM unnest(times) AS at)"
    await database.execute(moved, timedelta(**time))


async def test_no_place_is_given_beyond_the_limit(database: Database) -> None:
    assert [await took(database, place()) for _ in range(5)] == [True, True, True, False, False]
    assert (await used(database)).used == 3


async def test_a_limit_of_none_gives_none(database: Database) -> None:
    assert not await took(database, place(most=0))
    assert await used(database) == Taken(0, None)


async def test_a_hundred_at_once_get_exactly_as_many_places_as_there_are(database: Database) -> None:
    got = await asyncio.gather(*(took(database, place(most=20)) for _ in range(100)))
    assert sum(got) == (await used(database)).used == 20


async def test_one_operation_takes_one_place_however_often_it_is_repeated(database: Database) -> None:
    operation = str(uuid.uuid4())
    assert all([await took(database, place(most=1, operation=operation)) for _ in range(3)])
    assert (await used(database)).used == 1


async def test_a_place_is_free_again_after_the_window_and_not_before(database: Database) -> None:
    assert await took(database, place(most=1))
    await age(database, seconds=3599)
    assert not await took(database, place(most=1))
    await age(database, seconds=1)
    assert await took(database, place(most=1))
    assert (await used(database)).used == 1


async def test_the_next_place_is_free_an_hour_after_the_oldest_was_taken(database: Database) -> None:
    for _ in range(2):
        await took(database, place())
    oldest = await database.fetchval("SELECT min(at) FROM quota_places, unnest(times) AS at")
    assert await used(database) == Taken(2, oldest + timedelta(hours=1))


async def test_askers_have_places_of_their_own(database: Database) -> None:
    assert await took(database, place(most=1))
    assert await took(database, place(most=1, asker="another"))


async def test_a_transaction_that_is_taken_back_took_no_place(database: Database) -> None:
    async def take_and_fail() -> None:
        async with database.transaction() as connection:
            await take(connection, place())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await take_and_fail()
    assert (await used(database)).used == 0


async def test_who_took_nothing_for_long_is_forgotten(database: Database) -> None:
    await took(database, place())
    await sweep(database, seconds=3600)
    assert await database.fetchval("SELECT count(*) FROM quota_places") == 1
    await age(database, hours=2)
    await sweep(database, seconds=3600)
    assert await database.fetchval("SELECT count(*) FROM quota_places") == 0
