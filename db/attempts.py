"""Attempts, counted over a rolling window on Postgres' clock."""

from dataclasses import dataclass
from datetime import datetime

from db.postgres import Database


@dataclass(frozen=True, slots=True)
class Taken:
    """One attempt that was let through and counted."""

    what: str
    who: bytes
    at: datetime


async def take(database: Database, *, what: str, who: bytes, most: int, seconds: float) -> Taken | datetime:
    """Count one attempt, unless there were `most` within so many seconds; then, when the next one is let through.

    Exact under any concurrency: whoever comes second waits for the row's lock, and then counts what the first has left.
    """
    at = await database.fetchval(
        """
        INSERT INTO attempts AS made (what, who, times)
        SELECT $1, $2, ARRAY[clock_timestamp()] WHERE $3 > 0
        ON CONFLICT (what, who) DO UPDATE SET times = clock_timestamp() || ARRAY(
            SELECT at FROM unnest(made.times) AS at WHERE at > clock_timestamp() - make_interval(secs => $4)
        )
        WHERE (
            SELECT count(*) FROM unnest(made.times) AS at WHERE at > clock_timestamp() - make_interval(secs => $4)
        ) < $3
        RETURNING times[1]
        """,
        what,
        who,
        most,
        seconds,
    )
    return Taken(what, who, at) if at else await free_at(database, what=what, who=who, most=most, seconds=seconds)


async def free_at(database: Database, *, what: str, who: bytes, most: int, seconds: float) -> datetime:
    """When the oldest attempt that counts leaves the window."""
    at: datetime = await database.fetchval(
        """
        SELECT coalesce(
            (SELECT times[least($3, cardinality(times))] FROM attempts WHERE what = $1 AND who = $2 AND $3 > 0),
            clock_timestamp()
        ) + make_interval(secs => $4)
        """,
        what,
        who,
        most,
        seconds,
    )
    return at


async def give_back(database: Database, *, taken: Taken) -> None:
    """Uncount an attempt that was none: it succeeded, or was never made."""
    await database.execute(
        "UPDATE attempts SET times = array_remove(times, $3) WHERE what = $1 AND who = $2",
        taken.what,
        taken.who,
        taken.at,
    )


async def sweep(database: Database, *, seconds: float) -> None:
    """Forget who tried nothing for so long."""
    await database.execute(
        "DELETE FROM attempts WHERE coalesce(times[1], '-infinity') < clock_timestamp() - make_interval(secs => $1)",
        seconds,
    )
