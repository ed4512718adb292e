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
QUOTING = 0.1  # more than the gate, where no model judges the passages
WORDS_GATE = 0.3  # of the 2.5 that words can get, where nothing else is compared
FOREIGN_GATE = 0.08  # the same for a question in another language: it shares technical terms at best
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
    BM25 likewise, between 0 and 1, and `section_words` that of the whole section; all were weighed on a book of 18
    articles. The gate looks at the cosines, and
    at `gate_words` of the words: much where questions are worded like the book, little where students ask in words of
    their own. Its defaults suit the latter; `footnote eval --calibrate` sets both for a book. See docs/retrieval.md.
    """

    passage: float = 0.5
    sentence: float = 1.0
    words: float = 1.0
    sentence_words: float = 1.0
    section_words: float = 0.5
    gate_words: float = 0.25
    gate: float = 0.55

    @classmethod
    def of(cls, settings: Mapping[str, float]) -> "Weights":
        """The weights among an edition's settings; what is missing there has its default."""
        return cls(**{name: value for name, value in settings.items() if name in asdict(cls())})

    @property
    def most_by_words(self) -> float:
        """The highest score without vectors."""
        return self.words + self.sentence_words + self.section_words

    @property
    def most(self) -> float:
        """The highest score that there can be."""
        return self.passage + self.sentence + self.most_by_words


@dataclass(frozen=True, slots=True)
class Found:
    """A passage with its relevance to the question, 0 to 1."""

    passage: Passage
    similarity: float


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Passages of a book, best first, and those that are handed on.

    `top` is what the gate saw: the question is `answerable` if a model looks at the passages before readers do, and
    `quotable` if they have to speak for themselves. `index_away` tells that only words were compared.
    """

    book: OpenBook
    found: tuple[Found, ...]
    given: tuple[Found, ...]
    top: float
    answerable: bool
    quotable: bool
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

    async def book(self) -> OpenBook:
        """The open book that is searched now."""
        return await self._shelf.open()

    async def retrieve(self, question: str, *, book: OpenBook | None = None, words_alone: bool = False) -> Retrieved:
        """The passages of a book, by default the open one, ranked for the question; by words alone where vectors
        would mislead."""
        book = book or await self._shelf.open()
        weights = Weights.of(book.edition.settings)
        words, sentence_words = book.lexicon.scores(question), book.sentences.scores(question)
        by_words = weights.words * words + weights.sentence_words * sentence_words
        if book.ids:
            by_words += weights.section_words * book.sections.scores(question)[book.section_of]
        if words_alone:
            return by_words_alone(book, weights, by_words, FOREIGN_GATE)
        if self._embedder.english_only and book.edition.language != "en":
            return by_words_alone(book, weights, by_words, WORDS_GATE)
        try:
            near = await self._near(book, await self._embedder.embed_one(question), by_words)
        except (IndexUnavailable, EmbedderUnavailable) as away:
            log.warning("searching by words alone", reason=str(away))
            return by_words_alone(book, weights, by_words, WORDS_GATE, index_away=True)
        scored = {
            place: weights.passage * passage + weights.sentence * sentence + float(by_words[place])
            for place, (passage, sentence) in near.items()
        }
        shared = weights.gate_words * (words + sentence_words)
        top = max((sum(cosines) + float(shared[place]) for place, cosines in near.items()), default=0.0)
        gate = weights.gate if self._gate is None else self._gate
        return ranked(book, scored, weights.most, top=top, gate=gate, quoting=QUOTING)

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


def by_words_alone(
    book: OpenBook, weights: Weights, by_words: Scores, gate: float, *, index_away: bool = False
) -> Retrieved:
    """What is found without vectors."""
    scored = {int(place): float(by_words[place]) for place in best(by_words)}
    top = max(scored.values(), default=0.0)
    return ranked(book, scored, weights.most_by_words, top=top, gate=gate, quoting=0.0, index_away=index_away)


def ranked(
    book: OpenBook,
    scored: Mapping[int, float],
    most: float,
    *,
    top: float,
    gate: float,
    quoting: float,
    index_away: bool = False,
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
    return Retrieved(
        book=book,
        found=found,
        given=within(found, BUDGET),
        top=top,
        answerable=bool(found) and top >= gate,
        quotable=bool(found) and top >= gate + quoting,
        index_away=index_away,
    )
