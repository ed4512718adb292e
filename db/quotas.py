"""Places of quotas, counted over a rolling window on Postgres' clock."""

from dataclasses import dataclass
from datetime import datetime

from db.postgres import Connection, Database


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be taken, by whom and what for. `asker` is a reader's id or a digest of an address."""

    kind: str
    asker: str
    reader: str | None
    operation: str
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Taken:
    """How many places are taken, and when the next of them is free again; None if none is taken."""

    used: int
    free_at: datetime | None


async def take(connection: Connection, place: Place) -> bool:
    """Take a place if one is free. An operation takes one however often it is repeated.

    Exact under any concurrency: whoever comes second waits for the row's lock, and then counts what the first has left.
    """
    taken: bool | None = await connection.fetchval(
        """
        INSERT INTO quota_places AS held (kind, asker, reader, times, operations)
        SELECT $1, $2, $3, ARRAY[clock_timestamp()], ARRAY[$4::uuid] WHERE $5 > 0
        ON CONFLICT (kind, asker) DO UPDATE SET (times, operations) = (
            SELECT array_agg(at), array_agg(operation) FROM (
                SELECT clock_timestamp(), $4::uuid WHERE $4 <> ALL (held.operations)
                UNION ALL
                SELECT * FROM unnest(held.times, held.operations) AS place (at, operation)
                WHERE at > clock_timestamp() - make_interval(secs => $6) OR operation = $4
            ) AS kept (at, operation)
        )
        WHERE $4 = ANY (held.operations) OR (
            SELECT count(*) FROM unnest(held.times) AS at WHERE at > clock_timestamp() - make_interval(secs => $6)
        ) < $5
        RETURNING true
        """,
        place.kind,
        place.asker,
        place.reader,
        place.operation,
        place.most,
        place.seconds,
    )
    return taken is True


async def taken(database: Database | Connection, *, kind: str, asker: str, seconds: float) -> Taken:
    """What counts at this moment."""
    row = await database.fetchrow(
        """
        SELECT count(at)::integer AS used, min(at) + make_interval(secs => $3) AS free_at
        FROM quota_places, unnest(times) AS at
        WHERE kind = $1 AND asker = $2 AND at > clock_timestamp() - make_interval(secs => $3)
        """,
        kind,
        asker,
        seconds,
    )
    return Taken(**row) if row else Taken(0, None)


async def give_back(connection: Connection, *, reader: str, operation: str) -> None:
    """Free the places that an operation of this reader's took, of whatever kind."""
    await connection.execute(
        """
        UPDATE quota_places SET (times, operations) = (
            SELECT coalesce(array_agg(at), '{}'), coalesce(array_agg(operation), '{}')
            FROM unnest(times, operations) AS place (at, operation) WHERE operation <> $2
        )
        WHERE reader = $1 AND $2 = ANY (operations)
        """,
        reader,
        operation,
    )


async def sweep(database: Database, *, seconds: float) -> None:
    """Forget who took nothing for so long."""
    await database.execute(
        """
        DELETE FROM quota_places WHERE NOT EXISTS (
            SELECT FROM unnest(times) AS at WHERE at > clock_timestamp() - make_interval(secs => $1)
        )
        """,
        seconds,
    )
