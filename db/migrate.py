"""Migrations: numbered plain .sql files, applied forward only, each once."""

import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import asyncpg
import structlog

from db.postgres import DatabaseUnavailable, parse_url

NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")
LOCK = 0x466F6F746E6F7465  # "Footnote"
CONNECT_SECONDS = 10.0  # more than a request would wait: a suspended database may be waking up

log = structlog.get_logger(__name__)


class MigrationFailed(Exception):
    """A migration cannot be applied; nothing of this run was stored. The message has the file and what to do."""


class MigrationChanged(Exception):
    """A file was edited after a database had applied it."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name, its SQL, and the SHA-256 of that in hexadecimal."""

    name: str
    sql: str
    checksum: str


async def migrate(url: str, directory: Traversable | None = None) -> list[str]:
    """Bring the database up to date; returns the names of the files applied now, in order.

    `directory` is the packaged db/migrations by default. Raises MigrationChanged, MigrationFailed, BadDatabaseUrl,
    DatabaseUnavailable.
    """
    migrations = read(directory or resources.files("db") / "migrations")
    connection = await _connect(url)
    try:
        # One transaction for all of them: several replicas boot together, and the lock, which must be one that ends
        # with its transaction to work behind a pooler, puts them in a row. Whoever comes second finds nothing to do.
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            return await _apply(connection, migrations)
    finally:
        await connection.close()


def read(directory: Traversable) -> list[Migration]:
    """The migrations in `directory`, in the order of their numbers; raises MigrationFailed for a bad file name."""
    names = sorted(entry.name for entry in directory.iterdir() if entry.name.endswith(".sql"))
    for name, before in zip(names, ["", *names], strict=False):
        if not NAME.fullmatch(name):
            raise MigrationFailed(f"{name}: a migration is named like 0001_what_it_does.sql")
        if name[:4] == before[:4]:
            raise MigrationFailed(f"{name}: {before} has the same number; take the next one")
    return [_migration(directory / name) for name in names]


def _migration(file: Traversable) -> Migration:
    # Read as text: a checkout with other line ends is not a changed migration.
    sql = file.read_text(encoding="utf-8")
    return Migration(file.name, sql, hashlib.sha256(sql.encode()).hexdigest())


async def _connect(url: str) -> asyncpg.Connection:
    address = parse_url(url, variable="DATABASE_DIRECT_URL (or else DATABASE_URL)")
    try:
        return await asyncpg.connect(
            address.dsn, ssl=address.ssl, timeout=CONNECT_SECONDS, statement_cache_size=0 if address.pooled else 100
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error) or f"no connection within {CONNECT_SECONDS:.0f} s"
        raise DatabaseUnavailable(
            f"PostgreSQL cannot be reached: {reason}; check DATABASE_URL and DATABASE_DIRECT_URL"
        ) from error


async def _apply(connection: asyncpg.Connection, migrations: list[Migration]) -> list[str]:
    applied = await _applied(connection)
    _check(migrations, applied)
    pending = [migration for migration in migrations if migration.name not in applied]
    for migration in pending:
        await _run(connection, migration)
    return [migration.name for migration in pending]


async def _applied(connection: asyncpg.Connection) -> dict[str, str]:
    # Under the lock, since two CREATE TABLE IF NOT EXISTS at once can fail.
    await connection.execute(
        """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            name text PRIMARY KEY,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    rows = await connection.fetch("SELECT name, checksum FROM schema_migrations")
    return {row["name"]: row["checksum"] for row in rows}


def _check(migrations: list[Migration], applied: dict[str, str]) -> None:
    for migration in migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationChanged(
                f"{migration.name} was changed after this database had applied it. "
                "Restore the file, and put the change into a new one with the next number."
            )
        if migration.name not in applied and applied and migration.name < max(applied):
            raise MigrationFailed(f"{migration.name}: this database is already at {max(applied)}; take a higher number")
    # Not an error: in a rolling deployment the old code starts again on the schema that the new code has made.
    if unknown := sorted(applied.keys() - {migration.name for migration in migrations}):
        log.warning("database_is_newer", unknown_migrations=unknown)


async def _run(connection: asyncpg.Connection, migration: Migration) -> None:
    try:
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", migration.name, migration.checksum
        )
    except asyncpg.PostgresError as error:
        raise MigrationFailed(f"{_place(migration, error)}: {error}. Nothing was applied; mend the file.") from error


def _place(migration: Migration, error: asyncpg.PostgresError) -> str:
    position = getattr(error, "position", None)  # of a character, from 1; only where the server can tell
    if position is None:
        return migration.name
    return f"{migration.name}, line {migration.sql.count(chr(10), 0, int(position) - 1) + 1}"
