"""Answers in Postgres: what is left of one when its process is gone, and what other processes see of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

import orjson
import structlog

import db.answers
import db.conversations
from db.postgres import Database
from services.answer import (
    ANSWER,
    EVENTS,
    Answer,
    AnswerCited,
    AnswerDelta,
    AnswerEvent,
    AnswerFinished,
    AnswerSource,
    AnswerStatus,
)
from services.answer_log import AnswerLog
from services.readers import may_see
from services.understanding import TURNS, Turn

STORE_SECONDS = 0.5  # what a crash may cost: the events of so long
STOP_TRIES = 20  # of half a STORE_SECONDS each
LOST_SECONDS = 5.0  # an owner that gave no sign of life for so long is gone
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
        self._late: list[AnswerFinished] = []

    async def begin(self, answer: Answer, events: AnswerLog, reader_id: str | None) -> bool:
        """Store a new answer, and from now on what its log gains. False for a conversation of another reader's, and
        for a reader whose account is gone."""
        stored = await db.answers.insert(
            self._database,
            id=answer.id,
            conversation=answer.conversation_id,
            reader=reader_id,
            snapshot=encode(answer),
        )
        if not stored:
            return False
        self._running[answer.id], self._stored[answer.id] = events, 0
        return True

    async def finish(self, finished: AnswerFinished) -> Answer:
        """Store the end of an answer. Returns it as it is stored: another process may have given this one up.

        While Postgres is away the end is kept, and stored as soon as it is back.
        """
        try:
            return await self._finish(finished)
        except Exception:
            log.exception("the end of an answer is not stored yet", answer=finished.answer.id)
            self._late.append(finished)
            return finished.answer

    async def _finish(self, finished: AnswerFinished) -> Answer:
        answer = finished.answer
        first = self._stored[answer.id]
        kept = await db.answers.finish(
            self._database,
            id=answer.id,
            status=answer.status,
            snapshot=encode(answer),
            first_seq=first,
            events=encode([*self._running[answer.id].events[first : finished.seq], finished]),
        )
        stored = None if kept else await self.find(answer.id)
        del self._running[answer.id], self._stored[answer.id]
        return stored.answer if stored else answer

    async def keep_storing(self, end: Callable[[str, AnswerStatus], None]) -> None:
        """Store what the running logs gained, until cancelled. `end` is told which answers are to be ended, and how:
        those that somebody asked to stop, and those that another process believed dead and ended."""
        while True:
            await asyncio.sleep(STORE_SECONDS)
            try:
                for id, ending in (await self.store()).items():
                    end(id, ending)
            except Exception:
                log.exception("running answers were not stored; trying again")

    async def store(self) -> dict[str, AnswerStatus]:
        """Store what the running logs gained since the last time, in one statement. Returns what is to be ended."""
        while self._late:
            await self._finish(self._late[0])
            self._late.pop(0)
        batch = {
            id: (self._stored[id], len(events.events), encode(events.events[self._stored[id] :]))
            for id, events in self._running.items()
            if not events.finished
        }
        if not batch:
            return {}
        alive = await db.answers.store_events(
            self._database,
            ids=list(batch),
            first_seqs=[first for first, _, _ in batch.values()],
            events=[events for _, _, events in batch.values()],
        )
        for id, (_, upto, _) in batch.items():
            if id in self._stored:
                self._stored[id] = upto
        given_up = {id: AnswerStatus.INTERRUPTED for id in batch if id in self._running and id not in alive}
        return given_up | {id: AnswerStatus.STOPPED for id, stop_asked in alive.items() if stop_asked}

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

    async def replay(self, id: str, after: int) -> AsyncGenerator[AnswerEvent, None]:
        """The stored events above `after`, and those that another process is still storing, until the last."""
        while row := await db.answers.find(self._database, id=id):
            for event in await self._events(id):
                if event.seq <= after:
                    continue
                yield event
                after = event.seq
                await asyncio.sleep(0)  # a replay has no pace of its own: others get their turn
            if row.status != AnswerStatus.STREAMING:  # read before the events, so they were complete
                return
            if not await self._end_if_lost(row):
                await asyncio.sleep(STORE_SECONDS)

    async def _end_if_lost(self, row: db.answers.AnswerRow) -> bool:
        """An answer whose process died ends INTERRUPTED with what was stored. Postgres decides who ends it."""
        if row.unseen_seconds < LOST_SECONDS:
            return False
        await asyncio.sleep(2 * STORE_SECONDS)  # if it was Postgres that was away, a living owner shows itself by now
        events = await self._events(row.id)
        answer = replace(so_far(ANSWER.validate_json(row.snapshot), events), status=AnswerStatus.INTERRUPTED)
        return await db.answers.finish(
            self._database,
            id=row.id,
            status=answer.status,
            snapshot=encode(answer),
            first_seq=len(events),
            events=encode([AnswerFinished(len(events), answer)]),
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
    return replace(
        answer,
        text=text,
        source=AnswerSource.MODEL if text else None,  # the other sources say all at once
        model=answer.model if text else None,
        citations=tuple(event.citation for event in events if isinstance(event, AnswerCited)),
    )


def encode(value: Answer | list[AnswerEvent]) -> str:
    """JSON as Postgres takes it."""
    return orjson.dumps(value).decode()
