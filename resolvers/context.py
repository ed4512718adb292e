"""What every resolver is given: the services, and what is known of the caller."""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

import strawberry
import structlog
from graphql import GraphQLError

from services.answer_log import Leave as Leave  # the transport says in it how a listener left
from services.readers import Caller, Reader
from services.services import Services
from services.sessions import SignedIn

SESSION_OVER = "Your session has ended. Sign in again."
SIGN_IN_FIRST = "Sign in first."
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
    _known: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def leave(self) -> Leave:
        """How the listener of this operation left, once it did."""
        return LEAVE.get()

    @property
    def token(self) -> str | None:
        """What the caller signs in with; None for who does not. Other schemes are not ours: a proxy's password, say."""
        params = self.connection_params or {}
        given = params.get("Authorization", params.get("authorization", self.authorization))
        *scheme, token = str(given or "").split(" ") if given else [""]
        signs_in = token and token.lower() != "bearer" and (not scheme or scheme[0].lower() == "bearer")
        return token if signs_in else None

    async def find_reader(self) -> SignedIn | None:
        """The reader who calls, asked anew each time: a socket lives long, and its session may have ended. None for
        nobody, and for a token that does not hold."""
        signed_in = await self.services.sessions.identify(self.token) if self.token else None
        if signed_in:
            structlog.contextvars.bind_contextvars(reader=signed_in.reader.id)
            self.opened_by = self.opened_by or signed_in
            self._known.set()
        return signed_in

    async def session_over(self) -> None:
        """Wait until the session that this was done with is over; for ever, where there is none."""
        await self._known.wait()
        assert self.opened_by
        with self.services.session_watch.watching(self.opened_by) as ended:
            await ended.wait()

    async def caller(self) -> Caller:
        """The reader who calls, or nobody at an address. Raises UNAUTHENTICATED as `reader` does."""
        reader = await self.reader()
        return Caller(reader.id if reader else None, self.address)

    async def reader(self) -> Reader | None:
        """The reader who calls; None for nobody. Raises UNAUTHENTICATED for a token that does not hold: its reader
        would not want to go on as nobody."""
        signed_in = await self.find_reader()
        if self.token and not signed_in:
            raise refusal("UNAUTHENTICATED", SESSION_OVER)
        return signed_in.reader if signed_in else None

    async def signed_in(self) -> SignedIn:
        """The reader who calls. Raises UNAUTHENTICATED."""
        signed_in = await self.find_reader()
        if not signed_in:
            raise refusal("UNAUTHENTICATED", SIGN_IN_FIRST)
        return signed_in


Info = strawberry.Info[Context, None]


def refusal(code: str, message: str) -> GraphQLError:
    """What is about the caller or the document is one error with a code."""
    return GraphQLError(message, extensions={"code": code})


def bad_user_input(message: str) -> GraphQLError:
    """The refusal of an argument that no answer can be made of."""
    return refusal("BAD_USER_INPUT", message)
