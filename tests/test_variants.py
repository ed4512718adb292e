"""Chapters for each reader: refused, found, made, and made anew where the book has changed."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from tests.claude import ScriptedClaude, Status, Step
from tests.claude.script import Body
from tests.claude.translating import WELL, Habits, translating
from tests.client import Data, ask, post
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.readers import Account, sign_up
from tests.serving import Served, serving
from tests.variants import BEGINNER, FIND_ALL, MAKE, OF_CHAPTER, URDU, find, make, watch

LAMP_SECTIONS = 4
PROFILE = "mutation ($hardware: Hardware!) { updateProfile(input: {hardware: $hardware}) { __typename } }"
QUOTAS = "{ quotas { kind used } }"


@pytest.fixture
async def library(new_settings: MakeSettings, claude: ScriptedClaude, database_url: str) -> AsyncIterator[Served]:
    """A server with a database of its own and a model that translates."""
    claude.always(translating())
    settings = new_settings(
        database_url=database_url,
        anthropic_api_key="key",
        anthropic_base_url=claude.url,
        translations_per_day=3,
        personalizations_per_day=3,
        provider_failures=1_000_000,
    )
    async with serving(settings) as served:
        yield served


@pytest.fixture
async def reader(library: Served) -> Account:
    return await sign_up(library.url)


async def used(reader: Account) -> dict[str, int]:
    return {quota["kind"]: quota["used"] for quota in (await reader.ask(QUOTAS))["quotas"]}


async def test_a_chapter_that_is_not_there_cannot_be_made(library: Served, reader: Account) -> None:
    made = await make(library.url, "nowhere", reader.token, **URDU)
    assert (made["__typename"], made["chapterId"]) == ("ChapterNotFound", "nowhere")


async def test_a_language_that_is_not_offered_is_refused_with_those_that_are(library: Served, reader: Account) -> None:
    made = await make(library.url, "lamp", reader.token, language="fr")
    assert (made["__typename"], made["supported"]) == ("UnsupportedLanguage", ["ur"])


@pytest.mark.parametrize("form", [{}, {"language": "en"}, {"language": "EN"}, {"level": None, "language": None}])
async def test_the_chapter_as_it_is_is_no_form(library: Served, reader: Account, form: Data) -> None:
    made = await make(library.url, "lamp", reader.token, **form)
    assert (made["__typename"], made["field"]) == ("InvalidInput", "level")
    assert await find(library.url, "lamp", **form) is None


async def test_nobody_in_particular_has_a_chapter_made(library: Served, claude: ScriptedClaude) -> None:
    refused = await post(library.url, MAKE, id="lamp", **URDU)
    assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert not claude.calls


async def test_without_a_model_what_is_missing_is_said(new_settings: MakeSettings, database_url: str) -> None:
    async with serving(new_settings(database_url=database_url)) as served:
        made = await make(served.url, "lamp", (await sign_up(served.url)).token, **URDU)
    assert made["__typename"] == "VariantFailed"
    assert "ANTHROPIC_API_KEY" in made["message"]


async def test_a_used_up_quota_refuses_before_anything_is_paid(
    library: Served, reader: Account, claude: ScriptedClaude
) -> None:
    forms = [{**URDU, "level": level} for level in (None, "BEGINNER", "ADVANCED", "INTERMEDIATE")]
    *_, last = [await make(library.url, "fog", reader.token, **form) for form in forms]
    assert (last["__typename"], last["quota"]["kind"]) == ("QuotaExceeded", "TRANSLATIONS")
    calls = len(claude.calls)
    assert await used(reader) == {"QUESTIONS": 0, "TRANSLATIONS": 3, "PERSONALIZATIONS": 2}
    assert len(claude.calls) == calls


async def test_an_exhausted_budget_says_when_there_is_money_again(
    new_settings: MakeSettings, claude: ScriptedClaude, database_url: str
) -> None:
    settings = new_settings(
        database_url=database_url,
        anthropic_api_key="key",
        anthropic_base_url=claude.url,
        daily_budget_usd=Decimal("0.0001"),
    )
    async with serving(settings) as served:
        reader = await sign_up(served.url)
        made = await make(served.url, "lamp", reader.token, **URDU)
        assert (await used(reader))["TRANSLATIONS"] == 0
    assert made["__typename"] == "BudgetExhausted"
    assert made["resetsAt"].endswith("T00:00:00+00:00")
    assert not claude.calls


async def test_a_model_that_is_away_gives_the_place_back_and_keeps_what_was_made(
    library: Served, reader: Account, claude: ScriptedClaude
) -> None:
    claude.script(translating())
    claude.always(Status(401))
    made = await make(library.url, "lamp", reader.token, **URDU)
    assert made["__typename"] == "VariantFailed"
    assert f"1 of {LAMP_SECTIONS} sections" in made["message"]
    assert (await used(reader))["TRANSLATIONS"] == 0
    calls = len(claude.calls)
    claude.always(translating())
    assert (await make(library.url, "lamp", reader.token, **URDU))["__typename"] == "ChapterVariant"
    assert len(claude.calls) == calls + LAMP_SECTIONS - 1


async def test_a_model_that_only_speaks_english_makes_no_translation(
    library: Served, reader: Account, claude: ScriptedClaude
) -> None:
    claude.always(translating(Habits(english=1)))
    made = await make(library.url, "lamp", reader.token, **URDU)
    assert made["__typename"] == "VariantFailed"
    assert len(claude.calls) == 2 * LAMP_SECTIONS
    assert (await used(reader))["TRANSLATIONS"] == 0
    assert await find(library.url, "lamp", **URDU) is None


async def test_what_is_not_made_is_null_and_costs_nothing(library: Served, claude: ScriptedClaude) -> None:
    assert await find(library.url, "lamp", **URDU) is None
    assert await ask(library.url, FIND_ALL, id="lamp") == {"chapterVariants": []}
    assert not claude.calls


async def test_a_variant_is_made_once_for_all_readers(library: Served, reader: Account, claude: ScriptedClaude) -> None:
    made = await make(library.url, "lamp", reader.token, **URDU)
    assert (made["direction"], made["cached"], made["stale"], made["untranslated"]) == ("RTL", False, False, [])
    assert made["content"].count("{#") == 4 - 1  # the title has no anchor
    assert len(claude.calls) == LAMP_SECTIONS
    assert await find(library.url, "lamp", **URDU) == {**without_type(made), "cached": True}
    assert without_type(await make(library.url, "lamp", **URDU)) == {**without_type(made), "cached": True}
    assert len(claude.calls) == LAMP_SECTIONS
    assert await used(reader) == {"QUESTIONS": 0, "TRANSLATIONS": 1, "PERSONALIZATIONS": 0}


async def test_level_and_language_go_together_and_count_as_both(library: Served, reader: Account) -> None:
    made = await make(library.url, "lamp", reader.token, **URDU, **BEGINNER)
    assert (made["level"], made["language"], made["hardware"]) == ("BEGINNER", "ur", "NONE")
    assert await used(reader) == {"QUESTIONS": 0, "TRANSLATIONS": 1, "PERSONALIZATIONS": 1}


async def test_a_level_is_for_the_hardware_of_the_reader(library: Served, reader: Account) -> None:
    await reader.ask(PROFILE, hardware="JETSON")
    made = await make(library.url, "lamp", reader.token, **BEGINNER)
    assert (made["hardware"], made["language"], made["direction"]) == ("JETSON", "en", "LTR")
    assert await find(library.url, "lamp", **BEGINNER) is None
    assert (await find(library.url, "lamp", reader.token, **BEGINNER) or {})["id"] == made["id"]


async def test_all_forms_of_a_chapter_are_listed_newest_first(library: Served, reader: Account) -> None:
    made = [await make(library.url, "lamp", reader.token, **form) for form in (URDU, BEGINNER)]
    listed = (await ask(library.url, FIND_ALL, id="lamp"))["chapterVariants"]
    assert [one["id"] for one in listed] == [one["id"] for one in reversed(made)]
    chapter = (await ask(library.url, OF_CHAPTER, id="lamp", **URDU))["chapter"]
    assert chapter["variant"]["id"] == made[0]["id"]
    assert [one["id"] for one in chapter["variants"]] == [one["id"] for one in listed]


async def test_a_variant_streams_section_by_section(library: Served, reader: Account) -> None:
    *sections, finished = await watch(library.url, "lamp", reader.token, **URDU)
    assert {section["__typename"] for section in sections} == {"VariantSection"}
    in_order = sorted(sections, key=lambda section: section["index"])
    assert [section["index"] for section in in_order] == list(range(LAMP_SECTIONS))
    assert "".join(section["content"] for section in in_order) == finished["variant"]["content"]
    again = await watch(library.url, "lamp", **URDU)
    assert again == [*in_order, {**finished, "variant": {**finished["variant"], "cached": True}}]


def without_scissors(body: Body) -> Sequence[Step]:
    """Loses what stands for code wherever the wick is cut."""
    habits = Habits(drops_tags=1) if "Cut it" in str(body) else WELL
    return translating(habits)(body)


async def test_what_stays_damaged_is_kept_in_the_source_language_and_named(
    library: Served, reader: Account, claude: ScriptedClaude
) -> None:
    claude.always(without_scissors)
    made = await make(library.url, "lamp", reader.token, **URDU)
    assert made["untranslated"] == ["Trimming the wick"]
    assert "Cut it *straight*, with the `curved scissors`." in made["content"]


async def test_a_changed_paragraph_is_stale_at_once_and_one_section_is_made_anew(
    library: Served, reader: Account, claude: ScriptedClaude, tmp_path: Path
) -> None:
    await make(library.url, "lamp", reader.token, **URDU)
    await ingest_changed(library, tmp_path, "turns once in 30 seconds", "turns once in 40 seconds")
    stale = await find(library.url, "lamp", **URDU)
    assert stale
    assert (stale["stale"], stale["staleSections"]) == (True, ["The lens"])
    made = await make(library.url, "lamp", reader.token, **URDU)
    assert (made["stale"], made["staleSections"], made["cached"]) == (False, [], False)
    assert "40" in made["content"]
    assert len(claude.calls) == LAMP_SECTIONS + 1


async def ingest_changed(library: Served, folder: Path, old: str, new: str) -> None:
    """Publish the book with other words in the chapter on the lamp."""
    book = shutil.copytree(LIGHTHOUSE, folder / "book")
    lamp = book / "lamp.md"
    assert old in lamp.read_text("utf-8")
    lamp.write_text(lamp.read_text("utf-8").replace(old, new), "utf-8")
    await library.house.stores.ingestion.ingest(book, lambda *_: None)
    library.house.library.look_again()


def without_type(variant: Data) -> Data:
    """The fields of a variant."""
    return {name: value for name, value in variant.items() if name != "__typename"}


async def test_readers_who_ask_at_once_are_served_by_one_making(
    library: Served, reader: Account, claude: ScriptedClaude
) -> None:
    others = [await sign_up(library.url) for _ in range(4)]
    made = await asyncio.gather(*(make(library.url, "lamp", one.token, **URDU) for one in (reader, *others)))
    assert len({one["id"] for one in made}) == 1
    assert len(claude.calls) == LAMP_SECTIONS
    assert sum([(await used(one))["TRANSLATIONS"] for one in (reader, *others)]) == 1


async def eventually(look: Callable[[], Awaitable[Data | None]]) -> Data:
    """What is there in a while."""
    for _ in range(200):
        if found := await look():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come")


async def test_a_reader_who_leaves_does_not_end_the_making(
    library: Served, reader: Account, claude: ScriptedClaude
) -> None:
    leaving = asyncio.create_task(make(library.url, "lamp", reader.token, **URDU))
    await claude.wait_call()
    leaving.cancel()
    await asyncio.wait([leaving])
    assert await eventually(lambda: find(library.url, "lamp", **URDU))
