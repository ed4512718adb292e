"""From a question to the passages that may answer it, and whether they do."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import structlog

from db.vectors import IndexUnavailable, Nearness
from services.book import Passage
from services.embedding import EmbedderUnavailable, Embeds
from services.languages import foreign, telling
from services.library import OpenBook

BUDGET = 2200  # tokens of the embedding model handed to the language model: ASK-11
CANDIDATES = 64  # passages taken from the vector index before fusion; words add as many
SOURCE = "defaults: weights from 2,891 questions to 18 Wikipedia articles, gates from evals/sample; docs/retrieval.md"
SIGNALS = ("passage", "sentence", "words", "sentence_words", "section_words")  # that are added, by their weights
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
    BM25 likewise, between 0 and 1, and `section_words` that of the whole section. `gate` looks at the cosines, and at
    `gate_words` of the words: much where questions are worded like the book, little where students ask in words of
    their own. `words_gate` looks at the weighed words where nothing else is compared, `foreign_gate` likewise for a
    question in another language, which shares technical terms at best. Where no model judges the passages after the
    gate, `quoting` is added to it. Passages are nearly equal within `nearly_equal`. `source` tells what all this was
    measured on. `footnote eval --calibrate` sets the gate of a book.
    """

    passage: float = 0.5
    sentence: float = 1.0
    words: float = 1.0
    sentence_words: float = 1.0
    section_words: float = 0.5
    gate_words: float = 0.25
    gate: float = 0.55
    words_gate: float = 0.3
    foreign_gate: float = 0.08
    quoting: float = 0.1
    nearly_equal: float = 0.01
    source: str = SOURCE

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Weights":
        """The weights among an edition's settings; what is missing there has its default."""
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})

    def stored(self) -> dict[str, Any]:
        """What an edition keeps, so that it is searched alike when defaults change: numbers by name, and `source`."""
        return asdict(self)

    @property
    def most_by_words(self) -> float:
        """The highest score without vectors."""
        return self.words + self.sentence_words + self.section_words

    @property
    def most(self) -> float:
        """The highest score that there can be."""
        return self.passage + self.sentence + self.most_by_words


@dataclass(frozen=True, slots=True)
class Gate:
    """One of the gates of an edition's `Weights`, by its `name` there: what passes `least` is answerable, and what
    passes `quoting` more can speak for itself."""

    name: str
    least: float
    quoting: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """A passage with its relevance to the question, 0 to 1."""

    passage: Passage
    similarity: float


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Passages of a book, best first, and those that are handed on.

    `top` is what the gate saw: the question is `answerable` if a model looks at the passages before readers do, and
    `quotable` if they have to speak for themselves. Only words were compared where the index or the embedder was away
    (`index_away`), or where the embedder cannot read the question or the book (`words_only`). The `leading` ones of
    `given` are what the reader selected, and `selection` is that in the reader's words; both empty without one.
    """

    book: OpenBook
    found: tuple[Found, ...]
    given: tuple[Found, ...]
    top: float
    gate: Gate
    index_away: bool = False
    words_only: bool = False
    answerable: bool = False
    quotable: bool = False
    selection: str = ""
    leading: int = 0


@dataclass(frozen=True, slots=True)
class Shared:
    """What each passage has of a question's words: itself, its best sentence, and its section. BM25, 0 to 1."""

    words: Scores
    sentence_words: Scores
    section_words: Scores

    def weighed(self, weights: Weights) -> Scores:
        """Their sum, [passages]."""
        total: Scores = weights.words * self.words + weights.sentence_words * self.sentence_words
        total += weights.section_words * self.section_words
        return total

    def or_more(self, other: "Shared") -> "Shared":
        """The greater of both, of each."""
        return Shared(
            np.maximum(self.words, other.words),
            np.maximum(self.sentence_words, other.sentence_words),
            np.maximum(self.section_words, other.section_words),
        )


def shared(book: OpenBook, question: str) -> Shared:
    """Hold the question's words against the book's."""
    section_words = book.sections.scores(question)[book.section_of] if book.ids else np.zeros(0, np.float32)
    return Shared(book.lexicon.scores(question), book.sentences.scores(question), section_words)


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

    def misread(self, question: str, book: OpenBook) -> bool:
        """Whether the embedder would mislead, as it makes nothing of the question's language."""
        return self._embedder.english_only and foreign(question, book.edition.language)

    def words_only(self, book: OpenBook) -> bool:
        """Whether a book is searched by words alone, as the embedder makes nothing of its language."""
        return self._embedder.english_only and book.edition.language != "en"

    async def retrieve(
        self, question: str, *, book: OpenBook | None = None, words_alone: bool = False, also: str | None = None
    ) -> Retrieved:
        """The passages of a book, by default the open one, ranked for the question; by words alone where vectors
        would mislead.

        `also` is the question as it was put, before it was put into the book's language: its words may stand in pages
        of its own language.
        """
        book = book or await self._shelf.open()
        weights = Weights.of(book.edition.settings)
        if words_alone:
            return by_words(book, weights, question, Gate("foreign_gate", weights.foreign_gate), words_only=True)
        if self.words_only(book):
            gate = Gate("words_gate", weights.words_gate if self._gate is None else self._gate)
            return by_words(book, weights, question, gate, words_only=True)
        both = shared(book, question)
        if also and foreign(also, book.edition.language):
            both = both.or_more(shared(book, telling(also)))
        try:
            near = await self._near(book, await self._embedder.embed_one(question), both.weighed(weights))
        except (IndexUnavailable, EmbedderUnavailable) as away:
            log.warning("searching by words alone", reason=str(away))
            name = "foreign_gate" if foreign(question, book.edition.language) else "words_gate"
            return by_words(book, weights, question, Gate(name, getattr(weights, name)), index_away=True)
        gate = Gate("gate", weights.gate if self._gate is None else self._gate, weights.quoting)
        return by_all(book, weights, near, both, gate)

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


def by_all(book: OpenBook, weights: Weights, near: Mapping[int, Nearness], both: Shared, gate: Gate) -> Retrieved:
    """What is found by vectors and words."""
    sums = both.weighed(weights)
    scored = {
        place: weights.passage * passage + weights.sentence * sentence + float(sums[place])
        for place, (passage, sentence) in near.items()
    }
    counted = weights.gate_words * (both.words + both.sentence_words)
    top = max((sum(cosines) + float(counted[place]) for place, cosines in near.items()), default=0.0)
    return judged(Retrieved(book, ranked(book, scored, weights, weights.most), (), top, gate))


def by_words(
    book: OpenBook, weights: Weights, question: str, gate: Gate, *, index_away: bool = False, words_only: bool = False
) -> Retrieved:
    """What is found without vectors, by the words that tell what the question is about."""
    sums = shared(book, telling(question)).weighed(weights)
    scored = {int(place): float(sums[place]) for place in best(sums)}
    top = max(scored.values(), default=0.0)
    found = ranked(book, scored, weights, weights.most_by_words)
    return judged(Retrieved(book, found, (), top, gate, index_away, words_only))


def judged(retrieved: Retrieved) -> Retrieved:
    """With what is handed on, and what the gate says."""
    gate, top = retrieved.gate, retrieved.top
    return replace(
        retrieved,
        given=within(retrieved.found, BUDGET),
        answerable=bool(retrieved.found) and top >= gate.least,
        quotable=bool(retrieved.found) and top >= gate.least + gate.quoting,
    )


def ranked(book: OpenBook, scored: Mapping[int, float], weights: Weights, most: float) -> tuple[Found, ...]:
    """Best first. Among nearly equal ones, passages of reviewed pages come before others."""
    passages = book.edition.passages
    order = sorted(
        scored,
        key=lambda place: (
            -round(scored[place] / weights.nearly_equal),
            not passages[book.ids[place]].reviewed,
            -scored[place],
            place,
        ),
    )
    return tuple(Found(passages[book.ids[place]], min(max(scored[place] / most, 0.0), 1.0)) for place in order)
