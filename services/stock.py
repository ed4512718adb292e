"""What is there of chapters in other forms, and what is missing."""

import asyncio
from dataclasses import dataclass

from db.variants import RenderingRow
from services.binding import joined, proven
from services.section_jobs import Job, begun
from services.section_writer import Assignment, SectionWriter
from services.variant_shelf import VariantShelf, is_fresh


@dataclass(frozen=True, slots=True)
class Stock:
    """A chapter in a form: what was made of its sections and what is to be made, by the hash of their source."""

    assignment: Assignment
    rows: dict[bytes, RenderingRow]
    jobs: dict[bytes, Job]

    @property
    def whole(self) -> bool:
        """Whether all of it is there."""
        return all(section.hash in self.rows for section in self.assignment.order.sections)

    @property
    def in_order(self) -> list[RenderingRow]:
        """What was made of all sections, of a chapter that is whole."""
        return [self.rows[section.hash] for section in self.assignment.order.sections]


async def take_stock(writer: SectionWriter, assignment: Assignment) -> Stock:
    """What is stored, what needs no model since there is nothing to write, and jobs for all else."""
    stock = Stock(assignment, await writer.stored(assignment), {})
    await asyncio.to_thread(_begin, stock)
    return stock


def _begin(stock: Stock) -> None:
    for section in stock.assignment.order.sections:
        if section.hash not in stock.rows and section.hash not in stock.jobs:
            job = begun(stock.assignment, section)
            if job.asks:
                stock.jobs[section.hash] = job
            else:
                stock.rows[section.hash] = job.row(model="")


async def restock(writer: SectionWriter, stock: Stock) -> None:
    """Note what was stored since."""
    for hash, row in (await writer.stored(stock.assignment)).items():
        stock.rows[hash] = row
        stock.jobs.pop(hash, None)


async def is_bound(shelf: VariantShelf, stock: Stock) -> bool:
    """Whether readers are given just this."""
    order = stock.assignment.order
    row = await shelf.find(order.chapter.id, order.form) if stock.whole else None
    if not row or not is_fresh(row, order.sections):
        return False
    if row.content == joined(stock.in_order):
        return True
    return row.content == joined(await asyncio.to_thread(proven, order, stock.in_order))
