"""Commands run to their end: what can be expected to go wrong is told in a line, and signals close what was opened."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import click

from cli.serving import CannotListen
from db.embedded_postgres import EmbeddedPostgresFailed
from db.migrate import MigrationChanged, MigrationFailed
from db.postgres import BadDatabaseUrl, DatabaseUnavailable
from db.vectors import IndexInUse, IndexMismatch, IndexUnavailable
from evals.anchors import NoTruth
from evals.labels import NoLabels
from services.batch_making import BatchesFailed
from services.cohere_api import CohereMissing
from services.docusaurus import BookNotFound
from services.embedding import EmbedderUnavailable
from services.glossary import BadGlossary
from services.ingestion import OtherBook
from services.leases import AlreadyRunning
from services.library import NoBook
from services.model_export import ModelError
from services.variant_orders import BadOrder
from settings import SettingsInvalid

Result = TypeVar("Result")
EXPECTED = (
    AlreadyRunning,
    BadDatabaseUrl,
    BadGlossary,
    BadOrder,
    BatchesFailed,
    BookNotFound,
    CannotListen,
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
    NoTruth,
    OtherBook,
    SettingsInvalid,
)


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
