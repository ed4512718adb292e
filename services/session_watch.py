"""Sockets and streams end with the session that opened them: within a second of it, in every process."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

import db.attempts
import db.quotas
import db.sessions
from db.postgres import Database
from services.attempts import HOUR
from services.quotas import DAY
from services.sessions import ForeignToken, OwnSession, SignedIn

LOOK_SECONDS = 0.4  # with a statement's time, under the second that is promised
SWEEP_SECONDS = 600.0
log = structlog.get_logger()


@dataclass(eq=False, slots=True)
class Watched:
    """An open connection of a reader. `ended` is set when its session is over."""

    signed_in: SignedIn
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class SessionWatch:
    """Asks Postgres about all open connections together, and only while there are any.

    While Postgres is away they stay open: each operation on them asks for itself, and fails.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watched: set[Watched] = set()
        self._begun = asyncio.Event()

    @contextmanager
    def watching(self, signed_in: SignedIn) -> Iterator[asyncio.Event]:
        """Gives the event that is set when the session is over, or its token has expired."""
        watched = Watched(signed_in)
        self._watched.add(watched)
        self._begun.set()
        try:
            yield watched.ended
        finally:
            self._watched.discard(watched)

    async def keep_looking(self) -> None:
        """Look after what is open, until cancelled."""
        while True:
            if not self._watched:
                self._begun.clear()
                await self._begun.wait()
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except Exception:
                log.exception("sessions could not be looked after; trying again")

    async def look(self) -> None:
        """End what is over."""
        for watched in [*self._watched]:
            if watched.signed_in.expires_at <= datetime.now(UTC):
                watched.ended.set()
        own = {w: w.signed_in.by.id for w in self._watched if isinstance(w.signed_in.by, OwnSession)}
        foreign = {w: w.signed_in.by for w in self._watched if isinstance(w.signed_in.by, ForeignToken)}
        if own:
            holding = await db.sessions.holding(self._database, ids=list(own.values()))
            end(w for w, id in own.items() if id not in holding)
        if foreign:
            digests = [digest for by in foreign.values() for digest in by.digests]
            given_up = await db.sessions.ended(self._database, digests=digests)
            end(w for w, by in foreign.items() if is_given_up(by, given_up))

    async def keep_sweeping(self) -> None:
        """Remove expired sessions, and attempts and places of quotas that do not count any more, now and then, until
        cancelled. Several processes may do it."""
        while True:
            try:
                await db.sessions.sweep(self._database)
                await db.attempts.sweep(self._database, seconds=HOUR)
                await db.quotas.sweep(self._database, seconds=DAY)
            except Exception:
                log.exception("expired sessions were not swept; trying again later")
            await asyncio.sleep(SWEEP_SECONDS)


def is_given_up(token: ForeignToken, given_up: Mapping[bytes, datetime]) -> bool:
    """True for a token that was issued up to a moment until which such tokens were given up."""
    return any(token.issued_at <= given_up[digest] for digest in token.digests if digest in given_up)


def end(over: Iterator[Watched]) -> None:
    """Tell whoever holds the connections."""
    for watched in over:
        watched.ended.set()


@asynccontextmanager
async def open_session_watch(database: Database) -> AsyncIterator[SessionWatch]:
    """The watch, looking and sweeping until the block ends."""
    watch = SessionWatch(database)
    tasks = [asyncio.create_task(watch.keep_looking()), asyncio.create_task(watch.keep_sweeping())]
    try:
        yield watch
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
