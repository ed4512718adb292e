"""A folder becomes the current edition: all of it or nothing, and what did not change costs nothing."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import db.editions
from bootstrap import Stores, open_stores
from services.docusaurus import BookNotFound
from services.ingestion import OtherBook, Summary
from services.manuscript import language
from services.retrieval import Weights
from settings import Settings
from tests.conftest import LIGHTHOUSE
from tests.processes import start


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    async with open_stores(settings) as opened:
        yield opened


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LIGHTHOUSE, tmp_path / "book"))


async def ingest(stores: Stores, path: Path) -> Summary:
    return await stores.ingestion.ingest(path, lambda *_: None)


async def texts(stores: Stores) -> list[str]:
    number = await db.editions.current(stores.database)
    assert number is not None
    return [passage.text for passage in await db.editions.passages(stores.database, number=number)]


async def test_a_missing_path_is_refused_and_changes_nothing(stores: Stores, book: Path) -> None:
    await ingest(stores, book)
    before = await texts(stores)
    with pytest.raises(BookNotFound, match="nowhere"):
        await ingest(stores, book / "nowhere")
    assert await texts(stores) == before


async def test_a_folder_without_pages_is_refused_and_changes_nothing(
    stores: Stores, book: Path, tmp_path: Path
) -> None:
    await ingest(stores, book)
    before = await texts(stores)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BookNotFound, match=r"no \.md or \.mdx pages"):
        await ingest(stores, tmp_path / "empty")
    assert await texts(stores) == before


async def test_a_book_of_nothing_but_broken_pages_is_refused(stores: Stores, tmp_path: Path) -> None:
    (tmp_path / "broken.md").write_text("---\ntitle: [\n---\n")
    with pytest.raises(BookNotFound, match=r"broken\.md:\d"):
        await ingest(stores, tmp_path)


async def test_a_broken_page_is_named_with_its_line_and_the_rest_is_served(stores: Stores, book: Path) -> None:
    (book / "lamp.md").write_bytes(b"# The lamp\n\nbroken \xff here\n")
    summary = await ingest(stores, book)
    assert [(problem.file, problem.line) for problem in summary.problems] == [("lamp.md", 3)]
    assert summary.pages == 2


async def test_the_summary_counts_what_is_new(stores: Stores, book: Path) -> None:
    summary = await ingest(stores, book)
    assert (summary.pages, summary.sections, summary.published) == (3, 9, True)
    assert (summary.new, summary.unchanged, summary.removed) == (summary.passages, 0, 0)


async def test_the_same_book_again_changes_and_embeds_nothing(stores: Stores, book: Path) -> None:
    first = await ingest(stores, book)
    steps: list[str] = []
    again = await stores.ingestion.ingest(book, lambda step, *_: steps.append(step))
    assert (again.published, again.version, again.unchanged) == (False, first.version, first.passages)
    assert "Embedding" not in steps


async def test_only_a_changed_section_is_embedded_again(stores: Stores, book: Path) -> None:
    first = await ingest(stores, book)
    lamp = book / "lamp.md"
    lamp.write_text(lamp.read_text("utf-8").replace("tin box", "oak chest"), "utf-8")
    embedded: list[int] = []
    again = await stores.ingestion.ingest(book, lambda step, done, total: embedded.append(total))
    assert (again.new, again.removed, again.unchanged) == (1, 1, first.passages - 1)
    assert embedded[-1] == 2  # the passage, and its one sentence


async def test_removed_text_leaves_no_passage_behind(stores: Stores, book: Path) -> None:
    await ingest(stores, book)
    (book / "fog.mdx").unlink()
    summary = await ingest(stores, book)
    assert summary.removed == 2
    assert not [text for text in await texts(stores) if "horn" in text]


async def test_a_renamed_page_is_embedded_again_only_where_its_title_says_so(stores: Stores, book: Path) -> None:
    await ingest(stores, book)
    (book / "fog.mdx").rename(book / "mist.mdx")
    steps: list[str] = []
    await stores.ingestion.ingest(book, lambda step, *_: steps.append(step))
    assert "Embedding" not in steps
    assert len(await texts(stores)) == len(set(await texts(stores)))


async def test_progress_is_told_up_to_the_end(stores: Stores, book: Path) -> None:
    told: list[tuple[str, int, int]] = []
    await stores.ingestion.ingest(book, lambda *step: told.append(step))
    done, total = [step for step in told if step[0] == "Embedding"][-1][1:]
    assert done == total == await vectors(stores)


async def test_an_ingest_that_is_killed_leaves_the_old_book_and_its_work_is_not_done_twice(
    stores: Stores, settings: Settings, tmp_path: Path
) -> None:
    await ingest(stores, LIGHTHOUSE)
    before, vectors_before = await texts(stores), await vectors(stores)
    large = tmp_path / "large"
    large.mkdir()
    for page in range(30):
        sentences = " ".join(f"Lamp {page}-{n} stands at mile {page * 1000 + n}." for n in range(20))
        (large / f"page{page:02}.md").write_text(f"# Page {page}\n\n{sentences}\n", "utf-8")

    killed = await start("ingest", large, DATA_DIR=settings.data_dir, DATABASE_URL=settings.database_url)
    while (kept := await vectors(stores) - vectors_before) == 0:  # stored by another process
        assert killed.returncode is None
        await asyncio.sleep(0.02)
    killed.kill()
    await killed.communicate()
    assert await texts(stores) == before

    steps: list[tuple[str, int, int]] = []
    summary = await stores.ingestion.ingest(large, lambda *step: steps.append(step))
    embedded = {total for step, _, total in steps if step == "Embedding"}
    assert embedded == {await vectors(stores) - vectors_before - kept}
    now = await texts(stores)
    assert len(now) == len(set(now)) == summary.passages


async def test_pages_in_another_order_are_not_embedded_again(stores: Stores, book: Path) -> None:
    first = await ingest(stores, book)
    lamp = book / "lamp.md"
    lamp.write_text(lamp.read_text("utf-8").replace("sidebar_position: 2", "sidebar_position: 9"), "utf-8")
    again = await ingest(stores, book)
    assert (again.published, again.new, again.removed) == (True, 0, 0)
    assert again.passages == first.passages


async def test_a_gate_that_was_measured_on_another_version_is_not_set(stores: Stores, book: Path) -> None:
    await ingest(stores, book)
    with pytest.raises(OtherBook, match="ingest that one first"):
        await stores.ingestion.set_gate("another", {"gate": 0.7})


async def test_a_gate_stays_with_the_book_through_its_versions(stores: Stores, book: Path) -> None:
    await stores.ingestion.set_gate((await ingest(stores, book)).version, {"gate": 0.7, "gate_words": 1.0})
    (book / "fog.mdx").unlink()
    await ingest(stores, book)
    current = await db.editions.current_settings(stores.database)
    assert current
    assert current[1] == {**Weights().stored(), "gate": 0.7, "gate_words": 1.0, "measured": True}


async def test_weights_that_were_not_measured_on_a_book_are_those_of_the_day_it_is_published(
    stores: Stores, book: Path
) -> None:
    await ingest(stores, book)
    await stores.database.execute("UPDATE editions SET settings = settings || '{\"passage\": 0.9}'")
    (book / "fog.mdx").unlink()
    await ingest(stores, book)
    current = await db.editions.current_settings(stores.database)
    assert current
    assert current[1] == Weights().stored()


async def vectors(stores: Stores) -> int:
    count: int = await stores.database.fetchval("SELECT count(*) FROM vectors")
    return count


def test_a_book_in_arabic_letters_is_urdu() -> None:
    assert (language("روبوٹ کیا ہے؟ robot"), language("What is روبوٹ?")) == ("ur", "en")
