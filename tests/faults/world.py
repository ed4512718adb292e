"""One world: Footnote's processes, Postgres and both models behind proxies, and the history of a case in it."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from settings import Settings
from tests.claude import Call, ScriptedClaude
from tests.client import Data
from tests.faults.case import Needs
from tests.faults.history import Asking, Ended, History
from tests.faults.postgres import Postgres
from tests.faults.proxy import Mode, Proxy
from tests.faults.qdrant import Qdrant
from tests.faults.reader import Reader, reading
from tests.faults.replica import Replica

WICK = "How often is the wick trimmed?"


@dataclass(slots=True)
class Provider:
    """A scripted model behind its proxy. `past` are the calls of earlier cases in this world."""

    model: ScriptedClaude
    proxy: Proxy
    past: list[Call] = field(default_factory=list)

    @property
    def calls(self) -> list[Call]:
        """All calls since the world began."""
        return [*self.past, *self.model.calls]

    async def forget(self) -> None:
        """Begin a new case: no scripts, no faults."""
        self.past.extend(self.model.calls)
        self.model.reset()
        await restore(self.proxy)


@dataclass(slots=True)
class World:
    """What a case is given. `dsn` leads to the database past its proxy."""

    needs: Needs
    dsn: str
    postgres: Postgres
    database: Proxy
    primary: Provider
    fallback: Provider
    replicas: list[Replica]
    qdrant: Qdrant | None = None
    history: History = field(default_factory=History)
    past_kills: int = 0
    lines: dict[int, int] = field(default_factory=dict)  # how much each process had said when the case began
    memory: dict[int, int] = field(default_factory=dict)
    case: AsyncExitStack = field(default_factory=AsyncExitStack)  # closed when the case ends

    @property
    def ever_killed(self) -> bool:
        """Whether any process was ended since the world began: what it held is not let go at once."""
        return self.past_kills + len(self.history.processes) > 0

    def setting(self, name: str) -> object:
        """The value that the processes were given, or the product's default."""
        given = self.replica.settings
        return given[name] if name in given else Settings.model_fields[name.lower()].default

    @property
    def data_dir(self) -> Path:
        """The folder of the first process."""
        return Path(str(self.replica.settings["DATA_DIR"]))

    @property
    def claude(self) -> ScriptedClaude:
        """The primary model, to script."""
        return self.primary.model

    @property
    def replica(self) -> Replica:
        """The first process."""
        return self.replicas[0]

    async def begin(self) -> None:
        """A new case in this world."""
        self.past_kills += len(self.history.processes)
        self.history, self.case = History(), AsyncExitStack()
        await self.primary.forget()
        await self.fallback.forget()
        self.lines = {replica.number: len(replica.said) for replica in self.replicas}
        self.memory = self.memory or {replica.number: replica.memory() for replica in self.replicas}

    async def mend(self) -> None:
        """Take back all faults, and start again what was killed."""
        await self.case.aclose()
        for proxy in (self.database, self.primary.proxy, self.fallback.proxy, *(r.proxy for r in self.replicas)):
            await restore(proxy)
        if self.qdrant:
            await self.qdrant.mend()
        await self.revive()

    async def revive(self) -> None:
        """Start the processes that do not run."""
        down = [replica for replica in self.replicas if not replica.up]
        await asyncio.gather(*(replica.start() for replica in down))
        self.memory |= {replica.number: replica.memory() for replica in down}

    async def kill(self, replica: Replica | None = None) -> None:
        """`kill -9`, of the first process unless another one is given."""
        await self.end(replica or self.replica, signal.SIGKILL)

    async def end(self, replica: Replica, number: signal.Signals) -> int:
        """Send a process a signal and wait for its end. Returns its exit code."""
        self.history.processes.append(Ended(replica.number, number.name, time.monotonic()))
        return await replica.end(number)

    @asynccontextmanager
    async def reader(
        self,
        question: str = WICK,
        *,
        at: Replica | None = None,
        url: str = "",
        token: str | None = None,
        **more: object,
    ) -> AsyncIterator[Reader]:
        """A reader who asks over a socket. `more` goes into the input; `url` is another way to the process."""
        replica = at or self.replica
        asking = Asking(question, replica.number, token)
        self.history.askings.append(asking)
        async with reading(url or replica.url, asking, self.history, self.input(asking, **more)) as reader:
            yield reader

    def input(self, asking: Asking, **more: object) -> dict[str, object]:
        """What is sent of an asking."""
        return {"question": asking.question, "requestId": asking.request_id, **more}

    async def ask(self, question: str = WICK, *, at: Replica | None = None, token: str | None = None) -> Asking:
        """Ask, and listen to the end."""
        async with self.reader(question, at=at, token=token) as reader:
            return await reader.rest()

    async def fetch(self, sql: str, *arguments: object) -> list[Data]:
        """Rows, past the proxy."""
        async with self.connection() as connection:
            return [dict(row) for row in await connection.fetch(sql, *arguments)]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of our own, past the proxy."""
        connection = await asyncpg.connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close()


async def restore(proxy: Proxy) -> None:
    """Let everything pass again."""
    proxy.delay = 0.0
    await proxy.switch(Mode.PASS)


async def eventually(holds: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until something holds; returns how long that took. Raises AssertionError with `what` after `seconds`."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began
