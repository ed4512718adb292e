"""A Qdrant server that stands in for one: the calls that Footnote makes, exact cosines, and its faults."""

import asyncio
import socket
from types import TracebackType
from typing import Any, Self

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.faults.proxy import Mode, Proxy

Body = dict[str, Any]
CONFIG: Body = {
    "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
    "optimizer_config": {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0}
    | {"flush_interval_sec": 5},
    "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
}


class Qdrant:
    """One collection in memory at `url`, behind `proxy`. `status` 500 makes every call fail, `delay` makes it slow."""

    def __init__(self) -> None:
        self.status = 200
        self.delay = 0.0
        self.proxy = Proxy(0)
        self._vectors: Body | None = None
        self._points: dict[str, Body] = {}
        name = "/collections/{name}"
        routes = [
            Route(f"{name}/exists", self._answering(self._exists), methods=["GET"]),
            Route(f"{name}/points/scroll", self._answering(self._scroll), methods=["POST"]),
            Route(f"{name}/points/query", self._answering(self._query), methods=["POST"]),
            Route(f"{name}/points/delete", self._answering(self._delete), methods=["POST"]),
            Route(f"{name}/points", self._answering(self._upsert), methods=["PUT"]),
            Route(name, self._answering(self._create), methods=["PUT"]),
            Route(name, self._answering(self._describe), methods=["GET"]),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), log_config=None, log_level="critical", lifespan="off", timeout_graceful_shutdown=0
        )
        self._server = uvicorn.Server(config)

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        self._serving = asyncio.create_task(self._server._serve([listening]))  # serve() takes the signals
        self.proxy.target = listening.getsockname()[1]
        await self.proxy.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.proxy.__aexit__(kind, error, trace)
        self._server.should_exit = True
        await self._serving

    @property
    def url(self) -> str:
        """Through the proxy."""
        return f"http://127.0.0.1:{self.proxy.port}"

    async def mend(self) -> None:
        """Be well again."""
        self.status, self.delay = 200, 0.0
        await self.proxy.switch(Mode.PASS)

    def _answering(self, answer: Any) -> Any:  # noqa: ANN401 Starlette's own types of endpoints
        async def endpoint(request: Request) -> Response:
            await asyncio.sleep(self.delay)
            if self.status != 200:
                return JSONResponse({"status": {"error": "disk full"}}, status_code=self.status)
            body = await request.json() if await request.body() else {}
            return JSONResponse({"result": answer(body), "status": "ok", "time": 0.001})

        return endpoint

    def _exists(self, _: Body) -> Body:
        return {"exists": self._vectors is not None}

    def _create(self, body: Body) -> bool:
        self._vectors = body["vectors"]
        return True

    def _describe(self, _: Body) -> Body:
        config = {**CONFIG, "params": {"vectors": self._vectors}}
        counts = {"segments_count": 1, "points_count": len(self._points)}
        return {"status": "green", "optimizer_status": "ok", **counts, "config": config, "payload_schema": {}}

    def _scroll(self, _: Body) -> Body:
        return {"points": [{"id": id} for id in self._points], "next_page_offset": None}

    def _upsert(self, body: Body) -> Body:
        batch = body["batch"]
        for index, id in enumerate(batch["ids"]):
            self._points[id] = {kind: np.array(vectors[index]) for kind, vectors in batch["vectors"].items()}
        return {"operation_id": 0, "status": "completed"}

    def _delete(self, body: Body) -> Body:
        for id in body["points"]:
            self._points.pop(id, None)
        return {"operation_id": 0, "status": "completed"}

    def _query(self, body: Body) -> Body:
        asked, kind = np.atleast_2d(body["query"]["nearest"]), body["using"]
        among = body["filter"]["must"][0]["has_id"] if body.get("filter") else list(self._points)
        scores = {id: cosine(asked, self._points[id][kind]) for id in among if id in self._points}
        best = sorted(scores, key=lambda id: -scores[id])[: body["limit"]]
        return {"points": [{"id": id, "version": 1, "score": scores[id]} for id in best]}


def cosine(asked: Any, stored: Any) -> float:  # noqa: ANN401 arrays of one or two dimensions
    """Of the nearest of the stored vectors."""
    near = np.atleast_2d(stored)
    return float((near @ asked[0] / np.linalg.norm(near, axis=1) / np.linalg.norm(asked[0])).max())
