"""Sections made through the Message Batches API, at half the price, and taken up again after whatever happened."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

import db.variant_batches
from db.variant_batches import Reply, SectionRow
from db.variants import FormKey
from services.chapter_sections import ChapterSections
from services.claude import ClaudeFailed
from services.claude_batches import BatchResult
from services.making import Order
from services.section_jobs import Job, Key, begun
from services.stock import Stock, take_stock
from services.variant_batches import Asked, Batch, VariantBatches
from services.variant_plan import Show
from services.variant_shelf import form_of
from services.workshop import Workshop

FAILURES = 2  # requests for a section that may bring no reply
GOES_ON = (
    "What was submitted goes on without this command. Run it again to take the results; after a minute what is reserved"
    " for them counts as spent."
)
UNDER_WAY = "Batch under way"


class BatchesFailed(Exception):
    """The batches cannot be used now; what was submitted can be taken up later."""


class BatchMaking:
    """The making of these sections, and of those that an earlier run had submitted.

    Each batch is noted before it is submitted, and until the sections that it leaves unfinished are part of a newer
    one. So whoever is killed has lost nothing but time.
    """

    def __init__(
        self,
        workshop: Workshop,
        batches: VariantBatches,
        stocks: Sequence[Stock],
        jobs: dict[Key, Job],
        show: Show,
        say: Callable[[str], None],
    ) -> None:
        """`stocks` are those of the book as it is now; others that are made come to them."""
        self._workshop = workshop
        self._batches = batches
        self._chapter_sections = ChapterSections()
        self._stocks: dict[tuple[str, FormKey], Stock] = {
            (stock.assignment.order.chapter.id, stock.assignment.form): stock for stock in stocks
        }
        self._jobs = jobs
        self._show = show
        self._say = say
        self._open: list[Batch] = []
        self._taken: list[tuple[Batch, set[Key]]] = []
        self._made = 0

    @property
    def stocks(self) -> list[Stock]:
        """The chapters that had something made."""
        return list(self._stocks.values())

    @property
    def given_up(self) -> list[Job]:
        """What could not be made."""
        return [job for job in self._jobs.values() if job.given_up]

    @property
    def waiting(self) -> list[Job]:
        """What is to be asked for."""
        under_way = {one.job.key for batch in self._open for one in batch.asked.values() if one.job}
        return [job for key, job in self._jobs.items() if job.asks and not job.given_up and key not in under_way]

    async def make(self) -> int:
        """Make all that the budget has room for. Returns how many sections that were.

        Raises BatchesFailed and DatabaseUnavailable. Cancelled, it says what goes on.
        """
        try:
            await self._take_up()
            await self._submit()
            while self._open:
                await self._take(self._open[0])
                await self._submit()  # what failed its checks, and what there is room for now
            return self._made
        except ClaudeFailed as failure:
            why = f"Claude's message batches cannot be used at this moment: {failure}"
            raise BatchesFailed(f"{why}\n{GOES_ON}" if self._batches.noted else why) from failure
        except asyncio.CancelledError:
            if self._batches.noted:
                self._say(GOES_ON)
            raise

    async def _take_up(self) -> None:
        """Go on with the batches of earlier runs, the newest first: it is the newest that goes on with a section."""
        rows = await db.variant_batches.unfinished(self._workshop.database)
        seen: set[Key] = set()
        for row in rows:
            jobs = {section: job for section in row.sections if (job := await self._job(section, seen))}
            batch = await self._batches.take_up(row, jobs)
            if jobs:
                self._jobs.update({job.key: job for job in jobs.values()})
                self._open.insert(0, batch)
            else:  # all is made otherwise, or not wanted so any more
                await self._batches.remove(batch)
        for batch in list(self._open):
            if not await self._batches.find(batch):
                self._open.remove(batch)
        if self._open:
            self._say(f"Taking up what an earlier run submitted: {names(self._open)}.")

    async def _job(self, section: SectionRow, seen: set[Key]) -> Job | None:
        """The job of a section that is asked for; None where it is made, or not wanted so any more."""
        stock, hash = await self._stock(section.chapter_id, section.form), bytes.fromhex(section.hash)
        wanted = stock and section.prompt == stock.assignment.prompt and stock.jobs.get(hash)
        if not stock or not wanted or section.key in seen:
            return None
        seen.add(section.key)
        return await asyncio.to_thread(begun, stock.assignment, wanted.section, section.replies)

    async def _stock(self, chapter_id: str, form: FormKey) -> Stock | None:
        """What there is of a chapter in a form, if there is still such a chapter."""
        workshop = self._workshop
        chapter = next((chapter for chapter in workshop.chapters if chapter.id == chapter_id), None)
        if chapter and (chapter_id, form) not in self._stocks:
            order = Order(chapter, await self._chapter_sections.of(chapter), form_of(form), None)
            self._stocks[chapter_id, form] = await take_stock(workshop.writer, await workshop.writer.assign(order))
        return self._stocks.get((chapter_id, form)) if chapter else None

    async def _submit(self) -> None:
        """Submit what waits, as far as there is money, and forget the batches that nothing can come of any more."""
        self._progress()
        while (waiting := self.waiting) and (batch := await self._batches.submit(waiting)):
            self._open.append(batch)
            self._say(f"Submitted {batch.requests} calls as {batch.provider_id}.")
        left = {job.key for job in self.waiting}
        for taken in [taken for taken in self._taken if not taken[1] & left]:
            await self._batches.remove(taken[0])
            self._taken.remove(taken)

    async def _take(self, batch: Batch) -> None:
        """Take what came of a batch, as soon as it has ended."""
        keys = {one.job.key for one in batch.asked.values() if one.job}
        try:
            await self._batches.wait(batch, lambda done: self._show(UNDER_WAY, done, batch.requests))
            async with aclosing(self._batches.results(batch)) as results:
                async for asked, result in results:
                    await self._hear(asked, result)
        except ClaudeFailed as failure:
            if not await self._batches.is_lost(failure):
                raise
            for one in batch.asked.values():
                if one.job:
                    one.job.given_up = f"Its batch is lost: {failure}"
        self._open.remove(batch)
        self._taken.append((batch, keys))

    async def _hear(self, asked: Asked, result: BatchResult) -> None:
        job, ask = asked.job, asked.ask
        if not job or not ask:
            return
        if result.text is None:
            job.failures += 1
            job.given_up = result.error if job.failures >= FAILURES else None
            return
        await asyncio.to_thread(job.hear, Reply(ask.ids, result.text))
        if not job.asks:
            row = await asyncio.to_thread(job.row, asked.held.model)
            await self._workshop.writer.store(job.assignment, row)
            self._made += 1
            self._progress()

    def _progress(self) -> None:
        self._show("Sections", self._made, len(self._jobs))


def names(batches: list[Batch]) -> str:
    """Those of the provider."""
    return ", ".join(batch.provider_id for batch in batches)
