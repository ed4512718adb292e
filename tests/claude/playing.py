"""How a call is answered on the wire: frames at their pace, faults, and who ended it."""

import asyncio
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Literal, assert_never

from anthropic.types import RawContentBlockDeltaEvent, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.claude.script import (
    Act,
    Body,
    Cut,
    Drop,
    Malformed,
    Overload,
    Pace,
    Pause,
    Ping,
    Reset,
    Stall,
    Status,
    Tokens,
)
from tests.claude.telling import Telling

Ended = Literal["finished", "cut", "gone"]
ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
BROKEN = b'{"type": "content_block_delta", "index": 0, "delta": {"ty'
HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


@dataclass(slots=True, eq=False)
class Call:
    """One accepted request and what became of it; times are `time.monotonic()` seconds.

    `ended` is "finished" (told to its end, an HTTP error too), "cut" (by the script) or "gone" (the client left first).
    """

    headers: dict[str, str]
    body: Body
    telling: Telling
    received: float = field(default_factory=time.monotonic)
    first_event: float | None = None
    closed: float | None = None
    ended: Ended | None = None
    status: int = 200
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def tokens(self) -> Tokens:
        """What the provider bills for this call, so far."""
        return self.telling.tokens

    def close(self, ended: Ended) -> None:
        self.closed, self.ended = time.monotonic(), ended
        self.closing.set()


class Playing:
    """The ASGI response that plays one call to its client."""

    def __init__(self, call: Call, pace: Pace, connection: asyncio.Transport) -> None:
        self.call, self.pace, self.connection = call, pace, connection
        self.streaming = call.body.get("stream") is True
        self.due = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.receive, self.send = scope, receive, send
        playing, leaving = asyncio.create_task(self._play()), asyncio.create_task(left(receive))
        try:
            await asyncio.wait((playing, leaving), return_when=asyncio.FIRST_COMPLETED)
            # Whoever has read message_stop may leave in the same turn of the loop: that call is finished, not gone.
            self.call.close(playing.result() if playing.done() else "gone")
            if self.call.ended == "cut":
                await (
                    leaving
                )  # uvicorn reports a response that stops half-way unless it knows of the closed connection.
        finally:
            playing.cancel()
            leaving.cancel()
            await asyncio.gather(playing, leaving, return_exceptions=True)

    async def _play(self) -> Ended:
        await asyncio.sleep(self.pace.first_token)
        for item in self.call.telling:
            if not isinstance(item, Act):
                await self._keep_pace(item)
                await self._write(frame(item.type, item.model_dump_json(exclude_unset=True).encode()))
            elif ended := await self._act(item):
                return ended
        if self.streaming:
            await self._finish()
        else:
            await self._whole(reply(self.call.telling.message))
        return "finished"

    async def _act(self, act: Act) -> Ended | None:
        match act:
            case Pause():
                await asyncio.sleep(act.seconds)
            case Stall():
                await asyncio.Event().wait()
            case Ping():
                await self._write(frame("ping", b'{"type": "ping"}'))
            case Malformed():
                return await self._malformed()
            case Overload():
                return await self._overload()
            case Status():
                await self._whole(error(act.code, "The script says so.", act.retry_after))
                return "finished"
            case Cut() | Drop() | Reset():
                return await self._cut(act)
            case _:
                assert_never(act)
        return None

    async def _malformed(self) -> Ended | None:
        if self.streaming:
            await self._write(frame("content_block_delta", BROKEN))
            return None
        await self._whole(Response(BROKEN, media_type="application/json"))
        return "finished"

    async def _overload(self) -> Ended:
        overloaded = error(529, "Overloaded")
        if self.streaming:
            await self._write(frame("error", bytes(overloaded.body)))
            await self._finish()
        else:
            await self._whole(overloaded)
        return "finished"

    async def _cut(self, act: Cut | Drop | Reset) -> Ended:
        if isinstance(act, Cut) and self.streaming:
            await self._finish()
        if isinstance(act, Reset):
            # A linger time of zero makes the kernel send RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            self.connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        return "cut"

    async def _keep_pace(self, event: RawMessageStreamEvent) -> None:
        now = time.monotonic()
        if self.pace.per_second and isinstance(event, RawContentBlockDeltaEvent):
            self.due = max(self.due + 1 / self.pace.per_second, now)
        # Without a pause between events a script would run to its end before anyone else on this loop had a turn.
        await asyncio.sleep(max(0.0, self.due - now))

    async def _write(self, chunk: bytes, more: bool = True) -> None:
        if not self.streaming:
            return
        if self.call.first_event is None:
            self.call.first_event = time.monotonic()
            await self.send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await self.send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def _finish(self) -> None:
        await self._write(b"", more=False)

    async def _whole(self, response: Response) -> None:
        self.call.first_event, self.call.status = time.monotonic(), response.status_code
        await response(self.scope, self.receive, self.send)


async def left(receive: Receive) -> None:
    """Returns when the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def frame(event: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (event.encode(), data)


def reply(value: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(value.model_dump_json(exclude_unset=True), status, headers, "application/json")


def error(status: int, message: str, retry_after: float | None = None) -> Response:
    return reply(fault(status, message), status, {} if retry_after is None else {"retry-after": f"{retry_after:g}"})


def fault(status: int, message: str) -> ErrorResponse:
    kind = ERRORS.get(status, "api_error")
    return ErrorResponse.model_validate({"type": "error", "error": {"type": kind, "message": message}})
