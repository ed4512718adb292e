"""Answers in Postgres: what is left of one when its process is gone, and what other processes see of it."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
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
    AnswerStarted,
    AnswerStatus,
    started,
)
from services.answer_log import Leave
from services.draft import Draft
from services.readers import may_see
from services.understanding import TURNS, Turn

STORE_SECONDS = 0.5  # what a crash may cost: the events of so long
PATIENCE_SECONDS = 30.0  # of who follows an answer while Postgres is away
LAST_SECONDS = 3.0  # of a process that ends, for what is not stored yet
FEW = 4  # answers of a process that is gone, at once: others need connections too
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
        self._running: dict[str, Draft] = {}
        self._stored: dict[str, int] = {}
        self._beginning: set[str] = set()
        self._late: list[tuple[AnswerFinished, bool]] = []
        self._storing_late = asyncio.Lock()

    def begin(self, draft: Draft) -> None:
        """From now on store what a new answer gains."""
        self._running[draft.start.id], self._stored[draft.start.id] = draft, 0

    @property
    def behind(self) -> bool:
        """True while the end of an answer waits for Postgres."""
        return bool(self._late)

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
            events=encode([*self._running[answer.id].log.events[first : finished.seq], finished]),
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
        """Store what running answers gained since the last time, in one statement."""
        running = {
            id: draft for id, draft in self._running.items() if not draft.log.finished and id not in self._beginning
        }
        upto = {id: len(draft.log.events) for id, draft in running.items()}
        events = {id: draft.log.events[self._stored[id] :] for id, draft in running.items()}
        signs = await self._store(running, events) if running else {}
        for id in running:
            if id in self._stored:
                self._stored[id] = max(self._stored[id], upto[id])
        return {id: signs.get(id) for id in running if id in self._running}

    async def keep_storing_late(self) -> None:
        """Store the ends that could not be stored when they came, until cancelled: beside what is running, whose signs
        of life must not wait for one that cannot be stored now either."""
        while True:
            await asyncio.sleep(STORE_SECONDS)
            await self.store_late()

    async def store_late(self) -> None:
        """Try once more to store the ends that are late, each by itself. They stay late until they are stored, and one
        task at a time stores them: a process that ends must not overlook the one that is on its way."""
        async with self._storing_late:
            for late in list(self._late):
                try:
                    await self._finish(*late)
                    self._late.remove(late)
                except Exception:
                    log.exception("the end of an answer is not stored yet; trying again", answer=late[0].answer.id)

    async def store_last(self) -> None:
        """The same for a process that ends: as long as it has, until nothing is late."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while self._late:
                    await self.store_late()
                    await asyncio.sleep(STORE_SECONDS / 5)  # Postgres may be back any moment, and time is short

    async def store_first(self, first: AnswerStarted) -> None:
        """Store the first event of an answer before it is shown, so that a crash cannot make it another one. While
        Postgres is away it is shown all the same."""
        id = first.answer_id
        self._beginning.add(id)  # no other store of it meanwhile: each would go on from another place
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._store({id: self._running[id]}, {id: [first]})
            self._stored[id] = 1
        except (TimeoutError, DatabaseUnavailable) as away:
            log.warning("the beginning of an answer is not stored yet", answer=id, reason=str(away))
        finally:
            self._beginning.discard(id)

    async def _store(self, running: Mapping[str, Draft], events: Mapping[str, list[AnswerEvent]]) -> dict[str, Sign]:
        return await db.answers.store_events(
            self._database,
            ids=list(running),
            first_seqs=[self._stored[id] for id in running],
            events=[encode(events[id]) for id in running],
            told=[encode(draft.told) for draft in running.values()],
            # Whoever asked listens in a moment, if not yet.
            listeners=[max(draft.log.listeners, not draft.begun) for draft in running.values()],
        )

    async def keep_ending_lost(self) -> None:
        """End what processes that are gone were writing, until cancelled. Several processes may do it."""
        while True:
            await asyncio.sleep(LOST_SECONDS)
            try:
                lost = await db.answers.lost(self._database, seconds=LOST_SECONDS)
                for start in range(0, len(lost), FEW):
                    await asyncio.gather(*map(self.find, lost[start : start + FEW]))
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
        follower, following, heard_at = str(uuid.uuid4()), False, time.monotonic()
        try:
            while True:
                try:
                    row = await db.answers.find(self._database, id=id)
                    events = await self._events(id, after)  # read after the row: one that is over has them all
                    following = await self._follow(follower, row) if row else False
                    heard_at = time.monotonic()
                except DatabaseUnavailable:
                    if time.monotonic() - heard_at > PATIENCE_SECONDS:
                        raise
                    await asyncio.sleep(STORE_SECONDS)
                    continue
                for event in events:
                    yield event
                    after = event.seq
                    await asyncio.sleep(0)  # a replay has no pace of its own: others get their turn
                if not row or row.status != AnswerStatus.STREAMING:
                    return
                await asyncio.sleep(STORE_SECONDS)  # until then its process has stored nothing more
        finally:
            if following:
                # Whoever left is often cancelled once more while this runs.
                await asyncio.shield(self._unfollow(follower, id, leave))

    async def _follow(self, follower: str, row: AnswerRow) -> bool:
        """Tell the process of a running answer that somebody listens; False if it does not run any more."""
        if row.status != AnswerStatus.STREAMING or await self._end_if_lost(row):
            return False
        await db.answers.follow(self._database, follower=follower, id=row.id)
        return True

    async def _unfollow(self, follower: str, id: str, leave: Leave) -> None:
        with contextlib.suppress(DatabaseUnavailable):  # then it is forgotten after a while
            await db.answers.unfollow(self._database, follower=follower, id=id, completed=leave.completed)

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
            # Nobody was shown anything of it, and whoever asked may not have been told that it was let in.
            forget_request=not first,
            unseen_seconds=LOST_SECONDS,
        )

    async def turns(self, conversation: str, reader_id: str | None) -> list[Turn] | None:
        """The last turns of a conversation, oldest first; None if this reader has none of this id."""
        rows = await db.conversations.turns(self._database, id=conversation, reader=reader_id, most=TURNS)
        return None if rows is None else [Turn(question, text) for question, text in rows]

    async def _events(self, id: str, after: int = -1) -> list[AnswerEvent]:
        stored = await db.answers.events(self._database, id=id, after=after)
        return [event for few in stored for event in EVENTS.validate_json(few) if event.seq > after]


def so_far(answer: Answer, events: list[AnswerEvent]) -> Answer:
    """A running answer with what its stored events add to it."""
    text = "".join(event.text for event in events if isinstance(event, AnswerDelta))
    first = next((event for event in events if isinstance(event, AnswerStarted)), None)
    return replace(
        answer,
        text=text,
        searched_for=first.searched_for if first else answer.searched_for,
        passages=first.passages if first else (),
        source=answer.source if text else None,
        model=answer.model if text else None,
        citations=tuple(event.citation for event in events if isinstance(event, AnswerCited)),
    )


def encode(value: Answer | list[AnswerEvent] | dict[str, object]) -> str:
    """JSON as Postgres takes it."""
    return orjson.dumps(value).decode()
