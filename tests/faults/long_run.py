"""What the long runs share: a world of their own, numbers as readers of a table want them, and a verdict."""

import argparse
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.claude.script import Body
from tests.faults.case import Case, Needs
from tests.faults.checker import check
from tests.faults.stage import open_stage
from tests.faults.world import World

screen = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 140)


@asynccontextmanager
async def open_world(replicas: int = 1, **settings: object) -> AsyncIterator[World]:
    """A world with so many processes and these environment variables, in small letters."""
    given = tuple(sorted((name.upper(), value) for name, value in settings.items()))
    async with open_stage() as stage:
        world = await stage._world_for(Needs(replicas, settings=given))
        await world.begin()
        yield world


async def checked(world: World, *tolerates: str) -> list[str]:
    """What of the invariants does not hold, when all faults are taken back."""
    await world.mend()
    return await check(world, Case("long run", "", nothing, world.needs, tolerates))


async def nothing(_: World) -> None:
    """What a case plays that has been played already."""


def question_of(body: Body) -> str:
    """What the reader asked, in a request to the model: the last block of it."""
    question: str = body["messages"][0]["content"][-1]["text"]
    return question


def size(description: str, usual: int) -> int:
    """The one argument of a command."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("size", type=int, nargs="?", default=usual)
    given: int = parser.parse_args().size
    return given


def bar() -> Progress:
    """How far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=screen)


def table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under headings: words to the left, the rest to the right."""
    shown = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        shown.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        shown.add_row(*(f"{cell:.2f}" if isinstance(cell, float) else escape(str(cell)) for cell in row))
    screen.print(shown)


def quantile(values: Sequence[float], part: float) -> float:
    """The value that this part of them does not pass; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def verdict(broken: Sequence[str]) -> int:
    """Print what was missed, and return the exit code."""
    for each in broken:
        screen.print(escape(each), style="red")
    screen.print("[red]missed[/red]" if broken else "[green]all held[/green]")
    return 1 if broken else 0
