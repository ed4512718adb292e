"""Batches of sections: paid for, noted, submitted, found again after a crash, and settled."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

import db.variant_batches
from db.postgres import Database
from db.variant_batches import BatchRow, RequestRow, SectionRow
from services.claude import ClaudeFailed, Fault, worst_case
from services.claude_batches import Batches, BatchRequest, BatchResult, BatchState
from services.ledger import Account, Feature, Held, Ledger, Settled
from services.models import Tokens
from services.rendition import Ask
from services.section_jobs import Job
from services.section_writer import prompt_of

TOGETHER = 250  # requests of a batch: their results are there, and stored, when the last of them is
PAUSES = (1.0, 5.0, 25.0)  # seconds before the next try
LONGEST_PAUSE = 60.0  # whatever the provider asks for
FIRST_LOOK, LATER_LOOK = 1.0, 20.0  # seconds between looks at a batch, which takes minutes or hours
MOST_FAILURES = 20  # looks in a row
CLOCKS_DIFFER = timedelta(minutes=5)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a batch, paid from what is held. Nobody waits for its reply where it is for no job any more."""

    held: Held
    job: Job | None = None
    ask: Ask | None = None


@dataclass(slots=True, eq=False)
class Batch:
    """A batch of so many requests, and those of them whose results were not taken yet, by their custom ids."""

    id: str
    created_at: datetime
    requests: int
    asked: dict[str, Asked]
    provider_id: str = ""


class VariantBatches:
    """The batches of one run. All methods raise DatabaseUnavailable, and ClaudeFailed where the provider fails for
    longer than a while."""

    def __init__(self, database: Database, batches: Batches, ledger: Ledger, models: Sequence[str]) -> None:
        self._database = database
        self._batches = batches
        self._ledger = ledger
        self._models = models
        self.noted: list[Batch] = []

    async def submit(self, jobs: Sequence[Job]) -> Batch | None:
        """Have as many of these sections asked for as one batch takes and the budget has room for; None if for none."""
        id = str(uuid.uuid4())
        asked = await self._reserve(id, jobs)
        if not asked:
            return None
        try:
            created_at = await db.variant_batches.add(self._database, id=id, sections=rows_of(asked))
        except BaseException:  # it may be noted all the same: then it will not be found at the provider
            await self._settle_unused(asked.values())
            raise
        batch = Batch(id, created_at, len(asked), asked)
        self.noted.append(batch)
        await self._name(batch, await self._send(batch))
        return batch

    async def take_up(self, row: BatchRow, jobs: Mapping[SectionRow, Job]) -> Batch:
        """A batch of a process that is gone; sections without a job are waited for by nobody."""
        asked = {
            request.custom_id: asked_again(request, jobs.get(section))
            for section in row.sections
            for request in section.requests
        }
        await self._ledger.take_over([one.held for one in asked.values()])
        batch = Batch(row.id, row.created_at, len(asked), asked, row.provider_id or "")
        self.noted.append(batch)
        return batch

    async def find(self, batch: Batch) -> bool:
        """Find out whether a batch was submitted of which only that it was to be is known. If not, drop it."""
        if batch.provider_id:
            return True
        found = await self._find(batch)
        if found:
            await self._name(batch, found)
        else:
            await self._drop(batch)
        return bool(found)

    async def wait(self, batch: Batch, show: Callable[[int], None]) -> None:
        """Wait for a batch to end, and show how many of its requests have."""
        await self._ended(batch.provider_id, lambda state: show(state.counts.total - state.counts.processing))

    async def results(self, batch: Batch) -> AsyncGenerator[tuple[Asked, BatchResult], None]:
        """What became of the requests whose results were not taken yet, each settled."""
        for pause in (*PAUSES, None):
            try:
                async with aclosing(self._batches.results(batch.provider_id)) as results:
                    async for result in results:
                        if asked := batch.asked.pop(result.custom_id, None):
                            await self._ledger.settle(asked.held, *result.call.settlement)
                            yield asked, result
                return
            except ClaudeFailed as failure:
                if pause is None or failure.fault in (Fault.OURS, Fault.LASTING):
                    raise
                log.warning("results are read again", batch=batch.provider_id, reason=str(failure))
                await asyncio.sleep(waited(pause, failure))

    async def is_lost(self, failure: ClaudeFailed) -> bool:
        """Whether a failure is that of one batch: the provider knows the key, and not that batch or its results."""
        if failure.fault not in (Fault.OURS, Fault.LASTING):
            return False
        try:
            async with aclosing(self._batches.recent()) as recent:
                await anext(recent, None)
        except ClaudeFailed:
            return False
        return True

    async def remove(self, batch: Batch) -> None:
        """Nothing more is to come of a batch. What was not told is charged as it was reserved."""
        for asked in batch.asked.values():
            await self._ledger.settle(asked.held, Settled.UNKNOWN)
        await self._forget(batch)

    async def _reserve(self, id: str, jobs: Sequence[Job]) -> dict[str, Asked]:
        """All calls of each section, or none."""
        asked: dict[str, Asked] = {}
        try:
            for job in jobs:
                if len(asked) >= TOGETHER or not await self._reserve_for(job, id, asked):
                    break
        except BaseException:
            await self._settle_unused(asked.values())
            raise
        return asked

    async def _reserve_for(self, job: Job, id: str, asked: dict[str, Asked]) -> bool:
        before = len(asked)
        for ask in job.asks:
            account = Account(Feature.VARIANTS, f"author {uuid.uuid4()}")  # of its own: an author has no share
            held = await self._ledger.reserve(account, self._models, worst_case(prompt_of(ask)), batch=True)
            if not held:
                await self._settle_unused([asked.popitem()[1] for _ in range(len(asked) - before)])
                return False
            asked[f"{id}-{len(asked)}"] = Asked(held, job, ask)
        return True

    async def _settle_unused(self, asked: Iterable[Asked]) -> None:
        for one in list(asked):
            await self._ledger.settle(one.held, Settled.UNUSED)

    async def _send(self, batch: Batch) -> str:
        """Submit a batch, once: after each failure it is looked for first. Returns the provider's id."""
        requests = [
            BatchRequest(custom_id, prompt_of(one.ask), one.held.model)
            for custom_id, one in batch.asked.items()
            if one.ask
        ]
        for pause in (*PAUSES, None):
            try:
                return (await self._batches.submit(requests)).id
            except ClaudeFailed as failure:
                refused = failure.fault in (Fault.OURS, Fault.LASTING)
                if not refused and (found := await self._find(batch)):
                    return found
                if refused or pause is None:
                    await self._drop(batch)
                    raise
                log.warning("a batch is submitted again", reason=str(failure))
                await asyncio.sleep(waited(pause, failure))
        raise AssertionError("the last try returns or raises")

    async def _name(self, batch: Batch, provider_id: str) -> None:
        batch.provider_id = provider_id
        await db.variant_batches.submitted(self._database, id=batch.id, provider_id=provider_id)

    async def _find(self, batch: Batch) -> str | None:
        """The provider's id of a batch, by its requests' ids, which it tells when all of them are done."""
        known = {other.provider_id for other in self.noted}
        candidates: list[str] = []
        async with aclosing(self._batches.recent()) as recent:
            async for state in recent:
                if state.created < batch.created_at - CLOCKS_DIFFER:
                    break
                if state.counts.total == batch.requests and state.id not in known:
                    candidates.append(state.id)
        for id in candidates:
            if await self._is_named(batch, id):
                return id
        return None

    async def _is_named(self, batch: Batch, id: str) -> bool:
        """Whether the provider knows a batch by this id."""
        await self._ended(id, lambda _: None)
        async with aclosing(self._batches.results(id)) as results:
            first = await anext(results, None)
        return bool(first and first.custom_id in batch.asked)

    async def _ended(self, id: str, show: Callable[[BatchState], None]) -> None:
        pause, failures = FIRST_LOOK, 0
        while True:
            try:
                state = await self._batches.look(id)
                failures = 0
                show(state)
                if state.ended:
                    return
            except ClaudeFailed as failure:
                failures += 1
                if failures == MOST_FAILURES or failure.fault in (Fault.OURS, Fault.LASTING):
                    raise
                log.warning("a batch could not be looked at", batch=id, reason=str(failure))
                pause = waited(pause, failure)
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, LATER_LOOK)

    async def _drop(self, batch: Batch) -> None:
        """Forget what was never submitted."""
        await self._settle_unused(batch.asked.values())
        await self._forget(batch)

    async def _forget(self, batch: Batch) -> None:
        await db.variant_batches.remove(self._database, id=batch.id)
        self.noted.remove(batch)


def rows_of(asked: Mapping[str, Asked]) -> tuple[SectionRow, ...]:
    """A batch as it is noted."""
    requests: dict[Job, list[RequestRow]] = {}
    for custom_id, one in asked.items():
        if one.job and one.ask:
            row = RequestRow(custom_id, one.ask.ids, one.held.id, one.held.model)
            requests.setdefault(one.job, []).append(row)
    return tuple(
        SectionRow(
            chapter_id=job.assignment.order.chapter.id,
            form=job.assignment.form,
            prompt=job.assignment.prompt,
            hash=job.section.hash.hex(),
            replies=tuple(job.replies),
            requests=tuple(rows),
        )
        for job, rows in requests.items()
    )


def asked_again(request: RequestRow, job: Job | None) -> Asked:
    """A request as it was noted."""
    held, ask = Held(request.call, request.model, Tokens(), batch=True), job.ask(request.ids) if job else None
    return Asked(held, job, ask) if ask else Asked(held)


def waited(pause: float, failure: ClaudeFailed) -> float:
    """Seconds before the next try: as the provider asks, or as we would, but not without end."""
    return min(max(pause, failure.wait), LONGEST_PAUSE)
