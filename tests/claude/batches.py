"""The Message Batches API: its requests take the same scripts as single messages, at the pace that a test sets."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Literal

import orjson
from anthropic.types.messages import MessageBatch, MessageBatchErroredResult
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.claude.batch import Batch, Item, errored
from tests.claude.checks import batch_violations, key_violations, message_violations
from tests.claude.playing import BROKEN, error, left, reply
from tests.claude.script import Body, Cut, Malformed, Stall, Status, Tokens
from tests.claude.telling import Telling

PATH = "/v1/messages/batches"
Operation = Literal["create", "look", "list", "results", "cancel"]
Fault = Status | Stall | Malformed | Cut


class Page(BaseModel):
    """Some batches, the newest first."""

    data: list[MessageBatch]
    has_more: bool
    first_id: str | None
    last_id: str | None


class ScriptedBatches:
    """All batches that were `made`, the oldest first.

    They end after so many `looks`, or, where these are None, by their own `end`. Of one that is canceled the first
    `made_when_canceled` requests are made. Results come in the order of the requests, or `backwards`.
    """

    def __init__(self, tell: Callable[[Body], Telling], violations: list[str]) -> None:
        self._tell = tell
        self._violations = violations
        self._arrival = asyncio.Event()
        self.reset()

    def reset(self) -> None:
        """Forgets all."""
        self.made: list[Batch] = []
        self.looks: int | None = 0
        self.made_when_canceled = 0
        self.backwards = False
        self._faults: defaultdict[Operation, deque[Fault]] = defaultdict(deque)

    def fail(self, operation: Operation, *faults: Fault) -> None:
        """What the next calls of this operation come to, one each. A Status does nothing; the others do what is asked
        for and then say nothing until the client leaves (Stall), half of it (Cut), or broken JSON (Malformed)."""
        self._faults[operation].extend(faults)

    async def wait_made(self, count: int = 1) -> Batch:
        """The `count`th batch (from 1), as soon as it is made."""
        while len(self.made) < count:
            self._arrival.clear()
            await self._arrival.wait()
        return self.made[count - 1]

    @property
    def billed(self) -> Tokens:
        """The provider's own usage over all batches; it costs half."""
        return sum((item.tokens for batch in self.made for item in batch.items), Tokens())

    def routes(self) -> list[Route]:
        """Where it is served."""
        return [
            Route(PATH, self._create, methods=["POST"]),
            Route(PATH, self._list, methods=["GET"]),
            Route(PATH + "/{id}", self._look, methods=["GET"]),
            Route(PATH + "/{id}/results", self._results, methods=["GET"]),
            Route(PATH + "/{id}/cancel", self._cancel, methods=["POST"]),
        ]

    async def _create(self, request: Request) -> ASGIApp:
        body = await request.body()
        return self._done("create", request, lambda: self._make(request, body))

    async def _look(self, request: Request) -> ASGIApp:
        return self._done("look", request, lambda: self._change(request, Batch.look))

    async def _cancel(self, request: Request) -> ASGIApp:
        return self._done("cancel", request, lambda: self._change(request, self._stop))

    async def _list(self, request: Request) -> ASGIApp:
        return self._done("list", request, lambda: self._page(request))

    async def _results(self, request: Request) -> ASGIApp:
        return self._done("results", request, lambda: self._lines(request))

    def _done(self, operation: Operation, request: Request, do: Callable[[], Response]) -> ASGIApp:
        """Do it, unless it is refused or a fault is waiting; and answer, as far as the fault lets."""
        if found := list(key_violations(request.headers)):
            return self._refused(found)
        fault = self._faults[operation].popleft() if self._faults[operation] else None
        if isinstance(fault, Status):
            return error(fault.code, "The script says so.", fault.retry_after)
        return spoiled(do(), fault)

    def _refused(self, found: list[str], status: int = 400) -> Response:
        self._violations.append("; ".join(found))
        return error(status, self._violations[-1])

    def _make(self, request: Request, sent: bytes) -> Response:
        try:
            body = orjson.loads(sent)
        except orjson.JSONDecodeError as broken:
            return self._refused([f"body: {broken}"])
        if found := batch_violations(request.headers, body):
            return self._refused(found)
        try:
            items = [Item(each["custom_id"], self._ending(each["params"])) for each in body["requests"]]
        except Exception as mistake:  # as for a message: a test's own mistake has to fail that test by name
            return self._refused([f"script: {mistake!r}"], 500)
        batch = Batch(items, self.looks)
        self.made.append(batch)
        self._arrival.set()
        return reply(shown(batch, request))

    def _ending(self, params: Body) -> Telling | MessageBatchErroredResult:
        """What one request comes to: what is wrong with it does not concern the others."""
        found = ["stream: not accepted in a batch"] if params.get("stream") else message_violations(params)
        if not found:
            return self._tell(params)
        self._violations.append("; ".join(found))
        return errored(400, self._violations[-1])

    def _change(self, request: Request, change: Callable[[Batch], None]) -> Response:
        for batch in self.made:
            if batch.id == request.path_params["id"]:
                try:
                    change(batch)
                except ValueError as refused:
                    return error(400, str(refused))
                return reply(shown(batch, request))
        return error(404, "There is no such batch.")

    def _stop(self, batch: Batch) -> None:
        batch.cancel(self.made_when_canceled)

    def _page(self, request: Request) -> Response:
        newest = [shown(batch, request) for batch in reversed(self.made)]
        after = request.query_params.get("after_id")
        start = next((number for number, batch in enumerate(newest, 1) if batch.id == after), 0)
        limit = int(request.query_params.get("limit", "20"))
        data = newest[start : start + limit]
        first, last = (data[0].id, data[-1].id) if data else (None, None)
        return reply(Page(data=data, has_more=start + limit < len(newest), first_id=first, last_id=last))

    def _lines(self, request: Request) -> Response:
        for batch in self.made:
            if batch.id == request.path_params["id"] and shown(batch, request).results_url:
                lines = batch.lines()
                return Response(b"".join(reversed(lines) if self.backwards else lines), media_type="application/binary")
        return error(404, "There are no such results.")


def shown(batch: Batch, request: Request) -> MessageBatch:
    """The batch as the client sees it, with the address of its results."""
    return batch.shown(f"{str(request.base_url).rstrip('/')}{PATH}/{batch.id}/results")


def spoiled(response: Response, fault: Stall | Malformed | Cut | None) -> ASGIApp:
    """What comes of an answer that is ready."""
    lines = bytes(response.body).splitlines(keepends=True)
    half = b"".join(lines[: len(lines) // 2])
    match fault:
        case None:
            return response
        case Stall():
            return unanswered
        case Cut():
            return Response(half, media_type=response.media_type)
        case Malformed():
            return Response(half + BROKEN, media_type=response.media_type)


async def unanswered(scope: Scope, receive: Receive, send: Send) -> None:
    """Nothing, until the client leaves."""
    await left(receive)
