"""What is published and calibrated while an edition is being embedded is neither lost nor undone."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

import db.editions
from bootstrap import Stores, open_stores
from services.embedding import Embedder, Model, Vectors
from services.ingestion import Ingestion, OtherBook
from services.model_export import prepared_model
from services.retrieval import Weights
from settings import Settings
from tests.conftest import LIGHTHOUSE

GATE = {"gate": 0.7, "gate_words": 1.0}


class SlowEmbedder(Embedder):
    """The real embedder, which waits with passages until it is told to go on."""

    def __init__(self, model: Model, threads: int = 1) -> None:
        super().__init__(model, threads)
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def embed_many(self, texts: Sequence[str], progress: Callable[[int], None] = lambda done: None) -> Vectors:
        self.begun.set()
        await self.go_on.wait()
        return await super().embed_many(texts, progress)


@pytest.fixture
async def stores(settings: Settings) -> AsyncIterator[Stores]:
    async with open_stores(settings) as opened:
        yield opened


@pytest.fixture
async def slow(models: Path) -> AsyncIterator[SlowEmbedder]:
    embedder = await SlowEmbedder.open(await prepared_model(models, None))
    yield embedder
    await embedder.close()


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LIGHTHOUSE, tmp_path / "book"))


async def ingest(stores: Stores, path: Path) -> str:
    return (await stores.ingestion.ingest(path, lambda *_: None)).version


async def current(stores: Stores) -> db.editions.EditionRow:
    edition = await db.editions.edition(stores.database, number=await db.editions.current(stores.database) or 0)
    assert edition
    return edition


def edit(page: Path, old: str, new: str) -> None:
    page.write_text(page.read_text("utf-8").replace(old, new), "utf-8")


async def test_an_edit_that_is_published_while_the_book_is_adopted_is_kept(
    stores: Stores, slow: SlowEmbedder, book: Path
) -> None:
    await ingest(stores, book)
    slow.fingerprint = "another"
    adopting = asyncio.create_task(Ingestion(stores.database, slow, None, "/docs").adopt(lambda *_: None))
    await slow.begun.wait()
    edit(book / "lamp.md", "tin box", "oak chest")
    await ingest(stores, book)
    slow.go_on.set()
    assert await adopting
    number = await db.editions.current(stores.database) or 0
    texts = [passage.text for passage in await db.editions.passages(stores.database, number=number)]
    assert [text for text in texts if "oak chest" in text]
    assert (await current(stores)).model == "another"


async def test_a_gate_that_is_set_while_the_next_version_is_embedded_is_kept(
    stores: Stores, slow: SlowEmbedder, book: Path
) -> None:
    version = await ingest(stores, book)
    edit(book / "lamp.md", "tin box", "oak chest")
    ingesting = asyncio.create_task(Ingestion(stores.database, slow, None, "/docs").ingest(book, lambda *_: None))
    await slow.begun.wait()
    await stores.ingestion.set_gate(version, GATE)
    slow.go_on.set()
    assert (await ingesting).version != version
    assert (await current(stores)).settings == {**Weights().stored(), **GATE, "measured": True}


async def test_a_gate_waits_for_the_version_that_is_just_being_published(stores: Stores, book: Path) -> None:
    version = await ingest(stores, book)
    edit(book / "lamp.md", "tin box", "oak chest")
    async with stores.database.transaction() as publishing:
        await publishing.fetchval("SELECT number FROM current_edition FOR UPDATE")
        setting = asyncio.create_task(stores.ingestion.set_gate(version, GATE))
        await asyncio.wait({setting}, timeout=0.2)
        await publishing.execute(
            """
            WITH next AS (
                INSERT INTO editions (version, title, language, model, settings)
                VALUES ('next', '', 'en', '', '{}') RETURNING number
            ) UPDATE current_edition SET number = next.number FROM next
            """
        )
    with pytest.raises(OtherBook):
        await setting


async def test_another_book_does_not_inherit_the_gate(stores: Stores, book: Path, tmp_path: Path) -> None:
    await stores.ingestion.set_gate(await ingest(stores, book), GATE)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "intro.md").write_text("# Bees\n\nA hive has one queen.\n", "utf-8")
    await ingest(stores, tmp_path / "other")
    assert (await current(stores)).settings == Weights().stored()


async def test_another_model_does_not_inherit_the_gate(stores: Stores, slow: SlowEmbedder, book: Path) -> None:
    await stores.ingestion.set_gate(await ingest(stores, book), GATE)
    slow.fingerprint = "another"
    slow.go_on.set()
    assert await Ingestion(stores.database, slow, None, "/docs").adopt(lambda *_: None)
    assert (await current(stores)).settings == Weights().stored()
