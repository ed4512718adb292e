"""A variant while it is made: whoever waits for it follows it."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from services.book import Chapter
from services.chapter_sections import Sections
from services.forms import Form
from services.variant import Refusal, Variant, VariantFinished, VariantSection

OrderKey = tuple[str, Form, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class Order:
    """A chapter that is wanted in a form, by a reader; None: by an author at the command line."""

    chapter: Chapter
    sections: Sections
    form: Form
    reader_id: str | None

    @property
    def key(self) -> OrderKey:
        """What is made once for all who want it: of the same sections."""
        return self.chapter.id, self.form, tuple(section.hash for section in self.sections)


class Making:
    """Sections in the order in which they were made, each once, and at last the outcome. One task makes, any number
    follow; those who leave do not end it, since others want it too or will."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.outcome: Variant | Refusal | None = None
        self.sections: dict[int, VariantSection] = {}
        self._grown = asyncio.Event()

    def add(self, section: VariantSection) -> None:
        """A section is there."""
        if section.index not in self.sections:
            self.sections[section.index] = section
            self._wake()

    def end(self, outcome: Variant | Refusal) -> None:
        """Nothing more will come."""
        self.outcome = outcome
        self._wake()

    async def follow(self) -> AsyncGenerator[VariantSection | VariantFinished | Refusal, None]:
        """The sections that are there, then those that come, then how it ended."""
        seen = 0
        while True:
            grown = self._grown  # taken before looking: what is added from here on sets this one
            for section in list(self.sections.values())[seen:]:
                seen += 1
                yield section
            if seen == len(self.sections) and self.outcome:
                yield VariantFinished(self.outcome) if isinstance(self.outcome, Variant) else self.outcome
                return
            if seen == len(self.sections):
                await grown.wait()

    def _wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()
