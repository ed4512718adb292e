"""How often somebody may try, whoever answers: the counts are in Postgres, and taken before anything costly is done."""

import hashlib
from dataclasses import dataclass

import db.attempts
from db.attempts import Taken
from db.postgres import Database
from services.problems import TooManyAttempts

QUARTER = 15 * 60.0
HOUR = 3600.0
FAILURES_PER_ACCOUNT = 10  # in a quarter of an hour


@dataclass(frozen=True, slots=True)
class Limit:
    """So many attempts of a kind in so many seconds."""

    what: str
    most: int
    seconds: float


class Attempts:
    """Counts failures to sign in, by account and by address, and sign-ups by address."""

    def __init__(self, database: Database, *, failures_per_address: int, sign_ups_per_address: int) -> None:
        """The limits per address are for an hour."""
        self._database = database
        self._by_account = Limit("sign in to", FAILURES_PER_ACCOUNT, QUARTER)
        self._by_address = Limit("sign in from", failures_per_address, HOUR)
        self._sign_ups = Limit("sign up from", sign_ups_per_address, HOUR)

    async def sign_in(self, account: bytes, address: str) -> list[Taken] | TooManyAttempts:
        """Count a try as a failure, until it turns out to be none. `account` is the digest of an address."""
        from_here = await self._take(self._by_address, digest(address))
        if isinstance(from_here, TooManyAttempts):
            return from_here
        to_account = await self._take(self._by_account, account)
        if isinstance(to_account, TooManyAttempts):
            await self.give_back([from_here])  # who cannot even try does not fail
            return to_account
        return [from_here, to_account]

    async def sign_up(self, address: str) -> Taken | TooManyAttempts:
        """Count a try to sign up."""
        return await self._take(self._sign_ups, digest(address))

    async def give_back(self, taken: list[Taken]) -> None:
        """Uncount what was no failure."""
        for one in taken:
            await db.attempts.give_back(self._database, taken=one)

    async def _take(self, limit: Limit, who: bytes) -> Taken | TooManyAttempts:
        taken = await db.attempts.take(self._database, what=limit.what, who=who, most=limit.most, seconds=limit.seconds)
        if isinstance(taken, Taken):
            return taken
        return TooManyAttempts("There were too many attempts. Try again later.", taken)


def digest(who: str) -> bytes:
    """Stands for an address, so that no list of addresses arises."""
    return hashlib.sha256(who.encode()).digest()
