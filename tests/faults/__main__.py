"""`python -m tests.faults`: plays the cases and says of each whether it was survived."""

import argparse
import asyncio
import sys
import time

from rich.console import Console
from rich.markup import escape

from tests.faults.case import Case
from tests.faults.cases import named
from tests.faults.lanes import open_lanes
from tests.faults.stage import Outcome

screen = Console(soft_wrap=True, highlight=False)


def main() -> int:
    """Exit code 0 if all were survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cases whose title has one of these")
    parser.add_argument("--list", action="store_true", help="only list them")
    given = parser.parse_args()
    cases = named(given.words)
    if given.list:
        for each in cases:
            screen.print(escape(each.title))
        return 0
    return asyncio.run(play(cases))


async def play(cases: list[Case]) -> int:
    """Play them, a line for each as it ends."""
    survived = 0
    began = time.monotonic()
    async with open_lanes(cases) as outcomes:
        for each in asyncio.as_completed(outcomes.values()):
            outcome = await each
            survived += not outcome.broken
            show(outcome)
    taken = time.monotonic() - began
    screen.print(f"\n[bold]{survived} of {len(cases)} survived[/bold] in {taken:.0f} s")
    return 0 if survived == len(cases) else 1


def show(outcome: Outcome) -> None:
    """One line, and one more for each thing that broke."""
    verdict = "[red]broke[/red]" if outcome.broken else "[green]survived[/green]"
    screen.print(f"{outcome.seconds:6.1f} s  {verdict}  {escape(outcome.case.title)}")
    for broken in outcome.broken:
        screen.print(f"          {escape(broken)}", style="red")


if __name__ == "__main__":
    sys.exit(main())
