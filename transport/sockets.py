"""The graphql-transport-ws protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog
from graphql import GraphQLError
from starlette.websockets import WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    CompleteMessage,
    ConnectionInitMessage,
    ErrorMessage,
    Message,
    SubscribeMessage,
)

from resolvers.context import LEAVE, Context, Leave

if TYPE_CHECKING:
    from transport.graphql import Endpoint

REASON_BYTES = 123  # RFC 6455, section 5.5: a close frame has room for no more
GOING_AWAY = 1001  # RFC 6455, section 7.4.1: the server goes down; clients of GraphQL connect again
TRY_AGAIN_LATER = 1013  # registered by IANA; clients of GraphQL connect again
FORBIDDEN = 4403  # as the protocol says it of a connection_init that is refused

log = structlog.get_logger()


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """Strawberry's handler, which also tells an operation whether it was completed or cut off."""

    view: "Endpoint"

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come
        self._leaves: dict[str, Leave] = {}
        self._ending: asyncio.Task[None] | None = None

    @property
    def running(self) -> list[asyncio.Task[None]]:
        """The operations that have not come to their ends."""
        return [operation.task for operation in self.operations.values() if operation.task]

    async def handle(self) -> None:
        with self.view.sockets.holding(self):
            await super().handle()

    async def go_away(self) -> None:
        """Cut off what runs, and close, since the server ends."""
        await self._cut(GOING_AWAY, "The server is ending")

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        try:
            await super().handle_connection_init(message)
        except Exception:  # who this is cannot be found out at the moment
            log.exception("a socket could not be opened")
            await self.websocket.close(code=TRY_AGAIN_LATER, reason="Try again later")
            return
        if self.connection_acknowledged and self.context.opened_by and not self._ending:
            self._ending = asyncio.create_task(self._end_with_session())

    async def _end_with_session(self) -> None:
        await self.context.session_over()
        await self._cut(FORBIDDEN, "The session has ended")

    async def _cut(self, code: int, reason: str) -> None:
        for id in list(self.operations):  # at once: the client may take its time to close
            await self.cleanup_operation(id)
        await self.websocket.close(code=code, reason=reason)

    async def shutdown(self) -> None:
        if self._ending:
            self._ending.cancel()
            await asyncio.wait({self._ending})
        await super().shutdown()

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        leave = self._leaves[operation.id] = Leave()
        LEAVE.set(leave)  # each operation is a task of its own, and so has a context of its own
        try:
            await super().run_operation(operation)
        finally:
            if self._leaves.get(operation.id) is leave:  # the id may be in use again
                del self._leaves[operation.id]

    async def handle_complete(self, message: CompleteMessage) -> None:
        if leave := self._leaves.get(message["id"]):
            leave.completed = True
        await super().handle_complete(message)

    async def handle_message(self, message: Message) -> None:
        """A frame that is no message must not end in a traceback."""
        try:
            await super().handle_message(message)
        except (TypeError, AttributeError):
            await self.handle_invalid_message("Failed to parse message")

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """What the operation lacks is told to that operation; the socket and the others on it live on."""
        payload = message["payload"]
        if self.connection_acknowledged and (wrong := wrong_payload(payload)):
            error: ErrorMessage = {"type": "error", "id": message["id"], "payload": [GraphQLError(wrong).formatted]}
            await self.send_message(error)
            return
        await super().handle_subscribe(message)

    async def handle_task_exception(self, error: Exception) -> None:
        """A client that goes while it is written to is no accident."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    @staticmethod
    def _get_pre_execution_close_reason(error: GraphQLError) -> str | None:
        return None  # Strawberry would close the socket for a syntax error; the protocol has a message for it


def wrong_payload(payload: Mapping[str, object]) -> str | None:
    """What is wrong with an operation before it is read."""
    if not isinstance(payload["query"], str):
        return "`query` must be a string."
    if not isinstance(payload.get("variables"), dict | None):
        return "`variables` must be an object."
    if not isinstance(payload.get("operationName"), str | None):
        return "`operationName` must be a string."
    return None


class SocketAdapter(ASGIWebSocketAdapter):
    """Strawberry's adapter, for sockets that several tasks write to and close: what comes after the close frame is
    dropped, and a reason fits into that frame. A longer one ends in 1006 and a traceback."""

    @property
    def _closed(self) -> bool:
        return self.ws.application_state == WebSocketState.DISCONNECTED

    async def send_json(self, message: Mapping[str, object]) -> None:
        if self._closed:
            raise WebSocketDisconnected
        try:
            await super().send_json(message)
        except RuntimeError as error:  # uvicorn closed it, since its pings are not answered, and has not said so yet
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        if self._closed:
            return
        shortened = reason.encode(errors="replace")[:REASON_BYTES].decode(errors="ignore")
        await super().close(code, shortened)
