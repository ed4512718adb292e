"""The same question about unchanged sections gets the same answer, at once and for nothing."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson
from pydantic import TypeAdapter, ValidationError

import db.answer_cache
from db.postgres import Database
from services.answer import Answer, NearPassage, near
from services.book import Edition
from services.citations import Citation, utf16_length
from services.retrieval import Found


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of an answer: nothing that tells who asked, or when. `searched_for` is None where the question was
    searched as it was put."""

    text: str
    model: str | None
    searched_for: str | None
    citations: tuple[Citation, ...]
    passages: tuple[NearPassage, ...]


KEPT = TypeAdapter(Kept)


class AnswerCache:
    """Keyed by the question, the model and its rules; an entry holds as long as the sections it cites say the same.

    Shared by all readers. A question that leaned on its conversation means what it was reworded to, so its answer is
    found by both together, and never by the question alone.
    """

    def __init__(self, database: Database, written_by: str, days: float) -> None:
        """`written_by` tells model and rules apart; `days` is how long an answer is kept, 0 for not at all."""
        self._database = database
        self._written_by = written_by
        self._days = days

    async def find(self, edition: Edition, question: str, reworded: str | None = None) -> Kept | None:
        """The kept answer to the question, if every section it cites is as it was.

        `reworded` is what the question means in its conversation, None where it stands alone.
        """
        if not self._days:
            return None
        key = self._key(question, reworded)
        stored = await db.answer_cache.find(self._database, key=key, days=self._days)
        if stored is None:
            return None
        kept = still_true(*stored, edition)
        if kept is None:
            await db.answer_cache.drop(self._database, key=key)
        return kept

    async def keep(self, edition: Edition, answer: Answer, *, leaned: bool) -> None:
        """Keep a whole answer of the model for who asks next, until it is deleted with the account of who asked first;
        `leaned` tells that its question did not stand alone."""
        if not self._days:
            return
        cited = {citation.url: section(edition, citation.url) for citation in answer.citations}
        await db.answer_cache.store(
            self._database,
            key=self._key(answer.question, answer.searched_for if leaned else None),
            answer=orjson.dumps(kept_of(answer)).decode(),
            cited=orjson.dumps(cited).decode(),
            days=self._days,
            answer_id=answer.id,
        )

    def _key(self, question: str, reworded: str | None) -> bytes:
        asked = [question] if reworded is None else [question, reworded]
        said = [" ".join(unicodedata.normalize("NFC", text).casefold().split()) for text in asked]
        return hashlib.sha256(orjson.dumps([self._written_by, *said])).digest()


def kept_of(answer: Answer) -> Kept:
    """What of an answer may be told to others."""
    return Kept(
        text=answer.text,
        model=answer.model,
        searched_for=None if answer.searched_for == answer.question else answer.searched_for,
        citations=answer.citations,
        passages=answer.passages,
    )


def still_true(stored: str, cited: str, edition: Edition) -> Kept | None:
    """A stored answer, if every section it cites says what it said; None also for one of an older form."""
    try:
        kept = KEPT.validate_json(stored)
    except ValidationError:
        return None
    if any(section(edition, url) != said for url, said in orjson.loads(cited).items()):
        return None
    citations = tuple(found for citation in kept.citations if (found := moved(citation, edition)))
    if len(citations) < len(kept.citations):
        return None
    return replace(kept, citations=citations, passages=standing(kept.passages, edition))


def standing(passages: Sequence[NearPassage], edition: Edition) -> tuple[NearPassage, ...]:
    """Those of the passages that are still in the book, with what is said of them now."""
    now = {(passage.url, passage.text): passage for passage in edition.passages.values()}
    return tuple(near(Found(now[at], p.similarity)) for p in passages if (at := (p.url, p.text)) in now)


def section(edition: Edition, url: str) -> str:
    """A digest of everything that stands under a heading, and of what is said of it: its titles, and its review."""
    content = {chapter.id: chapter.content for chapter in edition.chapters}
    said = [
        text
        for passage in edition.passages.values()
        if passage.url == url
        for text in (
            passage.title,
            str(passage.reviewed),
            *(content[passage.chapter_id][unit.start : unit.end] for unit in passage.units),
        )
    ]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()


def moved(citation: Citation, edition: Edition) -> Citation | None:
    """A citation where its quotation stands now: text above it may have grown. None if it is nowhere in its section."""
    chapter = edition.chapter(citation.chapter_id)
    if not chapter:
        return None
    units = sorted(unit.start for p in edition.passages.values() if p.url == citation.url for unit in p.units)
    place = next((start for start in units if chapter.content.startswith(citation.quote, start)), None)
    if place is None:
        return None
    start = utf16_length(chapter.content[:place])
    return replace(citation, start=start, end=start + utf16_length(citation.quote))
