"""Variants that were made, and how they stand to the chapter as it is now."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator

import db.variants
from db.postgres import Database
from db.variants import FormKey, VariantRow
from services.chapter_sections import Sections
from services.forms import Form, direction_of
from services.readers import Hardware, Level
from services.variant import Variant, VariantSection
from services.variant_cache import VariantCache

Key = tuple[str, FormKey]


class VariantShelf:
    """Stored variants. Postgres says which they are, so that what was just made is found; what they say may come from
    nearer."""

    def __init__(self, database: Database, cache: VariantCache) -> None:
        self._database = database
        self._cache = cache
        self._waiting: dict[Key, asyncio.Task[str | None]] = {}
        self._looking: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def find(self, chapter_id: str, form: Form) -> VariantRow | None:
        """A chapter in a form, as it was last made."""
        while id := await self._find_id((chapter_id, form_key(form))):
            if row := await self._read(id):  # else a newer one has taken its place meanwhile
                return row
        return None

    async def _find_id(self, key: Key) -> str | None:
        """The id of what is stored. Readers who come while Postgres is asked share the next question to it, not this
        one, which may have been answered before they came."""
        if key not in self._waiting:
            self._waiting[key] = asyncio.create_task(self._look(key))
        return await asyncio.shield(self._waiting[key])

    async def _look(self, key: Key) -> str | None:
        async with self._looking[key]:
            del self._waiting[key]
            chapter_id, form = key
            return await db.variants.find(self._database, chapter_id=chapter_id, form=form)

    async def of_chapter(self, chapter_id: str) -> list[VariantRow]:
        """All forms of a chapter, newest first."""
        ids = await db.variants.of_chapter(self._database, chapter_id=chapter_id)
        return [row for id in ids if (row := await self._read(id))]

    async def _read(self, id: str) -> VariantRow | None:
        if kept := await self._cache.find(id):
            return kept
        row = await db.variants.read(self._database, id=id)
        if row:
            await self._cache.keep(row)
        return row


def form_key(form: Form) -> FormKey:
    """A form as it is stored."""
    return FormKey(form.level or "", form.language, form.hardware or "")


def form_of(key: FormKey) -> Form:
    """A form as it was stored."""
    return Form(Level(key.level) if key.level else None, key.language, Hardware(key.hardware) if key.hardware else None)


def is_fresh(row: VariantRow, sections: Sections) -> bool:
    """Whether it was made of the very sections that the chapter has now."""
    return [part.hash for part in row.sections] == [section.hash.hex() for section in sections]


def stale_sections(row: VariantRow, sections: Sections) -> tuple[str, ...]:
    """The headings of the chapter's sections that it was not made of, then of those that are gone; once each."""
    made_of = {part.hash for part in row.sections}
    there = {section.hash.hex(): section.heading for section in sections}
    changed = [heading for hash, heading in there.items() if hash not in made_of]
    gone = [part.heading for part in row.sections if part.hash not in there]
    return tuple(dict.fromkeys([*changed, *gone]))


def variant_of(row: VariantRow, sections: Sections, *, cached: bool) -> Variant:
    """A stored variant as readers see it, beside the chapter's sections as they are now."""
    fresh = is_fresh(row, sections)
    return Variant(
        id=row.id,
        chapter_id=row.chapter_id,
        level=Level(row.level) if row.level else None,
        language=row.language,
        hardware=Hardware(row.hardware) if row.hardware else None,
        direction=direction_of(row.language),
        content=row.content,
        untranslated=tuple(part.heading for part in row.sections if part.untranslated),
        stale=not fresh,
        stale_sections=() if fresh else stale_sections(row, sections),
        cached=cached,
        model=row.model,
        created_at=row.created_at,
    )


def sections_of(row: VariantRow) -> Iterator[VariantSection]:
    """The sections of a stored variant, as they are streamed."""
    start = 0
    for index, part in enumerate(row.sections):
        content = row.content[start : start + part.characters]
        yield VariantSection(index, len(row.sections), part.heading, content, not part.untranslated)
        start += part.characters
