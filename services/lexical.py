"""BM25 over the passages of one edition, in memory.

Kept beside the passages rather than in the vector engine, so that both engines rank alike, word statistics are those of
exactly this edition, and words still find passages while the index is away (docs/decisions/0003-words-in-memory.md).
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.words import words

K1 = 0.9  # for passages of one length: the defaults of Anserini (Lin et al. 2016, "Toward Reproducible Baselines")
B = 0.4


class Lexicon:
    """An inverted index of texts, by their position.

    Texts may be the parts of larger ones: `starts` then says where each of those begins, and none is without a part.
    """

    def __init__(self, texts: Sequence[str], starts: Sequence[int] | None = None) -> None:
        counted = [Counter(words(text)) for text in texts]
        self.size = len(texts)
        self._starts = None if starts is None else np.array(starts, dtype=np.intp)
        lengths = np.array([counts.total() for counts in counted] or [0], dtype=np.float32)
        dampening = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))
        postings: dict[str, tuple[list[int], list[int]]] = {}
        for position, counts in enumerate(counted):
            for word, count in counts.items():
                where, often = postings.setdefault(word, ([], []))
                where.append(position)
                often.append(count)
        self._postings = {word: self._weigh(*posting, dampening) for word, posting in postings.items()}

    @staticmethod
    def _weigh(
        where: list[int], often: list[int], dampening: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        positions, counts = np.array(where, dtype=np.int32), np.array(often, dtype=np.float32)
        return positions, counts * (K1 + 1) / (counts + dampening[positions])

    def rarity(self, word: str) -> float:
        """Inverse document frequency, above 0; highest for a word that stands nowhere."""
        posting = self._postings.get(word)
        found = len(posting[0]) if posting else 0
        return math.log(1 + (self.size - found + 0.5) / (found + 0.5))

    def scores(self, question: str) -> npt.NDArray[np.float32]:
        """BM25 of each text against the question, divided by the most that the question could get: 0 to 1. Of texts in
        parts, the best part's.

        A word of the question that stands nowhere counts in the divisor, so that foreign words score low.
        """
        totals = np.zeros(self.size, dtype=np.float32)
        asked = set(words(question))
        for word in asked:
            if posting := self._postings.get(word):
                positions, weights = posting
                totals[positions] += self.rarity(word) * weights
        most = (K1 + 1) * sum(map(self.rarity, asked))
        totals /= np.float32(most or 1)
        return totals if self._starts is None or not self.size else np.maximum.reduceat(totals, self._starts)
