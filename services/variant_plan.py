"""What an order comes to before it is made: sections, calls, and their price."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import db.variant_batches
from services.chapter_sections import ChapterSections
from services.claude import worst_case
from services.forms import Form
from services.making import Order
from services.models import Prices, Tokens
from services.rendition import ROUNDS, Ask
from services.section_jobs import Job, Key
from services.section_writer import prompt_of
from services.stock import Stock, is_bound, take_stock
from services.variant_orders import Wanted, ordered
from services.workshop import Workshop

CHARACTERS_PER_TOKEN = 2.7  # of English, by the 5.x tokenizer
Show = Callable[[str, int, int], None]  # a stage of long work, how much of it is done, and of how much


@dataclass(frozen=True, slots=True)
class Price:
    """In micro-dollars. `most` is what the budget reserves, twice: what fails its checks is asked once more."""

    expected: Decimal
    most: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """A form, of so many chapters: how many of their sections are there, how many are to be made, by how many calls."""

    form: Form
    chapters: int
    stored: int
    sections: int
    calls: int
    at_once: Price
    in_batches: Price


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is ordered. `jobs` are the sections to be made, each once however many chapters have it; `under_way`
    counts those in batches of an earlier run, `unbound` chapters that only have to be put together."""

    stocks: tuple[Stock, ...]
    jobs: dict[Key, Job]
    under_way: int
    unbound: int
    lines: tuple[Line, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.jobs or self.under_way or self.unbound)


async def planned(workshop: Workshop, wanted: Wanted, show: Show, *, batches: bool) -> Plan:
    """What is to be made of an order; with `batches` not what those of an earlier run will bring. Raises BadOrder.

    Takes some 100 ms for each chapter in each form.
    """
    rows = await db.variant_batches.unfinished(workshop.database)
    under_way = {(section.form, section.prompt, bytes.fromhex(section.hash)) for row in rows for section in row.sections}
    pairs, chapter_sections = ordered(wanted, workshop.chapters, workshop.languages), ChapterSections()
    stocks: list[Stock] = []
    for chapter, form in pairs:
        show("Chapters looked at", len(stocks), len(pairs))
        order = Order(chapter, await chapter_sections.of(chapter), form, None)
        stocks.append(await take_stock(workshop.writer, await workshop.writer.assign(order)))
    show("Chapters looked at", len(pairs), len(pairs))
    jobs = {job.key: job for stock in reversed(stocks) for job in stock.jobs.values()}
    wanting = {key: jobs[key] for key in reversed(jobs) if not batches or key not in under_way}
    whole = [stock for stock in stocks if stock.whole]
    return Plan(
        stocks=tuple(stocks),
        jobs=wanting,
        under_way=len(under_way),
        unbound=len([stock for stock in whole if not await is_bound(workshop.shelf, stock)]),
        lines=tuple(lines_of(stocks, wanting, workshop.ledger.prices, workshop.models)),
    )


def lines_of(
    stocks: Sequence[Stock], jobs: dict[Key, Job], prices: Prices, models: Sequence[str]
) -> Iterable[Line]:
    """A line for each form, in the order in which they are wanted."""
    for form in dict.fromkeys(stock.assignment.order.form for stock in stocks):
        own = [stock for stock in stocks if stock.assignment.order.form == form]
        asks = [
            (job, ask) for job in jobs.values() if job.assignment.order.form == form for ask in job.asks
        ]
        yield Line(
            form=form,
            chapters=len(own),
            stored=len({hash for stock in own for hash in stock.rows}),
            sections=len({job.key for job, _ in asks}),
            calls=len(asks),
            at_once=price(asks, prices, models, batch=False),
            in_batches=price(asks, prices, models, batch=True),
        )


def price(asks: Sequence[tuple[Job, Ask]], prices: Prices, models: Sequence[str], *, batch: bool) -> Price:
    """Of these calls, by the first of the models; at most by whichever is dearest."""
    likely = (prices.cost(models[0], tokens(job, ask), batch=batch) for job, ask in asks)
    most = (
        max(prices.most(model, worst_case(prompt_of(ask)), batch=batch) for model in models) for _, ask in asks
    )
    return Price(sum(likely, Decimal()), ROUNDS * sum(most, Decimal()))


def tokens(job: Job, ask: Ask) -> Tokens:
    """What a call is likely to take, without anything from the provider's cache."""
    said = len(ask.system) + len(ask.material)
    return Tokens(input=math.ceil(said / CHARACTERS_PER_TOKEN), output=job.rendering.likely(ask))
