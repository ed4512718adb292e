"""Who is let in: once for each request, within the quota, a few at a time, and with the money for the first call."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import orjson
import structlog

import db.admissions
from db.admissions import Admission, Admitted, Crowded, NotTheirs, Outcome, Request, Seen
from db.postgres import Database, DatabaseUnavailable
from db.quotas import Place, Taken
from services.answer import Answer
from services.asking import Asked, Looked, no_conversation
from services.journal import encode
from services.ledger import Account, Feature, Ledger
from services.models import Tokens
from services.problems import Busy, InvalidInput, RequestConflict, busy
from services.prompt import MAX_TOKENS
from services.purse import Purse
from services.quotas import QuotaExceeded, QuotaKind, Quotas
from services.readers import Caller

AT_ONCE = 6  # questions on their way in: fewer than connections, so that those on their way out find one
WAITING = 300  # more would wait for seconds
PATIENCE_SECONDS = 3.0
RUNNING_PER_READER = 3
# What a prompt of 2,200 tokens by the embedding model's count comes to at most, in English; what turns out to be more
# is reserved anew.
PROMPT = Tokens(input=18_000, output=MAX_TOKENS)
log = structlog.get_logger()

Made = TypeVar("Made")
Turned = InvalidInput | QuotaExceeded | Busy | RequestConflict


@dataclass(frozen=True, slots=True)
class LetIn:
    """A new question, and what it may spend."""

    purse: Purse


class Admissions:
    """Decides in Postgres, so that it holds across processes and restarts."""

    def __init__(self, database: Database, quotas: Quotas, ledger: Ledger, models: Callable[[], Sequence[str]]) -> None:
        """`models` are those of the next call: the one to use, then the cheaper one. None where nobody writes."""
        self._database = database
        self._quotas = quotas
        self._ledger = ledger
        self._models = models
        self._entering = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def door(self) -> AsyncIterator[Busy | None]:
        """A few questions at a time pass here; Busy where too many wait."""
        if self._waiting >= WAITING:
            yield busy("Too many questions are asked at this moment.")
            return
        self._waiting += 1
        try:
            async with AsyncExitStack() as opened:
                try:
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await opened.enter_async_context(self._entering)
                    refused = None
                except TimeoutError:  # Postgres is away, most likely: who stands here cannot be helped soon
                    refused = busy("Too many questions are asked at this moment.")
                yield refused
        finally:
            self._waiting -= 1

    async def seen(self, asked: Asked) -> str | RequestConflict | None:
        """The answer that was let in for the same request before, if it was."""
        request = request_of(asked)
        if not request:
            return None
        return known(await db.admissions.find_seen(self._database, request, asked.caller.reader_id))

    async def requested(self, request_id: str, caller: Caller) -> str | None:
        """The answer to the question that the caller asked with this request id."""
        request = Request(request_id.lower(), caller.reader_id or "", b"")
        seen = await db.admissions.find_seen(self._database, request, caller.reader_id)
        return seen.id if seen else None

    async def admit(self, looked: Looked, answer: Answer) -> LetIn | str | Turned:
        """Let a question in as this answer; or the answer that it is already, in another tab."""
        caller = looked.asked.caller
        account = Account(Feature.QUESTIONS, self._quotas.asker(caller), answer.id)
        models = [] if looked.kept else self._models()
        wanted = self._ledger.wanted(account, models, PROMPT) if models else []
        admission = Admission(
            id=answer.id,
            conversation=answer.conversation_id,
            reader=caller.reader_id,
            snapshot=encode(answer),
            request=request_of(looked.asked),
            # What was kept costs nothing to tell again.
            place=None if looked.kept else self._quotas.place(QuotaKind.QUESTIONS, caller, answer.id),
            wanted=wanted,
            running=RUNNING_PER_READER,
        )
        try:
            outcome = await db.admissions.admit(self._database, admission)
        except BaseException:  # it may have been stored, and nobody else knows what it reserved
            self._ledger.forget(wanted)
            raise
        if not isinstance(outcome, Admitted):
            return self._turned(outcome, admission.place)
        held = self._ledger.hold(wanted, outcome.model, PROMPT) if wanted else None
        return LetIn(Purse(self._ledger, account, held))

    def _turned(self, outcome: Outcome, place: Place | None) -> str | Turned:
        match outcome:
            case Seen():
                return known(outcome) or no_conversation()
            case Crowded():
                return busy(f"{RUNNING_PER_READER} of your questions are being answered. Wait for one of them.")
            case NotTheirs():
                return no_conversation()  # somebody else's since it was looked up, or the reader's account is gone
            case _:
                assert place
                assert isinstance(outcome, Taken)
                return self._quotas.exceeded(place, outcome)


def known(seen: Seen | None) -> str | RequestConflict | None:
    """The answer of a request, unless it was for something else."""
    if seen is None:
        return None
    return seen.id if seen.same else RequestConflict()


def request_of(asked: Asked) -> Request | None:
    """What the asker calls this question, and a digest of it."""
    if asked.request_id is None:
        return None
    selection = asked.selection and [asked.selection.chapter_id, asked.selection.text]
    said = orjson.dumps([asked.question, selection, asked.conversation_id and asked.conversation_id.lower()])
    return Request(asked.request_id.lower(), asked.caller.reader_id or "", hashlib.sha256(said).digest())


def unavailable() -> Busy:
    """The refusal of what cannot be stored at this moment."""
    return busy("Questions cannot be taken down at this moment.")


async def or_unavailable(made: Awaitable[Made]) -> Made | Busy:
    """What is made, or the refusal while Postgres is away."""
    try:
        return await made
    except DatabaseUnavailable:
        log.exception("who asks could not be found out")
        return unavailable()
