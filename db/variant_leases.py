"""Who makes a variant: one maker at a time, across processes, for as long as it shows that it lives."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

import db.quotas
from db.postgres import Connection, Database, repeated
from db.quotas import Place, Taken
from db.variants import FormKey

LEASE_SECONDS = 15.0  # a maker renews its lease every third of it


@dataclass(frozen=True, slots=True)
class Lease:
    """A chapter's form being made by `maker`, for the `reader` who asked, or an author."""

    chapter_id: str
    form: FormKey
    maker: str
    operation: str
    reader: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A quota of this kind has no place."""

    place: Place
    taken: Taken


class ReaderGone:
    """The account of whoever asked is gone."""


class NotTaken(Exception):
    """Takes a transaction back."""

    def __init__(self, refused: Refused) -> None:
        self.refused = refused


async def take(database: Database, lease: Lease, places: Sequence[Place]) -> Lease | Refused | ReaderGone | None:
    """Become the maker, with the places of the quotas that this takes, all or none; None while another one lives.

    What one that has just gone had begun is taken over with its operation and its reader: nobody pays for it twice.
    Where nobody took over for a minute, it is begun anew. Repeated
    where the connection was lost, perhaps after it was stored: the lease is this maker's by then.
    """
    return await repeated(lambda: _take(database, lease, places))


async def _take(database: Database, lease: Lease, places: Sequence[Place]) -> Lease | Refused | ReaderGone | None:
    try:
        async with database.transaction() as connection:
            # Postgres decides: whoever comes second waits for the row, and finds a lease that has not expired.
            row = await connection.fetchrow(
                TAKE, *key(lease), lease.maker, lease.operation, lease.reader, LEASE_SECONDS
            )
            if not row:
                return None
            if row["operation"] == lease.operation:
                await take_places(connection, places)
            return Lease(lease.chapter_id, lease.form, lease.maker, row["operation"], row["reader"])
    except NotTaken as not_taken:
        return not_taken.refused
    except asyncpg.ForeignKeyViolationError:
        return ReaderGone()


async def take_places(connection: Connection, places: Sequence[Place]) -> None:
    """Take all of them, in one order everywhere. Raises NotTaken at the first that is not free."""
    for place in sorted(places, key=lambda place: place.kind):
        if not await db.quotas.take(connection, place):
            counted = await db.quotas.taken(connection, kind=place.kind, asker=place.asker, seconds=place.seconds)
            raise NotTaken(Refused(place, counted))


async def renew(database: Database, lease: Lease) -> bool:
    """Show that the maker lives; False if it is not the maker any more."""
    renewed = await database.execute(
        f"""
        UPDATE variant_leases SET expires_at = clock_timestamp() + make_interval(secs => $6)
        WHERE {THIS_LEASE}
        """,
        *key(lease),
        lease.maker,
        LEASE_SECONDS,
    )
    return renewed == "UPDATE 1"


async def expires_at(database: Database, lease: Lease) -> datetime | None:
    """When the lease of whoever makes it expires, or has expired; None where nobody does."""
    found: datetime | None = await database.fetchval(
        """
        SELECT expires_at FROM variant_leases
        WHERE chapter_id = $1 AND level = $2 AND language = $3 AND hardware = $4
        """,
        *key(lease),
    )
    return found


async def held(database: Database, lease: Lease) -> bool:
    """Whether anybody is making it."""
    found = await database.fetchval(
        """
        SELECT true FROM variant_leases
        WHERE chapter_id = $1 AND level = $2 AND language = $3 AND hardware = $4 AND expires_at > clock_timestamp()
        """,
        *key(lease),
    )
    return found is True


async def end(database: Database, lease: Lease, *, give_back: bool) -> None:
    """Make it no more. `give_back` frees the places that its operation took, unless another maker goes on with it. Does
    no harm when it is done twice, and is where its connection was lost."""
    await repeated(lambda: _end(database, lease, give_back))


async def _end(database: Database, lease: Lease, give_back: bool) -> None:
    async with database.transaction() as connection:
        ended = await connection.execute(f"DELETE FROM variant_leases WHERE {THIS_LEASE}", *key(lease), lease.maker)
        if give_back and lease.reader and ended == "DELETE 1":
            await db.quotas.give_back(connection, reader=lease.reader, operation=lease.operation)
        await connection.execute("DELETE FROM variant_leases WHERE expires_at < clock_timestamp() - interval '1 hour'")


def key(lease: Lease) -> tuple[str, str, str, str]:
    """What there is one lease for."""
    return (lease.chapter_id, lease.form.level, lease.form.language, lease.form.hardware)


THIS_LEASE = "chapter_id = $1 AND level = $2 AND language = $3 AND hardware = $4 AND maker = $5"
TAKE = """
    INSERT INTO variant_leases AS held (
        chapter_id, level, language, hardware, maker, operation, reader, expires_at
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(secs => $8))
    ON CONFLICT (chapter_id, level, language, hardware) DO UPDATE
    SET maker = excluded.maker, expires_at = excluded.expires_at,
        operation = CASE WHEN held.expires_at > clock_timestamp() - interval '1 minute'
            THEN held.operation ELSE excluded.operation END,
        reader = CASE WHEN held.expires_at > clock_timestamp() - interval '1 minute'
            THEN held.reader ELSE excluded.reader END
    WHERE held.expires_at <= clock_timestamp() OR held.maker = excluded.maker
    RETURNING operation::text, reader::text
"""
