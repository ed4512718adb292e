"""`footnote variants make`, run as authors run it: priced, made in batches, and taken up again after a crash."""

import re
import shutil
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bootstrap import open_stores
from db.postgres import Database, pool
from services.models import Prices, Tokens
from tests.claude import ScriptedClaude
from tests.claude.translating import translating
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.processes import Finished, footnote

SECTIONS = 8


@pytest.fixture
async def database(database_url: str, new_settings: MakeSettings) -> AsyncIterator[Database]:
    """One that has the book."""
    async with open_stores(new_settings(database_url=database_url)) as stores:
        await stores.ingestion.ingest(LIGHTHOUSE, lambda *_: None)
        yield stores.database


@pytest.fixture
def given(database: Database, database_url: str, claude: ScriptedClaude, tmp_path: Path) -> dict[str, object]:
    claude.always(translating())
    return {
        "DATABASE_URL": database_url,
        "DATA_DIR": tmp_path,
        "ANTHROPIC_API_KEY": "key",
        "ANTHROPIC_BASE_URL": claude.url,
    }


async def test_it(given: dict[str, object], claude: ScriptedClaude) -> None:
    ended = await footnote("variants", "make", "--language", "ur", "--level", "beginner","--level", "advanced", **given)
    print(ended.told)
    ended = await footnote("variants", "make", "--language", "ur", "--yes", **given)
    print(ended.told)
    ended = await footnote("variants", "make", "--language", "ur", "--yes", **given)
    print(ended.told)
    ended = await footnote("variants", "make", "--level", "beginner", "--yes", "--no-batch", **given)
    print(ended.told)
    print(claude.violations, len(claude.calls), claude.batches.billed)
    assert 0
