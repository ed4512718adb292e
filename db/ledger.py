"""Money, in micro-dollars: what calls may cost at most is reserved before they are made, and settled after.

All of a day's reservations wait for the lock of that day's one row, so the last dollar is given once. Each call has an
id of its own: whatever is repeated, since its acknowledgement was lost, is done once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from db.postgres import Connection, Database, repeated

# A process renews what it holds every third of this; what is not renewed any more is settled by another one.
EXPIRES_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call to be made, which may cost `most`. `budget` is what the day may come to with it, `share` what its asker
    may have reserved at once."""

    id: str
    feature: str
    model: str
    asker: str
    answer: str | None
    most: Decimal
    budget: Decimal
    share: Decimal


async def used(database: Database) -> Decimal:
    """What today has spent and reserved, by Postgres' clock."""
    found: Decimal | None = await database.fetchval(
        "SELECT reserved + spent FROM spending_days WHERE day = (now() AT TIME ZONE 'UTC')::date"
    )
    return found or Decimal(0)


async def reserve(database: Database, *, wanted: Sequence[Wanted]) -> str | None:
    """Reserve in a transaction of its own, as `reserve_in` does, and repeated as an admission is. None also where the
    answer was deleted meanwhile."""
    return await repeated(lambda: _reserve(database, wanted))


async def _reserve(database: Database, wanted: Sequence[Wanted]) -> str | None:
    async with database.transaction() as connection:
        # Before the day's lock, which all wait for: a deletion may hold the answer, and wait for a call of it that is
        # being settled, and so for the day.
        answer = wanted[0].answer
        if answer and not await connection.fetchval("SELECT true FROM answers WHERE id = $1 FOR KEY SHARE", answer):
            return None
        return await reserve_in(connection, wanted)


async def reserve_in(connection: Connection, wanted: Sequence[Wanted]) -> str | None:
    """Reserve the first of these forms of one call that the day, and the asker's share of it, has room for. Returns its
    model, or None; that of the earlier try, if this is another one.

    Best the last part of a transaction: from here to its end all others wait.
    """
    day = await connection.fetchval(LOCK_DAY)
    if day is None:  # the first call of the day, or one of several first ones
        await connection.execute(
            "INSERT INTO spending_days (day) VALUES ((now() AT TIME ZONE 'UTC')::date) ON CONFLICT (day) DO NOTHING"
        )
        day = await connection.fetchval(LOCK_DAY)
    for one in wanted:
        # A statement of its own, begun after the lock is held: it sees what those before it reserved.
        model: str | None = await connection.fetchval(RESERVE, day, *of(one))
        if model:
            return model
    return None


def of(wanted: Wanted) -> Sequence[object]:
    """The arguments of RESERVE after the day."""
    call = (wanted.id, wanted.feature, wanted.model, wanted.asker, wanted.answer)
    return (*call, wanted.most, wanted.budget, wanted.share, EXPIRES_SECONDS)


LOCK_DAY = "SELECT day FROM spending_days WHERE day = (now() AT TIME ZONE 'UTC')::date FOR UPDATE"
# An asker's first call is let through whatever it may cost: the least share is one call.
RESERVE = """
    WITH held AS (
        SELECT coalesce(sum(reserved), 0) AS held FROM model_calls WHERE asker = $5 AND cost IS NULL
    ), taken AS (
        UPDATE spending_days SET reserved = spending_days.reserved + $7
        FROM held
        WHERE day = $1 AND spending_days.reserved + spent + $7 <= $8 AND (held = 0 OR held + $7 <= $9)
            AND NOT EXISTS (SELECT FROM model_calls WHERE id = $2)
        RETURNING day
    ), called AS (
        INSERT INTO model_calls (id, day, feature, model, asker, answer, reserved, expires_at)
        SELECT $2, day, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(secs => $10) FROM taken
        RETURNING model
    )
    SELECT model FROM called UNION ALL SELECT model FROM model_calls WHERE id = $2
"""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a call came to. `cost` None: what was reserved. `settled_as` tells who says so: the provider ("reported"),
    our own count of what came ("estimated"), nobody ("unknown"); "unused" where the call was never billed."""

    id: str
    cost: Decimal | None
    settled_as: str
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0


async def settle(database: Database, settlement: Settlement) -> None:
    """Charge a call, once: whoever comes second finds it charged."""
    await database.execute(
        """
        WITH settled AS (
            UPDATE model_calls SET cost = coalesce($2, reserved), settled_as = $3, settled_at = clock_timestamp(),
                asker = NULL, input_tokens = $4, output_tokens = $5, cache_write_tokens = $6, cache_read_tokens = $7
            WHERE id = $1 AND cost IS NULL
            RETURNING day, reserved, cost
        )
        UPDATE spending_days SET reserved = spending_days.reserved - settled.reserved, spent = spent + settled.cost
        FROM settled WHERE spending_days.day = settled.day
        """,
        settlement.id,
        settlement.cost,
        settlement.settled_as,
        settlement.input_tokens,
        settlement.output_tokens,
        settlement.cache_write_tokens,
        settlement.cache_read_tokens,
    )


async def renew(database: Database, *, ids: Sequence[str]) -> None:
    """Tell that these calls' process lives."""
    await database.execute(
        """
        UPDATE model_calls SET expires_at = clock_timestamp() + make_interval(secs => $2)
        WHERE id = ANY($1::uuid[]) AND cost IS NULL
        """,
        ids,
        EXPIRES_SECONDS,
    )


async def settle_lost(database: Database) -> int:
    """Charge what processes that are gone had reserved: what it came to nobody knows. Returns how many calls."""
    # Each day's row once: an UPDATE that joins several rows to one takes only the first of them.
    found: int = await database.fetchval(
        """
        WITH lost AS (
            UPDATE model_calls SET cost = reserved, settled_as = 'unknown', settled_at = clock_timestamp(), asker = NULL
            WHERE id IN (
                SELECT id FROM model_calls WHERE cost IS NULL AND expires_at < clock_timestamp()
                FOR UPDATE SKIP LOCKED
            )
            RETURNING day, reserved
        ), days AS (
            SELECT day, sum(reserved) AS reserved, count(*) AS calls FROM lost GROUP BY day
        ), charged AS (
            UPDATE spending_days
            SET reserved = spending_days.reserved - days.reserved, spent = spent + days.reserved
            FROM days WHERE spending_days.day = days.day
        )
        SELECT coalesce(sum(calls), 0)::integer FROM days
        """
    )
    return found
