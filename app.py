"""The Starlette application: routes, and one context for each request."""

import uuid
from collections.abc import Sequence

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

import schema
from bootstrap import House
from resolvers.context import Context
from settings import Settings
from transport.addresses import address_of
from transport.graphql import Endpoint
from transport.masking import Masking
from transport.open_sockets import OpenSockets
from transport.window import Assets, Window


class App(Starlette):
    """The routes, and the sockets that are open on them."""

    def __init__(self, routes: Sequence[BaseRoute], middleware: Sequence[Middleware], sockets: OpenSockets) -> None:
        super().__init__(routes=routes, middleware=middleware)
        self.sockets = sockets


def create_app(house: House, settings: Settings) -> App:
    """The application over an open house; closing the house is its opener's, and so are the sockets before it."""

    def context(request: Request | WebSocket) -> Context:
        request_id = str(uuid.uuid4())
        structlog.contextvars.bind_contextvars(request_id=request_id)
        return Context(
            services=house.services,
            request_id=request_id,
            address=address_of(request, settings.proxies),
            authorization=request.headers.get("authorization"),
        )

    async def ready(_: Request) -> Response:
        missing = "draining" if house.services.answers.draining else await house.services.reading.missing()
        return PlainTextResponse(missing or "ready", status_code=503 if missing else 200)

    async def live(_: Request) -> Response:
        return PlainTextResponse("live")

    endpoint = Endpoint(schema.build([Masking]), context, settings.origins)
    return App(
        routes=[
            Route("/graphql", Window(endpoint), methods=["GET", "POST"]),
            WebSocketRoute("/graphql", endpoint),
            Mount("/graphql/assets", Assets()),
            Route("/health/live", live),
            Route("/health/ready", ready),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.origins,
                allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type"],
            )
        ],
        sockets=endpoint.sockets,
    )
