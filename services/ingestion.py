"""From a folder of Docusaurus docs to the current edition of the book."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import db.editions
from db.editions import ChapterRow, EditionRow, Overtaken, PassageRow
from db.postgres import Database
from db.vectors import VectorIndex
from services.docusaurus import Problem
from services.embedding import Embeds
from services.library import points
from services.manuscript import Manuscript, read, texts, version
from services.retrieval import Weights

# Vectors: what an interrupted ingest has embedded and stored is not embedded again. As many as Cohere takes at once.
STORED_TOGETHER = 96

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


class OtherBook(Exception):
    """What was measured belongs to another version of the book than the current one."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What an ingest found and did. `new`, `unchanged` and `removed` count passages."""

    version: str
    published: bool
    pages: int
    sections: int
    passages: int
    new: int
    unchanged: int
    removed: int
    problems: tuple[Problem, ...]


class Ingestion:
    """Publishes a folder as a new edition. Unchanged text is not embedded again; unchanged books are not published."""

    def __init__(self, database: Database, embedder: Embeds, shared_index: VectorIndex | None, docs_path: str) -> None:
        self._database = database
        self._embedder = embedder
        self._shared_index = shared_index
        self._docs_path = docs_path

    async def ingest(self, path: Path, progress: Progress) -> Summary:
        """Make the folder the current edition. Raises BookNotFound, and then changes nothing."""
        progress("Reading pages", 0, 1)
        embedder = self._embedder
        reading = partial(read, path, self._docs_path, model=embedder.fingerprint, count=embedder.count_tokens)
        manuscript = await asyncio.to_thread(reading)
        progress("Reading pages", 1, 1)
        number = await db.editions.current(self._database)
        before = await db.editions.edition(self._database, number=number) if number else None
        old = await db.editions.passage_ids(self._database, number=number) if number else set()
        published = before is None or before.version != manuscript.edition.version
        if published:
            await self._publish(manuscript.edition, manuscript.chapters, manuscript.passages, progress)
        return summary(manuscript, old, published)

    async def adopt(self, progress: Progress) -> bool:
        """Embed the current edition again, if it was embedded by another model. False if there is no edition."""
        while number := await db.editions.current(self._database):
            before = await db.editions.edition(self._database, number=number)
            if before and before.model == self._embedder.fingerprint:
                return True
            if before:
                with suppress(Overtaken):  # what was published meanwhile says more than what we read: take that one
                    await self._adopt(number, before, progress)
        return False

    async def set_gate(self, of_version: str, settings: Mapping[str, object]) -> None:
        """Set the gate of the current edition. Raises OtherBook if that is not of this version."""
        if not await db.editions.set_settings(self._database, version=of_version, settings=settings):
            raise OtherBook(
                "The gate was measured on another version of the book than is served: ingest that one first."
            )

    async def _adopt(self, number: int, before: EditionRow, progress: Progress) -> None:
        chapters = await db.editions.chapters(self._database, number=number)
        passages = await db.editions.passages(self._database, number=number)
        model = self._embedder.fingerprint
        edition = replace(before, model=model, version=version(model, chapters, passages), settings={})
        await self._publish(edition, chapters, passages, progress, instead_of=number)

    async def _publish(
        self,
        edition: EditionRow,
        chapters: list[ChapterRow],
        passages: list[PassageRow],
        progress: Progress,
        *,
        instead_of: int | None = None,
    ) -> None:
        """Everything that is slow or may fail comes before the one transaction that readers see."""
        await self._embed(edition.model, texts(chapters, passages), progress)
        if self._shared_index:
            missing = {passage.id for passage in passages} - await self._shared_index.ids()
            await self._shared_index.upsert(await points(self._database, edition.model, passages, missing))
        named = replace(edition, settings=Weights().stored())
        await db.editions.publish(
            self._database, edition=named, chapters=chapters, passages=passages, instead_of=instead_of
        )
        await self._sweep()

    async def _embed(self, model: str, wanted: dict[bytes, str], progress: Progress) -> None:
        known = await db.editions.known_vectors(self._database, model=model, keys=wanted)
        missing = sorted(wanted.keys() - known, key=lambda key: len(wanted[key]))  # alike in length: little padding
        for done in range(0, len(missing), STORED_TOGETHER):
            batch = missing[done : done + STORED_TOGETHER]
            advance = partial(_advance, progress, done, len(missing))
            vectors = await self._embedder.embed_many([wanted[key] for key in batch], advance)
            await db.editions.store_vectors(self._database, model=model, vectors=zip(batch, vectors, strict=True))

    async def _sweep(self) -> None:
        """Old editions go last: whatever fails before leaves a book that can be read."""
        await db.editions.sweep(self._database)
        number = await db.editions.current(self._database)  # another ingest may have published since
        if self._shared_index and number:
            current = await db.editions.passage_ids(self._database, number=number)
            await self._shared_index.delete((await self._shared_index.ids()) - current)


def _advance(progress: Progress, before: int, total: int, done: int) -> None:
    progress("Embedding", before + done, total)


def summary(manuscript: Manuscript, before: set[uuid.UUID], published: bool) -> Summary:
    """What an ingest found and did, against the passages that were there before."""
    after = {passage.id for passage in manuscript.passages}
    return Summary(
        version=manuscript.edition.version,
        published=published,
        pages=len(manuscript.chapters),
        sections=sum(len(chapter.sections) for chapter in manuscript.chapters),
        passages=len(after),
        new=len(after - before),
        unchanged=len(after & before),
        removed=len(before - after),
        problems=manuscript.folder.problems,
    )
