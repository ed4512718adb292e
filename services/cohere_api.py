"""Cohere's Embed API: one request, its deadline, its repetitions, and what its refusals mean.

Requests and refusals: docs.cohere.com, "Embed API (v2)", "Errors", "Rate Limits".
The SDK takes 0.7 s and 47 MB to import, which the embedded default need not pay, and is an extra that may be missing:
import it inside functions only.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from services.embedding import EmbedderClosed, EmbedderUnavailable, Vectors

if TYPE_CHECKING:
    from cohere import EmbedByTypeResponse
    from cohere.core.api_error import ApiError

READ_SECONDS = 30.0  # between two parts of an answer; how long all of it may take is the caller's patience

Purpose = Literal["search_query", "search_document"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: what a request may take, the pauses before repetitions, and the longest pause Cohere may ask for."""

    seconds: float
    pauses: tuple[float, ...]
    longest: float


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
        self._http = httpx.AsyncClient(timeout=READ_SECONDS)
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
