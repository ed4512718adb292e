"""How often somebody may try, whoever answers: the counts are in Postgres, and taken before anything costly is done."""

import hmac
from dataclasses import dataclass

import db.attempts
from db.attempts import Full, Taken
from db.postgres import Database
from services.problems import Busy, TooManyAttempts, busy

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

    def __init__(self, database: Database, key: bytes, *, failures_per_address: int, sign_ups_per_address: int) -> None:
        """The limits per address are for an hour. `key` is for digests: under another one all counts begin anew."""
        self._database = database
        self._key = key
        self._by_account = Limit("sign in to", FAILURES_PER_ACCOUNT, QUARTER)
        self._by_address = Limit("sign in from", failures_per_address, HOUR)
        self._sign_ups = Limit("sign up from", sign_ups_per_address, HOUR)

    async def sign_in(self, email: str, address: str) -> list[Taken] | TooManyAttempts | Busy:
        """Count a try, until it is given back or has failed. `email` is an account's, as it is compared."""
        from_here = await self._take(self._by_address, self.digest(address))
        if not isinstance(from_here, Taken):
            return from_here
        to_account = await self._take(self._by_account, self.digest(email))
        if not isinstance(to_account, Taken):
            await self.give_back([from_here])  # who cannot even try does not fail
            return to_account
        return [from_here, to_account]

    async def sign_up(self, address: str) -> list[Taken] | TooManyAttempts | Busy:
        """Count a try to sign up, until it is given back or settled."""
        taken = await self._take(self._sign_ups, self.digest(address))
        return [taken] if isinstance(taken, Taken) else taken

    async def give_back(self, taken: list[Taken]) -> None:
        """Uncount what was no failure."""
        for one in taken:
            await db.attempts.give_back(self._database, taken=one)

    async def fail(self, taken: list[Taken]) -> None:
        """What was tried stays counted."""
        for one in taken:
            await db.attempts.fail(self._database, taken=one)

    def digest(self, who: str) -> bytes:
        """Stands for an address. All addresses there are could be tried against it, but only with the key."""
        return hmac.digest(self._key, who.encode(), "sha256")

    async def _take(self, limit: Limit, who: bytes) -> Taken | TooManyAttempts | Busy:
        taken = await db.attempts.take(self._database, what=limit.what, who=who, most=limit.most, seconds=limit.seconds)
        return refused(taken) if isinstance(taken, Full) else taken


def refused(full: Full) -> TooManyAttempts | Busy:
    """Who comes while others are still trying may well be let through in a moment."""
    if full.free_at is None:
        return busy("Too many are trying at this moment.")
    return TooManyAttempts("There were too many attempts. Try again later.", full.free_at)
