"""Where worlds come from: one Postgres for the whole run, and a template database with the book in it."""

import asyncio
import tempfile
import traceback
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from services.model_export import prepared_model
from tests.claude import ScriptedClaude
from tests.faults import checker
from tests.faults.case import Case, Needs
from tests.faults.nursery import Nursery, open_nursery
from tests.faults.postgres import Postgres, open_postgres
from tests.faults.proxy import Proxy
from tests.faults.pulse import pulse
from tests.faults.qdrant import Qdrant
from tests.faults.replica import Replica
from tests.faults.wire import Statements
from tests.faults.world import Provider, World
from tests.processes import ROOT, footnote

BOOK = ROOT / "tests" / "books" / "lighthouse"
TEMPLATE = "with_book"
EMPTY = "template0"
CASE_SECONDS = 100.0
SETTINGS = {
    "BOOK_PATH": BOOK,
    "ENVIRONMENT": "production",  # logs as JSON lines, which the checker reads
    "JWT_SECRET": "a secret of the fault rig, and of nobody else",
    "ANSWER_CACHE_DAYS": 0,  # the cases ask the same again and again
    "LEAVE_GRACE_SECONDS": 1,
    "PROVIDER_REST_SECONDS": 1.5,
    "DRAIN_SECONDS": 6,
    "ANONYMOUS_QUESTIONS_PER_HOUR": 10_000,
    "QUESTIONS_PER_HOUR": 10_000,
    "SIGNUPS_PER_ADDRESS_PER_HOUR": 1_000_000,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case went; it is survived where nothing broke."""

    case: Case
    seconds: float
    broken: tuple[str, ...]


class Stage:
    """Plays cases one after another, in the same world as long as that fits and is whole."""

    def __init__(self, directory: Path, postgres: Postgres, nursery: Nursery) -> None:
        self.directory = directory
        self.postgres = postgres
        self._nursery = nursery
        self._names = (f"world_{number}" for number in count(1))
        self._world: World | None = None
        self._open = AsyncExitStack()

    async def prepare(self) -> None:
        """The template database: migrated, and with the book."""
        await prepared_model(ROOT / ".footnote" / "models", None)
        await self.postgres.administer(f"CREATE DATABASE {TEMPLATE}")
        done = await footnote(
            "ingest", BOOK, DATABASE_URL=self.postgres.database(TEMPLATE), DATA_DIR=self._data_dir("template")
        )
        assert done.code == 0, done.told

    async def close(self) -> None:
        """End the world that is open."""
        self._world = None
        await self._open.aclose()

    async def play(self, case: Case) -> Outcome:
        """Play a case, and check what must hold after it."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(CASE_SECONDS):
                broken = await self._survive(case, await self._world_for(case.needs))
        except TimeoutError:
            broken = [f"not over within {CASE_SECONDS:g} s"]
        except Exception as error:
            broken = [told(error)]
        if broken:
            await self.close()  # whatever is left of it, the next case gets a new one
        return Outcome(case, loop.time() - began, tuple(broken))

    async def _survive(self, case: Case, world: World) -> list[str]:
        await world.begin()
        async with pulse(world):
            try:
                await case.play(world)
                broken = []
            except Exception as error:
                broken = [told(error)]
            finally:
                await world.mend()
        return [*broken, *await checker.check(world, case)]

    async def _world_for(self, needs: Needs) -> World:
        if self._world is None or self._world.needs != needs:
            await self.close()
            self._world = await self._open.enter_async_context(self._new_world(needs))
        return self._world

    @property
    def needs(self) -> Needs | None:
        """What the world that is open was made for."""
        return self._world.needs if self._world else None

    @asynccontextmanager
    async def _new_world(self, needs: Needs) -> AsyncIterator[World]:
        name = next(self._names)
        await self.postgres.administer(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE if needs.book else EMPTY}")
        async with AsyncExitStack() as opened:
            opened.push_async_callback(self.postgres.administer, f"DROP DATABASE {name} WITH (FORCE)")
            dsn = self.postgres.database(name)
            database = await opened.enter_async_context(Proxy(self.postgres.port, Statements))
            primary = await self._provider(opened)
            fallback = await self._provider(opened)
            world = World(needs, dsn, self.postgres, database, primary, fallback, [])
            if needs.qdrant:
                world.qdrant = await opened.enter_async_context(Qdrant())
            for number in range(needs.replicas):
                proxy = await opened.enter_async_context(Proxy(0))
                world.replicas.append(Replica(number, self._settings(world, f"{name}_{number}"), proxy, self._nursery))
            opened.push_async_callback(end_all, world)
            await world.revive()
            yield world

    async def _provider(self, opened: AsyncExitStack) -> Provider:
        model = await opened.enter_async_context(ScriptedClaude())
        return Provider(model, await opened.enter_async_context(Proxy(urlsplit(model.url).port or 0)))

    def _settings(self, world: World, name: str) -> dict[str, object]:
        given = {
            **SETTINGS,
            "DATA_DIR": self._data_dir(name),
            "DATABASE_URL": urlsplit(world.dsn)
            ._replace(netloc=f"{urlsplit(world.dsn).netloc.rpartition(':')[0]}:{world.database.port}")
            .geturl(),
            "ANTHROPIC_API_KEY": "key",
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{world.primary.proxy.port}",
            "OPENROUTER_API_KEY": "key",
            "OPENROUTER_BASE_URL": f"http://127.0.0.1:{world.fallback.proxy.port}",
            "QDRANT_URL": world.qdrant.url if world.qdrant else "",
            **dict(world.needs.settings),
        }
        return {name: value for name, value in given.items() if value != ""}

    def _data_dir(self, name: str) -> Path:
        folder = self.directory / name
        folder.mkdir()
        (folder / "models").symlink_to(ROOT / ".footnote" / "models")
        return folder


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    """A stage in a folder of its own, gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="footnote-faults-", ignore_cleanup_errors=True) as folder:
        async with open_nursery() as nursery, open_postgres(Path(folder) / "postgres") as postgres:
            stage = Stage(Path(folder), postgres, nursery)
            await stage.prepare()
            try:
                yield stage
            finally:
                await stage.close()


async def end_all(world: World) -> None:
    """Processes are ended the quick way: how they end on request is a case of its own."""
    await world.case.aclose()
    await asyncio.gather(*(replica.kill() for replica in world.replicas if replica.up))


def told(error: Exception) -> str:
    """What broke, and where in the rig that was noticed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "faults" in frame.filename]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: {frames[-1].line}" if frames else "?"
    return f"{type(error).__name__}: {error} ({where})"
