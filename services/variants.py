"""Chapters for each reader: found where they are made already, made where they are not."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from db.postgres import DatabaseUnavailable
from db.variants import VariantRow
from services.answer import ChapterNotFound
from services.book import Chapter
from services.chapter_sections import ChapterSections
from services.forms import Form
from services.library import Library
from services.making import Making, Order, OrderKey
from services.problems import InvalidInput, busy
from services.quotas import QuotaExceeded
from services.readers import Hardware, Level
from services.variant import (
    BudgetExhausted,
    Refusal,
    UnsupportedLanguage,
    Variant,
    VariantEvent,
    VariantFailed,
    VariantFinished,
    VariantSection,
)
from services.variant_maker import VariantMaker
from services.variant_shelf import VariantShelf, is_fresh, sections_of, variant_of

RUNNING = 20  # variants in one process
RUNNING_PER_READER = 3
OF_ONE = (QuotaExceeded, BudgetExhausted)
NO_FORM = "Give a level, or a language that the chapter is not in."
NOBODY_WRITES = "No language model is set up here: set ANTHROPIC_API_KEY. What was made before can be read."
log = structlog.get_logger()


class SignInFirst(Exception):
    """Only a signed-in reader may have a chapter made."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A chapter that somebody wants to read in another form. The hardware counts where a level is wanted."""

    chapter_id: str
    level: Level | None
    language: str | None
    hardware: Hardware


class Variants:
    """Every variant, and those that this process makes."""

    def __init__(
        self,
        library: Library,
        chapters: ChapterSections,
        shelf: VariantShelf,
        maker: VariantMaker | None,
        languages: Sequence[str],
    ) -> None:
        """Without a maker, where no model is set up, what is stored can be read. `languages` are BCP 47 tags."""
        self._library = library
        self._chapters = chapters
        self._shelf = shelf
        self._maker = maker
        self._languages = {language.casefold(): language for language in languages}
        self._making: dict[OrderKey, Making] = {}
        self._makers: set[asyncio.Task[None]] = set()
        self._draining = False

    async def find(self, wish: Wish) -> Variant | None:
        """A stored variant; None where there is none, or can be none."""
        chapter = (await self._library.edition()).chapter(wish.chapter_id)
        form = self._form(wish, chapter)
        if not chapter or not isinstance(form, Form):
            return None
        row = await self._shelf.find(chapter.id, form)
        return variant_of(row, await self._chapters.of(chapter), cached=True) if row else None

    async def of_chapter(self, chapter_id: str) -> list[Variant]:
        """All stored variants of a chapter, newest first."""
        chapter = (await self._library.edition()).chapter(chapter_id)
        rows = await self._shelf.of_chapter(chapter_id) if chapter else []
        return [variant_of(row, await self._chapters.of(chapter), cached=True) for row in rows if chapter]

    async def make(self, wish: Wish, reader_id: str | None) -> Variant | Refusal:
        """The stored variant if it is of the chapter as it is now; else it is made, and waited for.

        Raises SignInFirst where it would have to be made for nobody.
        """
        async with aclosing(await self.stream(wish, reader_id)) as events:
            async for event in events:
                if isinstance(event, VariantFinished):
                    return event.variant
                if not isinstance(event, VariantSection):
                    return event
        raise AssertionError("a stream of sections ends with what became of them")

    async def stream(self, wish: Wish, reader_id: str | None) -> AsyncGenerator[VariantEvent, None]:
        """The same, section by section: those that are stored at once, the others as they are made. Raises SignInFirst,
        at once."""
        chapter = (await self._library.edition()).chapter(wish.chapter_id)
        form = self._form(wish, chapter)
        if not chapter:
            return given([ChapterNotFound(wish.chapter_id)])
        if not isinstance(form, Form):
            return given([form])
        sections = await self._chapters.of(chapter)
        try:
            row = await self._shelf.find(chapter.id, form)
        except DatabaseUnavailable:
            log.exception("it could not be found out whether a chapter is there", chapter=chapter.id)
            return given([busy("Chapters cannot be read at this moment.")])
        if row and is_fresh(row, sections):
            return given([*sections_of(row), VariantFinished(variant_of(row, sections, cached=True))])
        if reader_id is None:
            raise SignInFirst
        return self._follow(Order(chapter, sections, form, reader_id))

    @property
    def running(self) -> int:
        """How many variants are being made here."""
        return len(self._making)

    async def drain(self, seconds: float) -> None:
        """Begin nothing any more, and wait so long for what is being made; the rest is stopped, its sections kept."""
        self._draining = True
        if self._makers:
            await asyncio.wait(self._makers, timeout=seconds)
        await self.close()

    async def close(self) -> None:
        """Stop all making."""
        self._draining = True
        while makers := set(self._makers):
            for maker in makers:
                maker.cancel()
            await asyncio.wait(makers)

    def _form(self, wish: Wish, chapter: Chapter | None) -> Form | Refusal:
        """What is wanted, or why there is no such thing."""
        if not chapter:
            return ChapterNotFound(wish.chapter_id)
        hardware = wish.hardware if wish.level else None
        if not wish.language or wish.language.casefold() == chapter.language.casefold():
            return Form(wish.level, chapter.language, hardware) if wish.level else InvalidInput(NO_FORM, "level")
        language = self._languages.get(wish.language.casefold())
        if not language:
            supported = tuple(self._languages.values())
            return UnsupportedLanguage(f"Chapters are translated into: {', '.join(supported) or 'none'}.", supported)
        return Form(wish.level, language, hardware)

    async def _follow(self, order: Order) -> AsyncGenerator[VariantEvent, None]:
        """Follow what is being made here, or begin to."""
        shown: set[int] = set()
        while True:
            making = self._begun(order)
            async with aclosing(making.follow()) as events:
                async for event in events:
                    if isinstance(event, OF_ONE) and making.order.reader_id != order.reader_id:
                        break  # about whoever came first; this reader may have a place, and a share of the budget
                    if not isinstance(event, VariantSection):
                        yield event
                        return
                    if event.index not in shown:
                        shown.add(event.index)
                        yield event

    def _begun(self, order: Order) -> Making:
        """The making of what is ordered, new or under way."""
        if making := self._making.get(order.key):
            return making
        making = Making(order)
        if not self._maker:
            making.end(VariantFailed(NOBODY_WRITES))
        elif self._draining or len(self._making) >= RUNNING:
            making.end(busy("No chapter can be begun at this moment."))
        elif [one.order.reader_id for one in self._making.values()].count(order.reader_id) >= RUNNING_PER_READER:
            making.end(busy(f"{RUNNING_PER_READER} chapters are being made for you. Wait for one of them."))
        else:
            self._making[order.key] = making
            task = asyncio.create_task(self._own(making, self._maker))
            self._makers.add(task)  # the loop holds tasks weakly
            task.add_done_callback(self._makers.discard)
        return making

    async def _own(self, making: Making, maker: VariantMaker) -> None:
        """See it to its end, whatever that is; those who wait are told."""
        outcome: Variant | Refusal = busy("This server is about to end; what is made is kept.")
        try:
            made = await maker.make(making)
            outcome = variant_of(made, making.order.sections, cached=False) if isinstance(made, VariantRow) else made
        except DatabaseUnavailable:
            log.exception("a variant could not be made", chapter=making.order.chapter.id)
            outcome = busy("It cannot be stored at this moment.")
        except Exception:
            log.exception("a variant could not be made", chapter=making.order.chapter.id)
            outcome = VariantFailed("Something unexpected happened. What is made is kept for the next try.")
        finally:
            del self._making[making.order.key]
            making.end(outcome)


async def given(events: Sequence[VariantEvent]) -> AsyncGenerator[VariantEvent, None]:
    """What is there already, as a stream."""
    for event in events:
        yield event
