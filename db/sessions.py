"""Sessions: what makes a token hold."""

from collections.abc import Sequence
from datetime import datetime

from db.postgres import Database
from db.readers import COLUMNS, ReaderRow


async def insert(database: Database, *, reader: str, password_hash: str, expires_at: datetime) -> str | None:
    """Open a session and return its id; None if the password is no longer the one that was checked.

    The account's row is locked against a change of password, which ends all sessions it finds.
    """
    id: str | None = await database.fetchval(
        """
        WITH checked AS (SELECT id FROM readers WHERE id = $1 AND password_hash = $2 FOR SHARE)
        INSERT INTO sessions (reader, expires_at) SELECT id, $3 FROM checked RETURNING id::text
        """,
        reader,
        password_hash,
        expires_at,
    )
    return id


async def end(database: Database, *, id: str) -> None:
    """End one session."""
    await database.execute("DELETE FROM sessions WHERE id = $1", id)


async def end_all(database: Database, *, reader: str) -> None:
    """End all sessions of a reader."""
    await database.execute("DELETE FROM sessions WHERE reader = $1", reader)


async def holding(database: Database, *, ids: Sequence[str]) -> set[str]:
    """Which of these sessions still hold."""
    rows = await database.fetch("SELECT id::text FROM sessions WHERE id = ANY($1::uuid[]) AND expires_at > now()", ids)
    return {row["id"] for row in rows}


async def started(database: Database, *, reader: str) -> list[tuple[datetime, datetime]]:
    """When each session of a reader began and will end."""
    rows = await database.fetch(
        "SELECT created_at, expires_at FROM sessions WHERE reader = $1 ORDER BY created_at DESC", reader
    )
    return [(row["created_at"], row["expires_at"]) for row in rows]


async def sweep(database: Database) -> None:
    """Remove what has expired."""
    await database.execute("DELETE FROM sessions WHERE expires_at <= now()")
    await database.execute("DELETE FROM ended_tokens WHERE expires_at <= now()")


async def foreign_reader(
    database: Database, *, subject: str, digests: Sequence[bytes], issued_at: datetime
) -> tuple[bool, ReaderRow | None]:
    """Whether a token of another sign-in was given up here, and the account of its subject."""
    row = await database.fetchrow(
        f"""
        SELECT EXISTS (
            SELECT FROM ended_tokens WHERE digest = ANY($2) AND issued_until >= $3
        ) AS ended, {COLUMNS}
        FROM (SELECT 1) AS once LEFT JOIN readers ON subject = $1
        """,
        subject,
        digests,
        issued_at,
    )
    assert row
    values = dict(row)
    ended = values.pop("ended")
    return ended, ReaderRow(**values) if values["id"] else None


async def first_sight(
    database: Database,
    *,
    subject: str,
    digests: Sequence[bytes],
    issued_at: datetime,
    email: str,
    name: str | None,
    level: str,
    hardware: str,
) -> ReaderRow | None:
    """Open the account of a subject that was never seen; None if its tokens were given up meanwhile.

    The lock puts this and the deletion of the same account in a row: the look at `ended_tokens` comes after it, in a
    statement of its own, and so sees a deletion that was waited for.
    """
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", subject)
        row = await connection.fetchrow(
            f"""
            INSERT INTO readers (subject, email, name, level, hardware)
            SELECT $1, $4, $5, $6, $7
            WHERE NOT EXISTS (SELECT FROM ended_tokens WHERE digest = ANY($2) AND issued_until >= $3)
            ON CONFLICT (subject) DO UPDATE SET email = excluded.email
            RETURNING {COLUMNS}
            """,
            subject,
            digests,
            issued_at,
            email,
            name,
            level,
            hardware,
        )
    return ReaderRow(**row) if row else None


async def end_tokens(database: Database, *, digest: bytes, issued_until: datetime, expires_at: datetime) -> None:
    """Give up tokens of another sign-in that were issued until some moment."""
    await database.execute(END_TOKENS, digest, issued_until, expires_at)


async def delete_subject(
    database: Database, *, subject: str, digest: bytes, issued_until: datetime, expires_at: datetime
) -> None:
    """Remove an account of another sign-in with everything of it; its present tokens open no new one."""
    async with database.transaction() as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", subject)
        await connection.execute(END_TOKENS, digest, issued_until, expires_at)
        await connection.execute("DELETE FROM readers WHERE subject = $1", subject)


async def ended(database: Database, *, digests: Sequence[bytes]) -> dict[bytes, datetime]:
    """Which of these digests were given up, and the moment until which."""
    rows = await database.fetch("SELECT digest, issued_until FROM ended_tokens WHERE digest = ANY($1)", digests)
    return {row["digest"]: row["issued_until"] for row in rows}


END_TOKENS = """
    INSERT INTO ended_tokens (digest, issued_until, expires_at) VALUES ($1, $2, $3)
    ON CONFLICT (digest) DO UPDATE SET issued_until = greatest(ended_tokens.issued_until, excluded.issued_until),
        expires_at = greatest(ended_tokens.expires_at, excluded.expires_at)
"""
