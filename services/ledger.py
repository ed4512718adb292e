"""The ledger of model calls: reserved before they are made, settled after, never over the day's budget."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import structlog

import db.ledger
from db.ledger import EXPIRES_SECONDS, Settlement, Wanted
from db.postgres import Database
from services.models import Prices, Tokens

MICRO = 1_000_000
RETRY_SECONDS = 0.5  # for what could not be settled since Postgres was away
log = structlog.get_logger()


class Feature(StrEnum):
    """What a call is made for."""

    QUESTIONS = "questions"
    REWORDING = "rewording"
    VARIANTS = "variants"


class Settled(StrEnum):
    """Who says what a call came to: the provider, our own count of what it said, or nobody: then it is charged as it
    was reserved. UNUSED: it was never billed."""

    REPORTED = "reported"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Budget:
    """Of a UTC day, in micro-dollars. From `cheaper_at` of it on the cheaper model is used, from `no_variants_at` on no
    variants are made; `share` is the part of it that one asker may have reserved at once."""

    day: Decimal
    cheaper_at: Decimal
    no_variants_at: Decimal
    share: Decimal


@dataclass(frozen=True, slots=True)
class Held:
    """A reserved call: what it may come to at most, by which model. In a `batch` it costs half."""

    id: str
    model: str
    most: Tokens
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """For what and whom calls are made."""

    feature: Feature
    asker: str
    answer: str | None = None


class Ledger:
    """Reserves and settles; what it holds is renewed as long as its process lives."""

    def __init__(self, database: Database, prices: Prices, budget: Budget) -> None:
        self._database = database
        self._budget = budget
        self._held: set[str] = set()
        self._late: list[Settlement] = []
        self.prices = prices

    def wanted(self, account: Account, models: Sequence[str], most: Tokens, *, batch: bool = False) -> list[Wanted]:
        """One call in its forms, all of one new id: by the first of the models while the budget is not used up to
        `cheaper_at`, by the last as long as there is any for this."""
        id, end = str(uuid.uuid4()), self._end(account.feature)
        steps = [min(self._budget.cheaper_at, end)] * (len(models) - 1) + [end]
        return [
            Wanted(
                id=id,
                feature=account.feature,
                model=model,
                asker=account.asker,
                answer=account.answer,
                most=self.prices.most(model, most, batch=batch),
                budget=self._budget.day * step,
                share=self._budget.day * self._budget.share,
            )
            for model, step in zip(models, steps, strict=True)
        ]

    async def room(self, feature: Feature) -> Decimal:
        """What is left for it of today's budget, in micro-dollars."""
        return max(Decimal(0), self._budget.day * self._end(feature) - await db.ledger.used(self._database))

    async def reserve(
        self, account: Account, models: Sequence[str], most: Tokens, *, batch: bool = False
    ) -> Held | None:
        """Reserve a call. None where the budget, or the asker's share of it, has no room."""
        wanted = self.wanted(account, models, most, batch=batch)
        try:
            model = await db.ledger.reserve(self._database, wanted=wanted)
        except BaseException:  # cancelled ones too may have been stored, and nobody else knows their id
            self.forget(wanted)
            raise
        return self.hold(wanted, model, most, batch=batch)

    def forget(self, wanted: Sequence[Wanted]) -> None:
        """Give back what may have been reserved, once that is known: nobody will use it."""
        self._late += [Settlement(one.id, Decimal(0), Settled.UNUSED) for one in wanted[:1]]

    def hold(self, wanted: Sequence[Wanted], model: str | None, most: Tokens, *, batch: bool = False) -> Held | None:
        """Take over what was reserved, by which model."""
        if model is None:
            return None
        self._held.add(wanted[0].id)
        return Held(wanted[0].id, model, most, batch)

    async def take_over(self, calls: Sequence[Held]) -> None:
        """Go on with calls that a process which is gone had reserved. What was charged meanwhile stays charged."""
        ids = [call.id for call in calls]
        self._held.update(ids)
        await db.ledger.renew(self._database, ids=ids)

    async def settle(self, held: Held, settled: Settled, tokens: Tokens | None = None) -> None:
        """Charge a call for its tokens; without them it is charged as it was reserved, or nothing if it is unused.

        While Postgres is away that is kept, and done as soon as it is back; meanwhile the reservation stays. Likewise
        where whoever settles is cancelled meanwhile: that it may be done twice does no harm.
        """
        nothing = Tokens()
        counted = nothing if settled == Settled.UNUSED else tokens
        cost = None if counted is None else self.prices.cost(held.model, counted, batch=held.batch)
        used = counted or nothing
        settlement = Settlement(held.id, cost, settled, used.input, used.output, used.cache_write, used.cache_read)
        try:
            await self._settle(settlement)
        except Exception:
            log.exception("a call to a model is not settled yet", call=held.id)
            self._late.append(settlement)
        except asyncio.CancelledError:
            self._late.append(settlement)
            raise

    def _end(self, feature: Feature) -> Decimal:
        """The part of the budget that there is for it."""
        return self._budget.no_variants_at if feature == Feature.VARIANTS else Decimal(1)

    async def _settle(self, settlement: Settlement) -> None:
        await db.ledger.settle(self._database, settlement)
        self._held.discard(settlement.id)

    async def settle_late(self) -> None:
        """Settle what could not be settled when it was due, each by itself: one that cannot be settled now either must
        not hold up the others."""
        for settlement in list(self._late):
            try:
                await self._settle(settlement)
                self._late.remove(settlement)
            except Exception:
                log.exception("a call to a model is not settled yet; trying again", call=settlement.id)

    async def keep_settling(self) -> None:
        """Settle what is late, until cancelled."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            await self.settle_late()

    async def keep_renewing(self) -> None:
        """Renew what is held, and settle what processes that are gone held, until cancelled."""
        while True:
            try:
                if self._held:
                    await db.ledger.renew(self._database, ids=list(self._held))
                if lost := await db.ledger.settle_lost(self._database):
                    log.warning("calls of a process that is gone were charged as they were reserved", calls=lost)
                await asyncio.sleep(EXPIRES_SECONDS / 3)
            except Exception:
                log.exception("reservations were not looked after; trying again")
                await asyncio.sleep(RETRY_SECONDS)  # soon: what is not renewed in time others charge


@asynccontextmanager
async def open_ledger(database: Database, prices: Prices, budget: Budget) -> AsyncIterator[Ledger]:
    """The ledger, looking after reservations until the block ends."""
    ledger = Ledger(database, prices, budget)
    tasks = [asyncio.create_task(ledger.keep_settling()), asyncio.create_task(ledger.keep_renewing())]
    try:
        yield ledger
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        # One more try; what is not settled then is, as it was reserved, by another process or the next start.
        await ledger.settle_late()
