"""Vectors of two models never mix: another model embeds the book again, beside the old vectors."""

from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bootstrap import open_house
from services.cohere import CohereEmbedder
from services.library import NoBook
from tests.client import events
from tests.cohere import KEY, ScriptedCohere
from tests.conftest import MakeSettings
from tests.serving import serving

WICK = "How often is the wick trimmed?"


@pytest.fixture
async def cohere() -> AsyncIterator[ScriptedCohere]:
    async with ScriptedCohere(dimensions=64) as scripted:
        yield scripted


async def test_a_key_for_cohere_embeds_the_book_again_and_going_back_costs_nothing(
    new_settings: MakeSettings, database_url: str, cohere: ScriptedCohere
) -> None:
    ours = new_settings(database_url=database_url)
    theirs = ours.model_copy(update={"cohere_api_key": SecretStr(KEY), "cohere_base_url": cohere.url})
    async with serving(ours) as served:
        before = await served.house.services.reading.book()

    async with serving(theirs) as served:
        assert isinstance(served.house.stores.embedder, CohereEmbedder)
        changed = await served.house.services.reading.book()
        answer = (await events(served.url, WICK))[-1]["answer"]
        assert len(await served.house.index.ids()) == len(changed.passages)
    assert (before.model, before.version) != (changed.model, changed.version)
    assert answer["citations"][0]["quote"].startswith("Trim the wick every four hours")
    assert cohere.violations == []

    asked = len(cohere.calls)
    async with serving(ours) as served:
        steps: list[str] = []
        assert await served.house.stores.ingestion.adopt(lambda step, *_: steps.append(step))
        back = await served.house.services.reading.book()
    assert (back.model, steps, len(cohere.calls)) == (before.model, [], asked)


async def test_a_server_whose_model_changed_embeds_the_book_that_is_there(
    new_settings: MakeSettings, database_url: str, cohere: ScriptedCohere
) -> None:
    ours = new_settings(database_url=database_url)
    theirs = ours.model_copy(update={"cohere_api_key": SecretStr(KEY), "cohere_base_url": cohere.url})
    async with serving(ours) as served:
        before = await served.house.services.reading.book()
    async with serving(theirs, ingest=False) as served:
        assert await served.house.stores.ingestion.adopt(lambda *_: None)
        after = await served.house.services.reading.book()
        found = await served.house.services.reading.search("spare wicks", 1)
    assert after.passages.keys() == before.passages.keys()
    assert after.model != before.model
    assert "tin box" in found[0].text


async def test_a_book_that_another_model_embedded_is_not_opened_and_it_is_said_what_to_do(
    new_settings: MakeSettings, database_url: str, cohere: ScriptedCohere
) -> None:
    ours = new_settings(database_url=database_url)
    theirs = ours.model_copy(update={"cohere_api_key": SecretStr(KEY), "cohere_base_url": cohere.url})
    async with open_house(theirs) as house:
        await house.stores.ingestion.ingest(theirs.book_path, lambda *_: None)
    async with open_house(ours) as house:
        with pytest.raises(NoBook, match=r"footnote ingest PATH.*EMBEDDING_MODEL"):
            await house.services.reading.book()


@pytest.mark.parametrize("dimensions", [64, 384])
async def test_a_server_keeps_its_edition_while_a_deploy_changes_the_model(
    new_settings: MakeSettings, database_url: str, cohere: ScriptedCohere, dimensions: int
) -> None:
    cohere.dimensions = dimensions
    ours = new_settings(database_url=database_url)
    theirs = ours.model_copy(update={"cohere_api_key": SecretStr(KEY), "cohere_base_url": cohere.url})
    async with open_house(ours) as old, open_house(theirs) as new:
        await old.stores.ingestion.ingest(ours.book_path, lambda *_: None)
        before = await old.services.reading.book()
        assert await new.stores.ingestion.adopt(lambda *_: None)
        with capture_logs() as logged:
            for _ in range(2):
                old.library.look_again()
                assert await old.services.reading.book() is before
        assert "tin box" in (await old.services.reading.search("spare wicks", 1))[0].text
        assert (await new.services.reading.book()).model == new.stores.embedder.fingerprint != before.model
    assert [entry["event"] for entry in logged] == ["newer edition is another model's"]
