"""The commands: `footnote serve · ingest · eval · migrate · prepare · schema · variants`."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

import schema as graphql_schema
from bootstrap import open_embedding, open_stores
from cli.running import explained, run
from cli.serving import serve_book
from cli.terminal import lines, progress_bars, report, screen, set_up_logs, warn
from cli.variants import variants
from db.migrate import migrate as run_migrations
from evals.evaluation import evaluate_book
from evals.labels import Labels, read_labels
from services.manuscript import book
from services.retrieval import SIGNALS
from settings import Settings, read_settings


@click.group()
@click.version_option(package_name="footnote")
def main() -> None:
    """Footnote: ask a textbook, get answers made only of what it says."""


main.add_command(variants)


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
@click.option("--truth", type=click.Path(path_type=Path), help="What Docusaurus built, if not in LABELS/truth.json.")
@click.option("--out", type=click.Path(path_type=Path), help="A folder for figures.json, curve.svg and run.jsonl.")
@click.option("--calibrate", is_flag=True, help="Set the gate of the ingested book so that it refuses 2 % of these.")
@click.option("--without", multiple=True, type=click.Choice(SIGNALS), help="Leave this out of the ranking. Repeatable.")
def evaluate(
    labels: Path, folder: Path | None, truth: Path | None, out: Path | None, calibrate: bool, without: tuple[str, ...]
) -> None:
    """Score retrieval, refusal, citations and anchors on the labelled set in the folder LABELS, offline.

    Fails if there is a truth table and a page or a heading is not where Docusaurus has it.
    """
    if calibrate and without:
        raise click.UsageError("--calibrate measures the whole search: leave --without away.")
    with explained():
        given = read_labels(labels, truth)
        sys.exit(run(evaluate_labels(read_settings(), given, folder or labels / "docs", out, calibrate, without)))


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


async def evaluate_labels(
    settings: Settings, labels: Labels, folder: Path, out: Path | None, calibrate: bool, without: Sequence[str]
) -> int:
    """Ask every question of a labelled set and say how it went. Returns the exit code: 1 if an anchor is wrong."""
    gate = None if calibrate else settings.retrieval_gate  # what is stored is what was measured
    async with open_embedding(settings, screen.print) as embedder:
        with progress_bars() as progress:
            found = await evaluate_book(embedder, labels, folder, gate, progress, without)
    Console().print(found.table())
    lines(found.differences)
    screen.print(found.told())
    if out:
        await asyncio.to_thread(found.save, out)
        screen.print(f"Figures, run and curve are in {out}")
    if calibrate:
        async with open_stores(settings, screen.print) as stores:
            await stores.ingestion.set_gate(found.version, found.to_store())
        screen.print("The calibrated gate is now this book's. A running server takes it within a second.")
    return bool(found.differences)


async def prepare_stores(settings: Settings) -> None:
    """Open the stores once: what they prepare, they keep."""
    async with open_stores(settings, screen.print):
        screen.print(f"Ready: model and database are in {settings.data_dir.resolve()}")
