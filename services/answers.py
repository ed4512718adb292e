"""Asking: one question, one answer, one owner task that writes it, any number of listeners."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from services.answer import (
    Answer,
    AnswerEvent,
    AnswerFinished,
    AnswerNotFound,
    AnswerSource,
    AnswerStatus,
    Degradation,
    NearPassage,
    near,
)
from services.answer_cache import AnswerCache, Kept
from services.asking import Asked, Asking, Prepared, Refused, no_conversation
from services.draft import Draft
from services.journal import Journal
from services.readers import may_see
from services.retrieval import Retrieved
from services.writer import NEAREST, Verdict, Writer

log = structlog.get_logger()


@dataclass(slots=True)
class Leave:
    """How a listener went. One that said `complete` wants no more; one that was cut off may come back."""

    completed: bool = False


@dataclass(slots=True)
class Running:
    """An answer being written in this process."""

    draft: Draft
    prepared: Prepared
    writing: asyncio.Task[Verdict]
    over: asyncio.Event = field(default_factory=asyncio.Event)
    listeners: int = 0
    grace: asyncio.TimerHandle | None = None
    ending: AnswerStatus = AnswerStatus.INTERRUPTED

    @property
    def reader_id(self) -> str | None:
        """Who asked; None for whoever holds its id, until a reader takes the conversation over."""
        return self.prepared.asked.caller.reader_id

    def end(self, ending: AnswerStatus) -> None:
        """End it now, with what was said. Cancelling the writing closes Claude's stream on its way out; the owner is
        never cancelled, so that the end is stored and shown whatever happens."""
        self.ending = ending
        self.writing.cancel()


class Answers:
    """Every answer of this process, and through the journal those of all others."""

    def __init__(
        self, asking: Asking, writer: Writer, cache: AnswerCache, journal: Journal, grace_seconds: float
    ) -> None:
        self._asking = asking
        self._cache = cache
        self._writer = writer
        self._journal = journal
        self._grace_seconds = grace_seconds
        self._running: dict[str, Running] = {}
        self._owners: set[asyncio.Task[None]] = set()

    async def stream(self, asked: Asked, leave: Leave) -> AsyncGenerator[AnswerEvent | Refused, None]:
        """Ask, and follow the answer from its first event."""
        running = await self._ask(asked)
        if not isinstance(running, Running):
            yield running
            return
        async with aclosing(self._listen(running, -1, leave)) as events:
            async for event in events:
                yield event

    async def ask(self, asked: Asked, leave: Leave) -> Answer | Refused:
        """Ask, and wait for the whole answer."""
        async with aclosing(self.stream(asked, leave)) as events:
            async for event in events:
                if isinstance(event, AnswerFinished):
                    return event.answer
                if isinstance(event, Refused):
                    return event
        raise AssertionError("an answer's log ends with AnswerFinished")

    async def follow(
        self, id: str, after: int, reader_id: str | None, leave: Leave
    ) -> AsyncGenerator[AnswerEvent | AnswerNotFound, None]:
        """The events of an answer above `after`: resumed while it runs, replayed when it is over."""
        if not await self.find(id, reader_id):
            yield AnswerNotFound()
            return
        running = self._running.get(normal(id))
        source = self._listen(running, after, leave) if running else self._journal.replay(normal(id), after)
        async with aclosing(source) as events:
            async for event in events:
                yield event

    async def find(self, id: str, reader_id: str | None) -> Answer | None:
        """An answer by its id, finished or not, if this reader may see it."""
        running = self._running.get(normal(id))
        if running and not await self._may_see(running, reader_id):
            return None
        if running and not running.over.is_set():
            return running.draft.so_far()
        stored = await self._journal.find(normal(id)) if normal(id) else None
        return stored.answer if stored and may_see(stored.reader_id, reader_id) else None

    async def stop(self, id: str, reader_id: str | None) -> Answer | AnswerNotFound:
        """End a running answer now, whichever process writes it; one that is over is returned as it is."""
        if not await self.find(id, reader_id):
            return AnswerNotFound()
        if running := self._running.get(normal(id)):
            running.end(AnswerStatus.STOPPED)
            await running.over.wait()
            return await self.find(id, reader_id) or AnswerNotFound()
        return await self._journal.ask_to_stop(normal(id)) or AnswerNotFound()

    def end(self, id: str, ending: AnswerStatus) -> None:
        """End a running answer of this process, if it is one."""
        if running := self._running.get(id):
            running.end(ending)

    async def close(self) -> None:
        """End all running answers INTERRUPTED, and store them."""
        for running in self._running.values():
            running.end(AnswerStatus.INTERRUPTED)
        await asyncio.gather(*self._owners)

    async def _may_see(self, running: Running, reader_id: str | None) -> bool:
        # What nobody in particular asked may be a reader's by now, and another process the one that was told.
        if running.reader_id is None:
            return await self._journal.may_see(running.draft.start.id, reader_id)
        return may_see(running.reader_id, reader_id)

    async def _ask(self, asked: Asked) -> Running | Refused:
        asked_at = time.monotonic()
        prepared = await self._asking.prepare(asked)
        if not isinstance(prepared, Prepared):
            return prepared
        draft = Draft(new_answer(prepared, self._writer.model), asked_at)
        if not await self._journal.begin(draft.start, draft.log, asked.caller.reader_id):
            return no_conversation()  # somebody else's since it was looked up, or the reader's account is gone
        draft.begin()
        running = Running(draft, prepared, asyncio.create_task(self._writer.write(draft, prepared.made_of)))
        self._running[draft.start.id] = running
        owner = asyncio.create_task(self._own(running))
        self._owners.add(owner)  # the loop holds tasks weakly
        owner.add_done_callback(self._owners.discard)
        return running

    async def _own(self, running: Running) -> None:
        """See the answer to its end, whatever that is. Stored first, shown after, so that who saw the end can read it;
        only while Postgres is away it is the other way round."""
        draft = running.draft
        await asyncio.wait([running.writing])
        verdict = ended(running)
        finished = draft.finished(verdict.status, verdict.reason)
        stored = await self._journal.finish(finished)
        await self._keep(stored, running.prepared)
        draft.log.append(AnswerFinished(finished.seq, stored))
        del self._running[draft.start.id]
        running.over.set()

    async def _keep(self, answer: Answer, prepared: Prepared) -> None:
        """Whole answers of the model are kept for who asks next, unless they are about a selection of this reader's."""
        whole = answer.status == AnswerStatus.COMPLETE and answer.source == AnswerSource.MODEL
        made_of = prepared.made_of
        plainer = set(answer.degraded) - {Degradation.LANGUAGE}  # of a book that is searched by words it is always true
        if not whole or plainer or prepared.asked.selection or isinstance(made_of, Kept):
            return
        try:
            edition, leaned = made_of.book.edition, prepared.understood.leaned
            await self._cache.keep(edition, answer, leaned=leaned)
        except Exception:
            log.exception("an answer was not kept for others", answer=answer.id)

    async def _listen(self, running: Running, after: int, leave: Leave) -> AsyncGenerator[AnswerEvent, None]:
        running.listeners += 1
        if running.grace:
            running.grace.cancel()
        try:
            async with aclosing(running.draft.log.follow(after)) as events:
                async for event in events:
                    yield event
        finally:
            running.listeners -= 1
            if not running.listeners and not running.draft.log.finished:
                self._left(running, leave)

    def _left(self, running: Running, leave: Leave) -> None:
        """The last listener went: at once if it said so, else after the time in which it may come back."""
        if leave.completed:
            running.end(AnswerStatus.STOPPED)
        else:
            loop = asyncio.get_running_loop()
            running.grace = loop.call_later(self._grace_seconds, running.end, AnswerStatus.STOPPED)


def ended(running: Running) -> Verdict:
    """How the writing ended, also where it was cancelled or broke."""
    if running.writing.cancelled():
        return Verdict(running.ending)
    if broke := running.writing.exception():
        log.error("an answer broke", answer=running.draft.start.id, exc_info=broke)
        return Verdict(AnswerStatus.INTERRUPTED)
    return running.writing.result()


def new_answer(prepared: Prepared, model: str | None) -> Answer:
    """An answer that was asked for, before it is written."""
    return Answer(
        id=str(uuid.uuid4()),
        conversation_id=prepared.conversation_id,
        question=prepared.asked.question,
        searched_for=prepared.understood.searched_for,
        text="",
        status=AnswerStatus.STREAMING,
        decline_reason=None,
        source=None,
        model=model,
        degraded=prepared.degraded,
        citations=(),
        passages=shown(prepared.made_of),
        usage=prepared.understood.usage,
        response_time=0.0,
        created_at=datetime.now(UTC),
    )


def shown(made_of: Retrieved | Kept) -> tuple[NearPassage, ...]:
    """The passages that an answer is made of; for one to be declined, the nearest."""
    if isinstance(made_of, Kept):
        return made_of.passages
    return tuple(map(near, made_of.given if made_of.answerable else made_of.found[:NEAREST]))


def normal(id: str) -> str:
    """The one spelling of an id, or an empty one for what cannot be the id of an answer."""
    try:
        return str(uuid.UUID(id)) if len(id) == 36 else ""
    except ValueError:
        return ""


@asynccontextmanager
async def open_answers(
    *, asking: Asking, writer: Writer, cache: AnswerCache, journal: Journal, grace_seconds: float
) -> AsyncIterator[Answers]:
    """The service; when it is closed, what is still running ends INTERRUPTED."""
    answers = Answers(asking, writer, cache, journal, grace_seconds)
    storing = asyncio.create_task(journal.keep_storing(answers.end))
    try:
        yield answers
    finally:
        await answers.close()
        storing.cancel()
        await asyncio.wait([storing])
