"""What the terminal is shown: findings, progress and logs, all on standard error."""

import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.docusaurus import Problem
from services.ingestion import Summary
from settings import Settings

screen = Console(stderr=True)


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
    lines(f"{problem.file}:{problem.line}: {problem.message}" for problem in problems)


def lines(texts: Iterable[str]) -> None:
    """Each as it is, however long."""
    for text in texts:
        screen.print(text, markup=False, highlight=False, soft_wrap=True)


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
