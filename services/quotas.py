"""How much a reader may ask of the models: exact over any rolling hour or day, across processes and restarts."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import db.quotas
from db.postgres import Database
from db.quotas import Place, Taken
from services.readers import Caller

HOUR = 3600.0
DAY = 24 * HOUR


class QuotaKind(StrEnum):
    """What is counted."""

    QUESTIONS = "QUESTIONS"
    TRANSLATIONS = "TRANSLATIONS"
    PERSONALIZATIONS = "PERSONALIZATIONS"


SECONDS = {QuotaKind.QUESTIONS: HOUR, QuotaKind.TRANSLATIONS: DAY, QuotaKind.PERSONALIZATIONS: DAY}
WINDOWS = {HOUR: "an hour", DAY: "a day"}


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a quota. `resets_at` is when the next place is free again, None if all are."""

    kind: QuotaKind
    limit: int
    used: int
    resets_at: datetime | None

    @property
    def remaining(self) -> int:
        """Places that are free."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class QuotaExceeded:
    """No place is free."""

    message: str
    quota: Quota


class Quotas:
    """The limits of readers and of everybody else."""

    def __init__(
        self, database: Database, key: bytes, readers: Mapping[QuotaKind, int], others: Mapping[QuotaKind, int]
    ) -> None:
        """Limits for signed-in readers, and for all others by address. `key` is for digests of addresses: under another
        one their counts begin anew."""
        self._database = database
        self._key = key
        self._readers = readers
        self._others = others

    def asker(self, caller: Caller) -> str:
        """Who is counted: a reader, or a digest of an address."""
        return caller.reader_id or hmac.digest(self._key, caller.address.encode(), "sha256").hex()

    def place(self, kind: QuotaKind, caller: Caller, operation: str) -> Place:
        """The place that an operation takes, of an id of its own."""
        return Place(kind, self.asker(caller), caller.reader_id, operation, self._limit(kind, caller), SECONDS[kind])

    def exceeded(self, place: Place, taken: Taken) -> QuotaExceeded:
        """The refusal, with what a person can read."""
        quota = quota_of(QuotaKind(place.kind), place.most, taken)
        window = WINDOWS[place.seconds]
        return QuotaExceeded(f"That is all for now: {quota.limit} in {window} of {quota.kind.lower()}.", quota)

    async def of(self, caller: Caller) -> list[Quota]:
        """All quotas of a caller."""
        return [await self._of(kind, caller) for kind in QuotaKind]

    async def _of(self, kind: QuotaKind, caller: Caller) -> Quota:
        taken = await db.quotas.taken(self._database, kind=kind, asker=self.asker(caller), seconds=SECONDS[kind])
        return quota_of(kind, self._limit(kind, caller), taken)

    def _limit(self, kind: QuotaKind, caller: Caller) -> int:
        return (self._readers if caller.reader_id else self._others).get(kind, 0)


def quota_of(kind: QuotaKind, limit: int, taken: Taken) -> Quota:
    """What is left."""
    return Quota(kind, limit, taken.used, taken.free_at)
