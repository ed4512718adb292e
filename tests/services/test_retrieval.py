"""From a question to passages, over the real engine and the real model."""

import uuid
from collections.abc import AsyncIterator

import numpy as np
import pytest

from bootstrap import House, open_house
from db.vectors import Point
from services.retrieval import BUDGET, Retriever, ranked, within
from settings import Settings


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with open_house(settings) as opened:
        await opened.stores.ingestion.ingest(settings.book_path, lambda *_: None)
        yield opened


async def sections(house: House, query: str) -> list[str]:
    return [passage.section for passage in await house.services.reading.search(query, 3)]


async def test_words_find_a_passage_whose_meaning_the_vector_misses(house: House) -> None:
    assert (await sections(house, "colza"))[0] == "The lamp"


async def test_meaning_finds_a_passage_without_its_words(house: House) -> None:
    assert (await sections(house, "loud alarm for poor sight"))[0] == "The fog horn"


async def test_relevance_is_between_0_and_1_and_falls(house: House) -> None:
    found = [passage.similarity for passage in await house.services.reading.search("trim the wick", 100)]
    assert found == sorted(found, reverse=True)
    assert 0 <= min(found) <= max(found) <= 1


async def test_points_of_another_edition_in_the_index_take_no_place(house: House, settings: Settings) -> None:
    wick = await sections(house, "trim the wick")
    vector = await house.stores.embedder.embed_one("trim the wick")
    await house.index.upsert([Point(uuid.uuid4(), vector, vector[np.newaxis]) for _ in range(200)])
    assert await sections(house, "trim the wick") == wick


async def test_of_nearly_equal_passages_reviewed_ones_come_first(house: House) -> None:
    book = await house.library.open()
    unreviewed = next(place for place, id in enumerate(book.ids) if not book.edition.passages[id].reviewed)
    reviewed = next(place for place, id in enumerate(book.ids) if book.edition.passages[id].reviewed)
    for ahead, first in ((0.001, reviewed), (0.1, unreviewed)):
        found = ranked(book, {unreviewed: 0.5 + ahead, reviewed: 0.5}, 2, top=1, gate=0, quoting=0).found
        assert found[0].passage.id == book.ids[first]


async def test_no_more_is_handed_on_than_the_budget(house: House) -> None:
    retriever: Retriever = house.retriever
    retrieved = await retriever.retrieve("wick")
    assert sum(found.passage.tokens for found in retrieved.given) <= BUDGET
    best = retrieved.found[0]
    assert within(retrieved.found, best.passage.tokens)[0] == best
    assert within(retrieved.found, 0) == ()
