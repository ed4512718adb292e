"""Answers and their event logs."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.postgres import Database


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A stored answer. `unseen_seconds`: how long its owner gave no sign of life, by Postgres' clock."""

    id: str
    reader: str | None
    status: str
    snapshot: str
    unseen_seconds: float


async def insert(database: Database, *, id: str, conversation: str, reader: str | None, snapshot: str) -> bool:
    """Store a new answer, and its conversation if that is new as well. A reader who goes on with a conversation that
    was begun before signing in takes it over. False, and nothing stored, if the conversation is another reader's, or
    the reader's account is gone: its row is locked, so that a deletion comes before this or after it.
    """
    async with database.transaction() as connection:
        stored = await connection.fetchval(INSERT, id, conversation, snapshot, reader)
        if stored and reader:
            # A statement of its own: it sees the answer of nobody in particular whose storing the first one waited for.
            await connection.execute(TAKE_OVER, conversation, reader)
    return bool(stored)


async def find(database: Database, *, id: str) -> AnswerRow | None:
    """A stored answer, or None."""
    row = await database.fetchrow(
        """
        SELECT id::text, reader::text, status, snapshot,
            extract(epoch FROM clock_timestamp() - seen_at)::float8 AS unseen_seconds
        FROM answers WHERE id = $1
        """,
        id,
    )
    return AnswerRow(**row) if row else None


async def events(database: Database, *, id: str) -> list[str]:
    """The stored events of an answer: JSON lists, in order."""
    rows = await database.fetch("SELECT events FROM answer_events WHERE answer = $1 ORDER BY first_seq", id)
    return [row["events"] for row in rows]


async def store_events(
    database: Database, *, ids: Sequence[str], first_seqs: Sequence[int], events: Sequence[str]
) -> dict[str, bool]:
    """Store what several running answers gained, and that their owner is alive. Empty lists are only a sign of life.

    Returns the answers that are still running, and whether somebody asked for them to be stopped. A try whose
    acknowledgement was lost is repeated from the same place with more events, and an answer may end while this runs,
    and then stores them again with the rest: the longer list wins.
    """
    async with database.transaction() as connection:
        rows = await connection.fetch(
            """
            WITH gained AS (
                SELECT * FROM unnest($1::uuid[], $2::integer[], $3::jsonb[]) AS gained (answer, first_seq, events)
            ), alive AS (
                UPDATE answers SET seen_at = clock_timestamp()
                FROM gained WHERE answers.id = gained.answer AND answers.status = 'STREAMING'
                RETURNING answers.id, answers.stop_asked
            ), stored AS (
                INSERT INTO answer_events (answer, first_seq, events)
                SELECT gained.* FROM gained JOIN alive ON alive.id = gained.answer WHERE gained.events <> '[]'
                ON CONFLICT (answer, first_seq) DO UPDATE SET events = excluded.events
                WHERE jsonb_array_length(excluded.events) > jsonb_array_length(answer_events.events)
            )
            SELECT id::text, stop_asked FROM alive
            """,
            ids,
            first_seqs,
            events,
        )
    return {row["id"]: row["stop_asked"] for row in rows}


async def ask_to_stop(database: Database, *, id: str) -> None:
    """Leave word for the owner of a running answer, wherever it is, to stop it."""
    await database.execute("UPDATE answers SET stop_asked = true WHERE id = $1 AND status = 'STREAMING'", id)


async def finish(
    database: Database,
    *,
    id: str,
    status: str,
    snapshot: str,
    first_seq: int,
    events: str,
    unseen_seconds: float = 0,
) -> bool:
    """End an answer, unless somebody did already, or its owner was seen more recently. Says whether this call ended it.

    The row's lock puts an owner and whoever believes it dead in a row; only the first of them finds it running.
    """
    ended = await database.fetchval(
        """
        WITH ended AS (
            UPDATE answers SET status = $2, snapshot = $3
            WHERE id = $1 AND status = 'STREAMING' AND clock_timestamp() - seen_at >= make_interval(secs => $6)
            RETURNING id
        ), stored AS (
            INSERT INTO answer_events (answer, first_seq, events)
            SELECT id, $4, $5 FROM ended
            ON CONFLICT (answer, first_seq) DO UPDATE SET events = excluded.events
        )
        SELECT count(*) FROM ended
        """,
        id,
        status,
        snapshot,
        first_seq,
        events,
        unseen_seconds,
    )
    return bool(ended)


INSERT = """
    WITH owner AS (
        SELECT $4::uuid AS reader WHERE $4 IS NULL OR EXISTS (SELECT FROM readers WHERE id = $4 FOR KEY SHARE)
    ), begun AS (
        INSERT INTO conversations (id, reader) SELECT $2, reader FROM owner
        ON CONFLICT (id) DO UPDATE SET reader = excluded.reader
        WHERE conversations.reader IS NULL OR conversations.reader = excluded.reader
        RETURNING id, reader
    )
    INSERT INTO answers (id, conversation, reader, status, snapshot)
    SELECT $1, id, reader, 'STREAMING', $3 FROM begun RETURNING true
"""
TAKE_OVER = "UPDATE answers SET reader = $2 WHERE conversation = $1 AND reader IS NULL"
