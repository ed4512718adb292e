"""An author who has variants of the book made, by the command line or in this process, from a scripted Claude."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from bootstrap import open_workshop
from db.postgres import Database
from services.ahead import Ahead, Made
from services.models import Prices, Tokens
from services.readers import Hardware, Level
from services.variant_orders import Wanted
from services.variant_plan import Plan, planned
from settings import Settings
from tests.claude import ScriptedClaude
from tests.processes import Finished, footnote, start

URDU = Wanted((), ("ur",), Hardware.NONE, ())
LAMP = Wanted((), ("ur",), Hardware.NONE, ("lamp",))
BEGINNER = Wanted((Level.BEGINNER,), (), Hardware.NONE, ())

FREE = (Decimal(0), Decimal(0))


def quiet(*_: object) -> None:
    """For those who do not watch."""


@dataclass(frozen=True, slots=True)
class Author:
    """Of the book in a database, with a model."""

    database: Database
    claude: ScriptedClaude
    settings: Settings

    async def plan(self, wanted: Wanted = URDU, *, batches: bool = True) -> Plan:
        """What an order comes to."""
        async with open_workshop(self.settings) as workshop:
            return await planned(workshop, wanted, quiet, batches=batches)

    async def make(self, wanted: Wanted = URDU, *, batches: bool = True) -> Made:
        """Have it made in this process."""
        async with open_workshop(self.settings) as workshop:
            plan = await planned(workshop, wanted, quiet, batches=batches)
            return await Ahead(workshop, plan, quiet, quiet).make(batches=batches)

    async def run(self, *options: str) -> Finished:
        """Have it made by the command, to its end."""
        return await footnote("variants", "make", *options, **self.environment)

    async def begin(self, *options: str) -> asyncio.subprocess.Process:
        """Start the command."""
        return await start("variants", "make", *options, "--yes", **self.environment)

    @property
    def environment(self) -> dict[str, Any]:
        """The settings of a process."""
        return {
            "DATABASE_URL": self.settings.database_url,
            "DATA_DIR": self.settings.data_dir,
            "ANTHROPIC_API_KEY": self.settings.anthropic_api_key.get_secret_value(),
            "ANTHROPIC_BASE_URL": self.settings.anthropic_base_url,
        }

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        """Kill the command, and let the time pass that its lease has left."""
        process.kill()
        await process.communicate()
        await self.database.execute("UPDATE variant_leases SET expires_at = clock_timestamp()")

    async def count(self, table: str) -> int:
        """How many rows are stored."""
        rows: int = await self.database.fetchval(f"SELECT count(*) FROM {table}")
        return rows

    async def stored(self) -> tuple[int, int]:
        """How many sections and chapters there are in other forms."""
        return await self.count("section_renderings"), await self.count("variants")

    async def noted(self, provider_id: str) -> None:
        """Wait until a batch is noted as the provider calls it."""
        noted = "SELECT true FROM variant_batches WHERE provider_id = $1"
        await until(lambda: self.database.fetchval(noted, provider_id))

    async def spent(self) -> tuple[Decimal, Decimal]:
        """What today's budget has reserved and spent, in micro-dollars."""
        row = await self.database.fetchrow("SELECT reserved, spent FROM spending_days")
        return (row["reserved"], row["spent"]) if row else FREE

    @property
    def asked(self) -> list[int]:
        """How many requests each batch had."""
        return [len(batch.items) for batch in self.claude.batches.made]

    @property
    def bill(self) -> tuple[Decimal, Decimal]:
        """What `spent` is when all is settled: what the provider counted, at half the price."""
        items = [item for batch in self.claude.batches.made for item in batch.items]
        billed = [Tokens(**asdict(item.tokens)) for item in items]
        costs = (Prices().cost("claude-haiku-5-5", tokens, batch=True) for tokens in billed)
        return Decimal(0), sum(costs, Decimal(0))


async def until(look: Callable[[], Awaitable[object]]) -> None:
    """Wait for what another process does."""
    async with asyncio.timeout(30):
        while not await look():  # noqa: ASYNC110 nobody tells
            await asyncio.sleep(0.02)
