"""Conversations: answers that follow each other."""

from db.postgres import Database


async def turns(database: Database, *, id: str, reader: str | None, most: int) -> list[tuple[str, str]] | None:
    """The last questions of a conversation with what was said to them, oldest first; None if nobody began it, or
    another reader did."""
    known = "SELECT id FROM conversations WHERE id = $1 AND (reader IS NULL OR reader = $2)"
    if await database.fetchval(known, id, reader) is None:
        return None
    rows = await database.fetch(
        """
        SELECT snapshot->>'question' AS question, snapshot->>'text' AS text
        FROM answers WHERE conversation = $1 AND status <> 'STREAMING' ORDER BY created_at DESC LIMIT $2
        """,
        id,
        most,
    )
    return [(row["question"], row["text"]) for row in reversed(rows)]
