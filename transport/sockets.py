"""The graphql-transport-ws protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md"""

from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import CompleteMessage, Message

from resolvers.context import LEAVE, Context
from services.answers import Leave

REASON_BYTES = 123  # RFC 6455, section 5.5: a close frame has room for no more


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """Strawberry's handler, which also tells an operation whether it was completed or cut off."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come
        self._leaves: dict[str, Leave] = {}

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

    async def handle_invalid_message(self, error_message: str) -> None:
        shortened = error_message.encode()[:REASON_BYTES].decode("utf-8", "ignore")
        await super().handle_invalid_message(shortened)
