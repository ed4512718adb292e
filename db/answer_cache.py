"""Answers that may be given again to the same question."""

from db.postgres import Database


async def find(database: Database, *, key: bytes, days: float) -> tuple[str, str] | None:
    """A stored answer and what it cites, both JSON, if it is not older than so many days."""
    row = await database.fetchrow(
        """
        SELECT answer, cited FROM answer_cache
        WHERE key = $1 AND stored_at > now() - make_interval(secs => $2 * 86400)
        """,
        key,
        days,
    )
    return (row["answer"], row["cited"]) if row else None


async def store(database: Database, *, key: bytes, answer: str, cited: str, days: float, answer_id: str) -> None:
    """Keep an answer in place of the one that was kept for the same question; those older than so many days go.

    Of an answer that was deleted nothing is kept: the lock puts this and the deletion in a row.
    """
    await database.execute(
        """
        WITH swept AS (
            DELETE FROM answer_cache WHERE key <> $1 AND stored_at <= now() - make_interval(secs => $4 * 86400)
        )
        INSERT INTO answer_cache (key, answer, cited, answer_id)
        SELECT $1, $2, $3, id FROM answers WHERE id = $5 FOR KEY SHARE
        ON CONFLICT (key) DO UPDATE
        SET answer = excluded.answer, cited = excluded.cited, answer_id = excluded.answer_id, stored_at = now()
        """,
        key,
        answer,
        cited,
        days,
        answer_id,
    )


async def drop(database: Database, *, key: bytes) -> None:
    """Forget an answer whose sections have changed."""
    await database.execute("DELETE FROM answer_cache WHERE key = $1", key)
