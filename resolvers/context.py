"""What every resolver is given: the services, and what is known of the caller."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import strawberry
import structlog
from graphql import GraphQLError

from services.answers import Leave as Leave  # the transport says in it how a listener left
from services.readers import Caller
from services.services import Services
from services.sessions import SignedIn

# One for each operation: the transport says in it how the listener left.
LEAVE: ContextVar[Leave] = ContextVar("leave")


@dataclass(slots=True)
class Context:
    """Of one request, or of one socket. `address` is where the caller is, by the proxies that are trusted."""

    services: Services
    request_id: str
    address: str
    authorization: str | None = None
    connection_params: Mapping[str, object] | None = None
    opened_by: SignedIn | None = None

    @property
    def leave(self) -> Leave:
        """How the listener of this operation left, once it did."""
        return LEAVE.get()

    @property
    def token(self) -> str | None:
        """What the caller signs in with; None for who does not."""
        params = self.connection_params or {}
        given = params.get("Authorization", params.get("authorization", self.authorization))
        if given is None or given == "":
            return None
        scheme, _, token = str(given).strip().rpartition(" ")
        return token if scheme.lower() in ("", "bearer") else str(given)

    async def find_reader(self) -> SignedIn | None:
        """The reader who calls, asked anew each time: a socket lives long, and its session may have ended. None for
        nobody, and for a token that does not hold."""
        signed_in = await self.services.sessions.identify(self.token) if self.token else None
        if signed_in:
            structlog.contextvars.bind_contextvars(reader=signed_in.reader.id)
        return signed_in

    async def open(self) -> bool:
        """Find out who opens a socket or a stream, which ends with that session. False for a token that does not
        hold."""
        self.opened_by = await self.find_reader()
        return self.opened_by is not None or self.token is None

    @contextmanager
    def watching(self) -> Iterator[asyncio.Event]:
        """Gives the event that is set when the session that opened this is over."""
        if not self.opened_by:
            yield asyncio.Event()
            return
        with self.services.session_watch.watching(self.opened_by) as ended:
            yield ended

    async def caller(self) -> Caller:
        """The reader who calls, or nobody at an address. Raises UNAUTHENTICATED for a token that does not hold: its
        reader would not want to go on as nobody."""
        signed_in = await self.find_reader()
        if self.token and not signed_in:
            raise refusal("UNAUTHENTICATED", "Your session has ended. Sign in again.")
        return Caller(signed_in.reader.id if signed_in else None, self.address)

    async def signed_in(self) -> SignedIn:
        """The reader who calls. Raises UNAUTHENTICATED."""
        signed_in = await self.find_reader()
        if not signed_in:
            raise refusal("UNAUTHENTICATED", "Sign in first.")
        return signed_in


Info = strawberry.Info[Context, None]


def refusal(code: str, message: str) -> GraphQLError:
    """What is about the caller or the document is one error with a code."""
    return GraphQLError(message, extensions={"code": code})


def bad_user_input(message: str) -> GraphQLError:
    """The refusal of an argument that no answer can be made of."""
    return refusal("BAD_USER_INPUT", message)
