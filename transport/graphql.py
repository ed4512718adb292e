"""The seam: an `Endpoint` is an ASGI application that speaks GraphQL.

Behind it stands Strawberry's own application; what it does otherwise than clients rely on is mended here.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import strawberry
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError, OperationType, get_operation_ast
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLRequestData
from strawberry.http.streaming import HTTPStreamTransport
from strawberry.subscriptions import (
    GRAPHQL_SSE_PROTOCOL,
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    MULTIPART_SUBSCRIPTION_PROTOCOL,
)
from strawberry.types.unset import UnsetType

from resolvers.context import LEAVE, SESSION_OVER, Context, Leave
from schema.documents import read
from transport.open_sockets import OpenSockets
from transport.sockets import SocketAdapter, SocketHandler
from transport.streams import EventStream

INIT_SECONDS = 5
OPERATIONS_PER_SOCKET = 20
LAST_WORDS_SECONDS = 0.3  # for an operation that ends its own session


class Endpoint(GraphQL[Context, None]):
    """GraphQL over HTTP (POST, and GET for queries), SSE, multipart and graphql-transport-ws."""

    graphql_transport_ws_handler_class = SocketHandler
    websocket_adapter_class = SocketAdapter
    stream_transport_classes_by_protocol: Mapping[str, type[HTTPStreamTransport]] = {
        **GraphQL.stream_transport_classes_by_protocol,
        GRAPHQL_SSE_PROTOCOL: EventStream,
    }

    def __init__(
        self, schema: strawberry.Schema, context: Callable[[Request | WebSocket], Context], origins: Sequence[str]
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(
                GRAPHQL_TRANSPORT_WS_PROTOCOL,
                GRAPHQL_SSE_PROTOCOL,
                MULTIPART_SUBSCRIPTION_PROTOCOL,
            ),
            connection_init_wait_timeout=timedelta(seconds=INIT_SECONDS),
            max_subscriptions_per_connection=OPERATIONS_PER_SOCKET,
            allowed_origins=origins,
        )
        self._context = context
        self.sockets = OpenSockets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        LEAVE.set(Leave())
        request = Request(scope, receive)
        context = request.state.context = self._context(request)
        ending = asyncio.ensure_future(context.session_over())
        try:
            await request.body()  # read here, so that from now on `receive` only tells of the client leaving
            response = await self._unless_left(request, receive, ending)
        except ClientDisconnect:
            return
        except HTTPException as refused:
            reason = refused.reason.encode(errors="replace").decode()  # it may quote a lone surrogate back
            response = PlainTextResponse(reason, status_code=refused.status_code)
        finally:
            ending.cancel()
        await response(scope, receive, send)

    async def _unless_left(self, request: Request, receive: Receive, ending: asyncio.Future[None]) -> Response:
        """The response, unless the client goes or the session ends before it is there: then nobody waits for it."""
        running: asyncio.Future[Any] = asyncio.ensure_future(self.run(request))
        leaving: asyncio.Future[Any] = asyncio.ensure_future(receive())
        try:
            await asyncio.wait({running, leaving, ending}, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():  # by this very operation, perhaps, which then has its answer in a moment
                await asyncio.wait({running, leaving}, timeout=LAST_WORDS_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                response: Response = running.result()
                return response
            if leaving.done():
                raise ClientDisconnect
            return signed_out()
        finally:
            for task in (running, leaving):
                task.cancel()
            await asyncio.wait({running, leaving})

    async def on_ws_connect(self, context: Context) -> dict[str, object] | UnsetType | None:
        """Who opens a socket signs in with it, or not at all: a token that does not hold is refused here."""
        if context.token and not await context.find_reader():
            raise ConnectionRejectionError
        return await super().on_ws_connect(context)

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        context: Context = request.state.context
        watched = (lambda: until_session_ends(context, stream())) if context.token else stream
        return await super().create_streaming_response(request, watched, sub_response, headers)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        if isinstance(request, WebSocket):
            return self._context(request)
        context: Context = request.state.context
        return context

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Clients that name event streams in every Accept header, as urql does, get JSON for what is not one."""
        try:
            data = await super().parse_http_body(request)
        except AttributeError:  # JSON, but no object: null, a number, a string
            raise HTTPException(400, "The request is not a JSON object") from None
        if isinstance(data, list):
            return data
        if streams(data):
            refuse_unless_streamable(request.method, data.protocol)
            return data
        takes_json = "application/json" in request.headers.get("accept", "").lower()
        return replace(data, protocol="http") if takes_json else data

    def decode_json(self, data: str | bytes) -> object:
        # Not orjson: it refuses a lone surrogate together with the whole message, and with it the whole socket.
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:  # a number of 5,000 digits, a thousand brackets
            raise json.JSONDecodeError(str(error), "", 0) from None

    def encode_json(self, data: object) -> str:
        try:
            return orjson.dumps(data).decode()  # text: bytes would go out as binary frames
        except orjson.JSONEncodeError:  # an error that quotes a lone surrogate back
            return json.dumps(data)


async def until_session_ends(context: Context, stream: AsyncIterator[str]) -> AsyncIterator[str]:
    """A stream, as long as the session that asked for it holds; then it is cut, as a socket is closed."""
    ending = asyncio.ensure_future(context.session_over())
    try:
        while (piece := await unless(ending, anext(stream, None))) is not None:
            yield piece
    finally:
        ending.cancel()
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


def signed_out() -> Response:
    """For an operation whose session ended before it did."""
    error = {"message": SESSION_OVER, "extensions": {"code": "UNAUTHENTICATED"}}
    return JSONResponse({"data": None, "errors": [error]})


async def unless(ending: asyncio.Future[None], following: Awaitable[str | None]) -> str | None:
    """What follows, or None if the end comes first."""
    waiting = asyncio.ensure_future(following)
    try:
        first: set[asyncio.Future[Any]] = {waiting, ending}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        return waiting.result() if waiting.done() else None
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})  # before the stream can be closed, which a step under way forbids


def refuse_unless_streamable(method: str, protocol: str) -> None:
    """Raises HTTPException for a subscription that came in a way in which it cannot, or must not, be answered."""
    if method == "GET":  # which a page of any site can make a browser send, and asking costs money
        raise HTTPException(405, "A subscription goes by POST")
    if protocol == "http":
        raise HTTPException(400, "A subscription needs `Accept: text/event-stream`, or a socket")


def streams(data: GraphQLRequestData) -> bool:
    """True for a subscription. A document that cannot be read is left to the one who says why."""
    try:
        operation = get_operation_ast(read(data.query or ""), data.operation_name)
    except GraphQLError:
        return False
    return operation is not None and operation.operation == OperationType.SUBSCRIPTION
