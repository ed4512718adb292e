"""Whether the time of a failed log-in tells that an e-mail address has an account.

    python -m tests.sign_in_timing [PAIRS]

Starts a server, signs PAIRS readers up (200 unless said otherwise), fails to log in to each of their addresses and to
as many unknown ones, in turns, and prints the area under the ROC curve: 0.5 is no telling, 1 is all of them.
"""

import asyncio
import sys
import tempfile
import time
from itertools import product

import numpy as np
from rich.progress import track

from tests.client import ask
from tests.conftest import LIGHTHOUSE, ROOT
from tests.processes import server
from tests.readers import LOG_IN, new_email, sign_up


async def failed_log_in(url: str, email: str) -> float:
    """How long the server takes to refuse a wrong password, in seconds."""
    began = time.perf_counter()
    refused = (await ask(url, LOG_IN, email=email, password="a wrong password"))["login"]
    assert refused["__typename"] == "InvalidCredentials", refused
    return time.perf_counter() - began


async def measure(url: str, pairs: int) -> tuple[list[float], list[float]]:
    """The times of known and of unknown addresses, measured in turns. Each address is tried once."""
    known = [(await sign_up(url)).email for _ in track(range(pairs), "signing up   ")]
    times: tuple[list[float], list[float]] = ([], [])
    for email in track(known, "failing to log in"):
        times[0].append(await failed_log_in(url, email))
        times[1].append(await failed_log_in(url, new_email()))
    return times


def area(known: list[float], unknown: list[float]) -> float:
    """The share of pairs in which the known address took longer, or shorter if that tells more (Mann and Whitney)."""
    longer = float(np.mean([(a > b) + (a == b) / 2 for a, b in product(known, unknown)]))
    return max(longer, 1 - longer)


async def main(pairs: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=ROOT / ".footnote") as folder:
        limits = {"SIGNUPS_PER_ADDRESS_PER_HOUR": 10**6, "LOGIN_FAILURES_PER_ADDRESS_PER_HOUR": 10**6}
        async with server(DATA_DIR=folder, BOOK_PATH=LIGHTHOUSE, **limits) as running:
            known, unknown = await measure(running.url, pairs)
    for name, times in (("known", known), ("unknown", unknown)):
        median, p95 = np.percentile(times, [50, 95]) * 1000
        print(f"{name:8} {len(times)} addresses: median {median:.1f} ms, p95 {p95:.1f} ms")
    print(f"area under the ROC curve: {area(known, unknown):.3f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
