"""Real parts for all tests: one embedded PostgreSQL for the session, a fresh migrated database for each test."""

from collections.abc import AsyncIterator
from itertools import count
from urllib.parse import urlsplit

import asyncpg
import pytest

from db.embedded_postgres import embedded_postgres
from db.migrate import migrate

TEMPLATE = "migrated"
numbers = count(1)


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The DSN of a PostgreSQL server, as its superuser."""
    async with embedded_postgres(tmp_path_factory.mktemp("postgres")) as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def template(postgres: str) -> str:
    """The name of a database that has all migrations and nothing else; nobody may stay connected to it."""
    await _administer(postgres, f"CREATE DATABASE {TEMPLATE}")
    await migrate(database_dsn(postgres, TEMPLATE))
    return TEMPLATE


@pytest.fixture
async def database_url(postgres: str, template: str) -> AsyncIterator[str]:
    """The DSN of a fresh migrated database, dropped after the test."""
    async for url in _database(postgres, template):
        yield url


@pytest.fixture
async def empty_database_url(postgres: str) -> AsyncIterator[str]:
    """The DSN of a fresh database without any tables, dropped after the test."""
    async for url in _database(postgres, "template0"):
        yield url


def database_dsn(dsn: str, name: str) -> str:
    """`dsn` with another database's name."""
    return urlsplit(dsn)._replace(path=f"/{name}").geturl()


async def _database(postgres: str, template: str) -> AsyncIterator[str]:
    name = f"test_{next(numbers)}"
    await _administer(postgres, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield database_dsn(postgres, name)
    await _administer(postgres, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
