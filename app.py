"""The Starlette application: routes, and one context for each request."""

import uuid

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

import schema
from bootstrap import House
from resolvers.context import Context
from settings import Settings
from transport.addresses import address_of
from transport.graphql import Endpoint
from transport.masking import Masking
from transport.window import Assets, Window


def create_app(house: House, settings: Settings) -> Starlette:
    """The application over an open house; closing the house is its opener's."""

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
        missing = await house.services.reading.missing()
        return PlainTextResponse(missing or "ready", status_code=503 if missing else 200)

    async def live(_: Request) -> Response:
        return PlainTextResponse("live")

    endpoint = Endpoint(schema.build([Masking]), context, settings.origins)
    return Starlette(
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
    )
