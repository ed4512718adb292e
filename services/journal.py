"""Answers in Postgres: what is left of one when its process is gone, and what other processes see of it."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

import orjson
import structlog

import db.answers
import db.conversations
from db.answers import LOST_SECONDS, AnswerRow, Sign
from db.postgres import Database, DatabaseUnavailable
from services.answer import (
    ANSWER,
    EVENTS,
    Answer,
    AnswerCited,
    AnswerDelta,
    AnswerEvent,
    AnswerFinished,
    AnswerSource,
    AnswerStarted,
    AnswerStatus,
    started,
)
from services.answer_log import AnswerLog, Leave
from services.readers import may_see
from services.understanding import TURNS, Turn

STORE_SECONDS = 0.5  # what a crash may cost: the events of so long
STOP_TRIES = 20  # of half a STORE_SECONDS each
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stored:
    """An answer as far as it is stored, and whose it is; None for whoever holds its id."""

    answer: Answer
    reader_id: str | None


class Journal:
    """Stores running logs together, twice a second, and finished answers at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: dict[str, AnswerLog] = {}
        self._stored: dict[str, int] = {}
        self._beginning: set[str] = set()
        self._late: list[tuple[AnswerFinished, bool]] = []

    def begin(self, id: str, events: AnswerLog) -> None:
        """From now on store what the log of a new answer gains."""
        self._running[id], self._stored[id] = events, 0

    async def finish(self, finished: AnswerFinished, *, give_back: bool) -> Answer:
        """Store the end of an answer, and free its place of the quota where that is due. Returns it as it is stored:
        another process may have given this one up.

        While Postgres is away the end is kept, and stored as soon as it is back.
        """
        try:
            return await self._finish(finished, give_back)
        except Exception:
            log.exception("the end of an answer is not stored yet", answer=finished.answer.id)
            self._late.append((finished, give_back))
            return finished.answer

    async def _finish(self, finished: AnswerFinished, give_back: bool) -> Answer:
        answer = finished.answer
        first = self._stored[answer.id]
        kept = await db.answers.finish(
            self._database,
            id=answer.id,
            status=answer.status,
            snapshot=encode(answer),
            first_seq=first,
            events=encode([*self._running[answer.id].events[first : finished.seq], finished]),
            give_back=give_back,
        )
        stored = None if kept else await self.find(answer.id)
        del self._running[answer.id], self._stored[answer.id]
        return stored.answer if stored else answer

    async def keep_storing(self, hear: Callable[[str, Sign | None], None]) -> None:
        """Store what the running logs gained, until cancelled. `hear` is told what others left word of, and None for
        an answer that another process believed dead and ended."""
        while True:
            await asyncio.sleep(STORE_SECONDS)
            try:
                for id, sign in (await self.store()).items():
                    hear(id, sign)
            except Exception:
                log.exception("running answers were not stored; trying again")

    async def store(self) -> dict[str, Sign | None]:
        """Store what the running logs gained since the last time, in one statement."""
        while self._late:
            await self._finish(*self._late[0])
            self._late.pop(0)
        running = {
            id: events for id, events in self._running.items() if not events.finished and id not in self._beginning
        }
        if not running:
            return {}
        upto = {id: len(events.events) for id, events in running.items()}
        signs = await db.answers.store_events(
            self._database,
            ids=list(running),
            first_seqs=[self._stored[id] for id in running],
            events=[encode(events.events[self._stored[id] :]) for id, events in running.items()],
            listeners=[events.listeners for events in running.values()],
        )
        for id in running:
            if id in self._stored:
                self._stored[id] = max(self._stored[id], upto[id])
        return {id: signs.get(id) for id in running if id in self._running}

    async def store_first(self, first: AnswerStarted) -> None:
        """Store the first event of an answer before it is shown, so that a crash cannot make it another one. While
        Postgres is away it is shown all the same."""
        id = first.answer_id
        self._beginning.add(id)  # no other store of it meanwhile: each would go on from another place
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await db.answers.store_events(
                    self._database, ids=[id], first_seqs=[0], events=[encode([first])], listeners=[1]
                )
            self._stored[id] = 1
        except (TimeoutError, DatabaseUnavailable) as away:
            log.warning("the beginning of an answer is not stored yet", answer=id, reason=str(away))
        finally:
            self._beginning.discard(id)

    async def keep_ending_lost(self) -> None:
        """End what processes that are gone were writing, until cancelled. Several processes may do it."""
        while True:
            await asyncio.sleep(LOST_SECONDS)
            try:
                lost = await db.answers.lost(self._database, seconds=LOST_SECONDS)
                await asyncio.gather(*map(self.find, lost))
                await db.answers.sweep_followers(self._database)
            except Exception:
                log.exception("answers of processes that are gone were not ended; trying again")

    async def ask_to_stop(self, id: str) -> Answer | None:
        """Have another process stop an answer, and wait until it did. Returns the answer as far as it is stored."""
        await db.answers.ask_to_stop(self._database, id=id)
        for _ in range(STOP_TRIES):
            stored = await self.find(id)
            if stored is None or stored.answer.status != AnswerStatus.STREAMING:
                break
            await asyncio.sleep(STORE_SECONDS / 2)
        return stored.answer if stored else None

    async def find(self, id: str) -> Stored | None:
        """An answer as far as it is stored."""
        row = await db.answers.find(self._database, id=id)
        if row is None:
            return None
        answer = ANSWER.validate_json(row.snapshot)
        if row.status != AnswerStatus.STREAMING:
            return Stored(answer, row.reader)
        if await self._end_if_lost(row):
            return await self.find(id)
        return Stored(so_far(answer, await self._events(id)), row.reader)

    async def may_see(self, id: str, reader_id: str | None) -> bool:
        """Whether an answer is stored, and not another reader's."""
        row = await db.answers.find(self._database, id=id)
        return row is not None and may_see(row.reader, reader_id)

    async def replay(self, id: str, after: int, leave: Leave) -> AsyncGenerator[AnswerEvent, None]:
        """The stored events above `after`, and those that another process is still storing, until the last. Its process
        is told that somebody listens, and how they left."""
        follower = str(uuid.uuid4())
        following = False
        try:
            while row := await db.answers.find(self._database, id=id):
                for event in await self._events(id):
                    if event.seq <= after:
                        continue
                    yield event
                    after = event.seq
                    await asyncio.sleep(0)  # a replay has no pace of its own: others get their turn
                if row.status != AnswerStatus.STREAMING:  # read before the events, so they were complete
                    following = False
                    return
                if not await self._end_if_lost(row):
                    following = True
                    await db.answers.follow(self._database, follower=follower, id=id)
                    await asyncio.sleep(STORE_SECONDS)
        finally:
            if following:
                # Whoever left is often cancelled once more while this runs.
                leaving = db.answers.unfollow(self._database, follower=follower, id=id, completed=leave.completed)
                await asyncio.shield(leaving)

    async def _end_if_lost(self, row: AnswerRow) -> bool:
        """An answer whose process died ends INTERRUPTED with what was stored. Postgres decides who ends it."""
        if row.unseen_seconds < LOST_SECONDS:
            return False
        await asyncio.sleep(2 * STORE_SECONDS)  # if it was Postgres that was away, a living owner shows itself by now
        events = await self._events(row.id)
        first = len(events)
        answer = replace(so_far(ANSWER.validate_json(row.snapshot), events), status=AnswerStatus.INTERRUPTED)
        if not events:
            events.append(started(answer))
        events.append(AnswerFinished(len(events), answer))
        return await db.answers.finish(
            self._database,
            id=row.id,
            status=answer.status,
            snapshot=encode(answer),
            first_seq=first,
            events=encode(events[first:]),
            give_back=not answer.text,
            unseen_seconds=LOST_SECONDS,
        )

    async def turns(self, conversation: str, reader_id: str | None) -> list[Turn] | None:
        """The last turns of a conversation, oldest first; None if this reader has none of this id."""
        rows = await db.conversations.turns(self._database, id=conversation, reader=reader_id, most=TURNS)
        return None if rows is None else [Turn(question, text) for question, text in rows]

    async def _events(self, id: str) -> list[AnswerEvent]:
        return [
            event for stored in await db.answers.events(self._database, id=id) for event in EVENTS.validate_json(stored)
        ]


def so_far(answer: Answer, events: list[AnswerEvent]) -> Answer:
    """A running answer with what its stored events add to it."""
    text = "".join(event.text for event in events if isinstance(event, AnswerDelta))
    first = next((event for event in events if isinstance(event, AnswerStarted)), None)
    return replace(
        answer,
        text=text,
        searched_for=first.searched_for if first else answer.searched_for,
        degraded=first.degraded if first else (),
        passages=first.passages if first else (),
        source=AnswerSource.MODEL if text else None,  # the other sources say all at once
        model=answer.model if text else None,
        citations=tuple(event.citation for event in events if isinstance(event, AnswerCited)),
    )


def encode(value: Answer | list[AnswerEvent]) -> str:
    """JSON as Postgres takes it."""
    return orjson.dumps(value).decode()
