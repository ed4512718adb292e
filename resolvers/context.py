"""What every resolver is given: the services, and what is known of the caller."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

import strawberry
from graphql import GraphQLError

from services.answers import Leave as Leave  # the transport says in it how a listener left
from services.services import Services

# One for each operation: the transport says in it how the listener left.
LEAVE: ContextVar[Leave] = ContextVar("leave")


@dataclass(slots=True)
class Context:
    """Of one request, or of one socket."""

    services: Services
    request_id: str
    connection_params: Mapping[str, object] | None = None

    @property
    def leave(self) -> Leave:
        """How the listener of this operation left, once it did."""
        return LEAVE.get()


Info = strawberry.Info[Context, None]


def bad_user_input(message: str) -> GraphQLError:
    """The refusal of an argument that no answer can be made of."""
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
