"""Cohere's multilingual embeddings, by its Embed API.

Requests, limits and sizes: docs.cohere.com, "Embed API (v2)", "Cohere's Embed Models", "Rate Limits".
The SDK takes 0.7 s and 47 MB to import, which the embedded default need not pay, and is an extra that may be missing:
import it inside functions only.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import orjson

from services.embedding import EmbedderClosed, EmbedderUnavailable, Vectors

if TYPE_CHECKING:
    from cohere import EmbedByTypeResponse
    from cohere.core.api_error import ApiError

TEXTS = 96  # the most that one request may carry; reading 96 vectors of 1,536 keeps the loop for 0.4 s, one 4 ms
CONCURRENT = 4  # requests of an ingest under way at once
RECIPE = 1  # goes into the fingerprint: raised when the same texts get other vectors

Purpose = Literal["search_query", "search_document"]

DIMENSIONS = {
    "embed-v4.0": 1536,
    "embed-multilingual-v3.0": 1024,
    "embed-multilingual-light-v3.0": 384,
    "embed-english-v3.0": 1024,
    "embed-english-light-v3.0": 384,
}
"""What the models answer, for a start while Cohere is down."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: what a request may take, the pauses before repetitions, and the longest pause Cohere may ask for."""

    seconds: float
    pauses: tuple[float, ...]
    longest: float


QUESTION = Patience(2.0, (0.1,), 0.5)  # a reader waits, and words alone find most of what vectors do
INGEST = Patience(30.0, (1, 2, 4, 8, 16, 32), 60.0)  # over a minute in all: Cohere takes 2,000 texts a minute


class CohereMissing(Exception):
    """COHERE_API_KEY is set, but Cohere's SDK is not installed; the message says how to install it."""


class CohereRefused(EmbedderUnavailable):
    """Cohere will not answer until something is changed: the key, the model, or where it is looked for."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request failed, and what to do. `wait`: the seconds that Cohere asks for before the next one."""

    said: str
    advice: str = "Look whether COHERE_BASE_URL is right, and at status.cohere.com."
    lasting: bool = False
    wait: float | None = None


class EmbedApi:
    """One model of Cohere's, asked over HTTP."""

    def __init__(self, api_key: str, base_url: str, model: str) -> None:
        """Import the SDK and prepare a connection pool: blocks for about a second. Raises CohereMissing."""
        try:
            import httpx
            from cohere import AsyncClientV2
        except ModuleNotFoundError as missing:
            raise CohereMissing(
                'COHERE_API_KEY is set, but Cohere\'s SDK is not installed. Run `pip install "footnote[cohere]"`,'
                " or leave COHERE_API_KEY empty to embed on this machine."
            ) from missing
        self.model = model
        self._url = base_url
        self._http = httpx.AsyncClient(timeout=INGEST.seconds)
        self._client = AsyncClientV2(api_key.strip(), base_url=base_url, httpx_client=self._http)

    async def embed(self, texts: Sequence[str], purpose: Purpose, patience: Patience) -> Vectors:
        """float32 [len(texts), any], of length 1. Raises EmbedderUnavailable, CohereRefused, EmbedderClosed."""
        pauses = iter(patience.pauses)
        while isinstance(outcome := await self._request(texts, purpose, patience.seconds), Failure):
            pause = next(pauses, None)
            if pause is None or outcome.lasting:
                raise self._error(outcome)
            wait = pause if outcome.wait is None else outcome.wait
            if wait > patience.longest:  # what comes sooner than Cohere asks for is refused again
                raise self._error(outcome)
            await asyncio.sleep(wait)
        return outcome

    async def close(self) -> None:
        """Close the connections. A second call does nothing."""
        await self._http.aclose()

    async def _request(self, texts: Sequence[str], purpose: Purpose, seconds: float) -> Vectors | Failure:
        import httpx
        from cohere.core.api_error import ApiError

        if self._http.is_closed:
            raise EmbedderClosed("The embedder is closed: the server is going down.")
        try:
            async with asyncio.timeout(seconds):  # the client's own limit is per read: a trickle would never end
                answer = await self._client.embed(
                    model=self.model,
                    # A lone surrogate has no UTF-8 and would raise.
                    texts=[text.encode(errors="replace").decode() for text in texts],
                    input_type=purpose,
                    embedding_types=["float"],
                    truncate="END",
                    request_options={"max_retries": 0},  # the SDK's own would outlive our deadline
                )
        except TimeoutError:
            return Failure(f"no answer within {seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Failure(f"{type(error).__name__} {error}".strip())
        except ApiError as error:
            return refusal(error)
        return unit_vectors(answer, len(texts))

    def _error(self, failure: Failure) -> EmbedderUnavailable:
        kind = CohereRefused if failure.lasting else EmbedderUnavailable
        return kind(f"Cohere at {self._url}, model {self.model}: {failure.said}. {failure.advice}")


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
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        starts = iter(range(0, len(texts), TEXTS))
        done = 0

        async def work() -> None:
            nonlocal done
            for start in starts:  # one line for all workers: each takes what comes next
                batch = texts[start : start + TEXTS]
                vectors[start : start + len(batch)] = self._sized(await self._api.embed(batch, purpose, patience))
                done += len(batch)
                progress(done)

        workers = [asyncio.create_task(work()) for _ in range(min(CONCURRENT, -(-len(texts) // TEXTS)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:  # one that failed, or a caller that left, ends them all
                worker.cancel()
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


def unit_vectors(answer: "EmbedByTypeResponse", count: int) -> Vectors | Failure:
    """The answer's vectors, made of length 1, if they are `count` of one size. The SDK checks nothing of an answer."""
    try:
        vectors = np.array(answer.embeddings.float_ or [], np.float32, ndmin=1)
    except (AttributeError, TypeError, ValueError):  # none, or not numbers, or of several sizes
        vectors = np.empty((0, 0), np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if vectors.ndim != 2 or len(vectors) != count or not (np.isfinite(lengths) & (lengths > 0)).all():
        return Failure(f"vectors of shape {vectors.shape} came for {count} texts", lasting=True)
    normalised: Vectors = vectors / lengths
    return normalised


def refusal(error: "ApiError") -> Failure:
    """What an HTTP error means."""
    status = error.status_code or 0
    message = error.body.get("message", "") if isinstance(error.body, Mapping) else error.body or ""
    said = f"HTTP {status} {' '.join(str(message).split())[:300]}".strip(" .")
    match status:
        case 401 | 403 | 498:
            advice = "Look whether COHERE_API_KEY is right: dashboard.cohere.com/api-keys."
            return Failure(said, advice, lasting=True)
        case 429:
            advice = (
                "The key's rate limit is used up: try again in a minute; an ingest goes on where it stopped."
                " A trial key has 1,000 calls a month: set COHERE_API_KEY to a production key."
            )
            return Failure(said, advice, wait=retry_after(error.headers or {}))
        case _ if 400 <= status < 500 and status != 408:
            return Failure(said, "Look whether COHERE_MODEL and COHERE_BASE_URL are right.", lasting=True)
        case _:
            return Failure(said, wait=retry_after(error.headers or {}))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that the answer asks to wait."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
