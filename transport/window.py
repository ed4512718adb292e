"""GraphiQL at the address of the API, from installed files: nothing is loaded from elsewhere."""

import os
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

FOLDER = Path(__file__).parent / "graphiql"
FILES = (
    "start.js",
    "node_modules/graphiql/graphiql.min.css",
    "node_modules/graphiql/graphiql.min.js",
    "node_modules/graphql-sse/umd/graphql-sse.min.js",
    "node_modules/react/umd/react.production.min.js",
    "node_modules/react-dom/umd/react-dom.production.min.js",
)
HEADERS = {
    # GraphiQL's editors set styles on their elements, and its fonts and icons are in its style sheet.
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "vary": "accept",
}
NOT_INSTALLED = (
    "GraphiQL is not installed; the API at this address works without it.\n"
    "To install it, run `make serve`, or `npm ci --prefix transport/graphiql` and start Footnote again.\n"
)


class Window:
    """Shows GraphiQL to a browser that comes without a query; all else is the endpoint's."""

    def __init__(self, endpoint: ASGIApp, folder: Path = FOLDER) -> None:
        self._endpoint = endpoint
        self._page = page(folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = self._page if is_a_look(Request(scope)) else self._endpoint
        await shown(scope, receive, send)


class Assets(StaticFiles):
    """The files that the page is made of, and no others of their folder."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        return super().lookup_path(path) if Path(path).as_posix() in FILES else ("", None)

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they come
        response.headers["cache-control"] = "no-cache"  # kept by browsers, and asked for again in case it has changed
        return response


def page(folder: Path) -> Response:
    """The page itself, or which command is still to be run."""
    if not all((folder / file).is_file() for file in FILES):
        return PlainTextResponse(NOT_INSTALLED, status_code=503, headers=HEADERS)
    return HTMLResponse((folder / "page.html").read_text("utf-8"), headers=HEADERS)


def is_a_look(request: Request) -> bool:
    """True for a browser's visit. Programs do not ask for HTML."""
    return (
        request.method == "GET"
        and "query" not in request.query_params
        and "text/html" in request.headers.get("accept", "").lower()
    )
