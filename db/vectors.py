"""The vector index: its small interface, and Qdrant's engine inside the process. `db.vectors_server` is the other one.

It holds nothing that Postgres does not: an index that is lost or in doubt is made anew and filled again.
Both scan exactly up to EXACT_POINTS points, so that they rank alike: 13,000 points take 0.6 ms, and a graph would save
nothing there. Beyond that the server builds its graph; the embedded engine goes on scanning (100,000 points: 6.5 ms),
because it builds a graph in one call that stops every Python thread for 11 s.
"""

import asyncio
import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, TypeVarTuple

import numpy as np
import numpy.typing as npt
import qdrant_edge
import structlog

Vector = npt.NDArray[np.float32]
Hits = list[tuple[uuid.UUID, float]]
Id = uuid.UUID | str | int
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EXACT_POINTS = 20_000
BATCH = 256  # points written at once; the embedded engine keeps Python's lock for each batch, about 5 ms
PAGE = 10_000  # ids read or deleted at once

PASSAGE, SENTENCES = "passage", "sentences"  # the two vectors of a point

log = structlog.get_logger()


class IndexInUse(Exception):
    """Another process has the embedded index open; the message names the directory and says what to do."""


class IndexUnavailable(Exception):
    """The Qdrant server did not answer, or answered with an error, twice."""


class IndexMismatch(Exception):
    """The collection on the Qdrant server was made for vectors of another size."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A passage's vector, float32 [dimensions], and those of its sentences, float32 [any, dimensions], under its id."""

    id: uuid.UUID
    vector: Vector
    sentences: Vector


class Nearness(NamedTuple):
    """The cosine of a passage, and that of its nearest sentence."""

    passage: float
    sentence: float


class VectorIndex(Protocol):
    """Points by nearness, which is a cosine, -1 to 1. Every call may raise IndexUnavailable."""

    async def open(self) -> None:
        """Make ready, and make what is not there. Raises IndexInUse, IndexMismatch."""

    async def upsert(self, points: Sequence[Point]) -> None:
        """Store points, replacing those of the same id."""

    async def delete(self, ids: Iterable[uuid.UUID]) -> None:
        """Forget points; unknown ids are ignored."""

    async def ids(self) -> set[uuid.UUID]:
        """All ids that are stored."""
        ...

    async def search(self, vector: Vector, limit: int) -> Hits:
        """The points whose passages are nearest, with their cosines, best first."""
        ...

    async def nearness(self, vector: Vector, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Nearness]:
        """How near these points are, exactly; unknown ids are left out."""
        ...

    async def close(self) -> None:
        """Let go of files and connections. A second call does nothing."""


class EmbeddedIndex:
    """Qdrant's engine in this process, one process to a directory; one thread makes all its calls, in order."""

    def __init__(self, path: Path, dimensions: int) -> None:
        self._path = path
        self._dimensions = dimensions
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vector-index")
        self._lock: int | None = None
        self._opened: qdrant_edge.EdgeShard | None = None

    async def open(self) -> None:
        """Open or make the directory; a damaged one, or one of other dimensions, is made anew. Raises IndexInUse."""
        await self._run(self._open)

    async def upsert(self, points: Sequence[Point]) -> None:
        for batch in batches(points, BATCH):
            await self._run(self._upsert, batch)

    async def delete(self, ids: Iterable[uuid.UUID]) -> None:
        for batch in batches(list(ids), PAGE):
            await self._run(self._delete, batch)

    async def ids(self) -> set[uuid.UUID]:
        page, following = await self._run(self._scroll, None)
        found = set(page)
        while following is not None:
            page, following = await self._run(self._scroll, following)
            found.update(page)
        return found

    async def search(self, vector: Vector, limit: int) -> Hits:
        return await self._run(self._query, PASSAGE, vector, limit, None)

    async def nearness(self, vector: Vector, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Nearness]:
        wanted = set(ids)
        return await self._run(self._nearness, vector, wanted) if wanted else {}

    async def close(self) -> None:
        if self._opened:
            await self._run(self._close)
            self._thread.shutdown(wait=False)

    async def _run(self, call: Callable[[*Ts], T], *arguments: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    @property
    def _shard(self) -> qdrant_edge.EdgeShard:
        if self._opened is None:
            raise RuntimeError(f"The vector index {self._path} is not open: call open() first.")
        return self._opened

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = claim(self._path)
        try:
            self._opened = self._load() or qdrant_edge.EdgeShard.create(str(self._path), self._config())
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock

    def _load(self) -> qdrant_edge.EdgeShard | None:
        """The stored index, or None after a useless one was removed."""
        if not self._path.exists():
            return None
        try:
            shard = qdrant_edge.EdgeShard.load(str(self._path), self._config())
        except Exception as error:  # the engine knows no other class; claim() ruled out that another process is at it
            log.warning("vector index made anew", directory=str(self._path), reason=str(error))
            shutil.rmtree(self._path)
            return None
        shard.optimize()  # drops deleted points from its files: 0.1 s with Python's lock kept, before anyone is served
        return shard

    def _config(self) -> qdrant_edge.EdgeConfig:
        return qdrant_edge.EdgeConfig(
            vectors={
                PASSAGE: qdrant_edge.EdgeVectorParams(self._dimensions, qdrant_edge.Distance.Cosine),
                SENTENCES: qdrant_edge.EdgeVectorParams(
                    self._dimensions,
                    qdrant_edge.Distance.Cosine,
                    multivector_config=qdrant_edge.MultiVectorConfig(qdrant_edge.MultiVectorComparator.MaxSim),
                ),
            },
            optimizers=qdrant_edge.EdgeOptimizersConfig(indexing_threshold=0),  # 0: never a graph, always exact
        )

    def _upsert(self, batch: Sequence[Point]) -> None:
        points = [
            qdrant_edge.Point(point.id, {PASSAGE: point.vector.tolist(), SENTENCES: point.sentences.tolist()})
            for point in batch
        ]
        self._shard.update(qdrant_edge.UpdateOperation.upsert_points(points))

    def _delete(self, batch: Sequence[uuid.UUID]) -> None:
        self._shard.update(qdrant_edge.UpdateOperation.delete_points(list(batch)))

    def _scroll(self, offset: Id | None) -> tuple[list[uuid.UUID], Id | None]:
        request = qdrant_edge.ScrollRequest(offset=offset, limit=PAGE, with_payload=False, with_vector=False)
        records, following = self._shard.scroll(request)
        return [as_uuid(record.id) for record in records], following

    def _nearness(self, vector: Vector, ids: set[uuid.UUID]) -> dict[uuid.UUID, Nearness]:
        passages = self._query(PASSAGE, vector, len(ids), ids)
        return joined(passages, self._query(SENTENCES, vector, len(ids), ids))

    def _query(self, kind: str, vector: Vector, limit: int, among: set[uuid.UUID] | None) -> Hits:
        asked = vector.tolist()
        nearest = qdrant_edge.Query.Nearest([asked] if kind == SENTENCES else asked, using=kind)
        chosen = qdrant_edge.Filter(must=[qdrant_edge.HasIdCondition(set(among))]) if among else None
        found = self._shard.query(qdrant_edge.QueryRequest(limit=limit, query=nearest, filter=chosen))
        return ranked((point.id, point.score) for point in found)

    def _close(self) -> None:
        self._shard.close()
        self._opened = None
        if self._lock is not None:
            os.close(self._lock)


def claim(path: Path) -> int:
    """Lock the directory for this process. The kernel unlocks it however the process ends. Raises IndexInUse."""
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise IndexInUse(
            f"The vector index {path} is open in another process. Stop that one, give this one a DATA_DIR of its own,"
            " or let both use a Qdrant server (QDRANT_URL)."
        ) from error
    return lock


def batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def as_uuid(id: object) -> uuid.UUID:
    return id if isinstance(id, uuid.UUID) else uuid.UUID(str(id))


def joined(passages: Hits, sentences: Hits) -> dict[uuid.UUID, Nearness]:
    """Both scores of each point."""
    nearest = dict(sentences)
    return {id: Nearness(score, nearest[id]) for id, score in passages if id in nearest}


def ranked(points: Iterable[tuple[object, float]]) -> Hits:
    """Best first; equal scores by id, so that passages of the same words keep one order."""
    return sorted(((as_uuid(id), score) for id, score in points), key=lambda hit: (-hit[1], hit[0]))
