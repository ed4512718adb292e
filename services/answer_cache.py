"""The same question about unchanged sections gets the same answer, at once and for nothing."""

import hashlib
import unicodedata
from dataclasses import dataclass, replace

import orjson
from pydantic import ValidationError

import db.answer_cache
from db.postgres import Database
from services.answer import ANSWER, Answer
from services.book import Edition
from services.citations import Citation, utf16_length


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept answer with its citations where they stand now."""

    text: str
    citations: tuple[Citation, ...]
    answer: Answer


class AnswerCache:
    """Keyed by the question, the model and its rules; an entry holds as long as the sections it cites say the same.

    Shared by all readers: nothing of the first asker is given away but the question, the text and what is quoted.
    """

    def __init__(self, database: Database, written_by: str, days: float) -> None:
        """`written_by` tells model and rules apart; `days` is how long an answer is kept, 0 for not at all."""
        self._database = database
        self._written_by = written_by
        self._days = days

    async def find(self, question: str, searched_for: str, edition: Edition) -> Kept | None:
        """The kept answer to the question, if every section it cites is as it was."""
        if not self._days:
            return None
        key = self._key(question, searched_for)
        stored = await db.answer_cache.find(self._database, key=key, days=self._days)
        if stored is None:
            return None
        kept = still_true(*stored, edition)
        if kept is None:
            await db.answer_cache.drop(self._database, key=key)
        return kept

    async def keep(self, answer: Answer, edition: Edition) -> None:
        """Keep a whole answer of the model for who asks next."""
        if not self._days:
            return
        cited = {citation.url: section(edition, citation.url) for citation in answer.citations}
        await db.answer_cache.store(
            self._database,
            key=self._key(answer.question, answer.searched_for),
            answer=orjson.dumps(answer).decode(),
            cited=orjson.dumps(cited).decode(),
            days=self._days,
        )

    def _key(self, question: str, searched_for: str) -> bytes:
        asked = [" ".join(unicodedata.normalize("NFC", text).casefold().split()) for text in (question, searched_for)]
        return hashlib.sha256(orjson.dumps([*asked, self._written_by])).digest()


def still_true(stored: str, cited: str, edition: Edition) -> Kept | None:
    """A stored answer, if every section it cites says what it said; None also for one of an older form."""
    try:
        answer = ANSWER.validate_json(stored)
    except ValidationError:
        return None
    if any(section(edition, url) != said for url, said in orjson.loads(cited).items()):
        return None
    citations = [moved(citation, edition) for citation in answer.citations]
    found = tuple(citation for citation in citations if citation)
    return Kept(answer.text, found, answer) if len(found) == len(citations) else None


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
