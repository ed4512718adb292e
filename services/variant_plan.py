"""What an order comes to before it is made: sections, calls, and their price."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

import db.variant_batches
from services.chapter_sections import ChapterSections
from services.claude import worst_case
from services.forms import Form
from services.ledger import Feature
from services.making import Order
from services.models import Prices, Tokens
from services.rendition import ROUNDS, Ask
from services.section_jobs import Job, Key
from services.section_writer import prompt_of
from services.stock import Stock, is_bound, take_stock
from services.variant_orders import Wanted, ordered
from services.workshop import Workshop

CHARACTERS_PER_TOKEN = 2.7  # of English, by the 5.x tokenizer
LOOKING = "Chapters looked at"
Show = Callable[[str, int, int], None]  # a stage of long work, how much of it is done, and of how much


@dataclass(frozen=True, slots=True)
class Price:
    """In micro-dollars. `most` is what the budget reserves, twice: what fails its checks is asked once more."""

    expected: Decimal
    most: Decimal

    def __add__(self, other: "Price") -> "Price":
        return Price(self.expected + other.expected, self.most + other.most)


@dataclass(frozen=True, slots=True)
class Line:
    """So many chapters: how many of their sections are there, how many are to be made, by how many calls."""

    chapters: int
    stored: int
    sections: int
    calls: int
    at_once: Price
    in_batches: Price

    def __add__(self, other: "Line") -> "Line":
        return Line(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is ordered. `jobs` are the sections to be made, each once however many chapters have it; `under_way`
    counts those in batches of an earlier run, `unbound` chapters that only have to be put together. `room` is what is
    left for it of today's budget, in micro-dollars."""

    stocks: tuple[Stock, ...]
    jobs: dict[Key, Job]
    under_way: int
    unbound: int
    lines: dict[Form, Line]
    room: Decimal

    @property
    def total(self) -> Line:
        """The sum of all forms."""
        return functools.reduce(Line.__add__, self.lines.values())

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.jobs or self.under_way or self.unbound)


async def planned(workshop: Workshop, wanted: Wanted, show: Show, *, batches: bool) -> Plan:
    """What is to be made of an order; with `batches` not what those of an earlier run will bring. Raises BadOrder.

    Takes some 100 ms for each chapter in each form.
    """
    batch_rows = await db.variant_batches.unfinished(workshop.database)
    under_way = {section.key for row in batch_rows for section in row.sections}
    stocks = await stocks_of(workshop, wanted, show)
    first = {job.key: job for stock in reversed(stocks) for job in reversed(stock.jobs.values())}
    jobs = {key: first[key] for key in reversed(first) if not batches or key not in under_way}
    bound = [await is_bound(workshop.shelf, stock) for stock in stocks if stock.whole]
    return Plan(
        stocks=tuple(stocks),
        jobs=jobs,
        under_way=len(under_way),
        unbound=bound.count(False),
        lines=lines_of(stocks, jobs, workshop.ledger.prices, workshop.models),
        room=await workshop.ledger.room(Feature.VARIANTS),
    )


async def stocks_of(workshop: Workshop, wanted: Wanted, show: Show) -> list[Stock]:
    """What there is of the chapters in the forms that are wanted. Raises BadOrder."""
    pairs, chapter_sections = ordered(wanted, workshop.chapters, workshop.languages), ChapterSections()
    stocks: list[Stock] = []
    for chapter, form in pairs:
        show(LOOKING, len(stocks), len(pairs))
        order = Order(chapter, await chapter_sections.of(chapter), form, None)
        stocks.append(await take_stock(workshop.writer, await workshop.writer.assign(order)))
    show(LOOKING, len(pairs), len(pairs))
    return stocks


def lines_of(stocks: Sequence[Stock], jobs: dict[Key, Job], prices: Prices, models: Sequence[str]) -> dict[Form, Line]:
    """A line for each form, in the order in which they are wanted."""
    forms = dict.fromkeys(stock.assignment.order.form for stock in stocks)
    return {
        form: line_of(
            [stock for stock in stocks if stock.assignment.order.form == form],
            [job for job in jobs.values() if job.assignment.order.form == form],
            prices,
            models,
        )
        for form in forms
    }


def line_of(stocks: Sequence[Stock], jobs: Sequence[Job], prices: Prices, models: Sequence[str]) -> Line:
    """Of the chapters in one form."""
    asks = [(job, ask) for job in jobs for ask in job.asks]
    return Line(
        chapters=len(stocks),
        stored=len({hash for stock in stocks for hash in stock.rows}),
        sections=len(jobs),
        calls=len(asks),
        at_once=price(asks, prices, models, batch=False),
        in_batches=price(asks, prices, models, batch=True),
    )


def price(asks: Sequence[tuple[Job, Ask]], prices: Prices, models: Sequence[str], *, batch: bool) -> Price:
    """Of these calls, by the first of the models; at most by whichever is dearest."""
    likely = (prices.cost(models[0], tokens(job, ask), batch=batch) for job, ask in asks)
    most = (max(prices.most(model, worst_case(prompt_of(ask)), batch=batch) for model in models) for _, ask in asks)
    return Price(sum(likely, Decimal()), ROUNDS * sum(most, Decimal()))


def tokens(job: Job, ask: Ask) -> Tokens:
    """What a call is likely to take, without anything from the provider's cache."""
    said = len(ask.system) + len(ask.material)
    return Tokens(input=math.ceil(said / CHARACTERS_PER_TOKEN), output=job.rendering.likely(ask))
