"""A day of calls that nobody makes: each is reserved and settled by the ledger as a real one is."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import chain

import db.ledger
from db.postgres import Database
from evals.traffic import Asked, Call, Hours, Question, Variant
from services.admissions import PROMPT
from services.ledger import MICRO, Account, Feature, Held, Ledger, Settled
from services.models import Prices
from services.purse import Purse

AT_ONCE = 32  # calls under way


class LedgerWrong(Exception):
    """The day's row passed the cap, or is not the sum of its calls."""


class Became(StrEnum):
    """What became of what was asked for."""

    ANSWERED = "answered by the model"
    CACHED = "answered from the cache"
    QUOTED = "answered with quoted passages"
    UNANSWERED = "declined by the model"
    DECLINED = "declined by the gate"
    MADE = "variants made"
    REFUSED = "variants refused"


class Step(StrEnum):
    """What a budget that runs down takes away."""

    CHEAPER = "cheaper model"
    NO_VARIANTS = "no new variants"
    NOTHING = "no model at all"


@dataclass(slots=True)
class Spending:
    """How a day went. `by_hour` is what was spent by the end of each, in dollars; `since` has the hour, from 1, in
    which each step came; `cost` is what the calls came to, in micro-dollars."""

    by_hour: list[Decimal] = field(default_factory=list)
    became: Counter[Became] = field(default_factory=Counter)
    since: dict[Step, int] = field(default_factory=dict)
    cost: Decimal = Decimal(0)


class Day:
    """One UTC day of one ledger. Postgres' clock does not move, so its hours are only an order: a day is one row."""

    def __init__(
        self, database: Database, ledger: Ledger, cap: Decimal, models: Sequence[str], *, caches: bool
    ) -> None:
        """Of a database that has spent nothing today; `cap` is in micro-dollars, `models` are the one to use, then the
        cheaper one."""
        self._database = database
        self._ledger = ledger
        self._cap = cap
        self._models = models
        self._caches = caches
        self._kept: set[int] = set()
        self.spending = Spending()

    async def spend(self, hours: Hours, hour_over: Callable[[], None]) -> Spending:
        """Ask for all of it. Raises LedgerWrong, at once."""
        for number, hour in enumerate(hours, 1):
            for start in range(0, len(hour), AT_ONCE):
                await self._together(hour[start : start + AT_ONCE], number)
            self.spending.by_hour.append(await self._used() / MICRO)
            hour_over()
        used, cost = await self._used(), self.spending.cost
        if used != cost:
            raise LedgerWrong(
                f"The ledger has {used} micro-dollars, the calls came to {cost}. If midnight UTC passed meanwhile, run"
                " it again."
            )
        return self.spending

    async def _together(self, batch: Sequence[Asked], hour: int) -> None:
        """Reserve for all of them before the first one is settled."""
        purses = await asyncio.gather(*map(self._let_in, batch))
        await self._used()
        entered = [(asked, purse) for asked, purse in zip(batch, purses, strict=True) if purse]
        await asyncio.gather(*(self._serve(asked, purse, hour) for asked, purse in entered))
        await self._used()

    async def _used(self) -> Decimal:
        """What is reserved and spent, in micro-dollars."""
        used = await db.ledger.used(self._database)
        if used > self._cap:
            raise LedgerWrong(f"{used} micro-dollars are reserved and spent, of {self._cap}")
        return used

    async def _let_in(self, asked: Asked) -> Purse | None:
        """As admission does: what is in the cache needs no money."""
        what = asked.what
        if isinstance(what, Question) and what.kept and asked.number in self._kept:
            self.spending.became[Became.CACHED] += 1
            return None
        feature, most = (
            (Feature.QUESTIONS, PROMPT) if isinstance(what, Question) else (Feature.VARIANTS, what.section.most)
        )
        account = Account(feature, asked.reader)
        return Purse(self._ledger, account, await self._ledger.reserve(account, self._models, most))

    async def _serve(self, asked: Asked, purse: Purse, hour: int) -> None:
        """As answers are written: from what is held, or what can be had, and the rest is given back."""
        if isinstance(asked.what, Question):
            became = await self._answer(asked.what, asked.number, purse, hour)
        else:
            became = await self._make(asked.what, purse, hour)
        await purse.close()
        self.spending.became[became] += 1

    async def _answer(self, question: Question, number: int, purse: Purse, hour: int) -> Became:
        if question.rewording:
            await self._call(question.rewording, purse, Feature.REWORDING, hour)
        if not question.answer:
            return Became.DECLINED
        held = await self._call(question.answer, purse, Feature.QUESTIONS, hour)
        if not held:
            self.spending.since.setdefault(Step.NOTHING, hour)
            return Became.QUOTED if question.quotable else Became.DECLINED
        if not question.kept:
            return Became.UNANSWERED
        if self._caches and held.model == self._models[0]:  # a cheaper model's answer is not kept for others
            self._kept.add(number)
        return Became.ANSWERED

    async def _make(self, variant: Variant, purse: Purse, hour: int) -> Became:
        """One section after the other; those that were made before there was no money are paid all the same."""
        for _ in range(variant.sections):
            if not await self._call(variant.section, purse, Feature.VARIANTS, hour):
                self.spending.since.setdefault(Step.NO_VARIANTS, hour)
                return Became.REFUSED
        return Became.MADE

    async def _call(self, call: Call, purse: Purse, feature: Feature, hour: int) -> Held | None:
        held = await purse.hold(self._models, call.most, feature)
        if not held:
            return None
        if held.model != self._models[0]:
            self.spending.since.setdefault(Step.CHEAPER, hour)
        await purse.settle(held, Settled.REPORTED, call.used)
        self.spending.cost += self._ledger.prices.cost(held.model, call.used)
        return held


def uncapped(hours: Hours, prices: Prices, model: str, *, caches: bool) -> Decimal:
    """What the day would cost in dollars if there were no cap: arithmetic alone."""
    kept: set[int] = set()
    cost = Decimal(0)
    for asked in chain.from_iterable(hours):
        what = asked.what
        if isinstance(what, Variant):
            cost += what.sections * prices.cost(model, what.section.used)
        elif not (caches and what.kept and asked.number in kept):
            cost += sum(prices.cost(model, call.used) for call in (what.rewording, what.answer) if call)
            if what.kept:
                kept.add(asked.number)
    return cost / MICRO
