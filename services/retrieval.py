"""From a question to the passages that may answer it, and whether they do."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from services.book import Passage
from services.embedding import Embedder
from services.library import Library, OpenBook

BUDGET = 2200  # tokens of the embedding model handed to the language model: ASK-11
CANDIDATES = 64  # passages taken from the vector index before fusion; words add as many


class Vectors(Protocol):
    """What retrieval needs of a vector index."""

    async def search(self, vector: npt.NDArray[np.float32], limit: int) -> list[tuple[uuid.UUID, float]]: ...

    async def scores(self, vector: npt.NDArray[np.float32], ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, float]: ...


@dataclass(frozen=True, slots=True)
class Weights:
    """How the signals are added, and the least sum that counts as an answerable question.

    A score is dense + lexical * bm25n. On 2,891 answerable and 1,500 foreign questions to a book of 18 articles
    (SQuAD 2.0) this gate refuses 2 % of the former and lets 15 % of the latter through to Claude, which may still
    decline.
    """

    lexical: float = 1.5
    gate: float = 0.58


@dataclass(frozen=True, slots=True)
class Found:
    """A passage with its relevance to the question, 0 to 1."""

    passage: Passage
    similarity: float


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Passages of a book, best first; whether the best is near enough to answer from; and those that are handed on."""

    book: OpenBook
    found: tuple[Found, ...]
    answerable: bool
    given: tuple[Found, ...]


def within(found: Sequence[Found], budget: int) -> tuple[Found, ...]:
    """The best passages that fit into so many tokens together, best first."""
    chosen, left = [], budget
    for candidate in found:
        if candidate.passage.tokens <= left:
            chosen.append(candidate)
            left -= candidate.passage.tokens
    return tuple(chosen)


class Retriever:
    """Adds what vectors and words say about each passage."""

    def __init__(self, library: Library, embedder: Embedder, vectors: Vectors, weights: Weights) -> None:
        self._library = library
        self._embedder = embedder
        self._vectors = vectors
        self._weights = weights

    async def retrieve(self, question: str) -> Retrieved:
        """The passages of the current edition ranked for the question."""
        book = await self._library.open()
        vector = await self._embedder.embed_one(question)
        lexical = book.lexicon.scores(question)
        dense = await self._dense(book, vector, lexical)
        ranked = sorted(
            ((score + self._weights.lexical * float(lexical[book.places[id]]), id) for id, score in dense.items()),
            key=lambda scored: (-scored[0], book.places[scored[1]]),
        )
        most = 1 + self._weights.lexical
        found = tuple(Found(book.edition.passages[id], min(max(score / most, 0.0), 1.0)) for score, id in ranked)
        answerable = bool(ranked) and ranked[0][0] >= self._weights.gate
        return Retrieved(book, found, answerable, within(found, BUDGET))

    async def _dense(
        self, book: OpenBook, vector: npt.NDArray[np.float32], lexical: npt.NDArray[np.float32]
    ) -> dict[uuid.UUID, float]:
        """The cosine of each candidate: the nearest by vector, and the best by words."""
        near = await self._nearest(book, vector)
        by_words = np.argsort(-lexical, kind="stable")[:CANDIDATES]
        missing = [id for id in (book.ids[place] for place in by_words if lexical[place] > 0) if id not in near]
        if missing:
            near |= await self._vectors.scores(vector, missing)
        return near

    async def _nearest(self, book: OpenBook, vector: npt.NDArray[np.float32]) -> dict[uuid.UUID, float]:
        """The index may hold passages of another edition beside ours, so it is asked for more until enough are ours."""
        limit = CANDIDATES
        while True:
            hits = await self._vectors.search(vector, limit)
            ours = {id: score for id, score in hits if id in book.places}
            if len(ours) >= min(CANDIDATES, len(book.ids)) or len(hits) < limit:
                return dict(list(ours.items())[:CANDIDATES])
            limit *= 4
