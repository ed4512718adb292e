"""Who gets the last place, and the last dollar: thousands of attempts from several processes at once.

    python -m tests.faults.races [ROUNDS]

In each round 400 attempts from 4 processes race for 20 places of one quota, and 400 for a budget of 57 calls. Prints
how many were let in beyond what there was: it must be none.
"""

import asyncio
import multiprocessing
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
from rich.console import Console
from rich.progress import track

from db.admissions import Admission, Admitted, admit
from db.embedded_postgres import embedded_postgres
from db.ledger import Wanted
from db.migrate import migrate
from db.postgres import Database, pool
from db.quotas import Place

PROCESSES = 4
ATTEMPTS = 400
PLACES = 20
CALLS = 57
COST = Decimal("2550.125")  # micro-dollars of each call
PLENTY = 10**6
AT_ONCE = 6  # of each process, as in services/admissions.py


@dataclass(frozen=True, slots=True)
class Round:
    """What all attempts of a round want: a place of one asker's quota, or a part of one day's budget."""

    asker: str
    places: int
    budget: Decimal


@dataclass(frozen=True, slots=True)
class Counted:
    """Let in beyond what there was; not let in where there was something left; spent beyond the budget."""

    over: int
    under: int
    money: Decimal


def admission(given: Round) -> Admission:
    """One attempt: a new answer of a new conversation, by nobody in particular."""
    id, asker = str(uuid.uuid4()), given.asker or str(uuid.uuid4())
    place = Place("QUESTIONS", asker, None, id, given.places, 3600)
    call = Wanted(str(uuid.uuid4()), "questions", "claude-haiku-5-5", asker, id, COST, given.budget, given.budget)
    return Admission(id, str(uuid.uuid4()), None, "{}", None, place, [call], 3)


async def attempts(database: Database, given: Round) -> tuple[int, int]:
    """How many of this process' attempts were let in, and how many of them with the money for a call."""
    door = asyncio.Semaphore(AT_ONCE)

    async def attempt() -> object:
        async with door:
            return await admit(database, admission(given))

    outcomes = await asyncio.gather(*(attempt() for _ in range(ATTEMPTS // PROCESSES)))
    admitted = [outcome for outcome in outcomes if isinstance(outcome, Admitted)]
    return len(admitted), sum(outcome.model is not None for outcome in admitted)


def race(url: str, rounds: Connection) -> None:
    """A process: attempt what comes through the pipe, until None does."""
    asyncio.run(race_on(url, rounds))


async def race_on(url: str, rounds: Connection) -> None:
    async with pool(url) as opened:
        while given := await asyncio.to_thread(rounds.recv):
            rounds.send(await attempts(Database(opened), given))


@contextmanager
def racers(url: str) -> Iterator[list[Connection]]:
    """The pipes to the processes."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(PROCESSES)]
    processes = [context.Process(target=race, args=(url, theirs), daemon=True) for _, theirs in pipes]
    for process in processes:
        process.start()
    try:
        yield [ours for ours, _ in pipes]
    finally:
        for ours, _ in pipes:
            ours.send(None)
        for process in processes:
            process.join(10)


async def run(given: Round, pipes: list[Connection]) -> tuple[int, int]:
    """One round in all processes: how many were let in, and how many with money."""
    for pipe in pipes:
        pipe.send(given)
    told = [await asyncio.to_thread(pipe.recv) for pipe in pipes]
    return sum(admitted for admitted, _ in told), sum(paid for _, paid in told)


async def overspent(connection: asyncpg.Connection, budget: Decimal) -> Decimal:
    """What the day came to beyond its budget, in micro-dollars; then the day begins anew."""
    used: Decimal = await connection.fetchval("SELECT reserved + spent FROM spending_days")
    reserved: Decimal = await connection.fetchval("SELECT sum(reserved) FROM model_calls")
    assert used == reserved, "the day is not the sum of its calls"
    await connection.execute("TRUNCATE model_calls, spending_days, answers, conversations CASCADE")
    return max(Decimal(0), used - budget)


async def measure(url: str, rounds: int) -> Counted:
    """All rounds: each first for places, then for money."""
    connection = await asyncpg.connect(url)
    over, under, money = 0, 0, Decimal(0)
    try:
        with racers(url) as pipes:
            for number in track(range(rounds), description="Racing"):
                admitted, _ = await run(Round(f"asker {number}", PLACES, COST * PLENTY), pipes)
                over, under = over + max(0, admitted - PLACES), under + max(0, PLACES - admitted)
                await overspent(connection, COST * PLENTY)
                _, paid = await run(Round("", PLENTY, COST * CALLS + 1), pipes)
                over, under = over + max(0, paid - CALLS), under + max(0, CALLS - paid)
                money += await overspent(connection, COST * CALLS + 1)
    finally:
        await connection.close()
    return Counted(over, under, money)


async def main(rounds: int) -> int:
    """Exit code 1 where anybody was let in beyond what there was, or not let in to what there was."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="footnote-races-") as folder:
        async with embedded_postgres(Path(folder)) as url:
            await migrate(url)
            counted = await measure(url, rounds)
    screen = Console(highlight=False)
    screen.print(f"{rounds} races for {PLACES} places and {rounds} for {CALLS} calls, {ATTEMPTS} attempts each from")
    screen.print(f"{PROCESSES} processes, {time.monotonic() - began:.0f} s: {counted.over} over-admissions,")
    screen.print(f"{counted.under} free places not given, ${counted.money / 1_000_000:.6f} overspent")
    return int(bool(counted.over or counted.under or counted.money))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)))
