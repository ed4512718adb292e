"""Scores retrieval and the gate on a labelled set, with the product's own parts and nothing else running."""

import asyncio
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from db.vectors import EmbeddedIndex, Point, VectorIndex
from evals.labels import Labels, Question, answers
from services.book import Site
from services.embedding import Embeds
from services.library import OpenBook, edition_of, open_book
from services.manuscript import Manuscript, read, texts
from services.retrieval import BUDGET, Found, Retrieved, Retriever, Weights

AT_ONCE = 32  # questions

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one question. `place` is the first passage with its evidence, from 0; None beyond ten."""

    question: Question
    retrieved: Retrieved
    place: int | None
    in_budget: bool

    @property
    def top(self) -> float:
        """The score that the gate sees."""
        return self.retrieved.top

    @property
    def accepted(self) -> bool:
        """What the product decides, by whichever of its gates."""
        return self.retrieved.answerable


Asked = dict[str, list[Outcome]]
"""What became of the questions, by kind: `answerable`, `out_of_book`, `near_topic`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of the answerable questions, from 0 to 1."""

    questions: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mrr_at_10: float
    in_budget: float
    refused: float


class Shelf:
    """A shelf with one book on it."""

    def __init__(self, book: OpenBook) -> None:
        self.book = book

    async def open(self) -> OpenBook:
        """The book."""
        return self.book


@dataclass(frozen=True, slots=True)
class Desk:
    """An open book with a retriever over it."""

    manuscript: Manuscript
    shelf: Shelf
    retriever: Retriever

    async def retrieve(self, question: str) -> Retrieved:
        """What a reader gets without a model that rewords: a question in another language is searched by its words."""
        book = self.shelf.book
        words_alone = self.retriever.misread(question, book)
        return await self.retriever.retrieve(question, book=book, words_alone=words_alone)

    @property
    def weights(self) -> Weights:
        """What is searched with now."""
        return Weights.of(self.shelf.book.edition.settings)

    @property
    def gate(self) -> str:
        """Which gate judges questions in the book's language."""
        book = self.shelf.book
        return "words_gate" if self.retriever.words_only(book) else "gate"

    def set(self, **settings: float) -> None:
        """Search with these settings from now on."""
        book = self.shelf.book
        self.shelf.book = replace(book, edition=replace(book.edition, settings={**book.edition.settings, **settings}))


@asynccontextmanager
async def open_desk(
    folder: Path, embedder: Embeds, progress: Progress, index: VectorIndex | None = None
) -> AsyncIterator[Desk]:
    """Read, embed and index a docs folder, for as long as the block lasts; `index` takes the embedded one's place."""
    reading = partial(read, folder, "/docs", model=embedder.fingerprint, count=embedder.count_tokens)
    manuscript = await asyncio.to_thread(reading)
    site = Site("/docs", "/{language}/docs")
    edition = edition_of(1, manuscript.edition, manuscript.chapters, manuscript.passages, site)
    book = await asyncio.to_thread(open_book, edition)
    wanted = texts(manuscript.chapters, manuscript.passages)
    vectors = await embedder.embed_many(
        list(wanted.values()), lambda done: progress("Embedding the book", done, len(wanted))
    )
    by_key = dict(zip(wanted, vectors, strict=True))
    with tempfile.TemporaryDirectory() as temporary:
        used = index or EmbeddedIndex(Path(temporary, "index"), embedder.dimensions)
        await used.open()
        try:
            await used.upsert(
                [
                    Point(row.id, by_key[row.vector_key], np.stack([by_key[key] for key in row.sentence_keys]))
                    for row in manuscript.passages
                ]
            )
            shelf = Shelf(book)
            yield Desk(manuscript, shelf, Retriever(shelf, embedder, used))
        finally:
            await used.close()


async def ask_all(desk: Desk, labels: Labels, progress: Progress) -> Asked:
    """Retrieve for every question of the set."""
    groups = {"answerable": labels.answerable, "out_of_book": labels.out_of_book, "near_topic": labels.near_topic}
    files = {page.id: page.file for page in desk.manuscript.folder.pages}
    asked: Asked = {name: [] for name in groups}
    total = sum(map(len, groups.values()))
    for name, questions in groups.items():
        for start in range(0, len(questions), AT_ONCE):
            batch = questions[start : start + AT_ONCE]
            found = await asyncio.gather(*(desk.retrieve(question.text) for question in batch))
            asked[name] += [judged(q, retrieved, files) for q, retrieved in zip(batch, found, strict=True)]
            progress("Asking", sum(map(len, asked.values())), total)
    return asked


def judged(question: Question, retrieved: Retrieved, files: dict[str, str]) -> Outcome:
    """Where the evidence was found."""

    def holds(found: Found) -> bool:
        return answers(question, files[found.passage.chapter_id], found.passage.text)

    place = next((place for place, found in enumerate(retrieved.found[:10]) if holds(found)), None)
    return Outcome(question, retrieved, place, any(map(holds, retrieved.given)))


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """The shares of these questions."""
    places = [outcome.place for outcome in outcomes]
    return Figures(
        questions=len(outcomes),
        recall_at_1=share([place == 0 for place in places]),
        recall_at_5=share([place is not None and place < 5 for place in places]),
        recall_at_10=share([place is not None for place in places]),
        mrr_at_10=statistics.fmean([0.0 if place is None else 1 / (place + 1) for place in places] or [0.0]),
        in_budget=share([outcome.in_budget for outcome in outcomes]),
        refused=share([not outcome.accepted for outcome in outcomes]),
    )


def accepted(outcomes: Sequence[Outcome]) -> float:
    """The share that passes the gate."""
    return share([outcome.accepted for outcome in outcomes])


def share(these: Sequence[bool]) -> float:
    """How many of them are true, from 0 to 1."""
    return statistics.fmean(these) if these else 0.0


def run_line(outcome: Outcome, files: dict[str, str]) -> dict[str, object]:
    """A question's line in a run file: enough results to fill the budget."""
    results: list[dict[str, object]] = []
    used = 0
    for found in outcome.retrieved.found:
        if len(results) >= 10 and used > BUDGET:
            break
        used += found.passage.tokens
        file = Path(files[found.passage.chapter_id]).name
        results.append({"file": file, "text": found.passage.text, "tokens": found.passage.tokens})
    return {"id": outcome.question.id, "accepted": outcome.accepted, "results": results}
