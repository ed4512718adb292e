"""Makes variants: one maker for each at a time, across processes, section by section, each stored once it is made."""

import asyncio
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

import db.variant_leases
import db.variants
from db.postgres import Database, DatabaseUnavailable
from db.quotas import Place
from db.variant_leases import Lease, ReaderGone, Refused
from db.variants import RenderingRow, VariantRow
from services.binding import bound
from services.claude import ClaudeFailed
from services.leases import let_go, while_held
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
    missing: deque[SourceSection] = field(default_factory=deque)
    under_way: int = 0
    failure: Failure | None = None

    @property
    def sections(self) -> tuple[SourceSection, ...]:
        """What it is made of."""
        return self.assignment.order.sections

    def take(self, section: SourceSection, row: RenderingRow) -> None:
        """A section is stored: it may be shown."""
        self.rows[section.index] = row
        self.making.add(shown(section, row, len(self.sections)))

    def fail(self, failure: Failure) -> None:
        """Nothing more is begun; the first failure counts."""
        log.warning("a section could not be made", chapter=self.making.order.chapter.id, reason=repr(failure))
        self.failure = self.failure or failure


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
        assignment = await self._writer.assign(making.order)
        while True:
            work, wanted = Work(making, assignment), new_lease(making.order)
            lease = await db.variant_leases.take(self._database, wanted, self._places(making.order, wanted))
            if isinstance(lease, ReaderGone):
                return VariantFailed("The account that it was made for is gone. Ask for it again.")
            made = await self._make_or_wait(lease, wanted, work)
            if made:
                return made

    async def _make_or_wait(
        self, lease: Lease | Refused | None, wanted: Lease, work: Work
    ) -> VariantRow | Refusal | None:
        if not lease:
            return await self._wait_for_other(wanted, work)
        order = work.making.order  # an author has it made by newer rules too
        if order.reader_id and (stored := await self._fresh(order)):  # since it was looked for
            if isinstance(lease, Lease):
                await let_go(self._database, lease, give_back=lease.operation == wanted.operation)
            return stored
        if isinstance(lease, Refused):
            return self._quotas.exceeded(lease.place, lease.taken)
        return await self._make_under(lease, work)

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
            await let_go(self._database, lease, give_back=not isinstance(made, VariantRow))

    async def _make(self, work: Work) -> VariantRow | Refusal:
        """Make what is missing, one after the other until a model was asked: with that its provider keeps what is told
        for all of them."""
        stored = await self._writer.stored(work.assignment)
        for section in work.sections:
            if row := stored.get(section.hash):
                work.take(section, row)
        work.missing = deque(section for section in work.sections if section.index not in work.rows)
        await self._make_sections(work, until_asked=True)
        async with asyncio.TaskGroup() as beside:
            for _ in range(AT_ONCE):
                beside.create_task(self._make_sections(work))
        if work.failure:
            return refused(work, work.failure)
        return await self.bind(work.assignment, [work.rows[section.index] for section in work.sections])

    async def _make_sections(self, work: Work, *, until_asked: bool = False) -> None:
        """Make one after the other of those that nobody has begun, until one cannot be made."""
        while work.missing and not work.failure:
            section = work.missing.popleft()
            work.under_way += 1
            try:
                row = await self._writer.write(work.assignment, section)
            except BudgetSpent as failure:
                if work.under_way > 1:  # what the others hold of the reader's share may be why: they go on with it
                    return work.missing.append(section)
                work.fail(failure)
            except (ClaudeFailed, DatabaseUnavailable) as failure:
                work.fail(failure)
            else:
                work.take(section, row)
                if until_asked and row.model:
                    return
            finally:
                work.under_way -= 1

    async def bind(self, assignment: Assignment, rows: Sequence[RenderingRow]) -> VariantRow | VariantFailed:
        """Put the sections of a chapter together, all of them in order, and store the whole."""
        written = [row for row in rows if row.model]
        if written and not any(row.texts for row in written):
            await self._writer.forget(assignment)
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
            await asyncio.sleep(LOOK_SECONDS)  # a NOTIFY would not come through a pooler
        return await self._fresh(work.making.order)

    async def _fresh(self, order: Order) -> VariantRow | None:
        """What is stored, if it is of the chapter as it was ordered."""
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
