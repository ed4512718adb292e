"""Attempts, counted over a rolling window on Postgres' clock.

A row has a time for each. One in the future is under way: it counts from the first, and has failed at that time unless
somebody says otherwise before. So nothing is lost where whoever made it does not come back.
"""

from dataclasses import dataclass
from datetime import datetime

from db.postgres import Database

UNDER_WAY_SECONDS = 30.0  # more than a hundred that wait for their hash take


@dataclass(frozen=True, slots=True)
class Taken:
    """One attempt that was let through and counted. `at` is when it has failed, if it is not settled before."""

    what: str
    who: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Full:
    """No more are let through. `free_at` is None where some are under way, or were a moment ago: they may not fail."""

    free_at: datetime | None


async def take(database: Database, *, what: str, who: bytes, most: int, seconds: float) -> Taken | Full:
    """Count one attempt, unless `most` count already: under way, or failed within so many seconds.

    Exact under any concurrency: whoever comes second waits for the row's lock, and then counts what the first has left.
    """
    at = await database.fetchval(
        """
        INSERT INTO attempts AS made (what, who, times)
        SELECT $1, $2, ARRAY[clock_timestamp() + make_interval(secs => $5)] WHERE $3 > 0
        ON CONFLICT (what, who) DO UPDATE SET times = clock_timestamp() + make_interval(secs => $5) || ARRAY(
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
        UNDER_WAY_SECONDS,
    )
    return Taken(what, who, at) if at else await full(database, what=what, who=who, most=most, seconds=seconds)


async def full(database: Database, *, what: str, who: bytes, most: int, seconds: float) -> Full:
    """When fewer than `most` will count, if all of them have failed. With `most` 0, after one more window."""
    free_at: datetime | None = await database.fetchval(
        """
        SELECT CASE
            WHEN $3 = 0 THEN clock_timestamp() + make_interval(secs => $4)
            WHEN max(at) <= clock_timestamp() THEN (array_agg(at ORDER BY at DESC))[$3] + make_interval(secs => $4)
        END
        FROM attempts, unnest(times) AS at
        WHERE what = $1 AND who = $2 AND at > clock_timestamp() - make_interval(secs => $4)
        """,
        what,
        who,
        most,
        seconds,
    )
    return Full(free_at)


async def fail(database: Database, *, taken: Taken) -> None:
    """Settle an attempt: it failed now."""
    await database.execute(
        "UPDATE attempts SET times = array_replace(times, $3, clock_timestamp()) WHERE what = $1 AND who = $2",
        taken.what,
        taken.who,
        taken.at,
    )


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
        """
        DELETE FROM attempts WHERE NOT EXISTS (
            SELECT FROM unnest(times) AS at WHERE at > clock_timestamp() - make_interval(secs => $1)
        )
        """,
        seconds,
    )
