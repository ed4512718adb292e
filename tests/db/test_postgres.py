"""The pool: what it refuses, what it survives, and that nothing waits without end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable

import asyncpg
import pytest

from db.postgres import BadDatabaseUrl, Database, DatabaseUnavailable, parse_url, pool

NEON = "postgresql://u:p@ep-cool-1.eu-central-1.aws.neon.tech/book"
NEON_POOLED = "postgresql://u:p@ep-cool-1-pooler.eu-central-1.aws.neon.tech/book"


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[Database]:
    async with pool(empty_database_url) as opened:
        database = Database(opened)
        await database.execute("CREATE TABLE notes (id integer PRIMARY KEY, body jsonb)")
        yield database


async def cut_connections(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1",
        connection.get_server_pid(),
    )
    await connection.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "does not begin with postgresql://"),
        ("localhost:5432/book", "does not begin with postgresql://"),
        ("mysql://u:secret@host/book", "does not begin with postgresql://"),
        ("postgresql+asyncpg://u:secret@host/book", "does not begin with postgresql://"),
        ("postgresql:///book", "names no host"),
        ("postgresql://u:1#secret@host/book", "contains a #"),
        ("postgresql://u:secret#@host/book", "special characters of a password"),
        ("postgresql://u:secret?@host/book", "special characters of a password"),
        ("postgresql://u:secret@host:port/book", "host or port cannot be read"),
        ("postgresql://u:secret@host/book?sslmode=require&sslrootcert=/none", "sslrootcert=/none cannot be read"),
    ],
)
def test_a_url_that_is_none_is_refused_by_name_and_without_its_password(url: str, reason: str) -> None:
    with pytest.raises(BadDatabaseUrl, match="DATABASE_URL") as refusal:
        parse_url(url)
    assert reason in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "dsn", "verified", "pooled"),
    [
        ("postgres://u:p@localhost:5432/book", "postgres://u:p@localhost:5432/book", False, False),
        (f"{NEON}?sslmode=require&channel_binding=require", f"{NEON}?sslmode=require", True, False),
        (f"{NEON}?sslmode=verify-full", f"{NEON}?sslmode=verify-full", True, False),
        (f"{NEON_POOLED}?sslmode=require&options=endpoint%3Dx", f"{NEON_POOLED}?sslmode=require", True, True),
        (f"{NEON}?application_name=x&connect_timeout=10", NEON, False, False),
        (
            "postgresql://u:p%23q@host/book?sslmode=disable",
            "postgresql://u:p%23q@host/book?sslmode=disable",
            False,
            False,
        ),
        ("postgresql:///book?host=/run/pg", "postgresql:///book?host=%2Frun%2Fpg", False, False),
        ("postgresql://u:p@pooler.example.org/book", "postgresql://u:p@pooler.example.org/book", False, False),
    ],
)
def test_a_url_loses_what_asyncpg_and_poolers_refuse(url: str, dsn: str, verified: bool, pooled: bool) -> None:
    address = parse_url(url)
    assert address.dsn == dsn
    assert address.pooled is pooled
    assert (address.ssl is not None and address.ssl.check_hostname) is verified


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with pool("postgresql://reader:secret@127.0.0.1:1/book") as opened:
        with pytest.raises(DatabaseUnavailable, match="DATABASE_URL") as refusal:
            await Database(opened).fetchval("SELECT 1")
    assert "secret" not in str(refusal.value)


async def test_a_wrong_password_is_unavailable_and_told(postgres: str) -> None:
    async with pool(postgres.replace("postgres:", "postgres:wrong", 1)) as opened:
        with pytest.raises(DatabaseUnavailable, match=r"password authentication failed.*DATABASE_URL"):
            await Database(opened).execute("SELECT 1")


async def test_waiting_for_a_connection_ends_after_two_seconds(postgres: str) -> None:
    async with pool(postgres, max_size=1) as opened:
        database = Database(opened)
        async with database.transaction():
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailable, match="no free connection within 2 s"):
                await database.fetchval("SELECT 1")
        assert time.monotonic() - began < 2.5
        assert await database.fetchval("SELECT 1") == 1


async def test_waiting_for_an_answer_ends_after_five_seconds(database: Database) -> None:
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="did not answer within 5 s"):
        await database.fetchval("SELECT pg_sleep(60)")
    assert time.monotonic() - began < 6
    assert await database.fetchval("SELECT 1") == 1


async def test_connections_cut_while_idle_are_no_error_to_a_read(empty_database_url: str, database: Database) -> None:
    await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.05)") for _ in range(3)))
    await cut_connections(empty_database_url)
    assert await asyncio.gather(*(database.fetchval("SELECT 1") for _ in range(3))) == [1, 1, 1]


async def test_a_connection_cut_in_the_middle_is_no_error_to_a_read(
    empty_database_url: str, database: Database
) -> None:
    read = asyncio.create_task(database.fetchval("SELECT 1 FROM pg_sleep(0.5)"))
    await asyncio.sleep(0.1)
    await cut_connections(empty_database_url)
    assert await read == 1


@pytest.mark.parametrize("write", ["INSERT INTO notes SELECT 1", "WITH x AS (INSERT INTO notes SELECT 1) SELECT 1"])
async def test_a_write_whose_connection_is_cut_is_not_repeated(
    empty_database_url: str, database: Database, write: str
) -> None:
    task = asyncio.create_task(database.fetchval(f"{write} FROM pg_sleep(0.5)"))
    await asyncio.sleep(0.1)
    await cut_connections(empty_database_url)
    with pytest.raises(DatabaseUnavailable, match="was lost"):
        await task
    await asyncio.sleep(0.6)
    assert await database.fetchval("SELECT count(*) FROM notes") == 0


async def fail() -> None:
    raise ZeroDivisionError


async def insert_note(database: Database, then: Awaitable[None]) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO notes VALUES (1)")
        await then


async def test_a_transaction_whose_connection_is_cut_is_unavailable(
    empty_database_url: str, database: Database
) -> None:
    with pytest.raises(DatabaseUnavailable, match="was lost"):
        await insert_note(database, cut_connections(empty_database_url))
    assert await database.fetchval("SELECT count(*) FROM notes") == 0


async def test_a_block_that_raises_is_rolled_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await insert_note(database, fail())
    assert await database.fetchval("SELECT count(*) FROM notes") == 0


async def test_what_the_server_refuses_is_told_as_it_is(database: Database) -> None:
    with pytest.raises(asyncpg.UndefinedColumnError):
        await database.fetch("SELECT colour FROM notes")
    with pytest.raises(asyncpg.InterfaceError, match="expects 1 argument"):
        await database.fetch("SELECT $1::text")


async def test_a_cancelled_transaction_gives_back_a_clean_connection(postgres: str) -> None:
    async with pool(postgres, max_size=1) as opened:
        database = Database(opened)

        async def linger() -> None:
            async with database.transaction() as connection:
                await connection.execute("SELECT pg_sleep(60)")

        task = asyncio.create_task(linger())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with database.transaction() as connection:
            assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned()") is None


async def test_a_thousand_cancelled_calls_leave_the_pool_whole(database: Database) -> None:
    for _ in range(50):
        calls = [asyncio.create_task(database.fetchval("SELECT pg_sleep(0.01)")) for _ in range(20)]
        await asyncio.sleep(0.002)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
    assert await asyncio.gather(*(database.fetchval("SELECT 1") for _ in range(20))) == [1] * 20
