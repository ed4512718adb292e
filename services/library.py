"""The current edition of the book, open in memory, following what is published in Postgres."""

import asyncio
import math
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import structlog

import db.editions
from db.editions import ChapterRow, EditionRow, PassageRow
from db.postgres import Database, DatabaseUnavailable
from db.vectors import IndexUnavailable, Point, VectorIndex
from services.book import Chapter, Edition, Passage, Section, Site, Span
from services.lexical import Lexicon

PATIENCE_SECONDS = 0.05  # for a look, which takes 2 ms where nothing is new and Postgres is well
FRESH_SECONDS = 1.0  # how long an edition is served before Postgres is asked whether there is a newer one
EMPTY = "The book is empty: run `footnote ingest PATH` with your docs folder."
log = structlog.get_logger()


class NoBook(Exception):
    """No edition in this database can be served: there is none, or its vectors are another model's."""


@dataclass(frozen=True, slots=True)
class OpenBook:
    """An edition with what searching it needs: its words by passage, by each passage's best sentence, and by section.

    `places` gives the row of a passage in the first two, `section_of` that of its section in the third.
    """

    edition: Edition
    lexicon: Lexicon
    sentences: Lexicon
    sections: Lexicon
    section_of: npt.NDArray[np.intp]
    ids: tuple[uuid.UUID, ...]
    places: Mapping[uuid.UUID, int]


class Library:
    """Opens the edition that Postgres calls current, and keeps this process's vector index filled for it.

    Postgres is asked when a reader asks, not on a timer, so that a database that sleeps when idle may sleep.
    """

    def __init__(self, database: Database, index: VectorIndex, site: Site, model: str) -> None:
        """`model` is the fingerprint of the embedder that questions are put to: no other's editions are opened."""
        self._database = database
        self._index = index
        self._site = site
        self._model = model
        self._open: OpenBook | None = None
        self._passed_over: int | None = None
        self._checked = -math.inf
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> OpenBook:
        """The current edition, or the one before it while that takes long to be read. Raises NoBook."""
        if self._open and time.monotonic() - self._checked < FRESH_SECONDS:
            return self._open
        if not self._looking or self._looking.done():
            self._looking = asyncio.create_task(self._look())  # one look, and one load, for all who wait
        # While Postgres hangs nobody should: what is open can be read.
        await_it_all = not self._open or self._checked == -math.inf
        await asyncio.wait({self._looking}, timeout=None if await_it_all else PATIENCE_SECONDS)
        if self._looking.done():
            self._looking.result()
        if not self._open:
            raise NoBook(EMPTY)
        return self._open

    async def close(self) -> None:
        """Look no more."""
        if self._looking:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    async def edition(self) -> Edition:
        """The current edition's chapters and passages. Raises NoBook."""
        return (await self.open()).edition

    def look_again(self) -> None:
        """Ask Postgres at the next request, however fresh this edition is: for who has just published."""
        self._checked = -math.inf

    async def _look(self) -> None:
        """Follow Postgres; while it or the index is away, the edition in memory goes on being served."""
        try:
            await self._follow()
        except (DatabaseUnavailable, IndexUnavailable) as away:
            if not self._open:
                raise
            log.warning("cannot look for a newer edition", reason=str(away))
        self._checked = time.monotonic()

    async def _follow(self) -> None:
        current = await db.editions.current_settings(self._database)
        if current is None:
            return
        number, settings = current
        if self._open and self._open.edition.number == number:
            if self._open.edition.settings != settings:  # calibrated meanwhile
                self._open = replace(self._open, edition=replace(self._open.edition, settings=settings))
            return
        row = await db.editions.edition(self._database, number=number)
        if row is None:  # swept between the two reads: a newer one is there at the next look
            return
        if row.model != self._model:
            self._pass_over(number)
            return
        chapters = await db.editions.chapters(self._database, number=number)
        passages = await db.editions.passages(self._database, number=number)
        edition = await asyncio.to_thread(edition_of, number, row, chapters, passages, self._site)
        opened = await asyncio.to_thread(open_book, edition)
        await self._fill(opened, passages)
        self._open = opened
        log.info("edition opened", number=number, chapters=len(edition.chapters), passages=len(edition.passages))
        await self._index.delete((await self._index.ids()) - opened.places.keys())

    def _pass_over(self, number: int) -> None:
        """Leave an edition to processes with its model, as while a deploy changes it: vectors of two models say
        nothing of each other, and may differ in size. The edition in memory goes on being served."""
        if not self._open:
            raise NoBook(
                "The book was embedded by another model than this process uses: start the server again, or run"
                " `footnote ingest PATH`, with the COHERE_API_KEY, COHERE_MODEL and EMBEDDING_MODEL of this process."
            )
        if self._passed_over != number:
            log.warning("newer edition is another model's", number=number, serving=self._open.edition.number)
        self._passed_over = number

    async def _fill(self, opened: OpenBook, rows: list[PassageRow]) -> None:
        """Add the vectors that the index lacks. What it has too many of is dropped after the switch, not before:
        questions on the old edition still need those, and nothing that is not in an edition is ever shown from it."""
        missing = opened.places.keys() - await self._index.ids()
        await self._index.upsert(await points(self._database, opened.edition.model, rows, missing))


async def current_chapters(database: Database, site: Site) -> tuple[Chapter, ...]:
    """The chapters of the current edition, for those who search nothing. Raises NoBook."""
    while (number := await db.editions.current(database)) is not None:
        row = await db.editions.edition(database, number=number)
        if row:  # else it was swept between the two reads, and a newer one is there
            rows = await db.editions.chapters(database, number=number)
            return tuple(chapter(stored, site, row.language) for stored in rows)
    raise NoBook(EMPTY)


async def points(
    database: Database, model: str, passages: Iterable[PassageRow], wanted: Collection[uuid.UUID]
) -> list[Point]:
    """The wanted passages with their vectors, as an index keeps them. One whose vectors are not stored is left out."""
    rows = [row for row in passages if row.id in wanted]
    keys = {key for row in rows for key in (row.vector_key, *row.sentence_keys)}
    vectors = await db.editions.vectors(database, model=model, keys=keys)
    return [
        Point(row.id, vectors[row.vector_key], np.stack([vectors[key] for key in row.sentence_keys]))
        for row in rows
        if {row.vector_key, *row.sentence_keys} <= vectors.keys()
    ]


def edition_of(
    number: int, row: EditionRow, chapter_rows: list[ChapterRow], passage_rows: list[PassageRow], site: Site
) -> Edition:
    """A stored edition as a value."""
    chapters = {stored.id: chapter(stored, site, row.language) for stored in chapter_rows}
    return Edition(
        number=number,
        version=row.version,
        title=row.title,
        language=row.language,
        model=row.model,
        settings=row.settings,
        chapters=tuple(chapters.values()),
        passages={stored.id: passage(stored, chapters[stored.chapter_id]) for stored in passage_rows},
    )


def chapter(row: ChapterRow, site: Site, own_language: str) -> Chapter:
    """A stored chapter with its addresses."""
    language = row.language
    return Chapter(
        id=row.id,
        language=language or own_language,
        title=row.title,
        position=row.position,
        url=site.url(language, row.path),
        content=row.content,
        sections=tuple(
            Section(heading, level, anchor, site.url(language, row.path, anchor))
            for heading, level, anchor in row.sections
        ),
        reviewed=row.reviewed,
    )


def passage(row: PassageRow, chapter: Chapter) -> Passage:
    """A stored passage of a chapter."""
    return Passage(
        id=row.id,
        chapter_id=chapter.id,
        chapter_title=chapter.title,
        title=row.title,
        section=row.section,
        url=f"{chapter.url}#{row.anchor}" if row.anchor else chapter.url,
        text=row.text,
        units=tuple(Span(start, end) for start, end in row.units),
        tokens=row.tokens,
        reviewed=row.reviewed,
    )


def open_book(edition: Edition) -> OpenBook:
    """Index an edition's words. Takes about 0.2 s for 1,000 passages."""
    ids = tuple(edition.passages)
    content = {chapter.id: chapter.content for chapter in edition.chapters}
    sentences: list[str] = []
    starts: list[int] = []
    for passage in edition.passages.values():
        starts.append(len(sentences))
        source = content[passage.chapter_id]
        sentences += [f"{passage.title} {source[unit.start : unit.end]}" for unit in passage.units]
    sections: dict[str, tuple[str, list[str]]] = {}
    for passage in edition.passages.values():
        sections.setdefault(passage.url, (passage.title, []))[1].append(passage.text)
    rows = {url: row for row, url in enumerate(sections)}
    return OpenBook(
        edition=edition,
        lexicon=Lexicon([f"{passage.title} {passage.text}" for passage in edition.passages.values()]),
        sentences=Lexicon(sentences, starts),
        sections=Lexicon([f"{title} {' '.join(texts)}" for title, texts in sections.values()]),
        section_of=np.array([rows[passage.url] for passage in edition.passages.values()], dtype=np.intp),
        ids=ids,
        places={id: place for place, id in enumerate(ids)},
    )
