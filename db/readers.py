"""Readers' accounts."""

from dataclasses import dataclass
from datetime import datetime

from db.postgres import Database, repeated

COLUMNS = "readers.id::text, email, compared_email, password_hash, subject, name, level, hardware, readers.created_at"


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """A stored account. Those of another sign-in have a subject, and neither password nor address to compare."""

    id: str
    email: str
    compared_email: str | None
    password_hash: str | None
    subject: str | None
    name: str | None
    level: str
    hardware: str
    created_at: datetime


async def by_email(database: Database, *, compared_email: str) -> ReaderRow | None:
    """The account with this address."""
    row = await database.fetchrow(f"SELECT {COLUMNS} FROM readers WHERE compared_email = $1", compared_email)
    return ReaderRow(**row) if row else None


async def by_session(database: Database, *, id: str, session: str) -> ReaderRow | None:
    """The account, if this session of it still holds."""
    row = await database.fetchrow(
        f"""
        SELECT {COLUMNS} FROM readers JOIN sessions ON sessions.reader = readers.id
        WHERE readers.id = $1 AND sessions.id = $2 AND sessions.expires_at > now()
        """,
        id,
        session,
    )
    return ReaderRow(**row) if row else None


async def insert(
    database: Database,
    *,
    email: str,
    compared_email: str,
    password_hash: str,
    name: str | None,
    level: str,
    hardware: str,
) -> ReaderRow | None:
    """Open an account; None if the address has one. Of many at once the unique index lets one through."""
    row = await database.fetchrow(
        f"""
        INSERT INTO readers (email, compared_email, password_hash, name, level, hardware)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING {COLUMNS}
        """,
        email,
        compared_email,
        password_hash,
        name,
        level,
        hardware,
    )
    return ReaderRow(**row) if row else None


async def update(
    database: Database, *, id: str, name: str | None, level: str | None, hardware: str | None, clear_name: bool
) -> ReaderRow | None:
    """Change what is given; None if the account is gone."""
    row = await database.fetchrow(
        f"""
        UPDATE readers SET name = CASE WHEN $5 THEN NULL ELSE coalesce($2, name) END,
            level = coalesce($3, level), hardware = coalesce($4, hardware)
        WHERE id = $1 RETURNING {COLUMNS}
        """,
        id,
        name,
        level,
        hardware,
        clear_name,
    )
    return ReaderRow(**row) if row else None


async def upgrade_hash(database: Database, *, id: str, old: str, new: str) -> bool:
    """Hash the same password by newer parameters; False if another hash was stored meanwhile."""
    changed = await database.fetchval(
        "UPDATE readers SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING true", id, old, new
    )
    return bool(changed)


async def change_password(
    database: Database, *, id: str, old: str, new: str, session: str, expires_at: datetime
) -> bool:
    """Change the password, end all other sessions and prolong this one; False if the password was changed meanwhile.

    Several statements: a session that somebody opens with the old password holds the account's row until it is stored,
    and only a statement that begins afterwards sees it.
    """
    async with database.transaction() as connection:
        changed = await connection.fetchval(
            "UPDATE readers SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING true", id, old, new
        )
        if not changed:
            return False
        await connection.execute("DELETE FROM sessions WHERE reader = $1 AND id <> $2", id, session)
        await connection.execute(
            "UPDATE sessions SET expires_at = greatest(expires_at, $2) WHERE id = $1", session, expires_at
        )
        return True


async def delete(database: Database, *, id: str, who: bytes) -> None:
    """Remove an account and, by its keys, everything of it; and who tried to get in. Repeated where a call to a model
    of this reader's was settled at the same moment, and Postgres gave this up for it."""
    await repeated(lambda: _delete(database, id, who))


async def _delete(database: Database, id: str, who: bytes) -> None:
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM readers WHERE id = $1", id)
        await connection.execute("DELETE FROM attempts WHERE who = $1", who)
        await connection.execute(
            "UPDATE model_calls SET asker = NULL WHERE asker = $1::uuid::text AND cost IS NULL", id
        )
