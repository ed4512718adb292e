"""A scripted Cohere over real HTTP: it checks what it is asked, and answers vectors that follow from the words."""

import asyncio
import hashlib
import re
import socket
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn import Config, Server

Body = dict[str, Any]
KEY = "co-key"
FIELDS = {"model", "texts", "input_type", "embedding_types", "truncate"}


@dataclass(frozen=True, slots=True)
class Refuse:
    """An HTTP error; `retry_after` in seconds becomes the header."""

    status: int
    retry_after: float | None = None
    message: str = "no"


@dataclass(frozen=True, slots=True)
class Stall:
    """Silence until the client leaves."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What stands in the answer's `embeddings.float`, whatever was asked."""

    vectors: object


Step = Refuse | Stall | Embeddings


class ScriptedCohere:
    """An Embed API at `url` that takes `KEY`, records `calls`, and refuses and records `violations`."""

    def __init__(self, dimensions: int = 64) -> None:
        self.dimensions = dimensions
        self.seconds = 0.0
        self.calls: list[Body] = []
        self.violations: list[str] = []
        self.most_at_once = 0
        self._at_once = 0
        self._arrival = asyncio.Condition()
        self._script: deque[Step] = deque()
        app = Starlette(routes=[Route("/v2/embed", self._embed, methods=["POST"])])
        self._server = Server(Config(app, http="h11", ws="none", lifespan="off", log_config=None, access_log=False))

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as asyncio does for sockets of its own
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        # Not serve(): it takes over the process's signal handlers, and stopping it costs every test 0.2 s.
        await self._server.startup(sockets=[listening])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._server.servers:
            server.close()
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        await asyncio.gather(*self._server.server_state.tasks)

    def script(self, *steps: Step) -> None:
        """What to answer the next calls, one each; after that vectors."""
        self._script.extend(steps)

    async def wait_call(self) -> None:
        """Until there was a call."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: self.calls)

    def vectors(self, texts: list[str], purpose: str) -> list[list[float]]:
        """The vectors of these texts, not of length 1. Texts are as near as they share words; purposes differ a bit."""
        return [self._vector(text, purpose).tolist() for text in texts]

    async def _embed(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        wrong = violations(request.headers.get("authorization"), body)
        self.violations.extend(wrong)
        if wrong:
            return refused(Refuse(400, message="; ".join(wrong)))
        self.calls.append(body)
        async with self._arrival:
            self._arrival.notify_all()
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.seconds)
            return await self._answer(request, body)
        finally:
            self._at_once -= 1

    async def _answer(self, request: Request, body: Body) -> Response:
        match self._script.popleft() if self._script else None:
            case Refuse() as step:
                return refused(step)
            case Stall():
                await request.receive()  # the body is read, so what comes next is that the client left
                return Response()
            case Embeddings(vectors):
                return reply({"id": "1", "embeddings": {"float": vectors}, "texts": body["texts"]})
        vectors = self.vectors(body["texts"], body["input_type"])
        return reply({"id": "1", "embeddings": {"float": vectors}, "texts": body["texts"]})

    def _vector(self, text: str, purpose: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        vector = direction(purpose, self.dimensions) / 4
        for word in re.findall(r"\w+", text.lower()):
            vector = vector + direction(word, self.dimensions)
        return vector


def direction(word: str, dimensions: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A word's own direction: the same in every process."""
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=dimensions)


def violations(authorization: str | None, body: Body) -> list[str]:
    """What the real API refuses, or would answer otherwise than is meant."""
    checks = {
        f"authorization is {authorization}": authorization == f"Bearer {KEY}",
        f"fields are {sorted(body)}": set(body) == FIELDS,
        f"{len(body['texts'])} texts": 1 <= len(body["texts"]) <= 96,
        f"input_type is {body['input_type']}": body["input_type"] in ("search_query", "search_document"),
        f"embedding_types are {body['embedding_types']}": body["embedding_types"] == ["float"],
        f"truncate is {body['truncate']}": body["truncate"] == "END",
    }
    return [wrong for wrong, right in checks.items() if not right]


def refused(step: Refuse) -> Response:
    headers = {} if step.retry_after is None else {"retry-after": f"{step.retry_after:g}"}
    return reply({"message": step.message}, step.status, headers)


def reply(content: Body, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, "application/json")
