"""Real parts for all tests: one embedded PostgreSQL for the session, a fresh migrated database for each test."""

from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from db.embedded_postgres import embedded_postgres
from db.migrate import migrate
from services.model_export import prepared_model
from settings import Settings
from tests.claude import ScriptedClaude
from tests.processes import Server, server
from tests.serving import Served, serving

ROOT = Path(__file__).parent.parent
LIGHTHOUSE = Path(__file__).parent / "books" / "lighthouse"
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


@pytest.fixture(scope="module")
async def fresh_url(postgres: str, template: str) -> AsyncIterator[str]:
    """The DSN of a migrated database for the tests of one module."""
    async for url in _database(postgres, template):
        yield url


@pytest.fixture
async def empty_database_url(postgres: str) -> AsyncIterator[str]:
    """The DSN of a fresh database without any tables, dropped after the test."""
    async for url in _database(postgres, "template0"):
        yield url


@pytest.fixture(scope="session")
async def models() -> Path:
    """Where the prepared embedding model is; kept between runs, since making it takes 15 s."""
    directory = ROOT / ".footnote" / "models"
    await prepared_model(directory, None)
    return directory


MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="session")
def new_settings(tmp_path_factory: pytest.TempPathFactory, models: Path) -> MakeSettings:
    """Makes the settings of a process that keeps its files in a folder of its own; any of them can be given."""

    def make(**given: object) -> Settings:
        data_dir = tmp_path_factory.mktemp("data")
        (data_dir / "models").symlink_to(models)
        plenty = {"questions_per_hour": 10_000, "anonymous_questions_per_hour": 10_000}
        return Settings.model_validate({"data_dir": data_dir, "book_path": LIGHTHOUSE, **plenty, **given})

    return make


@pytest.fixture
def settings(new_settings: MakeSettings, database_url: str) -> Settings:
    """Of a process with a fresh database and the handbook of lighthouses."""
    return new_settings(database_url=database_url)


@pytest.fixture(scope="session")
async def shared_claude() -> AsyncIterator[ScriptedClaude]:
    """The scripted Claude that all tests speak with."""
    async with ScriptedClaude() as scripted:
        yield scripted


@pytest.fixture
async def claude(shared_claude: ScriptedClaude) -> AsyncIterator[ScriptedClaude]:
    """The scripted Claude without a past; what it is sent in this test is checked at the end."""
    shared_claude.reset()
    yield shared_claude
    assert shared_claude.violations == []


@pytest.fixture(scope="session")
async def served(
    postgres: str, template: str, new_settings: MakeSettings, shared_claude: ScriptedClaude
) -> AsyncIterator[Served]:
    """The handbook of lighthouses, served with the scripted Claude, to all tests."""
    async for url in _database(postgres, template):
        given = new_settings(
            database_url=url,
            anthropic_api_key="key",
            anthropic_base_url=shared_claude.url,
            leave_grace_seconds=1,
            provider_failures=1_000_000,  # what one test breaks, the next one needs
            answer_cache_days=0,  # the tests ask the same again and again
            signups_per_address_per_hour=100_000,
            login_failures_per_address_per_hour=100_000,
        )
        async with serving(given) as running:
            yield running


@pytest.fixture(scope="session")
async def sample_book(new_settings: MakeSettings) -> AsyncIterator[Server]:
    """What `make serve` starts."""
    async with server(DATA_DIR=new_settings().data_dir, BOOK_PATH="examples/book") as running:
        yield running


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
