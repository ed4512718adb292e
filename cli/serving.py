"""`footnote serve`: the book opened, announced and served until the process is told to end."""

import asyncio
import contextlib
import gc
import os
import re
import signal
import socket
from collections.abc import Iterator
from types import FrameType

import uvicorn

from app import App, create_app
from bootstrap import Stores, open_house
from cli.terminal import progress_bars, report, screen
from services.book import Edition
from services.services import Services
from settings import Settings

# Silent for 10 s, three times asked every 5 s; what was written is acknowledged within 20 s (in milliseconds).
DEAD_AFTER = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
ENDING = (signal.SIGINT, signal.SIGTERM)
STORING_SECONDS = 2  # for the ends of answers that were broken off
LEFTOVER_SECONDS = 2  # for other requests, and for clients to close: who does not read is cut off
END_SECONDS = 5  # for all that, and for closing the house


class CannotListen(Exception):
    """HOST and PORT cannot be listened on; the message says why."""


class Server(uvicorn.Server):
    """Drains at SIGTERM and Ctrl-C, and returns; a second one ends the draining. uvicorn's own closes all sockets at
    once, then dies of the signal, and nothing after it is closed."""

    def __init__(self, config: uvicorn.Config, app: App, services: Services, drain_seconds: float) -> None:
        super().__init__(config)
        self._app = app
        self._answers = services.answers
        self._variants = services.variants
        self._drain_seconds = drain_seconds
        self._hurrying: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # For good: one more signal while the house is being closed would leave it half open.
        for number in ENDING:
            asyncio.get_running_loop().add_signal_handler(number, self.handle_exit, number, None)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            self.should_exit = True
            asyncio.get_running_loop().call_later(self._drain_seconds + END_SECONDS, give_up)
        elif not self._hurrying:
            self._hurrying = asyncio.create_task(self._hurry())

    async def _hurry(self) -> None:
        await asyncio.gather(self._answers.close(), self._variants.close())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers first, while the server listens: readers of other processes' answers, and health checks, go on."""
        await self._drain()
        asyncio.get_running_loop().call_later(LEFTOVER_SECONDS, self._cut_off)
        for server in self.servers:
            server.close()
        await self._app.sockets.close()
        while self._has_sockets():  # noqa: ASYNC110 uvicorn has no event for it
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        running = [told(self._answers.running, "answer"), told(self._variants.running, "chapter")]
        waiting = f"; it waits up to {self._drain_seconds:g} s for {' and '.join(filter(None, running))}"
        screen.print(f"Footnote is ending{waiting if any(running) else ''}.", highlight=False, soft_wrap=True)
        # Never cancelled: what waits for the answers' ends would take them with it.
        draining = [
            asyncio.create_task(self._answers.drain(self._drain_seconds)),
            asyncio.create_task(self._variants.drain(self._drain_seconds)),
        ]
        await asyncio.wait(draining, timeout=self._drain_seconds + STORING_SECONDS)

    def _has_sockets(self) -> bool:
        kind = self.config.ws_protocol_class or ()
        return any(isinstance(connection, kind) for connection in self.server_state.connections)

    def _cut_off(self) -> None:
        # Aborted, tasks end as they do when a client leaves. Cancelled, as uvicorn would, each ends in a traceback.
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def told(number: int, noun: str) -> str:
    """So many of something, in words; nothing of none."""
    return f"{number} {noun}{'s' * (number != 1)}" if number else ""


async def serve_book(settings: Settings) -> None:
    """Open everything, read the book, then listen until told to end."""
    screen.print("Footnote is starting …")
    async with open_house(settings, screen.print) as house:
        await read_book(settings, house.stores)
        book = await house.services.reading.book()
        app = create_app(house, settings)
        # What is here now stays as long as the process. Looked through again with every full collection, it would stop
        # everybody for 0.2 s, as 200 readers of one chapter at once have shown (python -m tests.variant_readers).
        gc.collect()
        gc.freeze()
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,  # who is believed is TRUSTED_PROXIES; uvicorn would believe 127.0.0.1
            ws="websockets-sansio",  # a fifth to a third cheaper than the default
            ws_per_message_deflate=False,  # costs 11 to 24 % and doubles the memory of a socket
            server_header=False,
            timeout_graceful_shutdown=END_SECONDS,
        )
        server = Server(config, app, house.services, settings.drain_seconds)
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
    notice_the_dead(taken)
    with taken:
        yield taken


def give_up() -> None:
    """End without closing anything: what hangs, Postgres perhaps, must not hold up who waits for this process."""
    screen.print("Footnote could not close everything in time.")
    os._exit(1)


def notice_the_dead(taken: socket.socket) -> None:
    """Have the kernel end connections whose other end says nothing any more, of all that come through this socket.

    WebSockets have pings for it. To an event stream that nobody acknowledges, or a mutation that waits, one could write
    for a quarter of an hour (tcp(7), TCP_USER_TIMEOUT). What a system does not know it does without.
    """
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in DEAD_AFTER.items():
        if option := getattr(socket, name, None):
            taken.setsockopt(socket.IPPROTO_TCP, option, value)


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
