"""One `footnote serve`: a process of its own, what it says, and the proxy between it and its readers."""

import asyncio
import json
import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path

from tests.faults.nursery import Child, Nursery
from tests.faults.proxy import Proxy

READY = re.compile(r"http://[\d.]+:(\d+)/graphql -H")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Replica:
    """A process that can be ended and started again; its readers keep their address."""

    def __init__(self, number: int, settings: Mapping[str, object], proxy: Proxy, nursery: Nursery) -> None:
        self.number = number
        self.settings = settings
        self.proxy = proxy
        self.said: list[str] = []
        self._nursery = nursery
        self._process: Child | None = None
        self._listening: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._ending = False

    @property
    def url(self) -> str:
        """GraphQL, through the proxy."""
        return f"http://127.0.0.1:{self.proxy.port}/graphql"

    @property
    def direct(self) -> str:
        """GraphQL, past the proxy."""
        return f"http://127.0.0.1:{self.proxy.target}/graphql"

    @property
    def up(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def serves(self) -> bool:
        """Whether it runs, has said where it listens, and was not told to end."""
        return self.up and self._ready.is_set() and not self._ending

    async def start(self) -> None:
        """Start the process, and wait until it serves. Raises AssertionError with what it said if it ends instead."""
        process = self._process = await self._nursery.start({"PORT": 0, **self.settings})
        ready = self._ready = asyncio.Event()
        self._ending = False
        before = len(self.said)
        self._listening = asyncio.create_task(self._listen(process, ready))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, self._listening}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        assert ready.is_set(), f"footnote serve ended: {''.join(self.said[before:][-3:]).strip()}"

    async def kill(self) -> None:
        """`kill -9`."""
        await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals) -> int:
        """Send a signal, and wait for the process to end. Returns its exit code."""
        assert self._process
        assert self._listening
        self._ending = True
        if self.up:
            self._process.send_signal(number)
        code = await self._process.wait()
        await self._listening
        return code

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process
        return self._process.pid

    def waited(self) -> float:
        """Seconds that its event loop was ready to go on, and the machine had no core for it."""
        return int(self._of("schedstat").read_text().split()[1]) / 1e9

    def memory(self) -> int:
        """Bytes that it holds (its resident set)."""
        return int(self._of("statm").read_text().split()[1]) * PAGE

    def accidents(self, since: int) -> list[str]:
        """What it said, from a line on, that nobody should have to read: errors by their name, and tracebacks."""
        return [accident for line in self.said[since:] if (accident := accident_in(line))]

    def _of(self, name: str) -> Path:
        return Path("/proc") / str(self.pid) / name

    async def _listen(self, process: Child, ready: asyncio.Event) -> None:
        async for line in process.output:
            self.said.append(line.decode(errors="replace"))
            if found := READY.search(self.said[-1]):
                self.proxy.target = int(found[1])
                ready.set()


def accident_in(line: str) -> str:
    """The event of a log line that has a traceback or is an error, else nothing."""
    if line.startswith("Traceback"):
        return "a traceback outside of the log"
    try:
        said = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(said, dict) or not ("exception" in said or said.get("level") in ("error", "critical")):
        return ""
    lines = str(said.get("exception", "")).strip().splitlines()
    return f"{said['event']} ({lines[-1]})" if lines else str(said["event"])
