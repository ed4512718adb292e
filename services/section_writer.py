"""Writes sections in another form: asks, checks what comes, asks once more, and stores what is whole."""

import asyncio
from dataclasses import dataclass

import structlog

import db.variants
from db.postgres import Database, DatabaseUnavailable
from db.variants import FormKey, RenderingRow
from services.brief import Brief, brief, prompt_version
from services.claude import ClaudeFailed, Fault
from services.glossary import Glossaries
from services.ledger import Account, Feature, Ledger
from services.making import Order
from services.prompt import Prompt
from services.providers import Composed, Providers
from services.purse import Purse
from services.rendition import Ask, Rendering
from services.sections import SourceSection
from services.variant_shelf import form_key

ASKING_PAUSES = (1.0, 4.0, 15.0)  # a provider that is left alone is, for 15 s
AT_ONCE = 8  # calls of all makings in this process
STORING_PAUSES = (0.5, 1.0, 2.0, 4.0)  # what was paid for is not thrown away while Postgres restarts
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Assignment:
    """An order with all that a model is told of it. `prompt` is the version of that."""

    order: Order
    brief: Brief
    prompt: str

    @property
    def form(self) -> FormKey:
        """The form as it is stored."""
        return form_key(self.order.form)


class SectionWriter:
    """What was made of sections, and the making of it."""

    def __init__(self, database: Database, providers: Providers, ledger: Ledger, glossaries: Glossaries) -> None:
        self._database = database
        self._providers = providers
        self._ledger = ledger
        self._glossaries = glossaries
        self._calling = asyncio.Semaphore(AT_ONCE)

    async def assign(self, order: Order) -> Assignment:
        """What is to be told for an order."""
        form, glossary = order.form, self._glossaries.of(order.form.language)
        told = await asyncio.to_thread(brief, order.chapter, order.sections, form, glossary)
        return Assignment(order, told, prompt_version(form, glossary, translated=told.translated))

    async def stored(self, assignment: Assignment) -> dict[bytes, RenderingRow]:
        """What is stored of the sections, by the hash of their source."""
        hashes = {section.hash for section in assignment.order.sections}
        rows = await db.variants.renderings(
            self._database, form=assignment.form, prompt=assignment.prompt, hashes=hashes
        )
        return {row.hash: row for row in rows}

    async def write(self, assignment: Assignment, section: SourceSection) -> RenderingRow:
        """Have a section written, and store it; by no model where nothing in it is to be written.

        Raises BudgetSpent, ClaudeFailed and DatabaseUnavailable.
        """
        rendering, model = Rendering(assignment.brief, section), ""
        while asks := await asyncio.to_thread(rendering.asks):
            for ask in asks:
                composed = await self._compose(ask, assignment.order)
                model = composed.model
                await asyncio.to_thread(rendering.take, ask, composed.text)
        made = await asyncio.to_thread(rendering.result)
        row = RenderingRow(section.hash, made.content, made.untranslated, made.texts, model)
        if model:
            await self.store(assignment, row)
        return row

    async def store(self, assignment: Assignment, row: RenderingRow) -> None:
        """Keep what was made of a section, also where Postgres is away for a while. Raises DatabaseUnavailable."""
        for pause in STORING_PAUSES:
            try:
                return await self._store_once(assignment, row)
            except DatabaseUnavailable:
                log.exception("a section could not be stored; trying again", chapter=assignment.order.chapter.id)
                await asyncio.sleep(pause)  # as long as a restart of Postgres may take
        await self._store_once(assignment, row)

    async def forget(self, assignment: Assignment) -> None:
        """Have all sections written anew by whoever wants them next."""
        hashes = {section.hash for section in assignment.order.sections}
        await db.variants.forget(self._database, form=assignment.form, hashes=hashes)

    async def _compose(self, ask: Ask, order: Order) -> Composed:
        """What the model says. Asked again where it fails or breaks off: nobody has seen anything of it yet, and who
        waits for a chapter can wait for a while longer."""
        prompt = prompt_of(ask)
        for pause in ASKING_PAUSES:
            try:
                return await self._compose_once(prompt, order)
            except ClaudeFailed as failure:
                if failure.fault == Fault.LASTING:
                    raise
                log.warning("a section is asked for once more", chapter=order.chapter.id, reason=str(failure))
            await asyncio.sleep(pause)  # others may call meanwhile
        return await self._compose_once(prompt, order)

    async def _compose_once(self, prompt: Prompt, order: Order) -> Composed:
        """With a purse of its own: sections are written beside each other."""
        async with self._calling:
            purse = Purse(self._ledger, Account(Feature.VARIANTS, order.reader_id or "author"))
            return await self._providers.compose(prompt, purse)

    async def _store_once(self, assignment: Assignment, row: RenderingRow) -> None:
        form, prompt = assignment.form, assignment.prompt
        await db.variants.store_rendering(self._database, form=form, prompt=prompt, rendering=row)


def prompt_of(ask: Ask) -> Prompt:
    """What one call says."""
    return Prompt(ask.system, ask.material, most=ask.most, feature=Feature.VARIANTS, cached=True)
