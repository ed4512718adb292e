"""What many log-ins at once cost the server and those who read beside them.

    python -m tests.sign_in_load [LOG-INS]

Starts a server, signs readers up, and asks it a cheap query again and again, first alone, then while they all log in at
once (64 unless said otherwise). Prints the query's times and the server's extra memory. Linux only, for /proc.
"""

import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from tests.conftest import LIGHTHOUSE, ROOT
from tests.processes import Server, server
from tests.readers import LOG_IN, PASSWORD, Account, sign_up

QUERY = {"query": "{ book { title } }"}
EVERY_SECONDS = 0.02
QUERYING_SECONDS = 20.0  # 64 log-ins take half of it
UNDER_WAY_SECONDS = 3.0  # until the process that queries has started


@dataclass(frozen=True, slots=True)
class Load:
    """Times of the cheap query in seconds, alone and beside the log-ins; how long those took; extra memory in MiB."""

    alone: list[float]
    beside: list[float]
    seconds: float
    memory: float


def resident(server: Server, line: str) -> float:
    """The server's resident memory in MiB: VmRSS for now, VmHWM for the most so far."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (found,) = [each for each in status.splitlines() if each.startswith(f"{line}:")]
    return int(found.split()[1]) / 1024


async def query_for(url: str, seconds: float) -> list[tuple[float, float]]:
    """When one cheap query after the other began, on the machine's clock, and what it took."""
    times = []
    over = time.monotonic() + seconds
    async with httpx.AsyncClient() as client:
        while (began := time.monotonic()) < over:
            (await client.post(url, json=QUERY)).raise_for_status()
            times.append((began, time.monotonic() - began))
            await asyncio.sleep(EVERY_SECONDS)
    return times


async def start_querying(url: str) -> asyncio.subprocess.Process:
    """`query_for` in a process of its own, so that what is timed is the server and not the clients that log in."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.sign_in_load", url, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )


async def between(querying: asyncio.subprocess.Process, began: float, ended: float) -> list[float]:
    """The times of the queries that began between two moments."""
    printed, _ = await querying.communicate()
    return [took for at, took in json.loads(printed) if began <= at <= ended]


async def measure(running: Server, log_ins: int) -> Load:
    """First alone, then beside the log-ins."""
    accounts = [await sign_up(running.url) for _ in range(log_ins)]
    before = resident(running, "VmRSS")
    alone = await between(await start_querying(running.url), 0, math.inf)
    querying = await start_querying(running.url)
    await asyncio.sleep(UNDER_WAY_SECONDS)
    began = time.monotonic()
    await log_all_in(running.url, accounts)
    ended = time.monotonic()
    memory = resident(running, "VmHWM") - before
    return Load(alone, await between(querying, began, ended), ended - began, memory)


async def log_all_in(url: str, accounts: Sequence[Account]) -> None:
    """All of them at once."""
    async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None)) as client:
        await asyncio.gather(*(log_in(client, url, account.email) for account in accounts))


async def log_in(client: httpx.AsyncClient, url: str, email: str) -> None:
    """A log-in that succeeds."""
    body = {"query": LOG_IN, "variables": {"email": email, "password": PASSWORD}}
    response = await client.post(url, json=body)
    assert response.json()["data"]["login"]["__typename"] == "Session", response.text


def p99(times: list[float]) -> float:
    """In milliseconds."""
    return float(np.percentile(times, 99)) * 1000


async def main(log_ins: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=ROOT / ".footnote") as folder:
        async with server(DATA_DIR=folder, BOOK_PATH=LIGHTHOUSE, SIGNUPS_PER_ADDRESS_PER_HOUR=10**6) as running:
            load = await measure(running, log_ins)
    print(f"{log_ins} log-ins at once: {load.seconds:.1f} s, {load.memory:.0f} MiB more memory")
    print(f"a cheap query alone:  p50 {np.median(load.alone) * 1000:.1f} ms, p99 {p99(load.alone):.1f} ms")
    print(f"a cheap query beside: p50 {np.median(load.beside) * 1000:.1f} ms, p99 {p99(load.beside):.1f} ms")


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else "64"
    if given.isdecimal():
        asyncio.run(main(int(given)))
    else:
        print(json.dumps(asyncio.run(query_for(given, QUERYING_SECONDS))))
