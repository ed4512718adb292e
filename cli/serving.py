"""`footnote serve`: the book opened, announced and served until the process is told to end."""

import asyncio
import contextlib
import re
import signal
import socket
from collections.abc import Iterator

import uvicorn

from app import create_app
from bootstrap import Stores, open_house
from cli.terminal import progress_bars, report, screen
from services.book import Edition
from settings import Settings

ENDING = (signal.SIGINT, signal.SIGTERM)
DRAIN_SECONDS = 5  # for requests that are still being answered


class CannotListen(Exception):
    """HOST and PORT cannot be listened on; the message says why."""


class Server(uvicorn.Server):
    """Ends at SIGTERM and Ctrl-C by returning. uvicorn's own dies of the signal, and nothing after it is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in ENDING:
                loop.remove_signal_handler(number)


async def serve_book(settings: Settings) -> None:
    """Open everything, read the book, then listen until told to end."""
    screen.print("Footnote is starting …")
    async with open_house(settings, screen.print) as house:
        await read_book(settings, house.stores)
        book = await house.services.reading.book()
        config = uvicorn.Config(
            create_app(house, settings),
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,  # who is believed is TRUSTED_PROXIES; uvicorn would believe 127.0.0.1
            ws="websockets-sansio",  # a fifth to a third cheaper than the default
            ws_per_message_deflate=False,  # costs 11 to 24 % and doubles the memory of a socket
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        server = Server(config)
        with listening(settings) as taken:
            port = taken.getsockname()[1]
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            announce(f"http://{host}:{port}/graphql", settings, book)
            await server.serve(sockets=[taken])


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """HOST and PORT, taken before they are announced. Connections made from here on wait for the server.

    Raises CannotListen.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        taken = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotListen(f"HOST {settings.host}, PORT {settings.port}: {reason}. Set another PORT.") from None
    # asyncio does this only for sockets that it makes itself. Without it each event of a stream waits until the client
    # has acknowledged the one before, some 40 ms.
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with taken:
        yield taken


async def read_book(settings: Settings, stores: Stores) -> None:
    """Ingest BOOK_PATH. A default that was not asked for never replaces a book that is there already."""
    asked_for = "book_path" in settings.model_fields_set
    with progress_bars() as progress:
        if not asked_for and await stores.ingestion.adopt(progress):
            return
        summary = await stores.ingestion.ingest(settings.book_path, progress)
    report(summary)


def announce(address: str, settings: Settings, book: Edition) -> None:
    """Tell a newcomer where the server is and what to try."""
    screen.print(f"\n[bold]{book.title}, {len(book.chapters)} chapters[/bold] is open at [bold]{address}[/bold]")
    screen.print(
        "Claude writes the answers."
        if settings.writes
        else "ANTHROPIC_API_KEY is not set: answers are quoted passages. Set it, and Claude writes them."
    )
    screen.print("\nTry a question, in a browser at that address or here:\n")
    screen.print(
        f"""curl -N {address} -H 'content-type: application/json' -H 'accept: text/event-stream' -d '{{"query":"""
        f"""\"subscription {{ ask(input: {{question: \\"{a_question(book)}\\"}}) {{ __typename """
        f"""... on AnswerDelta {{ text }} ... on AnswerCited {{ citation {{ quote url }} }} }} }}"}}'\n""",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def a_question(book: Edition) -> str:
    """One that the book answers: about the first heading that has a section of its own."""
    chapters = book.chapters[1:] or book.chapters  # the first is often about the book itself
    headings = (section.heading for chapter in chapters for section in chapter.sections if section.anchor)
    about = next((heading for heading in headings if re.fullmatch(r"[\w ,?-]+", heading)), book.title)
    return about if about.endswith(("?", "؟")) else f"What does the book say about {about}?"
