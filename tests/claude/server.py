"""The scripted Claude itself: a Starlette application on an ephemeral port, and what it noted of each call."""

import asyncio
import socket
from collections import deque
from types import TracebackType
from typing import Self

import orjson
from anthropic.types import MessageTokensCount
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.claude.batches import ScriptedBatches
from tests.claude.caching import PromptCache, tokens
from tests.claude.checks import violations
from tests.claude.playing import Call, Ended, Playing, error, reply
from tests.claude.script import Answer, Body, Pace, Step, Tokens, answering
from tests.claude.telling import Telling


class ScriptedClaude:
    """A Messages API at `url` that tells scripts, records `calls`, and refuses and records `violations`.

    Its `cache` counts what it has read before; its `batches` take the same scripts.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self._queue: deque[tuple[Step | Answer, ...]] = deque()
        self._default: tuple[Step | Answer, ...] = (answering(),)
        self._arrival = asyncio.Condition()
        self.cache = PromptCache()
        self.batches = ScriptedBatches(self._next, self.violations)
        routes = [
            Route("/v1/messages", self._messages, methods=["POST"]),
            Route("/v1/messages/count_tokens", self._count_tokens, methods=["POST"]),
            *self.batches.routes(),
        ]
        config = Config(
            Starlette(routes=routes), http="h11", ws="none", lifespan="off", log_config=None, access_log=False
        )
        self._server = Server(config)

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
        # Aborting ends the calls by the same way as a client that leaves, a turn of the loop later.
        await asyncio.gather(*self._server.server_state.tasks)

    def script(self, *steps: Step | Answer) -> None:
        """What to answer the next unscripted call, once; calls take scripts in the order in which they arrive."""
        self._queue.append(steps)

    def always(self, *steps: Step | Answer) -> None:
        """What to answer when no script is waiting; without this `answering()`."""
        self._default = steps

    def reset(self) -> None:
        """Forgets calls, violations, scripts and pace, for a server that many tests share."""
        self.calls.clear()
        self.violations.clear()
        self._queue.clear()
        self._default = (answering(),)
        self.pace = Pace()
        self.cache.reset()
        self.batches.reset()

    @property
    def open_streams(self) -> int:
        return sum(call.closed is None for call in self.calls)

    @property
    def billed(self) -> Tokens:
        """The provider's own usage, over all calls; that of batches is theirs."""
        return sum((call.tokens for call in self.calls), Tokens())

    async def wait_call(self, count: int = 1) -> Call:
        """The `count`th call (from 1), as soon as it has been received."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.calls) >= count)
        return self.calls[count - 1]

    async def wait_closed(self, call: Call) -> Ended:
        """How the call ended, as soon as it has."""
        await call.closing.wait()
        assert call.ended
        return call.ended

    async def _messages(self, request: Request) -> ASGIApp:
        body = await self._checked(request)
        if body is None:
            return error(400, self.violations[-1])
        try:
            telling = self._next(body)
        except Exception as mistake:  # A test's own mistake has to fail that test by name, not as an odd answer.
            self.violations.append(f"script: {mistake!r}")
            return error(500, self.violations[-1])
        call = Call(dict(request.headers), body, telling)
        self.calls.append(call)
        async with self._arrival:
            self._arrival.notify_all()
        return Playing(call, self.pace, self._connection(request))

    def _next(self, body: Body) -> Telling:
        items = self._queue.popleft() if self._queue else self._default
        steps = [step for item in items for step in (item(body) if callable(item) else [item])]
        deque(Telling(steps, body, PromptCache()), maxlen=0)  # Rehearsed, so that mistakes come before the first byte.
        return Telling(steps, body, self.cache)

    async def _count_tokens(self, request: Request) -> Response:
        body = await self._checked(request, counting=True)
        if body is None:
            return error(400, self.violations[-1])
        return reply(MessageTokensCount(input_tokens=tokens(orjson.dumps(body))))

    async def _checked(self, request: Request, *, counting: bool = False) -> Body | None:
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError as broken:
            self.violations.append(f"body: {broken}")
            return None
        found = violations(request.headers, body, counting=counting)
        if found:
            self.violations.append("; ".join(found))
        return None if found else body

    def _connection(self, request: Request) -> asyncio.Transport:
        connections = self._server.server_state.connections
        return next(c.transport for c in connections if isinstance(c, H11Protocol) and c.client == request.client)
