"""Cohere's multilingual embeddings in the place of the packaged model's.

Models, their sizes, and limits: docs.cohere.com, "Cohere's Embed Models", "Embed API (v2)", "Rate Limits".
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import orjson

from services.cohere_api import CohereMissing as CohereMissing  # raised by opening
from services.cohere_api import CohereRefused, EmbedApi, Patience, Purpose
from services.embedding import EmbedderUnavailable, Vectors

TEXTS = 96  # the most that one request may carry; reading 96 vectors of 1,536 keeps the loop for 0.4 s, one 4 ms
RECIPE = 1  # goes into the fingerprint: raised when the same texts get other vectors

QUESTION = Patience(2.0, (0.1,), 0.5)  # a reader waits, and words alone find most of what vectors do
INGEST = Patience(30.0, (1, 2, 4, 8, 16, 32), 60.0)  # over a minute in all: Cohere takes 2,000 texts a minute

DIMENSIONS = {
    "embed-v4.0": 1536,
    "embed-multilingual-v3.0": 1024,
    "embed-multilingual-light-v3.0": 384,
    "embed-english-v3.0": 1024,
    "embed-english-light-v3.0": 384,
}
"""What the models answer, for a start while Cohere is down."""


class CohereEmbedder:
    """Embeds by Cohere. Questions and passages are told apart, as its models want it."""

    def __init__(
        self,
        api: EmbedApi,
        dimensions: int,
        count_tokens: Callable[[str], int],
        question: Patience,
        ingest: Patience,
    ) -> None:
        self.name = api.model
        self.dimensions = dimensions
        self.fingerprint = fingerprint(api.model, dimensions)
        self.english_only = "english" in api.model  # two of DIMENSIONS are
        self._api = api
        self._count_tokens = count_tokens
        self._question = question
        self._ingest = ingest

    @classmethod
    async def open(
        cls,
        *,
        api_key: str,
        base_url: str,
        model: str,
        count_tokens: Callable[[str], int],
        question: Patience = QUESTION,
        ingest: Patience = INGEST,
    ) -> Self:
        """Ask the model for the size of its vectors, which also tries the key.

        Raises CohereMissing, CohereRefused, and EmbedderUnavailable where the size of an unknown model cannot be asked.
        """
        api = await asyncio.to_thread(EmbedApi, api_key, base_url, model)
        try:
            return cls(api, await size(api, question), count_tokens, question, ingest)
        except BaseException:
            await api.close()
            raise

    async def embed_one(self, text: str) -> Vectors:
        """The vector of one question: float32 [dimensions], of length 1. Raises EmbedderUnavailable within 4.1 s."""
        vector: Vectors = (await self.embed([text]))[0]
        return vector

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions: float32 [len(texts), dimensions], of length 1. Raises EmbedderUnavailable."""
        return await self._embed(texts, "search_query", self._question)

    async def embed_many(self, texts: Sequence[str], progress: Callable[[int], None] = lambda done: None) -> Vectors:
        """Vectors of any number of passages; `progress` gets how many are done.

        float32 [len(texts), dimensions], of length 1, in the order of `texts`. Raises EmbedderUnavailable.
        """
        return await self._embed(texts, "search_document", self._ingest, progress)

    def count_tokens(self, text: str) -> int:
        """The packaged model's count, not Cohere's.

        So a book is cut into the same passages, and an answer is given as much of them, whichever model embeds. A
        passage of 230 such tokens is well within the 512 that the smallest of Cohere's models reads.
        """
        return self._count_tokens(text)

    async def close(self) -> None:
        """Close the connections; whoever still waits gets EmbedderClosed or EmbedderUnavailable."""
        await self._api.close()

    async def _embed(
        self,
        texts: Sequence[str],
        purpose: Purpose,
        patience: Patience,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Vectors:
        """One request after another: of 2,000 texts a minute, Cohere's limit, that leaves little unused."""
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for start in range(0, len(texts), TEXTS):
            batch = texts[start : start + TEXTS]
            vectors[start : start + len(batch)] = self._sized(await self._api.embed(batch, purpose, patience))
            progress(start + len(batch))
        return vectors

    def _sized(self, vectors: Vectors) -> Vectors:
        if vectors.shape[1] != self.dimensions:
            raise CohereRefused(
                f"Cohere's model {self.name} answered with vectors of size {vectors.shape[1]}, not {self.dimensions} as"
                " at the start. Start Footnote again, and ingest the book again."
            )
        return vectors


async def size(api: EmbedApi, patience: Patience) -> int:
    """What the model answers; while Cohere is down, what its documentation says, so that a restart still serves."""
    try:
        return int((await api.embed(["size"], "search_query", patience)).shape[1])
    except CohereRefused:
        raise
    except EmbedderUnavailable:
        if api.model not in DIMENSIONS:
            raise
        return DIMENSIONS[api.model]


def fingerprint(model: str, dimensions: int) -> str:
    """Twelve hexadecimal digits over everything that decides a vector, wherever the model is reached."""
    return hashlib.sha256(orjson.dumps(["cohere", RECIPE, model, dimensions])).hexdigest()[:12]
