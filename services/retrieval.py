"""From a question to the passages that may answer it, and whether they do."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import structlog

from db.vectors import IndexUnavailable, Nearness
from services.book import Passage
from services.embedding import EmbedderUnavailable, Embeds
from services.library import OpenBook

BUDGET = 2200  # tokens of the embedding model handed to the language model: ASK-11
CANDIDATES = 64  # passages taken from the vector index before fusion; words add as many
NEARLY_EQUAL = 2  # decimals of a score
log = structlog.get_logger()

Scores = npt.NDArray[np.float32]


class Shelf(Protocol):
    """Where the open book is."""

    async def open(self) -> OpenBook: ...


class Vectors(Protocol):
    """What retrieval needs of a vector index."""

    async def search(self, vector: Scores, limit: int) -> list[tuple[uuid.UUID, float]]: ...

    async def nearness(self, vector: Scores, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Nearness]: ...


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each signal counts, and the least sum that makes a question answerable. Settings of a book's edition.

    `passage` and `sentence` weigh cosines, of the passage and of its best sentence; `words` and `sentence_words` weigh
    BM25 likewise, between 0 and 1. The defaults were chosen on the book of 18 articles (docs/retrieval.md); the gate is
    set for each book by `footnote eval --calibrate`.
    """

    passage: float = 0.5
    sentence: float = 1.0
    words: float = 1.0
    sentence_words: float = 1.0
    gate: float = 0.99

    @classmethod
    def of(cls, settings: Mapping[str, float]) -> "Weights":
        """The weights among an edition's settings; what is missing there has its default."""
        return cls(**{name: value for name, value in settings.items() if name in asdict(cls())})

    @property
    def most(self) -> float:
        """The highest score that there can be."""
        return self.passage + self.sentence + self.words + self.sentence_words


@dataclass(frozen=True, slots=True)
class Found:
    """A passage with its relevance to the question, 0 to 1."""

    passage: Passage
    similarity: float


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Passages of a book, best first; whether the best is near enough to answer from; and those that are handed on.

    `index_away` tells that only words were compared.
    """

    book: OpenBook
    found: tuple[Found, ...]
    answerable: bool
    given: tuple[Found, ...]
    index_away: bool = False


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

    def __init__(self, shelf: Shelf, embedder: Embeds, vectors: Vectors, gate: float | None = None) -> None:
        """`gate` takes the place of every edition's own."""
        self._shelf = shelf
        self._embedder = embedder
        self._vectors = vectors
        self._gate = gate

    async def retrieve(self, question: str) -> Retrieved:
        """The passages of the current edition ranked for the question."""
        book = await self._shelf.open()
        weights = Weights.of(book.edition.settings)
        by_words = weights.words * book.lexicon.scores(question)
        by_words += weights.sentence_words * book.sentences.scores(question)
        try:
            near = await self._near(book, await self._embedder.embed_one(question), by_words)
        except (IndexUnavailable, EmbedderUnavailable) as away:
            log.warning("searching by words alone", reason=str(away))
            return self._by_words_alone(book, weights, by_words)
        scored = {
            place: weights.passage * passage + weights.sentence * sentence + float(by_words[place])
            for place, (passage, sentence) in near.items()
        }
        gate = weights.gate if self._gate is None else self._gate
        return ranked(book, scored, most=weights.most, gate=gate)

    def _by_words_alone(self, book: OpenBook, weights: Weights, by_words: Scores) -> Retrieved:
        """Half of the signals have to pass half of the gate."""
        scored = {int(place): float(by_words[place]) for place in best(by_words)}
        gate = (weights.gate if self._gate is None else self._gate) / 2
        return ranked(book, scored, most=weights.words + weights.sentence_words, gate=gate, index_away=True)

    async def _near(self, book: OpenBook, vector: Scores, by_words: Scores) -> dict[int, Nearness]:
        """How near the candidates are, by their place: the nearest by vector, and the best by words."""
        candidates = {book.places[id] for id in await self._nearest(book, vector)} | set(map(int, best(by_words)))
        near = await self._vectors.nearness(vector, [book.ids[place] for place in candidates])
        return {book.places[id]: nearness for id, nearness in near.items()}

    async def _nearest(self, book: OpenBook, vector: Scores) -> list[uuid.UUID]:
        """The index may hold passages of another edition beside ours, so it is asked for more until enough are ours."""
        limit = CANDIDATES
        while True:
            hits = await self._vectors.search(vector, limit)
            ours = [id for id, _ in hits if id in book.places]
            if len(ours) >= min(CANDIDATES, len(book.ids)) or len(hits) < limit:
                return ours[:CANDIDATES]
            limit *= 4


def best(by_words: Scores) -> npt.NDArray[np.intp]:
    """The places of the passages that share most words with the question; none that shares nothing."""
    most = np.argsort(-by_words, kind="stable")[:CANDIDATES]
    return most[by_words[most] > 0]


def ranked(
    book: OpenBook, scored: Mapping[int, float], *, most: float, gate: float, index_away: bool = False
) -> Retrieved:
    """Best first. Among nearly equal ones, passages of reviewed pages come before others."""
    passages = book.edition.passages
    order = sorted(
        scored,
        key=lambda place: (
            -round(scored[place], NEARLY_EQUAL),
            not passages[book.ids[place]].reviewed,
            -scored[place],
            place,
        ),
    )
    found = tuple(Found(passages[book.ids[place]], min(max(scored[place] / most, 0.0), 1.0)) for place in order)
    answerable = bool(scored) and max(scored.values()) >= gate
    return Retrieved(book, found, answerable, within(found, BUDGET), index_away)
