"""Chapters taken apart into sections, each once."""

import asyncio
from dataclasses import dataclass

from services.book import Chapter
from services.sections import SourceSection, take_apart

Sections = tuple[SourceSection, ...]


@dataclass(frozen=True, slots=True)
class TakenApart:
    """A chapter and, as soon as they are there, its sections."""

    chapter: Chapter
    sections: asyncio.Task[Sections]


class ChapterSections:
    """Remembers the sections of each chapter as it was last asked for: they take some 100 ms of a core to find."""

    def __init__(self) -> None:
        self._known: dict[str, TakenApart] = {}

    async def of(self, chapter: Chapter) -> Sections:
        """The sections of a chapter. Whoever asks meanwhile waits for the same."""
        known = self._known.get(chapter.id)
        if not known or known.chapter != chapter:
            taking_apart = asyncio.to_thread(take_apart, chapter.content, chapter.sections)
            known = self._known[chapter.id] = TakenApart(chapter, asyncio.create_task(taking_apart))
        return await asyncio.shield(known.sections)  # whoever leaves meanwhile is not the only one who waits
