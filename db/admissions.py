"""Questions let in: answer, place of the quota and reservation in one transaction, or none of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import db.ledger
import db.quotas
from db.answers import LOST_SECONDS
from db.ledger import Wanted
from db.postgres import Connection, Database, repeated
from db.quotas import Place, Taken

REMEMBERED_HOURS = 24  # that a request id stands for the same question


@dataclass(frozen=True, slots=True)
class Request:
    """What the asker calls the question. `by` is the reader, empty for all others; `digest` is of what was asked."""

    id: str
    by: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Admission:
    """A question to be let in, as the answer `id`. Without a place it takes none; `wanted` are the forms of the first
    call to a model, none where none will be made. A reader may have `running` answers at once."""

    id: str
    conversation: str
    reader: str | None
    snapshot: str
    request: Request | None
    place: Place | None
    wanted: Sequence[Wanted]
    running: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """Let in. `model` is that of the reserved call, None if there is no money for one."""

    model: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The same request id was let in before, as this answer; `same` is False if something else was asked."""

    id: str
    same: bool


class Crowded:
    """The reader has as many running answers as may be."""


class NotTheirs:
    """The conversation is another reader's, or the reader's account is gone."""


Outcome = Admitted | Seen | Taken | Crowded | NotTheirs


class NotAdmitted(Exception):
    """Takes a transaction back."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


async def admit(database: Database, admission: Admission) -> Outcome:
    """Let a question in; `Taken` if the quota has no place. A reader who goes on with a conversation that was begun
    before signing in takes it over.

    Tried again once where the connection was lost, which may have been after it was stored, and where Postgres gave
    this transaction up for another one: the answer's id, and the call's, make the second try the same as the first.
    """
    return await repeated(lambda: _admit(database, admission))


async def _admit(database: Database, admission: Admission) -> Outcome:
    try:
        async with database.transaction() as connection:
            outcome = await let_in(connection, admission)
            if not isinstance(outcome, Admitted):
                raise NotAdmitted(outcome)
            return outcome
    except NotAdmitted as turned_away:
        return turned_away.outcome


async def let_in(connection: Connection, admission: Admission) -> Outcome:
    """All of it, in an order that every process keeps: the answer, the asker's places, and last the day's money."""
    if admission.request:
        await connection.execute(FORGET, admission.request.by, admission.request.id, REMEMBERED_HOURS)
        seen = await find_seen(connection, admission.request, admission.reader)
        if seen and seen.id != admission.id:  # else an earlier try of this very admission
            return seen
    if not await insert(connection, admission):
        return await why_not(connection, admission)
    if admission.reader:
        # A statement of its own: it sees the answer of nobody in particular whose storing the first one waited for.
        await connection.execute(TAKE_OVER, admission.conversation, admission.reader)
    if admission.place and (refused := await take(connection, admission, admission.place)):
        return refused
    return Admitted(await db.ledger.reserve_in(connection, admission.wanted) if admission.wanted else None)


async def insert(connection: Connection, admission: Admission) -> bool:
    """Store a new answer, and its conversation if that is new as well. The reader's row is locked, so that a deletion
    comes before this or after it."""
    request = admission.request
    stored = await connection.fetchval(
        INSERT,
        admission.id,
        admission.conversation,
        admission.snapshot,
        admission.reader,
        request and request.id,
        request and request.by,
        request and request.digest,
        admission.place and admission.place.asker,
    )
    return bool(stored)


async def why_not(connection: Connection, admission: Admission) -> Outcome:
    """What the answer met: itself, of a try whose acknowledgement was lost, or one of the same request id that another
    process was letting in, or a conversation that is not this reader's."""
    if await connection.fetchval("SELECT true FROM answers WHERE id = $1", admission.id):
        return Admitted(await connection.fetchval("SELECT model FROM model_calls WHERE answer = $1", admission.id))
    request = admission.request
    if not request:
        return NotTheirs()
    taken = "SELECT true FROM answers WHERE requested_by = $1 AND request_id = $2"
    if seen := await find_seen(connection, request, admission.reader):
        return seen
    # Asked before signing in, with the conversation taken over since: it is that reader's, and stays so.
    return Seen("", same=False) if await connection.fetchval(taken, request.by, request.id) else NotTheirs()


async def take(connection: Connection, admission: Admission, place: Place) -> Crowded | Taken | None:
    """Take the place. Its row's lock is held from here on: what a reader has running is counted one after the other."""
    if not await db.quotas.take(connection, place):
        return await db.quotas.taken(connection, kind=place.kind, asker=place.asker, seconds=place.seconds)
    if admission.reader is None:
        return None
    running = await connection.fetchval(RUNNING, admission.reader, admission.id, LOST_SECONDS)
    return Crowded() if running >= admission.running else None


async def find_seen(connection: Connection | Database, request: Request, reader: str | None) -> Seen | None:
    """The answer that was let in for a request id, if this asker may see it: their own, or what nobody in particular
    asked with it."""
    row = await connection.fetchrow(
        """
        SELECT id::text, request = $3 AS same FROM answers
        WHERE request_id = $2 AND requested_by IN ($1, '') AND (reader IS NULL OR reader = $4)
            AND created_at > now() - make_interval(hours => $5)
        ORDER BY requested_by DESC LIMIT 1
        """,
        request.by,
        request.id,
        request.digest,
        reader,
        REMEMBERED_HOURS,
    )
    return Seen(row["id"], row["same"]) if row else None


FORGET = """
    UPDATE answers SET request_id = NULL
    WHERE requested_by = $1 AND request_id = $2 AND created_at <= now() - make_interval(hours => $3)
"""
INSERT = """
    WITH owner AS (
        SELECT $4::uuid AS reader WHERE $4 IS NULL OR EXISTS (SELECT FROM readers WHERE id = $4 FOR KEY SHARE)
    ), begun AS (
        INSERT INTO conversations (id, reader) SELECT $2, reader FROM owner
        ON CONFLICT (id) DO UPDATE SET reader = excluded.reader
        WHERE conversations.reader IS NULL OR conversations.reader = excluded.reader
        RETURNING id, reader
    )
    INSERT INTO answers (
        id, conversation, reader, status, snapshot, request_id, requested_by, request, quota_asker
    )
    SELECT $1, id, reader, 'STREAMING', $3, $5, $6, $7, $8 FROM begun
    ON CONFLICT DO NOTHING
    RETURNING true
"""
TAKE_OVER = "UPDATE answers SET reader = $2 WHERE conversation = $1 AND reader IS NULL"
RUNNING = """
    SELECT count(*) FROM answers
    WHERE reader = $1 AND id <> $2 AND status = 'STREAMING'
        AND seen_at > clock_timestamp() - make_interval(secs => $3)
"""
