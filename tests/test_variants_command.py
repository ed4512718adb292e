"""`footnote variants make`, run as authors run it: refused, priced, made, killed and run again."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from bootstrap import open_stores
from tests.authors import FREE, Author, until
from tests.claude import Cut, ScriptedClaude, Stall, Status
from tests.claude.translating import translating
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.processes import footnote

SECTIONS = 8  # that have words, of three chapters
URDU = ("--language", "ur")


@pytest.fixture
async def author(
    new_settings: MakeSettings, database_url: str, claude: ScriptedClaude, tmp_path: Path
) -> AsyncIterator[Author]:
    """Whose model translates well, and whose folder has no embedding model."""
    claude.always(translating())
    settings = new_settings(database_url=database_url, anthropic_api_key="key", anthropic_base_url=claude.url)
    async with open_stores(settings) as stores:
        await stores.ingestion.ingest(LIGHTHOUSE, lambda *_: None)
        yield Author(stores.database, claude, settings.model_copy(update={"data_dir": tmp_path}))


# Refusals


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ((), 2, "Give a --language, a --level, or both."),
        ((*URDU, "--chapter", "lmap"), 1, "There is no chapter lmap. Is it lamp?"),
    ],
)
async def test_what_cannot_be_made_is_told_in_a_line(
    author: Author, options: Sequence[str], code: int, told: str
) -> None:
    ended = await author.run(*options)
    assert (ended.code, told in ended.told, "Traceback" in ended.told) == (code, True, False)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "set ANTHROPIC_API_KEY, or OPENROUTER_API_KEY"),
        ({"ANTHROPIC_API_KEY": "key"}, "run `footnote ingest PATH`"),
    ],
)
async def test_without_a_model_or_a_book_nothing_can_be_made(
    database_url: str, tmp_path: Path, settings: dict[str, object], told: str
) -> None:
    ended = await footnote("variants", "make", *URDU, DATABASE_URL=database_url, DATA_DIR=tmp_path, **settings)
    assert (ended.code, told in ended.told) == (1, True)


async def test_nothing_is_made_before_somebody_has_seen_the_price_and_said_yes(author: Author) -> None:
    ended = await author.run(*URDU, "--level", "beginner", "--level", "advanced")
    assert (ended.code, "Make them? [y/N]" in ended.told) == (1, True)
    rows = re.findall(r"^(ur \w+|all) +(\d+) +(\d+) +(\d+) +(\d+) +(.*?) *$", told_by(ended.told), re.MULTILINE)
    assert [row[:5] for row in rows] == [
        ("ur beginner", "3", "1", "8", "8"),
        ("ur advanced", "3", "1", "8", "8"),
        ("all", "6", "2", "16", "16"),
    ]
    batched, batched_most, at_once, most = (Decimal(price) for price in rows[-1][5].replace("$", "").split())
    assert (batched < batched_most, at_once < most) == (True, True)
    assert [2 * batched, 2 * batched_most] == pytest.approx([at_once, most], abs=Decimal("0.0002"))
    assert (author.claude.calls, author.asked) == ([], [])
    assert await author.spent() == FREE


def told_by(said: str) -> str:
    """What a command said, its lines without what stands before them."""
    return "\n".join(line.strip() for line in said.splitlines())


async def test_of_two_at_once_the_second_is_told(author: Author) -> None:
    author.claude.batches.looks = None
    first = await author.begin(*URDU)
    batch = await author.claude.batches.wait_made()
    second = await author.run("--level", "beginner", "--yes")
    assert (second.code, "Another `footnote variants make` is running." in second.told) == (1, True)
    batch.end()
    assert (await first.wait(), author.asked) == (0, [SECTIONS])


# Service


async def test_a_book_is_made_once_without_index_and_embedding_model(author: Author, tmp_path: Path) -> None:
    ended = await author.run(*URDU, "--yes")
    assert (ended.code, "Made 8 sections, and put 3 chapters together." in ended.told) == (0, True)
    assert not (tmp_path / "models").is_dir()
    ended = await author.run(*URDU)
    assert (ended.code, "Nothing to do" in ended.told, author.asked) == (0, True, [SECTIONS])


# Crashes


async def resumed(author: Author, how: str) -> None:
    """Run again: all is there, and nothing was asked for, or paid, twice."""
    ended = await author.run(*URDU, "--yes")
    assert (ended.code, how in ended.told) == (0, True)
    assert (author.asked, await author.stored()) == ([SECTIONS], (SECTIONS, 3))
    assert (await author.count("variant_batches"), await author.spent()) == (0, author.bill)


async def test_a_kill_before_a_batch_is_submitted(author: Author) -> None:
    author.claude.batches.fail("create", Status(529, retry_after=30))
    process = await author.begin(*URDU)
    await until(lambda: author.count("variant_batches"))
    await asyncio.sleep(0.3)  # now it waits for the next try
    await author.kill(process)
    await resumed(author, "Submitted 8 calls")


async def test_a_kill_before_it_is_noted_as_what_a_batch_was_submitted(author: Author) -> None:
    author.claude.batches.fail("create", Stall())
    process = await author.begin(*URDU)
    await author.claude.batches.wait_made()
    await author.kill(process)
    await resumed(author, "Taking up what an earlier run submitted")


async def test_a_kill_while_a_batch_is_under_way(author: Author) -> None:
    author.claude.batches.looks = None
    process = await author.begin(*URDU)
    batch = await author.claude.batches.wait_made()
    await author.noted(batch.id)
    await author.kill(process)
    batch.end()
    await resumed(author, "Taking up what an earlier run submitted")


async def test_a_kill_while_results_are_taken(author: Author) -> None:
    author.claude.batches.fail("results", Cut())
    process = await author.begin(*URDU)
    await until(lambda: author.count("section_renderings"))
    await author.kill(process)  # before it reads them again
    await resumed(author, "In batches of an earlier run: 8 sections")


async def test_ctrl_c_says_that_the_batch_goes_on(author: Author) -> None:
    author.claude.batches.looks = None
    process = await author.begin(*URDU)
    batch = await author.claude.batches.wait_made()
    process.send_signal(signal.SIGINT)
    told, _ = await process.communicate()
    assert (process.returncode, b"goes on without this command" in told) == (128 + signal.SIGINT, True)
    batch.end()
    await resumed(author, "Taking up what an earlier run submitted")
