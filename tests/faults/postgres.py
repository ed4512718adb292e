"""The PostgreSQL of a run, which cases may stop, crash, back up and restore."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from db.embedded_postgres import embedded_postgres
from db.postgres_programs import choose

FAST, CRASH = signal.SIGINT, signal.SIGQUIT  # connections are ended and all is written; the process just goes


class Postgres:
    """One server; `dsn` is its superuser's."""

    def __init__(self, directory: Path, dsn: str, memberships: AsyncExitStack) -> None:
        self.dsn = dsn
        self._directory = directory
        self._memberships = memberships

    @property
    def port(self) -> int:
        """Where it listens; the same after a restart."""
        return urlsplit(self.dsn).port or 0

    def database(self, name: str) -> str:
        """The DSN of one of its databases."""
        return urlsplit(self.dsn)._replace(path=f"/{name}").geturl()

    async def administer(self, statement: str) -> None:
        """Run one statement outside of all databases of a case."""
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def stop(self, how: signal.Signals) -> None:
        """End it, and wait until it is gone."""
        pid = int((self._directory / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, how)
        await asyncio.to_thread(wait_until_gone, Path(f"/proc/{pid}"))

    async def start(self) -> None:
        """Start it again, at the same address: joining its users does that."""
        again = await self._memberships.enter_async_context(embedded_postgres(self._directory))
        assert again == self.dsn, "it has another address now"

    async def run(self, *command: str) -> None:
        """Run one of its programs, such as pg_dump, in its own folder. Raises AssertionError with what it said."""
        programs = choose(self._directory / "data")
        done = await asyncio.to_thread(programs.run, list(command), self._exchange())
        assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {done.stdout}"

    def _exchange(self) -> Path:
        # The programs may run as another account than ours.
        folder = self._directory / "exchange"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
        return folder


def wait_until_gone(process: Path) -> None:
    """Until a process has ended, or is a zombie that nobody reaps; 15 s at most."""
    for _ in range(750):
        if not process.exists() or "(postgres) Z" in (process / "stat").read_text():
            return
        time.sleep(0.02)
    raise AssertionError("Postgres did not end")


@asynccontextmanager
async def open_postgres(directory: Path) -> AsyncIterator[Postgres]:
    """A new server, stopped when the block ends."""
    async with AsyncExitStack() as memberships:
        dsn = await memberships.enter_async_context(embedded_postgres(directory))
        yield Postgres(directory, dsn, memberships)
