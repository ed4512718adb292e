"""The two vector indexes: what each refuses and survives, and that they agree."""

import asyncio
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
import uvicorn
from qdrant_client import AsyncQdrantClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import db.vectors_server
from db.vectors import EmbeddedIndex, IndexInUse, IndexMismatch, IndexUnavailable, Point, Vector, VectorIndex
from db.vectors_server import ServerIndex

HOLD = """
import asyncio, pathlib, sys
from db.vectors import EmbeddedIndex
asyncio.run(EmbeddedIndex(pathlib.Path(sys.argv[1]), 16).open())
print("open", flush=True)
sys.stdin.read()
"""
VECTORS = np.random.default_rng(7).standard_normal((600, 16)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
POINTS = [Point(uuid.UUID(int=n + 1), VECTORS[n], VECTORS[[n, n - 1, n - 2]]) for n in range(len(VECTORS))]
QUESTION: Vector = VECTORS[0] * 0.7 + VECTORS[1] * 0.3

Answer = Callable[[Request], Awaitable[Response]]


def local_server() -> ServerIndex:
    """The server's client on its own local mode: its behaviour without its network."""
    return ServerIndex("local", "", "passages", 16, AsyncQdrantClient(location=":memory:"))


@pytest.fixture(params=["embedded", "server"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    index: VectorIndex = EmbeddedIndex(tmp_path / "index", 16) if request.param == "embedded" else local_server()
    await index.open()
    yield index
    await index.close()


async def test_a_directory_that_another_process_has_open_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "index"
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD, str(path), stdin=PIPE, stdout=PIPE)
    assert other.stdin
    assert other.stdout
    await other.stdout.readline()
    with pytest.raises(IndexInUse, match=f"{path} is open in another process. Stop that one"):
        await EmbeddedIndex(path, 16).open()
    other.kill()
    await other.wait()
    await reopened(path, 16, set())


async def test_an_index_of_other_dimensions_is_made_anew(tmp_path: Path) -> None:
    await filled(tmp_path / "index")
    await reopened(tmp_path / "index", 8, set())


@pytest.mark.parametrize("file", ["edge_config.json", "segment.json", "version.info", "wal/first-index"])
async def test_a_damaged_index_is_made_anew_or_read_whole(tmp_path: Path, file: str) -> None:
    await filled(tmp_path / "index")
    for found in (tmp_path / "index").rglob(Path(file).name):
        found.write_bytes(b"{")
    index = EmbeddedIndex(tmp_path / "index", 16)
    await index.open()
    assert await index.ids() in (set(), {point.id for point in POINTS})
    await index.close()


async def test_a_collection_of_another_size_is_refused_and_kept() -> None:
    client = AsyncQdrantClient(location=":memory:")
    await ServerIndex("local", "", "passages", 16, client).open()
    with pytest.raises(IndexMismatch, match="holds vectors of size 16, the embedding model makes 8"):
        await ServerIndex("local", "", "passages", 8, client).open()


async def test_an_error_of_the_server_is_retried_once_and_then_told() -> None:
    calls: list[str] = []

    async def broken(request: Request) -> Response:
        calls.append(request.url.path)
        return JSONResponse({"status": {"error": "disk full"}}, status_code=500)

    async with server(broken) as url:
        with pytest.raises(IndexUnavailable, match=r"Qdrant at http://127.*500.*disk full.*QDRANT_URL"):
            await opened(url).search(QUESTION, 3)
    assert len(calls) == 2


async def test_what_the_server_refuses_is_not_asked_again() -> None:
    calls: list[str] = []

    async def forbidding(request: Request) -> Response:
        calls.append(request.url.path)
        return JSONResponse({"status": {"error": "Invalid API key"}}, status_code=403)

    async with server(forbidding) as url:
        with pytest.raises(IndexUnavailable, match="Invalid API key"):
            await opened(url).search(QUESTION, 3)
    assert len(calls) == 1


async def test_a_second_answer_that_is_right_hides_the_first() -> None:
    calls: list[str] = []

    async def stumbling(request: Request) -> Response:
        calls.append(request.url.path)
        return JSONResponse(hit(POINTS[0].id, 0.5)) if len(calls) == 2 else Response(status_code=503)

    async with server(stumbling) as url:
        assert await opened(url).search(QUESTION, 3) == [(POINTS[0].id, 0.5)]


async def test_a_server_that_hangs_is_given_up_in_time() -> None:
    async def hanging(request: Request) -> Response:
        await asyncio.sleep(2 * db.vectors_server.QUESTION_SECONDS + 1)
        return Response()

    async with server(hanging) as url:
        started = asyncio.get_running_loop().time()
        with pytest.raises(IndexUnavailable, match="no answer within 2 s"):
            await opened(url).search(QUESTION, 3)
        assert 4 <= asyncio.get_running_loop().time() - started < 5


async def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(IndexUnavailable, match="Look whether the server runs"):
        await opened("http://127.0.0.1:1").open()


async def test_both_engines_rank_and_score_alike(tmp_path: Path) -> None:
    embedded, remote = EmbeddedIndex(tmp_path / "index", 16), local_server()
    for index in (embedded, remote):
        await index.open()
        await index.upsert(POINTS)
    ours, theirs = await embedded.search(QUESTION, 50), await remote.search(QUESTION, 50)
    assert [id for id, _ in ours] == [id for id, _ in theirs]
    assert np.allclose([score for _, score in ours], [score for _, score in theirs], atol=1e-5)
    await embedded.close()
    await remote.close()


async def test_a_search_is_the_exact_cosine_order(index: VectorIndex) -> None:
    await index.upsert(POINTS)
    cosines = VECTORS @ QUESTION / np.linalg.norm(QUESTION)
    best = [POINTS[n].id for n in np.argsort(-cosines)[:10]]
    found = await index.search(QUESTION, 10)
    assert [id for id, _ in found] == best
    assert np.allclose([score for _, score in found], np.sort(-cosines)[:10] * -1, atol=1e-5)


async def test_nearness_is_given_for_the_points_asked_for(index: VectorIndex) -> None:
    await index.upsert(POINTS)
    nearness = await index.nearness(VECTORS[3], [POINTS[3].id, POINTS[4].id, uuid.uuid4()])
    assert nearness.keys() == {POINTS[3].id, POINTS[4].id}
    assert nearness[POINTS[3].id] == pytest.approx((1, 1), abs=1e-5)
    assert nearness[POINTS[4].id] == pytest.approx((float(VECTORS[3] @ VECTORS[4]), 1), abs=1e-5)
    assert await index.nearness(VECTORS[3], []) == {}


async def test_of_the_sentences_of_a_passage_the_nearest_counts(index: VectorIndex) -> None:
    await index.upsert(POINTS)
    nearness = await index.nearness(QUESTION, [point.id for point in POINTS])
    asked = QUESTION / np.linalg.norm(QUESTION)
    for point in POINTS:
        assert nearness[point.id].sentence == pytest.approx(float((point.sentences @ asked).max()), abs=1e-5)


async def test_deleted_points_are_gone_and_unknown_ones_ignored(index: VectorIndex) -> None:
    await index.upsert(POINTS[:3])
    await index.delete({POINTS[0].id, uuid.uuid4()})
    assert await index.ids() == {POINTS[1].id, POINTS[2].id}


async def test_a_point_is_replaced_by_its_id(index: VectorIndex) -> None:
    await index.upsert(POINTS[:2])
    await index.upsert([Point(POINTS[0].id, VECTORS[5], VECTORS[5:6])])
    nearness = await index.nearness(VECTORS[5], await index.ids())
    assert nearness.keys() == {POINTS[0].id, POINTS[1].id}
    assert nearness[POINTS[0].id] == pytest.approx((1, 1), abs=1e-5)


async def test_ids_are_read_in_pages(tmp_path: Path) -> None:
    index = EmbeddedIndex(tmp_path / "index", 16)
    await index.open()
    many = [Point(uuid.UUID(int=n), VECTORS[n % 600], VECTORS[:1]) for n in range(1, 10_402)]
    await index.upsert(many)
    assert await index.ids() == {point.id for point in many}
    await index.close()


async def test_a_closed_index_keeps_its_points_and_closes_twice(tmp_path: Path) -> None:
    await filled(tmp_path / "index")
    await reopened(tmp_path / "index", 16, {point.id for point in POINTS})


async def filled(path: Path) -> None:
    index = EmbeddedIndex(path, 16)
    await index.open()
    await index.upsert(POINTS)
    await index.close()
    await index.close()


async def reopened(path: Path, dimensions: int, expected: set[uuid.UUID]) -> None:
    index = EmbeddedIndex(path, dimensions)
    await index.open()
    assert await index.ids() == expected
    await index.close()


def hit(id: uuid.UUID, score: float) -> dict[str, object]:
    """A query's answer as the server writes it."""
    return {"result": {"points": [{"id": str(id), "version": 1, "score": score}]}, "status": "ok", "time": 0.001}


def opened(url: str) -> ServerIndex:
    return ServerIndex(url, "", "passages", 16, db.vectors_server.connect(url, ""))


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """A Qdrant that answers everything in one way, over real HTTP."""
    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT"])])
    running = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=0))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # accepts from here on, so nobody need wait for the start
        task = asyncio.create_task(running.serve([listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            running.should_exit = True
            await task
