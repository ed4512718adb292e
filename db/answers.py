"""Answers and their event logs."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.postgres import Database

LOST_SECONDS = 5.0  # an owner that gave no sign of life for so long is gone
FOLLOWER_SECONDS = 2.0  # a follower in another process that gave no sign of life for so long is gone


@dataclass(frozen=True, slots=True)
class Sign:
    """What others left word of about a running answer: to stop it, and that they listen."""

    stop_asked: bool
    followed: bool


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A stored answer. `unseen_seconds`: how long its owner gave no sign of life, by Postgres' clock."""

    id: str
    reader: str | None
    status: str
    snapshot: str
    unseen_seconds: float


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


async def events(database: Database, *, id: str, after: int = -1) -> list[str]:
    """The stored events of an answer: JSON lists, in order, without those that have nothing above `after`."""
    rows = await database.fetch(
        """
        SELECT events FROM answer_events WHERE answer = $1 AND first_seq + jsonb_array_length(events) > $2 + 1
        ORDER BY first_seq
        """,
        id,
        after,
    )
    return [row["events"] for row in rows]


async def store_events(
    database: Database,
    *,
    ids: Sequence[str],
    first_seqs: Sequence[int],
    events: Sequence[str],
    told: Sequence[str],
    listeners: Sequence[int],
) -> dict[str, Sign]:
    """Store what several running answers gained, what is `told` of them beside their events, as JSON objects, how many
    listen, and that their owner is alive. Empty lists of events are only a sign of life.

    Returns the answers that are still running, with what others left word of. A try whose
    acknowledgement was lost is repeated from the same place with more events, and an answer may end while this runs,
    and then stores them again with the rest: the longer list wins.
    """
    async with database.transaction() as connection:
        rows = await connection.fetch(
            """
            WITH gained AS (
                SELECT * FROM unnest($1::uuid[], $2::integer[], $3::jsonb[], $4::jsonb[], $5::integer[])
                AS gained (answer, first_seq, events, told, listeners)
            ), alive AS (
                UPDATE answers
                SET seen_at = clock_timestamp(), listeners = gained.listeners, snapshot = snapshot || gained.told
                FROM gained WHERE answers.id = gained.answer AND answers.status = 'STREAMING'
                RETURNING answers.id, answers.stop_asked
            ), stored AS (
                INSERT INTO answer_events (answer, first_seq, events)
                SELECT answer, first_seq, gained.events FROM gained JOIN alive ON alive.id = gained.answer
                WHERE gained.events <> '[]'
                ON CONFLICT (answer, first_seq) DO UPDATE SET events = excluded.events
                WHERE jsonb_array_length(excluded.events) > jsonb_array_length(answer_events.events)
            )
            SELECT id::text, stop_asked, EXISTS (
                SELECT FROM followers
                WHERE answer = alive.id AND followers.seen_at > clock_timestamp() - make_interval(secs => $6)
            ) AS followed FROM alive
            """,
            ids,
            first_seqs,
            events,
            told,
            listeners,
            FOLLOWER_SECONDS,
        )
    return {row["id"]: Sign(row["stop_asked"], row["followed"]) for row in rows}


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
    give_back: bool,
    forget_request: bool = False,
    unseen_seconds: float = 0,
) -> bool:
    """End an answer, unless somebody did already, or its owner was seen more recently. Says whether this call ended it.
    `give_back` frees its place of the quota, `forget_request` its request id.

    The row's lock puts an owner and whoever believes it dead in a row; only the first of them finds it running.
    """
    ended = await database.fetchval(
        """
        WITH ended AS (
            UPDATE answers SET status = $2, snapshot = $3, request_id = CASE WHEN $8 THEN NULL ELSE request_id END
            WHERE id = $1 AND status = 'STREAMING' AND clock_timestamp() - seen_at >= make_interval(secs => $6)
            RETURNING id, quota_asker
        ), stored AS (
            INSERT INTO answer_events (answer, first_seq, events)
            SELECT id, $4, $5 FROM ended
            ON CONFLICT (answer, first_seq) DO UPDATE SET events = excluded.events
        ), given_back AS (
            UPDATE quota_places SET (times, operations) = (
                SELECT coalesce(array_agg(at), '{}'), coalesce(array_agg(operation), '{}')
                FROM unnest(times, operations) AS place (at, operation) WHERE operation <> ended.id
            )
            FROM ended WHERE $7 AND kind = 'QUESTIONS' AND asker = quota_asker
        )
        SELECT count(*) FROM ended
        """,
        id,
        status,
        snapshot,
        first_seq,
        events,
        unseen_seconds,
        give_back,
        forget_request,
    )
    return bool(ended)


async def lost(database: Database, *, seconds: float) -> list[str]:
    """The running answers whose owner gave no sign of life for so long."""
    rows = await database.fetch(
        """
        SELECT id::text FROM answers
        WHERE status = 'STREAMING' AND seen_at < clock_timestamp() - make_interval(secs => $1)
        """,
        seconds,
    )
    return [row["id"] for row in rows]


async def follow(database: Database, *, follower: str, id: str) -> None:
    """Leave word for the owner of a running answer that somebody listens elsewhere; to be repeated."""
    await database.execute(
        """
        INSERT INTO followers (id, answer) SELECT $1, id FROM answers WHERE id = $2 AND status = 'STREAMING'
        ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
        """,
        follower,
        id,
    )


async def unfollow(database: Database, *, follower: str, id: str, completed: bool) -> None:
    """Listen no more. With `completed` the answer is to be stopped if nobody listens, there or elsewhere."""
    await database.execute("DELETE FROM followers WHERE id = $1", follower)
    if completed:
        await database.execute(
            """
            UPDATE answers SET stop_asked = true
            WHERE id = $1 AND status = 'STREAMING' AND listeners = 0 AND NOT EXISTS (
                SELECT FROM followers
                WHERE answer = $1 AND followers.seen_at > clock_timestamp() - make_interval(secs => $2)
            )
            """,
            id,
            FOLLOWER_SECONDS,
        )


async def sweep_followers(database: Database) -> None:
    """Forget followers that are gone."""
    await database.execute("DELETE FROM followers WHERE seen_at < clock_timestamp() - interval '1 minute'")
