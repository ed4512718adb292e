"""Asking: one question, one answer, one owner task that writes it, any number of listeners."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime

import structlog

from db.answers import Sign
from db.postgres import DatabaseUnavailable
from services.admissions import Admissions, LetIn, Turned, unavailable
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
    started,
)
from services.answer_cache import AnswerCache, Kept
from services.answer_log import Leave
from services.asking import Asked, Asking, Looked, Refused, invalid, is_uuid
from services.draft import Draft
from services.journal import Journal
from services.models import Usage
from services.problems import busy
from services.purse import Purse
from services.readers import Caller, may_see
from services.retrieval import Retrieved
from services.running import Running
from services.writer import NEAREST, Verdict, Writer

RUNNING = 1000  # answers in one process
TurnedAway = Refused | Turned
log = structlog.get_logger()


class Answers:
    """Every answer of this process, and through the journal those of all others."""

    def __init__(
        self,
        asking: Asking,
        admissions: Admissions,
        writer: Writer,
        cache: AnswerCache,
        journal: Journal,
        grace_seconds: float,
    ) -> None:
        self._asking = asking
        self._admissions = admissions
        self._cache = cache
        self._writer = writer
        self._journal = journal
        self._grace_seconds = grace_seconds
        self._running: dict[str, Running] = {}
        self._entering: set[asyncio.Task[str | TurnedAway]] = set()
        self._owners: set[asyncio.Task[None]] = set()
        self.draining = False

    async def stream(self, asked: Asked, leave: Leave) -> AsyncGenerator[AnswerEvent | TurnedAway, None]:
        """Ask, and follow the answer from its first event."""
        id = await self._ask_or_busy(asked, leave)
        if not isinstance(id, str):
            yield id
            return
        async with aclosing(self._follow(id, -1, leave)) as events:
            async for event in events:
                yield event

    async def ask(self, asked: Asked, leave: Leave) -> Answer | TurnedAway:
        """Ask, and wait for the whole answer."""
        async with aclosing(self.stream(asked, leave)) as events:
            async for event in events:
                if isinstance(event, AnswerFinished):
                    return event.answer
                if isinstance(event, TurnedAway):
                    return event
        raise AssertionError("an answer's log ends with AnswerFinished")

    async def follow(
        self, id: str, after: int, reader_id: str | None, leave: Leave
    ) -> AsyncGenerator[AnswerEvent | AnswerNotFound, None]:
        """The events of an answer above `after`: resumed while it runs, replayed when it is over."""
        if not await self.find(id, reader_id):
            yield AnswerNotFound()
            return
        async with aclosing(self._follow(normal(id), after, leave)) as events:
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
        running = self._running.get(normal(id))
        if not running:
            found = await self.find(id, reader_id)
            return await self._journal.ask_to_stop(normal(id)) or AnswerNotFound() if found else AnswerNotFound()
        if not await self._may_see(running, reader_id):
            return AnswerNotFound()
        running.end(AnswerStatus.STOPPED)
        await running.over.wait()
        return running.draft.log.last

    async def stop_request(self, request_id: str, caller: Caller) -> Answer | AnswerNotFound:
        """End the answer to the question that the caller asked with this request id."""
        id = await self._admissions.requested(request_id, caller) if is_uuid(request_id) else None
        return await self.stop(id, caller.reader_id) if id else AnswerNotFound()

    def hear(self, id: str, sign: Sign | None) -> None:
        """What others left word of about a running answer. None: another process believed it lost, and ended it."""
        running = self._running.get(id)
        if not running:
            return
        if sign is None:
            running.end(AnswerStatus.INTERRUPTED)
        elif sign.stop_asked:
            running.end(AnswerStatus.STOPPED)
        elif sign.followed:
            running.followed_at = time.monotonic()

    @property
    def running(self) -> int:
        """How many answers are being written here."""
        return len(self._running)

    async def drain(self, seconds: float) -> None:
        """Let nobody in any more, and wait so long for what is running; what still runs then ends INTERRUPTED."""
        self.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while tasks := {*self._entering, *self._owners}:  # who was on the way in when it began is let in
                    await asyncio.wait(tasks)
        await self.close()

    async def close(self) -> None:
        """End all running answers INTERRUPTED, and store them."""
        self.draining = True
        while tasks := {*self._entering, *self._owners}:
            for running in self._running.values():
                running.end(AnswerStatus.INTERRUPTED)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await self._journal.store_last()

    async def _may_see(self, running: Running, reader_id: str | None) -> bool:
        if running.reader_id is not None:
            return may_see(running.reader_id, reader_id)
        # What nobody in particular asked may be a reader's by now, and another process the one that was told.
        try:
            return await self._journal.may_see(running.draft.start.id, reader_id)
        except DatabaseUnavailable:  # stopping must work all the same, for whoever holds the random id
            return True

    async def _ask_or_busy(self, asked: Asked, leave: Leave) -> str | TurnedAway:
        async with self._admissions.door() as too_many:
            if too_many:
                return too_many
            # Not broken off with its asker: by then it may be let in, and somebody has to see it to its end.
            entering = asyncio.create_task(self._enter(asked))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)
            try:
                return await asyncio.shield(entering)
            except asyncio.CancelledError:
                entering.add_done_callback(lambda entered: self._asker_left(entered, leave))
                raise

    def _asker_left(self, entered: asyncio.Task[str | TurnedAway], leave: Leave) -> None:
        """Whoever asked went before they were let in: nobody listens."""
        if entered.cancelled() or entered.exception():
            return
        result = entered.result()
        running = self._running.get(result) if isinstance(result, str) else None
        if running and not running.draft.log.listeners:
            running.left(leave)

    async def _enter(self, asked: Asked) -> str | TurnedAway:
        try:
            return await self._ask(asked)
        except DatabaseUnavailable:
            log.exception("a question could not be let in")
            return unavailable()

    async def _ask(self, asked: Asked) -> str | TurnedAway:
        """The id of the answer to a question: a new one, or that of the same request."""
        asked_at = time.monotonic()
        if problem := invalid(asked):
            return problem
        if seen := await self._admissions.seen(asked):
            return seen
        if self.draining:
            return busy("This server is about to end.")
        if len(self._running) >= RUNNING:
            return busy("Too many questions are being answered.")
        looked = await self._asking.look(asked)
        if not isinstance(looked, Looked):
            return looked
        answer = new_answer(looked, self._writer.model)
        admitted = await self._admissions.admit(looked, answer)
        if isinstance(admitted, LetIn):
            self._begin(Draft(answer, asked_at), looked, admitted.purse)
            return answer.id
        return admitted

    def _begin(self, draft: Draft, looked: Looked, purse: Purse) -> None:
        running = Running(draft, looked, purse, self._grace_seconds)
        running.writing = asyncio.create_task(self._write(running))
        self._running[draft.start.id] = running
        self._journal.begin(draft)
        owner = asyncio.create_task(self._own(running))
        self._owners.add(owner)  # the loop holds tasks weakly
        owner.add_done_callback(self._owners.discard)

    async def _write(self, running: Running) -> Verdict:
        prepared = running.prepared = await self._asking.find(running.looked, running.purse)
        draft = running.draft
        draft.prepare(prepared.understood.searched_for, prepared.degraded, shown(prepared.made_of))
        await self._journal.store_first(started(draft.start))
        draft.begin()
        return await self._writer.write(draft, prepared.made_of, running.purse)

    async def _own(self, running: Running) -> None:
        """See the answer to its end, whatever that is. Stored first, shown after, so that who saw the end can read it;
        only while Postgres is away it is the other way round."""
        draft = running.draft
        await asyncio.wait([running.writing])
        verdict = ended(running)
        await running.purse.close()
        draft.usage = running.purse.usage
        if not draft.begun:
            draft.begin()
        finished = draft.finished(verdict.status, verdict.reason)
        stored = await self._journal.finish(finished, give_back=costs_nothing(finished.answer))
        await self._keep(stored, running)
        draft.log.append(AnswerFinished(finished.seq, stored))
        del self._running[draft.start.id]
        running.over.set()

    async def _keep(self, answer: Answer, running: Running) -> None:
        """Whole answers of the model are kept for who asks next, unless they are about a selection of this reader's."""
        whole = answer.status == AnswerStatus.COMPLETE and answer.source == AnswerSource.MODEL
        plainer = set(answer.degraded) - {Degradation.LANGUAGE}  # of a book that is searched by words it is always true
        about_selection = running.looked.asked.selection is not None
        if not whole or plainer or about_selection or not running.prepared or self._journal.behind:
            return
        try:
            leaned = running.prepared.understood.leaned
            await self._cache.keep(running.looked.book.edition, answer, leaned=leaned)
        except Exception:
            log.exception("an answer was not kept for others", answer=answer.id)

    async def _follow(self, id: str, after: int, leave: Leave) -> AsyncGenerator[AnswerEvent, None]:
        """From here if it is written here, else as it is stored."""
        running = self._running.get(id)
        if not running:
            async with aclosing(self._journal.replay(id, after, leave)) as events:
                async for event in events:
                    yield event
            return
        running.came()
        try:
            async with aclosing(running.draft.log.follow(after)) as events:
                async for event in events:
                    yield event
        finally:
            if not running.draft.log.listeners and not running.draft.log.finished:
                running.left(leave)


def ended(running: Running) -> Verdict:
    """How the writing ended, also where it was cancelled or broke."""
    if running.writing.cancelled():
        return Verdict(running.ending)
    if broke := running.writing.exception():
        log.error("an answer broke", answer=running.draft.start.id, exc_info=broke)
        return Verdict(AnswerStatus.INTERRUPTED)
    return running.writing.result()


def costs_nothing(answer: Answer) -> bool:
    """True for what takes no place of the quota: nothing was delivered, or what somebody else had paid for."""
    broken_off = answer.status == AnswerStatus.INTERRUPTED and not answer.text
    return broken_off or answer.source == AnswerSource.CACHE


def new_answer(looked: Looked, model: str | None) -> Answer:
    """An answer that was asked for, before it is written."""
    return Answer(
        id=str(uuid.uuid4()),
        request_id=looked.asked.request_id,
        conversation_id=looked.conversation_id,
        question=looked.asked.question,
        searched_for=looked.asked.question,
        text="",
        status=AnswerStatus.STREAMING,
        decline_reason=None,
        source=None,
        model=model,
        degraded=(),
        citations=(),
        passages=(),
        usage=Usage(),
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
    *,
    asking: Asking,
    admissions: Admissions,
    writer: Writer,
    cache: AnswerCache,
    journal: Journal,
    grace_seconds: float,
) -> AsyncIterator[Answers]:
    """The service; when it is closed, what is still running ends INTERRUPTED."""
    answers = Answers(asking, admissions, writer, cache, journal, grace_seconds)
    kept_up = (journal.keep_storing(answers.hear), journal.keep_storing_late(), journal.keep_ending_lost())
    tasks = [asyncio.create_task(keeping) for keeping in kept_up]
    try:
        yield answers
    finally:
        await answers.close()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
