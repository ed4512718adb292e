"""From a folder of Docusaurus docs to the current edition of the book."""

import asyncio
import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import orjson

import db.editions
from db.editions import ChapterRow, EditionRow, PassageRow
from db.postgres import Database
from db.vectors import Point, VectorIndex
from services import docusaurus, links
from services.docusaurus import BookNotFound, Folder, Page, Problem
from services.embedding import Embedder
from services.passages import Cut, cut

STORED_TOGETHER = 64  # vectors: what an interrupted ingest has embedded and stored is not embedded again
FORMAT = 1  # goes into the version: raised when the same pages are cut or kept differently

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


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


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A folder that was read and cut, with what it embeds: the text behind each vector's key."""

    folder: Folder
    edition: EditionRow
    chapters: list[ChapterRow]
    passages: list[PassageRow]
    texts: dict[bytes, str]


class Ingestion:
    """Publishes a folder as a new edition. Unchanged text is not embedded again; unchanged books are not published."""

    def __init__(
        self, database: Database, embedder: Embedder, shared_index: VectorIndex | None, docs_path: str
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._shared_index = shared_index
        self._docs_path = docs_path

    async def ingest(self, path: Path, progress: Progress) -> Summary:
        """Make the folder the current edition. Raises BookNotFound, and then changes nothing."""
        progress("Reading pages", 0, 1)
        manuscript = await asyncio.to_thread(read, path, self._docs_path, self._embedder)
        progress("Reading pages", 1, 1)
        before = await self._current()
        published = before is None or before[0] != manuscript.edition.version
        if published:
            await self._embed(manuscript, progress)
            await self._fill_shared(manuscript)
            await db.editions.publish(
                self._database,
                edition=manuscript.edition,
                chapters=manuscript.chapters,
                passages=manuscript.passages,
            )
            await self._sweep()
        return summary(manuscript, before[1] if before else set(), published)

    async def has_book(self) -> bool:
        """True once anything was published."""
        return await db.editions.current(self._database) is not None

    async def _current(self) -> tuple[str, set[uuid.UUID]] | None:
        """The current version and its passages."""
        number = await db.editions.current(self._database)
        row = await db.editions.edition(self._database, number=number) if number is not None else None
        if number is None or row is None:
            return None
        return row.version, await db.editions.passage_ids(self._database, number=number)

    async def _embed(self, manuscript: Manuscript, progress: Progress) -> None:
        model = manuscript.edition.model
        known = await db.editions.known_vectors(self._database, model=model, keys=manuscript.texts)
        missing = [key for key in manuscript.texts if key not in known]
        for done in range(0, len(missing), STORED_TOGETHER):
            batch = missing[done : done + STORED_TOGETHER]
            advance = partial(_advance, progress, done, len(missing))
            vectors = await self._embedder.embed_many([manuscript.texts[key] for key in batch], advance)
            await db.editions.store_vectors(self._database, model=model, vectors=zip(batch, vectors, strict=True))

    async def _fill_shared(self, manuscript: Manuscript) -> None:
        """A shared index has the new vectors before any process reads the new edition."""
        if not self._shared_index:
            return
        known = await self._shared_index.ids()
        missing = [passage for passage in manuscript.passages if passage.id not in known]
        keys = {passage.vector_key for passage in missing}
        vectors = await db.editions.vectors_by_key(self._database, model=manuscript.edition.model, keys=keys)
        await self._shared_index.upsert([Point(passage.id, vectors[passage.vector_key]) for passage in missing])

    async def _sweep(self) -> None:
        """Old editions go last: whatever fails before leaves a book that can be read."""
        await db.editions.sweep(self._database)
        current = await self._current()  # not the one just published: another ingest may have published since
        if self._shared_index and current:
            await self._shared_index.delete((await self._shared_index.ids()) - current[1])


def _advance(progress: Progress, before: int, total: int, done: int) -> None:
    progress("Embedding passages", before + done, total)


def read(path: Path, docs_path: str, embedder: Embedder) -> Manuscript:
    """Read a folder and cut it into passages. Blocking: about a second for each megabyte."""
    folder = book(path, docs_path)
    if not folder.pages:
        broken = "; ".join(f"{problem.file}:{problem.line}: {problem.message}" for problem in folder.problems)
        raise BookNotFound(f"{path} has no page that can be read. {broken}")
    cuts = [piece for page in folder.pages for piece in cut(page, embedder.count_tokens)]
    passages = [passage_row(place, piece) for place, piece in enumerate(identified(cuts))]
    own = language("".join(page.content for page in folder.pages if page.language is None))
    chapters = [chapter_row(page) for page in folder.pages]
    digest = hashlib.sha256(
        orjson.dumps([FORMAT, embedder.fingerprint, chapters, [str(passage.id) for passage in passages]])
    )
    edition = EditionRow(
        version=digest.hexdigest()[:16],
        title=title(path, folder.pages),
        language=own,
        model=embedder.fingerprint,
    )
    texts = {vector_key(piece): piece.embedded for piece in cuts}
    return Manuscript(folder, edition, chapters, passages, texts)


def book(path: Path, docs_path: str) -> Folder:
    """The pages of a folder, and after them those of its translations, with what is wrong in them.

    `docs_path` is the path at which the site shows the docs. Raises BookNotFound.
    """
    folders = [docusaurus.read(path), *docusaurus.translations(path)]
    pages = [page for folder in folders for page in folder.pages]
    problems = [problem for folder in folders for problem in folder.problems]
    return Folder(
        tuple(replace(page, position=position) for position, page in enumerate(pages)),
        (*problems, *links.check(pages, docs_path)),
    )


def identified(cuts: Sequence[Cut]) -> list[tuple[uuid.UUID, Cut]]:
    """Passages with ids made of what they say and where, so that an unchanged passage keeps its id. Equal ones in one
    section are told apart by their order."""
    seen: dict[uuid.UUID, int] = {}
    out = []
    for piece in cuts:
        same = uuid.uuid5(
            uuid.NAMESPACE_URL, "\0".join([piece.chapter_id, piece.anchor or "", piece.embedded, *piece.source])
        )
        seen[same] = seen.get(same, 0) + 1
        out.append((same if seen[same] == 1 else uuid.uuid5(same, str(seen[same])), piece))
    return out


def passage_row(place: int, identified_cut: tuple[uuid.UUID, Cut]) -> PassageRow:
    """A passage as it is stored."""
    id, piece = identified_cut
    return PassageRow(
        id=id,
        place=place,
        chapter_id=piece.chapter_id,
        title=piece.title,
        section=piece.section,
        anchor=piece.anchor,
        text=piece.text,
        units=[(unit.start, unit.end) for unit in piece.units],
        tokens=piece.tokens,
        reviewed=piece.reviewed,
        vector_key=vector_key(piece),
    )


def chapter_row(page: Page) -> ChapterRow:
    """A page as it is stored."""
    return ChapterRow(
        id=page.id,
        position=page.position,
        language=page.language,
        title=page.title,
        path=page.path,
        content=page.content,
        sections=sections(page),
        reviewed=page.reviewed,
    )


def sections(page: Page) -> list[tuple[str, int, str | None]]:
    """Heading, level and anchor of a page's sections, the title first where the theme shows one for it."""
    headings = [(heading.text, heading.level, heading.anchor) for heading in page.outline.headings]
    has_title = page.hides_title or page.outline.title is not None
    return headings if has_title else [(page.title, 1, None), *headings]


def vector_key(piece: Cut) -> bytes:
    """Finds the vector of a text, whatever book or edition it stands in."""
    return hashlib.sha256(piece.embedded.encode()).digest()


def title(path: Path, pages: Sequence[Page]) -> str:
    """The book's title: that of its first page at the root of the docs, else the folder's name."""
    return next((page.title for page in pages if page.path == "/"), path.resolve().name)


def language(text: str) -> str:
    """The book's language by its letters: Urdu where most are Arabic script, else English."""
    arabic = sum("\u0600" <= character <= "\u06ff" for character in text)
    latin = sum(character.isascii() and character.isalpha() for character in text)
    return "ur" if arabic > latin else "en"


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
