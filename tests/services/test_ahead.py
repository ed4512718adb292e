"""Variants made ahead of time, in batches and without: what is asked for, what is paid, and what is left."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from bootstrap import Stores, open_stores
from services.batch_making import BatchesFailed
from services.claude_batches import BatchRequest, open_batches
from services.models import Prices
from services.prompt import Prompt
from services.readers import Hardware, Level
from services.variant_batches import TOGETHER
from services.variant_orders import Wanted
from tests.authors import BEGINNER, FREE, LAMP, URDU, Author
from tests.claude import ScriptedClaude, Stall, Status, Step
from tests.claude.batch import Batch
from tests.claude.script import Body
from tests.claude.translating import WELL, Habits, translating
from tests.conftest import LIGHTHOUSE, MakeSettings

Edit = Callable[[], Awaitable[None]]
SECTIONS, LAMP_SECTIONS = 8, 4  # that have words


@pytest.fixture
async def stores(database_url: str, new_settings: MakeSettings) -> AsyncIterator[Stores]:
    """A database with the handbook of lighthouses."""
    async with open_stores(new_settings(database_url=database_url)) as stores:
        await stores.ingestion.ingest(LIGHTHOUSE, lambda *_: None)
        yield stores


@pytest.fixture
def author(stores: Stores, database_url: str, claude: ScriptedClaude, new_settings: MakeSettings) -> Author:
    """Whose model translates well."""
    claude.always(translating())
    settings = new_settings(database_url=database_url, anthropic_api_key="key", anthropic_base_url=claude.url)
    return Author(stores.database, claude, settings)


@pytest.fixture
def edit(stores: Stores, tmp_path: Path) -> Edit:
    """Publishes the book with another lens."""

    async def publish() -> None:
        book = shutil.copytree(LIGHTHOUSE, tmp_path / "book")
        lamp = book / "lamp.md"
        lamp.write_text(lamp.read_text("utf-8").replace("once in 30 seconds", "once in 40 seconds"), "utf-8")
        await stores.ingestion.ingest(book, lambda *_: None)

    return publish


async def broken_off(author: Author, wanted: Wanted = URDU, *, batches: int = 1) -> Batch:
    """Have it made until so many batches are submitted; the last one is under way. Returns it."""
    author.claude.batches.looks = None
    making = asyncio.create_task(author.make(wanted))
    for number in range(1, batches):
        (await author.claude.batches.wait_made(number)).end()
    last = await author.claude.batches.wait_made(batches)
    await author.noted(last.id)
    making.cancel()
    await asyncio.wait({making})
    author.claude.batches.looks = 0
    return last


# What is refused, and what is left


async def test_refused_batches_cost_nothing_and_leave_nothing(author: Author) -> None:
    author.claude.batches.fail("create", Status(401))
    with pytest.raises(BatchesFailed, match="401"):
        await author.make()
    assert (await author.count("variant_batches"), await author.spent()) == (0, FREE)


@pytest.mark.parametrize("batches", [True, False])
async def test_what_the_budget_has_no_room_for_waits(author: Author, *, batches: bool) -> None:
    little = {"daily_budget_usd": Decimal("0.002" if batches else "0.004")}
    made = await replace(author, settings=author.settings.model_copy(update=little)).make(batches=batches)
    assert (made.sections + made.waiting, made.problems) == (SECTIONS, [])
    assert (0 < made.waiting < SECTIONS, (await author.stored())[0]) == (True, made.sections)
    assert (await author.make(batches=batches)).waiting == 0
    assert (sum(author.asked) + len(author.claude.calls), await author.stored()) == (SECTIONS, (SECTIONS, 3))


async def test_what_a_batch_does_not_bring_is_asked_for_once_more(author: Author) -> None:
    author.claude.script(Status(500))
    made = await author.make()
    assert (made.sections, made.problems, author.asked) == (SECTIONS, [], [SECTIONS, 1])
    assert await author.spent() == author.bill


async def test_what_two_batches_do_not_bring_is_told(author: Author) -> None:
    author.claude.always(Stall())
    made = await author.make(LAMP)
    assert made.problems == ["Sections that could not be made: 4. The request is expired."]
    assert (author.asked, await author.count("variant_batches")) == ([4, 4], 0)
    assert await author.spent() == FREE


async def test_a_batch_whose_results_are_gone_is_told_and_not_paid_again(author: Author) -> None:
    batch = await broken_off(author)
    batch.end()
    batch.archive()
    made = await author.make()
    assert "Sections that could not be made: 8. Its batch is lost" in made.problems[0]
    assert (author.asked, await author.count("variant_batches")) == ([SECTIONS], 0)
    assert (await author.make()).sections == SECTIONS


async def test_a_model_that_only_speaks_english_makes_no_chapter(author: Author) -> None:
    author.claude.always(translating(Habits(english=1)))
    made = await author.make(LAMP)
    assert (made.chapters, author.asked) == (0, [4, 4])
    assert "lamp (ur): No section could be made" in made.problems[0]
    assert await author.stored() == (0, 0)


# What is made


async def test_batches_cost_half_of_what_the_provider_counted(author: Author) -> None:
    made = await author.make()
    assert (made.sections, made.chapters, await author.stored()) == (SECTIONS, 3, (SECTIONS, 3))
    assert (author.asked, author.claude.calls) == ([SECTIONS], [])
    assert await author.spent() == author.bill


async def test_only_what_was_edited_is_made_again(author: Author, edit: Edit) -> None:
    await author.make()
    await edit()
    made = await author.make()
    assert (made.sections, made.chapters, author.asked) == (1, 1, [SECTIONS, 1])


async def test_chapters_whose_sections_are_there_are_put_together(author: Author) -> None:
    await author.make()
    await author.database.execute("DELETE FROM variants")
    plan = await author.plan()
    assert (plan.unbound, plan.jobs, plan.empty) == (3, {}, False)
    assert ((await author.make()).chapters, author.asked) == (3, [SECTIONS])
    assert (await author.plan()).empty


@pytest.mark.parametrize("batches", [True, False])
async def test_what_newer_rules_had_a_part_in_is_made_again(author: Author, tmp_path: Path, *, batches: bool) -> None:
    await author.make()
    (tmp_path / "ur.tsv").write_text("# version: 1\nlens\tعدسہ\n", "utf-8")
    reworded = replace(author, settings=author.settings.model_copy(update={"glossary_path": tmp_path}))
    assert (await reworded.make(batches=batches)).sections == SECTIONS
    assert (await reworded.plan()).empty


async def test_more_than_one_batch_takes_is_made_in_several(author: Author, stores: Stores, tmp_path: Path) -> None:
    many = "".join(f"## Lamp {number}\n\nLamp {number} burns.\n\n" for number in range(TOGETHER + 1))
    (tmp_path / "lamps.md").write_text(f"# Lamps\n\n{many}", "utf-8")
    await stores.ingestion.ingest(tmp_path, lambda *_: None)
    made = await author.make()
    assert (made.sections, made.chapters, author.asked) == (TOGETHER + 2, 1, [TOGETHER, 2])


async def test_with_openrouter_alone_it_is_made_section_by_section(author: Author) -> None:
    router = {"openrouter_api_key": SecretStr("key"), "openrouter_base_url": author.claude.url}
    alone = replace(author, settings=author.settings.model_copy(update={"anthropic_api_key": SecretStr(""), **router}))
    made = await alone.make(batches=False)
    assert (made.sections, made.chapters) == (SECTIONS, 3)
    assert {call.body["model"] for call in author.claude.calls} == {"anthropic/claude-haiku-5.5"}


async def test_some_chapters_can_be_made_for_some_hardware(author: Author) -> None:
    await author.make(Wanted((Level.ADVANCED,), (), Hardware.JETSON, ("lamp",)))
    rows = await author.database.fetch("SELECT chapter_id, level, language, hardware FROM variants")
    assert [tuple(row) for row in rows] == [("lamp", "ADVANCED", "en", "JETSON")]


def without_scissors(body: Body) -> Sequence[Step]:
    """Loses what stands for code wherever the wick is cut."""
    return translating(Habits(drops_tags=1) if "Cut it" in str(body) else WELL)(body)


async def test_what_fails_its_checks_is_asked_for_once_more(author: Author) -> None:
    author.claude.always(without_scissors)
    made = await author.make(LAMP)
    assert (made.untranslated, made.problems, author.asked) == (1, [], [LAMP_SECTIONS, 1])
    assert await author.spent() == author.bill


# What is taken up


async def test_a_second_round_goes_on_with_what_the_first_one_brought(author: Author) -> None:
    author.claude.always(without_scissors)
    (await broken_off(author, LAMP, batches=2)).end()
    made = await author.make(LAMP)
    assert (made.untranslated, author.asked) == (1, [LAMP_SECTIONS, 1])


async def test_a_section_that_changed_meanwhile_is_made_anew(author: Author, edit: Edit) -> None:
    (await broken_off(author)).end()
    await edit()
    made = await author.make()
    assert (made.sections, author.asked, await author.stored()) == (SECTIONS, [SECTIONS, 1], (SECTIONS, 3))


async def test_another_order_takes_it_up_as_well(author: Author) -> None:
    (await broken_off(author, LAMP)).end()
    made = await author.make(BEGINNER)
    assert (made.chapters, author.asked) == (4, [LAMP_SECTIONS, SECTIONS])


async def test_without_batches_what_is_under_way_is_left_alone(author: Author) -> None:
    batch = await broken_off(author, LAMP)
    assert (await author.make(LAMP, batches=False)).chapters == 1
    batch.end()
    assert (await author.make(LAMP)).sections == 0
    assert (author.asked, await author.count("variant_batches")) == ([LAMP_SECTIONS], 0)


async def test_a_batch_of_somebody_else_is_not_taken_for_ours(author: Author) -> None:
    (await broken_off(author, LAMP)).end()
    await author.database.execute("UPDATE variant_batches SET provider_id = NULL")
    url = author.claude.url
    async with open_batches(base_url=url, api_key="key", prices=Prices()) as batches:
        await batches.submit(
            [BatchRequest(str(number), Prompt("Rules.", "Why?"), "claude-haiku-5-5") for number in range(4)]
        )
    made = await author.make(LAMP)
    assert (made.sections, author.asked) == (LAMP_SECTIONS, [LAMP_SECTIONS, 4])


async def test_what_is_under_way_is_no_part_of_the_price(author: Author) -> None:
    await broken_off(author, LAMP)
    plan = await author.plan(URDU)
    assert (plan.under_way, plan.total.sections, plan.total.stored) == (LAMP_SECTIONS, SECTIONS - LAMP_SECTIONS, 1)
