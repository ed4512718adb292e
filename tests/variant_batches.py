"""`footnote variants make`, as authors run it beside a scripted Claude."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from decimal import Decimal

from db.postgres import Database
from services.models import Prices, Tokens
from tests.claude import ScriptedClaude
from tests.processes import Finished, footnote, start

URDU = ("--language", "ur")


@dataclass(frozen=True, slots=True)
class Author:
    """Somebody who has variants made of the book in a database."""

    database: Database
    claude: ScriptedClaude
    settings: dict[str, object]

    async def make(self, *options: str, **settings: object) -> Finished:
        """Run the command to its end."""
        return await footnote("variants", "make", *options, "--yes", **{**self.settings, **settings})

    async def begin(self, *options: str) -> asyncio.subprocess.Process:
        """Start the command."""
        return await start("variants", "make", *options, "--yes", **self.settings)

    async def kill(self, process: asyncio.subprocess.Process) -> str:
        """Kill the command, and let the time pass that its lease has left. Returns what it said."""
        process.kill()
        told, _ = await process.communicate()
        await self.database.execute("UPDATE variant_leases SET expires_at = clock_timestamp()")
        return told.decode()

    async def sections(self) -> int:
        """How many sections are stored."""
        count: int = await self.database.fetchval("SELECT count(*) FROM section_renderings")
        return count

    async def chapters(self) -> int:
        """How many chapters are stored in another form."""
        count: int = await self.database.fetchval("SELECT count(*) FROM variants")
        return count

    async def batches(self) -> int:
        """How many batches are noted."""
        count: int = await self.database.fetchval("SELECT count(*) FROM variant_batches")
        return count

    async def spent(self) -> tuple[Decimal, Decimal]:
        """What today's budget has reserved and spent, in micro-dollars."""
        row = await self.database.fetchrow("SELECT reserved, spent FROM spending_days")
        return (row["reserved"], row["spent"]) if row else (Decimal(0), Decimal(0))

    @property
    def asked(self) -> int:
        """How many requests were submitted."""
        return sum(len(batch.items) for batch in self.claude.batches.made)

    @property
    def bill(self) -> Decimal:
        """What the provider counted, at half the price, in micro-dollars."""
        items = [item for batch in self.claude.batches.made for item in batch.items]
        billed = [Tokens(**asdict(item.tokens)) for item in items]
        return sum((Prices().cost("claude-haiku-5-5", tokens, batch=True) for tokens in billed), Decimal())


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that happens in another process."""
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.02)
