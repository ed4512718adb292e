"""`footnote variants make`, run as authors run it: priced, made in batches, and taken up again whatever happened."""

import asyncio
import re
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from bootstrap import Stores, open_stores
from tests.claude import Cut, ScriptedClaude, Stall, Status, Step
from tests.claude.script import Body
from tests.claude.translating import WELL, Habits, translating
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.processes import footnote
from tests.variant_batches import URDU, Author, until

SECTIONS = 8  # that have words, of three chapters
BEGINNER = ("--level", "beginner")


@pytest.fixture
async def stores(database_url: str, new_settings: MakeSettings) -> AsyncIterator[Stores]:
    """A database with the handbook of lighthouses."""
    async with open_stores(new_settings(database_url=database_url)) as stores:
        await stores.ingestion.ingest(LIGHTHOUSE, lambda *_: None)
        yield stores


@pytest.fixture
def author(stores: Stores, database_url: str, claude: ScriptedClaude, tmp_path: Path) -> Author:
    """Whose model translates well."""
    claude.always(translating())
    settings = {
        "DATABASE_URL": database_url,
        "DATA_DIR": tmp_path / "data",
        "ANTHROPIC_API_KEY": "key",
        "ANTHROPIC_BASE_URL": claude.url,
    }
    return Author(stores.database, claude, settings)


async def edit(stores: Stores, folder: Path, old: str, new: str) -> None:
    """Publish the book with other words in the chapter on the lamp."""
    book = shutil.copytree(LIGHTHOUSE, folder / "book")
    lamp = book / "lamp.md"
    lamp.write_text(lamp.read_text("utf-8").replace(old, new), "utf-8")
    await stores.ingestion.ingest(book, lambda *_: None)


# Refusals


@pytest.mark.parametrize(
    ("options", "settings", "code", "told"),
    [
        ((), {}, 2, "Give a --language, a --level, or both."),
        (URDU, {"ANTHROPIC_API_KEY": ""}, 1, "set ANTHROPIC_API_KEY, or OPENROUTER_API_KEY"),
        ((*URDU, "--chapter", "lmap"), {}, 1, "There is no chapter lmap. Is it lamp?"),
        (("--language", "fr"), {}, 1, "translated into ur (TRANSLATION_LANGUAGES), not into fr."),
    ],
)
async def test_what_cannot_be_made_is_told_in_a_line(
    author: Author, options: Sequence[str], settings: dict[str, object], code: int, told: str
) -> None:
    ended = await author.make(*options, **settings)
    assert (ended.code, told in ended.told, "Traceback" in ended.told) == (code, True, False)


async def test_without_a_book_nothing_is_made(database_url: str, tmp_path: Path) -> None:
    given = {"DATABASE_URL": database_url, "DATA_DIR": tmp_path, "ANTHROPIC_API_KEY": "key"}
    ended = await footnote("variants", "make", *URDU, **given)
    assert (ended.code, "run `footnote ingest PATH`" in ended.told) == (1, True)


async def test_nothing_is_made_before_somebody_has_seen_the_price_and_said_yes(author: Author) -> None:
    ended = await footnote("variants", "make", *URDU, *BEGINNER, *BEGINNER[:1], "advanced", **author.settings)
    assert ended.code == 1
    forms = re.findall(r"^ *(ur \w+|all) +(\d+) +(\d+) +(\d+) +(\d+)((?: +\$0\.\d{4}){4})", ended.told, re.MULTILINE)
    assert [form[:5] for form in forms] == [
        ("ur beginner", "3", "1", "8", "8"),
        ("ur advanced", "3", "1", "8", "8"),
        ("all", "6", "2", "16", "16"),
    ]
    batched, batched_most, at_once, most = (Decimal(price.strip(" $")) for price in forms[-1][5].split())
    assert batched < batched_most == pytest.approx(most / 2, abs=Decimal("0.0002"))
    assert batched == pytest.approx(at_once / 2, abs=Decimal("0.0002"))
    assert (author.claude.calls, author.claude.batches.made, await author.spent()) == ([], [], (0, 0))


async def test_a_refused_batch_costs_nothing_and_leaves_nothing(author: Author) -> None:
    author.claude.batches.fail("create", Status(401))
    ended = await author.make(*URDU)
    assert (ended.code, "Claude's message batches cannot be used" in ended.told) == (1, True)
    assert (await author.batches(), await author.spent()) == (0, (0, 0))


async def test_what_the_budget_has_no_room_for_waits_for_tomorrow(author: Author) -> None:
    ended = await author.make(*URDU, DAILY_BUDGET_USD="0.004")
    assert ended.code == 1
    assert "Today's budget has $0.0038 left for them" in ended.told
    left = int(re.search(r"(\d) sections wait for tomorrow's budget", ended.told)[1])
    assert left + await author.sections() == SECTIONS
    assert 0 < left < SECTIONS
    assert (await author.make(*URDU)).code == 0
    assert (author.asked, await author.chapters(), await author.batches()) == (SECTIONS, 3, 0)


async def test_of_two_at_once_the_second_is_told(author: Author) -> None:
    author.claude.batches.looks = None
    first = await author.begin(*URDU)
    batch = await author.claude.batches.wait_made()
    second = await author.make(*URDU, *BEGINNER)
    assert (second.code, "Another footnote variants make is running." in second.told) == (1, True)
    batch.end()
    assert await first.wait() == 0
    assert author.asked == SECTIONS


# Service


async def test_the_book_is_made_in_batches_at_half_the_price(author: Author, tmp_path: Path) -> None:
    ended = await author.make(*URDU, *BEGINNER)
    assert (ended.code, "8 sections were made, and 3 chapters put together." in ended.told) == (0, True)
    assert (await author.sections(), await author.chapters(), author.asked) == (SECTIONS, 3, SECTIONS)
    assert author.claude.calls == []
    assert await author.spent() == (0, author.bill)
    assert not (tmp_path / "data" / "models").exists()


async def test_what_is_there_is_not_made_again(author: Author) -> None:
    await author.make(*URDU)
    ended = await author.make(*URDU)
    assert (ended.code, "Nothing to do" in ended.told, author.asked) == (0, True, SECTIONS)


async def test_only_what_was_edited_is_made_again(author: Author, stores: Stores, tmp_path: Path) -> None:
    await author.make(*URDU)
    await edit(stores, tmp_path, "turns once in 30 seconds", "turns once in 40 seconds")
    ended = await author.make(*URDU)
    assert "1 sections were made, and 1 chapters put together." in ended.told
    assert author.asked == SECTIONS + 1


@pytest.mark.parametrize("by", ["--no-batch", "OpenRouter"])
async def test_without_batches_it_is_made_section_by_section(author: Author, by: str) -> None:
    router = {"ANTHROPIC_API_KEY": "", "OPENROUTER_API_KEY": "key", "OPENROUTER_BASE_URL": author.claude.url}
    ended = await (author.make(*URDU, by) if by == "--no-batch" else author.make(*URDU, **router))
    assert (ended.code, "8 sections were made, and 3 chapters put together." in ended.told) == (0, True)
    assert (len(author.claude.calls), author.asked, await author.chapters()) == (SECTIONS, 0, 3)


async def test_one_chapter_can_be_made(author: Author) -> None:
    await author.make("--level", "ADVANCED", "--hardware", "jetson", "--chapter", "lamp")
    rows = await author.database.fetch("SELECT chapter_id, level, language, hardware FROM variants")
    assert [tuple(row) for row in rows] == [("lamp", "ADVANCED", "en", "JETSON")]


def without_scissors(body: Body) -> Sequence[Step]:
    """Loses what stands for code wherever the wick is cut."""
    return translating(Habits(drops_tags=1) if "Cut it" in str(body) else WELL)(body)


async def test_what_fails_its_checks_is_asked_for_once_more(author: Author) -> None:
    author.claude.always(without_scissors)
    ended = await author.make(*URDU, "--chapter", "lamp")
    assert (ended.code, "1 sections keep words of the source" in ended.told) == (0, True)
    assert [len(batch.items) for batch in author.claude.batches.made] == [4, 1]
    assert "wrong=" in str(author.claude.batches.made[1].items[0].ending.body)
    assert await author.spent() == (0, author.bill)


# Crashes


async def resumed(author: Author) -> None:
    """Run again: all is there, and nothing was asked for twice."""
    ended = await author.make(*URDU)
    assert (ended.code, "Taking up" in ended.told) == (0, True)
    assert (author.asked, await author.sections(), await author.chapters()) == (SECTIONS, SECTIONS, 3)
    assert await author.batches() == 0


async def test_a_kill_before_the_batch_has_a_name_costs_nothing_twice(author: Author) -> None:
    author.claude.batches.fail("create", Stall())
    process = await author.begin(*URDU)
    await author.claude.batches.wait_made()
    await author.kill(process)
    await resumed(author)
    assert await author.spent() == (0, author.bill)


async def test_a_kill_while_the_batch_is_under_way_costs_nothing_twice(author: Author) -> None:
    author.claude.batches.looks = None
    process = await author.begin(*URDU)
    batch = await author.claude.batches.wait_made()
    assert process.stdout
    while b"Submitted 8 calls" not in await process.stdout.readline():
        pass
    await author.kill(process)
    batch.end()
    await resumed(author)
    assert await author.spent() == (0, author.bill)


async def test_a_kill_while_results_are_taken_costs_nothing_twice(author: Author) -> None:
    author.claude.batches.fail("results", Cut(), Stall())
    process = await author.begin(*URDU)
    while await author.sections() < SECTIONS / 2:
        await asyncio.sleep(0.02)
    await author.kill(process)
    assert await author.sections() == SECTIONS / 2
    await resumed(author)


async def test_a_kill_before_the_batch_is_submitted_submits_it_later(author: Author) -> None:
    author.claude.batches.fail("create", Status(529), Status(529))
    process = await author.begin(*URDU)
    await until(lambda: len(author.claude.batches.failed) == 1)
    await author.kill(process)
    ended = await author.make(*URDU)
    assert (ended.code, author.asked, await author.chapters()) == (0, SECTIONS, 3)


async def test_a_kill_in_the_second_round_keeps_the_first(author: Author) -> None:
    author.claude.always(without_scissors)
    author.claude.batches.looks = None
    process = await author.begin(*URDU, "--chapter", "lamp")
    (await author.claude.batches.wait_made()).end()
    second = await author.claude.batches.wait_made(2)
    await author.kill(process)
    second.end()
    ended = await author.make(*URDU, "--chapter", "lamp")
    assert (ended.code, "1 sections keep words of the source" in ended.told) == (0, True)
    assert [len(batch.items) for batch in author.claude.batches.made] == [4, 1]


async def test_ctrl_c_says_that_the_batch_goes_on(author: Author) -> None:
    author.claude.batches.looks = None
    process = await author.begin(*URDU)
    batch = await author.claude.batches.wait_made()
    await asyncio.sleep(0.5)  # until it is known by name
    process.send_signal(signal.SIGINT)
    told, _ = await process.communicate()
    assert (process.returncode, b"goes on without this command" in told) == (128 + signal.SIGINT, True)
    batch.end()
    await resumed(author)


async def test_a_section_that_changed_meanwhile_is_dropped_and_made_anew(
    author: Author, stores: Stores, tmp_path: Path
) -> None:
    author.claude.batches.looks = None
    process = await author.begin(*URDU)
    batch = await author.claude.batches.wait_made()
    await author.kill(process)
    batch.end()
    author.claude.batches.looks = 0
    await edit(stores, tmp_path, "turns once in 30 seconds", "turns once in 40 seconds")
    ended = await author.make(*URDU)
    assert (ended.code, author.asked, await author.sections()) == (0, SECTIONS + 1, SECTIONS)
