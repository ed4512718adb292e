"""The vector index on a Qdrant server or Qdrant Cloud.

qdrant_client takes 1.5 s and 70 MB to import, which the embedded default need not pay: import this module only where a
QDRANT_URL is set.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar, TypeVarTuple

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from db.vectors import (
    BATCH,
    EXACT_POINTS,
    PAGE,
    PASSAGE,
    SENTENCES,
    Hits,
    Id,
    IndexMismatch,
    IndexUnavailable,
    Nearness,
    Point,
    Vector,
    as_uuid,
    batches,
    joined,
    ranked,
)

QUESTION_SECONDS = 2.0
INGEST_SECONDS = 30.0
PAUSE_SECONDS = 0.1  # before the one retry: a server that is starting again refuses for a moment

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class ServerIndex:
    """A collection of a Qdrant server or of Qdrant Cloud.

    A call has 2 s and one retry; writing, and reading all ids, 30 s. Any of them may be repeated without harm.
    """

    def __init__(
        self, url: str, api_key: str, collection: str, dimensions: int, client: AsyncQdrantClient | None = None
    ) -> None:
        """`client` is used instead of one made for `url`, and closed with the index all the same."""
        self._url = url
        self._api_key = api_key
        self._name = collection
        self._dimensions = dimensions
        self._connected = client

    async def open(self) -> None:
        """Connect, and make the collection when there is none. Raises IndexMismatch, IndexUnavailable."""
        self._connected = self._connected or connect(self._url, self._api_key)
        if not await self._ask(self._client.collection_exists, self._name):
            await self._ask(self._create, seconds=INGEST_SECONDS)
        await self._ask(self._check)

    async def upsert(self, points: Sequence[Point]) -> None:
        for batch in batches(points, BATCH):
            await self._ask(self._upsert, batch, seconds=INGEST_SECONDS)

    async def delete(self, ids: Iterable[uuid.UUID]) -> None:
        for batch in batches(list(ids), PAGE):
            await self._ask(self._delete, batch, seconds=INGEST_SECONDS)

    async def ids(self) -> set[uuid.UUID]:
        page, following = await self._ask(self._scroll, None, seconds=INGEST_SECONDS)
        found = set(page)
        while following is not None:
            page, following = await self._ask(self._scroll, following, seconds=INGEST_SECONDS)
            found.update(page)
        return found

    async def search(self, vector: Vector, limit: int) -> Hits:
        return await self._ask(self._query, PASSAGE, vector, limit, None)

    async def nearness(self, vector: Vector, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Nearness]:
        wanted = set(ids)
        if not wanted:
            return {}
        passages, sentences = await asyncio.gather(
            *(self._ask(self._query, kind, vector, len(wanted), wanted) for kind in (PASSAGE, SENTENCES))
        )
        return joined(passages, sentences)

    async def close(self) -> None:
        if self._connected:
            await self._connected.close()
            self._connected = None

    @property
    def _client(self) -> AsyncQdrantClient:
        if self._connected is None:
            raise RuntimeError(f"The vector index at {self._url} is not open: call open() first.")
        return self._connected

    async def _ask(self, call: Callable[[*Ts], Awaitable[T]], *arguments: *Ts, seconds: float = QUESTION_SECONDS) -> T:
        for pause in (PAUSE_SECONDS, None):
            try:
                async with asyncio.timeout(seconds):  # the client's own limit is per read: a trickle would never end
                    return await call(*arguments)
            except (ApiException, QdrantException, TimeoutError) as error:
                failure = error
            if pause is None or is_lasting(failure):
                break
            await asyncio.sleep(pause)
        said = " ".join(str(failure).split()) or f"no answer within {seconds:g} s"
        raise IndexUnavailable(
            f"Qdrant at {self._url}, collection {self._name}: {said}."
            " Look whether the server runs and whether QDRANT_URL and QDRANT_API_KEY are right."
        ) from failure

    async def _create(self) -> None:
        kilobytes = EXACT_POINTS * self._dimensions * 4 // 1024  # the server's thresholds are sizes, not counts
        try:
            await self._client.create_collection(
                self._name,
                vectors_config={
                    PASSAGE: models.VectorParams(size=self._dimensions, distance=models.Distance.COSINE),
                    SENTENCES: models.VectorParams(
                        size=self._dimensions,
                        distance=models.Distance.COSINE,
                        multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
                    ),
                },
                hnsw_config=models.HnswConfigDiff(full_scan_threshold=kilobytes),
                optimizers_config=models.OptimizersConfigDiff(indexing_threshold=kilobytes),
            )
        except UnexpectedResponse as error:
            if error.status_code != 409:  # 409: another replica made it since we asked
                raise

    async def _check(self) -> None:
        vectors = (await self._client.get_collection(self._name)).config.params.vectors
        passage = vectors.get(PASSAGE) if isinstance(vectors, dict) else vectors
        if (size := getattr(passage, "size", None)) != self._dimensions or not isinstance(vectors, dict):
            raise IndexMismatch(
                f"The Qdrant collection {self._name} at {self._url} holds vectors of size {size}, the embedding model"
                f" makes {self._dimensions}. Set QDRANT_COLLECTION to a new name, or delete the collection."
            )

    async def _upsert(self, points: Sequence[Point]) -> None:
        ids: list[models.ExtendedPointId] = [str(point.id) for point in points]
        vectors: dict[str, list[models.Vector]] = {
            PASSAGE: [point.vector.tolist() for point in points],
            SENTENCES: [point.sentences.tolist() for point in points],
        }
        await self._client.upsert(self._name, models.Batch(ids=ids, vectors=vectors))

    async def _delete(self, ids: Sequence[uuid.UUID]) -> None:
        await self._client.delete(self._name, models.PointIdsList(points=[str(id) for id in ids]))

    async def _scroll(self, offset: Id | None) -> tuple[list[uuid.UUID], Id | None]:
        records, following = await self._client.scroll(
            self._name, limit=PAGE, offset=offset, with_payload=False, with_vectors=False
        )
        return [as_uuid(record.id) for record in records], following

    async def _query(self, kind: str, vector: Vector, limit: int, among: set[uuid.UUID] | None) -> Hits:
        asked = vector.tolist()
        chosen = models.Filter(must=[models.HasIdCondition(has_id=[str(id) for id in among])]) if among else None
        found = await self._client.query_points(
            self._name,
            query=[asked] if kind == SENTENCES else asked,
            using=kind,
            query_filter=chosen,
            limit=limit,
            with_payload=False,
        )
        return ranked((point.id, point.score) for point in found.points)


def connect(url: str, api_key: str) -> AsyncQdrantClient:
    """A client that connects at its first call."""
    # The compatibility check would be a request, in a thread of its own, whose outcome is a warning on the console.
    return AsyncQdrantClient(url=url, api_key=api_key or None, timeout=int(INGEST_SECONDS), check_compatibility=False)


def is_lasting(failure: Exception) -> bool:
    """Whether asking again is of no use: the server refused what we asked (too many requests, 429, passes)."""
    status = getattr(failure, "status_code", None)
    return status is not None and 400 <= status < 500 and status != 429
