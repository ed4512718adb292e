"""Makes variants: one maker for each at a time, across processes, section by section, each stored once it is made."""

import asyncio
import itertools
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import structlog

import db.variant_leases
import db.variants
from db.postgres import Database, DatabaseUnavailable
from db.quotas import Place
from db.variant_leases import Lease, Refused
from db.variants import RenderingRow, VariantRow
from services.binding import bound
from services.claude import ClaudeFailed
from services.leases import while_held
from services.making import Making, Order
from services.problems import busy
from services.providers import BudgetSpent
from services.quotas import QuotaKind, Quotas
from services.readers import Caller
from services.section_writer import Assignment, SectionWriter
from services.sections import SourceSection
from services.variant import Refusal, VariantFailed, VariantSection, budget_exhausted
from services.variant_shelf import VariantShelf, form_key, is_fresh

AT_ONCE = 4  # sections of one variant
LOOK_SECONDS = 0.5  # between two looks at what another process makes
Failure = BudgetSpent | ClaudeFailed | DatabaseUnavailable
log = structlog.get_logger()


@dataclass(slots=True)
class Work:
    """A variant that this process makes: what is there of its sections by their index, and what stopped it."""

    making: Making
    assignment: Assignment
    rows: dict[int, RenderingRow] = field(default_factory=dict)
    failure: Failure | None = None

    @property
    def sections(self) -> tuple[SourceSection, ...]:
        """What it is made of."""
        return self.assignment.order.sections

    def take(self, section: SourceSection, row: RenderingRow) -> None:
        """A section is stored: it may be shown."""
        self.rows[section.index] = row
        self.making.add(shown(section, row, len(self.sections)))


class VariantMaker:
    """Makes what nobody else is making, and waits for what somebody else is."""

    def __init__(self, database: Database, shelf: VariantShelf, quotas: Quotas, writer: SectionWriter) -> None:
        self._database = database
        self._shelf = shelf
        self._quotas = quotas
        self._writer = writer

    async def make(self, making: Making) -> VariantRow | Refusal:
        """Make a variant, or wait for the process that does; if that goes, take over from it.

        Cancelled, it stops at once; what is stored is kept. Raises DatabaseUnavailable.
        """
        work = Work(making, await self._writer.assign(making.order))
        while True:
            wanted = new_lease(making.order)
            lease = await db.variant_leases.take(self._database, wanted, self._places(making.order, wanted))
            if isinstance(lease, Refused):
                return self._quotas.exceeded(lease.place, lease.taken)
            made = await self._make_under(lease, work) if lease else await self._wait_for_other(wanted, work)
            if made:
                return made

    def _places(self, order: Order, lease: Lease) -> list[Place]:
        """What is taken of the quotas; an author at the command line takes nothing."""
        if order.reader_id is None:
            return []
        caller = Caller(order.reader_id, "")
        return [self._quotas.place(kind, caller, lease.operation) for kind in kinds(order)]

    async def _make_under(self, lease: Lease, work: Work) -> VariantRow | Refusal | None:
        """Make it, as long as the lease is held; None where it was lost, and with it the right to go on."""
        made: VariantRow | Refusal | None = None
        try:
            made = await while_held(self._database, lease, self._make(work))
            return made
        finally:
            await self._end(lease, give_back=not isinstance(made, VariantRow))

    async def _end(self, lease: Lease, *, give_back: bool) -> None:
        try:
            await db.variant_leases.end(self._database, lease, give_back=give_back)
        except DatabaseUnavailable:  # it expires by itself
            log.exception("a lease could not be ended", chapter=lease.chapter_id)

    async def _make(self, work: Work) -> VariantRow | Refusal:
        """Make what is missing, the first section alone: with it the provider keeps what is told for all of them."""
        stored = await self._writer.stored(work.assignment)
        for section in work.sections:
            if row := stored.get(section.hash):
                work.take(section, row)
        missing = iter([section for section in work.sections if section.index not in work.rows])
        await self._make_sections(work, itertools.islice(missing, 1))
        await asyncio.gather(*(self._make_sections(work, missing) for _ in range(AT_ONCE)))
        if work.failure:
            return refused(work, work.failure)
        return await self.bind(work.assignment, [work.rows[section.index] for section in work.sections])

    async def _make_sections(self, work: Work, sections: Iterator[SourceSection]) -> None:
        """Make one after the other of those that nobody has begun, until one cannot be made."""
        for section in sections:
            if work.failure:
                return
            try:
                work.take(section, await self._writer.write(work.assignment, section))
            except (BudgetSpent, ClaudeFailed, DatabaseUnavailable) as failure:
                log.warning("a section could not be made", chapter=work.making.order.chapter.id, reason=repr(failure))
                work.failure = work.failure or failure

    async def bind(self, assignment: Assignment, rows: Sequence[RenderingRow]) -> VariantRow | VariantFailed:
        """Put the sections of a chapter together, all of them in order, and store the whole."""
        written = [row for row in rows if row.model]
        if written and all(row.untranslated for row in written):
            await self._writer.forget_untranslated(assignment)
            return VariantFailed("No section could be made: what came was damaged, or in another language, twice.")
        variant = await asyncio.to_thread(bound, assignment.order, rows)
        return await db.variants.store(self._database, variant)

    async def _wait_for_other(self, lease: Lease, work: Work) -> VariantRow | None:
        """Show what another process makes, until it makes it no more; None where that did not bring the whole."""
        while await db.variant_leases.held(self._database, lease):
            stored = await self._writer.stored(work.assignment)
            for section in work.sections:
                if row := stored.get(section.hash):
                    work.take(section, row)
            await asyncio.sleep(LOOK_SECONDS)
        order = work.making.order
        variant = await self._shelf.find(order.chapter.id, order.form)
        return variant if variant and is_fresh(variant, order.sections) else None


def new_lease(order: Order) -> Lease:
    """What a maker asks for."""
    maker, operation = str(uuid.uuid4()), str(uuid.uuid4())
    return Lease(order.chapter.id, form_key(order.form), maker, operation, order.reader_id)


def kinds(order: Order) -> list[QuotaKind]:
    """The quotas that making it counts in: both, for a level in another language."""
    leveled = [QuotaKind.PERSONALIZATIONS] if order.form.level else []
    return [*leveled, QuotaKind.TRANSLATIONS] if order.form.translated(order.chapter.language) else leveled


def shown(section: SourceSection, row: RenderingRow, total: int) -> VariantSection:
    """A section as it is streamed."""
    return VariantSection(section.index, total, section.heading, row.content, not row.untranslated)


def refused(work: Work, failure: Failure) -> Refusal:
    """Why it could not be made now."""
    made = f"{len(work.rows)} of {len(work.sections)} sections are made, and kept for the next try."
    match failure:
        case BudgetSpent():
            return budget_exhausted(made)
        case DatabaseUnavailable():
            return busy("It cannot be stored at this moment.")
        case _:
            return VariantFailed(f"The language model does not answer at this moment. {made}")
