"""Chapters made ahead of time, as they were planned: section by section or in batches, by one process at a time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from db.variants import VariantRow
from services.batch_making import BatchMaking
from services.claude_batches import Batches
from services.leases import alone
from services.making import Making
from services.section_jobs import Key
from services.stock import Stock, is_bound, restock
from services.variant import BudgetExhausted, Refusal
from services.variant_batches import VariantBatches
from services.variant_plan import Plan, Show
from services.workshop import Workshop

COMMAND = "`footnote variants make`"
SECTIONS = "Sections"
CHANGED = "The book has changed since the price was shown. Run the same command again."


@dataclass(slots=True)
class Made:
    """What became of a plan. `waiting` sections had no room in today's budget; `untranslated` ones keep some of the
    book's own words, since what came of them was damaged twice."""

    sections: int = 0
    chapters: int = 0
    untranslated: int = 0
    waiting: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, stock: Stock, outcome: VariantRow | Refusal) -> None:
        """A chapter is there, or it is not."""
        if isinstance(outcome, VariantRow):
            self.chapters += 1
            self.untranslated += sum(part.untranslated for part in outcome.sections)
        elif not isinstance(outcome, BudgetExhausted):
            order = stock.assignment.order
            self.problems.append(f"{order.chapter.id} ({order.form}): {outcome.message}")


class Ahead:
    """The making of one plan."""

    def __init__(self, workshop: Workshop, plan: Plan, show: Show, say: Callable[[str], None]) -> None:
        self._workshop = workshop
        self._plan = plan
        self._show = show
        self._say = say
        self._made = Made()

    async def make(self, *, batches: bool) -> Made:
        """Make all that the budget has room for; what is made is stored at once.

        Raises AlreadyRunning, BatchesFailed and DatabaseUnavailable.
        """
        through = self._workshop.batches if batches else None
        return await alone(self._workshop.database, COMMAND, lambda: self._make(through))

    async def _make(self, batches: Batches | None) -> Made:
        stocks = await self._still_wanted()
        if batches:
            stocks = await self._make_in_batches(batches, stocks)
        else:
            await self._make_at_once(stocks)
        await self._bind(stocks)
        return self._made

    async def _still_wanted(self) -> list[Stock]:
        """What was planned of chapters that are as they were; what was stored meanwhile is noted."""
        chapters = self._workshop.chapters
        stocks = [stock for stock in self._plan.stocks if stock.assignment.order.chapter in chapters]
        if len(stocks) < len(self._plan.stocks):
            self._made.problems.append(CHANGED)
        await self._restock(stocks)
        return stocks

    async def _restock(self, stocks: Sequence[Stock]) -> None:
        for stock in stocks:
            await restock(self._workshop.writer, stock)

    async def _make_in_batches(self, batches: Batches, stocks: Sequence[Stock]) -> list[Stock]:
        """Returns the chapters that had something made, also for an earlier order."""
        wanted = keys(stocks)
        jobs = {key: job for key, job in self._plan.jobs.items() if key in wanted}
        through = VariantBatches(self._workshop.database, batches, self._workshop.ledger, self._workshop.models)
        making = BatchMaking(self._workshop, through, stocks, jobs, self._show, self._say)
        self._made.sections = await making.make()
        self._made.waiting = len(making.waiting)
        for reason, number in Counter(job.given_up for job in making.given_up).items():
            self._made.problems.append(f"Sections that could not be made: {number}. {reason}")
        return making.stocks

    async def _make_at_once(self, stocks: Sequence[Stock]) -> None:
        """Section by section, until the budget has no room."""
        total = len(keys(stocks))
        for stock in stocks:
            await restock(self._workshop.writer, stock)  # what two chapters have in common may be there by now
            outcome = await self._make_chapter(stock, total) if stock.jobs else None
            if isinstance(outcome, BudgetExhausted):
                await self._restock(stocks)
                self._made.waiting = len(keys(stocks))
                return
            if outcome:
                self._made.count(stock, outcome)

    async def _make_chapter(self, stock: Stock, total: int) -> VariantRow | Refusal:
        making, before = Making(stock.assignment.order), self._made.sections
        watching = asyncio.create_task(self._watch(making, stock, total))
        try:
            return await self._workshop.maker.make(making)
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            self._made.sections = before + new_in(making, stock)

    async def _watch(self, making: Making, stock: Stock, total: int) -> None:
        async with aclosing(making.follow()) as events:
            async for _ in events:
                self._show(SECTIONS, self._made.sections + new_in(making, stock), total)

    async def _bind(self, stocks: Sequence[Stock]) -> None:
        """Put together the chapters that are whole now."""
        await self._restock(stocks)
        for stock in stocks:
            if stock.whole and not await is_bound(self._workshop.shelf, stock):
                self._made.count(stock, await self._workshop.maker.bind(stock.assignment, stock.in_order))


def keys(stocks: Sequence[Stock]) -> set[Key]:
    """What is missing, each section once."""
    return {job.key for stock in stocks for job in stock.jobs.values()}


def new_in(making: Making, stock: Stock) -> int:
    """How many sections were made of those that were missing."""
    sections = making.order.sections
    return len({sections[index].hash for index in making.sections} & stock.jobs.keys())
