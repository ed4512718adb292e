"""The command line: `footnote serve · ingest · migrate · prepare · schema`."""

import asyncio
import contextlib
import logging
import re
import signal
import socket
import sys
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import structlog
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import schema as graphql_schema
from app import create_app
from bootstrap import Stores, open_embedding, open_house, open_stores
from db.embedded_postgres import EmbeddedPostgresFailed
from db.migrate import MigrationChanged, MigrationFailed
from db.migrate import migrate as run_migrations
from db.postgres import BadDatabaseUrl, DatabaseUnavailable
from db.vectors import IndexInUse, IndexMismatch, IndexUnavailable
from evals.evaluation import evaluate_book
from evals.labels import NoLabels, read_labels
from services.book import Edition
from services.cohere_api import CohereMissing
from services.docusaurus import BookNotFound, Problem
from services.embedding import EmbedderUnavailable
from services.ingestion import OtherBook, Summary
from services.library import NoBook
from services.manuscript import book
from services.model_export import ModelError
from services.retrieval import Weights
from settings import Settings, SettingsInvalid, read_settings

screen = Console(stderr=True)
ENDING = (signal.SIGINT, signal.SIGTERM)
DRAIN_SECONDS = 5  # for requests that are still being answered
Result = TypeVar("Result")
EXPECTED = (
    BadDatabaseUrl,
    BookNotFound,
    CohereMissing,
    DatabaseUnavailable,
    EmbeddedPostgresFailed,
    EmbedderUnavailable,
    IndexInUse,
    IndexMismatch,
    IndexUnavailable,
    MigrationChanged,
    MigrationFailed,
    ModelError,
    NoBook,
    NoLabels,
    OtherBook,
    SettingsInvalid,
)


@click.group()
@click.version_option(package_name="footnote")
def main() -> None:
    """Footnote: ask a textbook, get answers made only of what it says."""


@main.command()
def serve() -> None:
    """Serve BOOK_PATH at HOST and PORT."""
    with explained():
        settings = read_settings()
        set_up_logs(settings)
        run(serve_book(settings))


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only look: print warnings, change nothing, fail if there are any.")
def ingest(path: Path, check: bool) -> None:
    """Make the docs folder PATH the book. A running server follows."""
    with explained():
        settings = read_settings()
        if check:
            sys.exit(check_folder(settings, path))
        set_up_logs(settings)
        run(ingest_folder(settings, path))


@main.command("eval")
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--book", "folder", type=click.Path(path_type=Path), help="The docs folder, where it is not LABELS/docs.")
@click.option("--out", type=click.Path(path_type=Path), help="A folder for figures.json, curve.svg and run.jsonl.")
@click.option("--calibrate", is_flag=True, help="Set the gate of the ingested book so that it refuses 2 % of these.")
def evaluate(labels: Path, folder: Path | None, out: Path | None, calibrate: bool) -> None:
    """Score retrieval, refusal and citations on the labelled questions in the folder LABELS, offline."""
    with explained():
        run(evaluate_labels(read_settings(), labels, folder or labels / "docs", out, calibrate))


@main.command()
def migrate() -> None:
    """Bring the schema of DATABASE_URL up to date."""
    with explained():
        settings = read_settings()
        url = settings.database_direct_url or settings.database_url
        if not url:
            raise click.ClickException("DATABASE_URL is not set; the embedded database is migrated at every start.")
        applied = run(run_migrations(url))
        click.echo("\n".join(f"applied {name}" for name in applied) or "Nothing to apply.")


@main.command()
def prepare() -> None:
    """Prepare the embedding model and the embedded database, so that the first start is a quick one."""
    with explained():
        run(prepare_stores(read_settings()))


@main.command()
def schema() -> None:
    """Print the GraphQL schema."""
    click.echo(graphql_schema.build().as_str())


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
    """HOST and PORT, taken before they are announced. Connections made from here on wait for the server."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        taken = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(f"HOST {settings.host}, PORT {settings.port}: {reason}. Set another PORT.") from None
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


async def ingest_folder(settings: Settings, path: Path) -> None:
    """Ingest one folder and say what was found."""
    async with open_stores(settings, screen.print) as stores:
        with progress_bars() as progress:
            summary = await stores.ingestion.ingest(path, progress)
        report(summary)


def check_folder(settings: Settings, path: Path) -> int:
    """Print what is wrong in a folder. Returns the exit code: 1 if anything is."""
    folder = book(path, settings.docs_path)
    warn(folder.problems)
    screen.print(f"{len(folder.pages)} pages, {len(folder.problems)} warnings.")
    return bool(folder.problems)


async def evaluate_labels(settings: Settings, labels: Path, folder: Path, out: Path | None, calibrate: bool) -> None:
    """Ask every question of a labelled set and say how it went."""
    async with open_embedding(settings, screen.print) as embedder:
        with progress_bars() as progress:
            found = await evaluate_book(embedder, read_labels(labels), folder, settings.retrieval_gate, progress)
    Console().print(found.table())
    screen.print(f"{found.proven} of {found.units} quotations stand where they are cited.")
    how = "RETRIEVAL_GATE" if settings.retrieval_gate is not None else "calibrated: refuses at most 2 %"
    screen.print(f"The gate is {found.gate} ({how}; a book that was never calibrated has {Weights().gate}).")
    if out:
        await asyncio.to_thread(found.save, out)
        screen.print(f"Figures, run and curve are in {out}")
    if calibrate:
        async with open_stores(settings, screen.print) as stores:
            await stores.ingestion.set_gate(found.version, found.settings)
        screen.print(f"The gate of this book is now {found.gate}. A running server takes it within a second.")


async def prepare_stores(settings: Settings) -> None:
    """Open the stores once: what they prepare, they keep."""
    async with open_stores(settings, screen.print):
        screen.print(f"Ready: model and database are in {settings.data_dir.resolve()}")


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


def report(summary: Summary) -> None:
    """Say what an ingest found: problems with file and line first, the counts last."""
    warn(summary.problems)
    screen.print(
        f"{summary.pages} pages, {summary.sections} sections, {summary.passages} passages "
        f"({summary.new} new, {summary.unchanged} unchanged, {summary.removed} removed), "
        f"{len(summary.problems)} warnings. Version {summary.version}{'' if summary.published else ', as before'}."
    )


def warn(problems: Sequence[Problem]) -> None:
    """One line for each, as compilers write them, so that editors find the place."""
    for problem in problems:
        screen.print(f"{problem.file}:{problem.line}: {problem.message}", markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def progress_bars() -> Iterator[Any]:
    """A bar for each stage of long work; silent where there is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=not screen.is_terminal) as bars:
        stages: dict[str, Any] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total)
            bars.update(stages[stage], completed=done, total=total)

        yield show


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """What can be expected to go wrong is told in one line, without a traceback."""
    try:
        yield
    except EXPECTED as problem:
        raise click.ClickException(str(problem)) from None


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end, or to Ctrl-C or SIGTERM: what was opened is closed all the same."""

    async def until_told() -> Result:
        task = asyncio.ensure_future(work)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await task

    try:
        return asyncio.run(until_told())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)


def set_up_logs(settings: Settings) -> None:
    """One line for each event, ours and other packages': for people in development, JSON in production."""
    production = settings.environment == "production"
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = (
        structlog.processors.JSONRenderer()
        if production
        else structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback  # the rich one shows variables: what readers wrote
        )
    )
    level = logging.INFO if production else logging.WARNING
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer], foreign_pre_chain=shared
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
