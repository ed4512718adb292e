"""From a question to passages, over the real engine and the real model."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bootstrap import House, open_house
from db.vectors import Point
from evals.retrieval import Desk, open_desk
from services.cohere import CohereEmbedder
from services.embedding import Embeds
from services.retrieval import BUDGET, SOURCE, Retriever, Weights, ranked, within
from settings import Settings
from tests.cohere import KEY, Refuse, ScriptedCohere
from tests.conftest import LIGHTHOUSE


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    async with open_house(settings) as opened:
        await opened.stores.ingestion.ingest(settings.book_path, lambda *_: None)
        yield opened


@pytest.fixture
def urdu_book(tmp_path: Path) -> Path:
    book = tmp_path / "urdu"
    book.mkdir()
    (book / "lamp.md").write_text("# چراغ\n\nبتی ہر چار گھنٹے بعد کاٹی جاتی ہے۔ تیل ٹین کے ڈبے میں رکھا ہے۔\n", "utf-8")
    return book


def desk(house: House, folder: Path, embedder: Embeds | None = None) -> AbstractAsyncContextManager[Desk]:
    return open_desk(folder, embedder or house.stores.embedder, lambda *_: None)


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
        found = ranked(book, {unreviewed: 0.5 + ahead, reviewed: 0.5}, Weights(), 2)
        assert found[0].passage.id == book.ids[first]


async def test_no_more_is_handed_on_than_the_budget(house: House) -> None:
    retriever: Retriever = house.retriever
    retrieved = await retriever.retrieve("wick")
    assert sum(found.passage.tokens for found in retrieved.given) <= BUDGET
    best = retrieved.found[0]
    assert within(retrieved.found, best.passage.tokens)[0] == best
    assert within(retrieved.found, 0) == ()


@pytest.mark.parametrize(
    "question",
    [
        "پاکستان کا دارالحکومت کیا ہے؟",
        "biryani kaise banate hain aur is mein kya hota hai",
        "یہ کیا ہے اور اس میں کیا ہے؟",
    ],
)
async def test_function_words_of_another_language_find_nothing(house: House, question: str) -> None:
    retrieved = await house.retriever.retrieve(question, words_alone=True)
    assert (retrieved.found, retrieved.answerable, retrieved.words_only) == ((), False, True)


async def test_a_question_in_another_language_is_found_by_its_terms(house: House) -> None:
    retrieved = await house.retriever.retrieve("fog horn kya hota hai", words_alone=True)
    assert retrieved.found[0].passage.section == "The fog horn"
    assert (retrieved.gate.name, retrieved.answerable, retrieved.quotable) == ("foreign_gate", True, True)


async def test_search_reads_a_question_in_another_language_as_asking_does(house: House) -> None:
    book = await house.retriever.book()
    assert house.retriever.misread("fog horn kya hota hai", book)
    assert not house.retriever.misread("What is the fog horn?", book)
    assert await sections(house, "biryani kaise banate hain aur is mein kya hota hai") == []


async def test_a_book_that_the_model_cannot_read_is_searched_by_words_and_says_so(
    house: House, urdu_book: Path
) -> None:
    async with desk(house, urdu_book) as urdu:
        near, far = [await urdu.retrieve(question) for question in ("بتی کب کاٹی جاتی ہے؟", "پاکستان کا صدر کون ہے؟")]
    assert (near.words_only, near.index_away, near.gate.name) == (True, False, "words_gate")
    assert (near.answerable, far.answerable) == (True, False)


async def test_the_gate_of_a_book_of_words_is_its_own_setting_and_the_operators(house: House, urdu_book: Path) -> None:
    async with desk(house, urdu_book) as urdu:
        urdu.set(words_gate=2.4)
        assert not (await urdu.retrieve("بتی کب کاٹی جاتی ہے؟")).answerable
        operated = Retriever(urdu.shelf, house.stores.embedder, house.index, gate=0.1)
        assert (await operated.retrieve("بتی کب کاٹی جاتی ہے؟")).answerable


async def test_while_the_embedder_is_away_another_language_has_its_own_gate(house: House) -> None:
    async with ScriptedCohere() as cohere:
        embedder = await CohereEmbedder.open(
            api_key=KEY, base_url=cohere.url, model="embed-v4.0", count_tokens=house.stores.embedder.count_tokens
        )
        async with desk(house, LIGHTHOUSE, embedder) as served:
            for question, gate in (("colza ka matlab kya hai?", "foreign_gate"), ("What is colza?", "words_gate")):
                cohere.script(Refuse(429, retry_after=30))
                retrieved = await served.retrieve(question)
                assert (retrieved.index_away, retrieved.gate.name, retrieved.answerable) == (True, gate, True)
        await embedder.close()


async def test_pages_in_the_language_of_the_question_as_put_are_found_beside_the_books_own(
    house: House, urdu_book: Path
) -> None:
    for page in LIGHTHOUSE.iterdir():
        (urdu_book / page.name).write_text(page.read_text("utf-8"), "utf-8")
    (urdu_book / "urdu.md").write_text("# برف\n\nبرف پگھلا کر پانی بناتے ہیں۔\n", "utf-8")
    async with desk(house, urdu_book) as mixed:
        alone = await mixed.retriever.retrieve("How is water made?")
        both = await mixed.retriever.retrieve("How is water made?", also="برف سے پانی کیسے بناتے ہیں؟")
        same = await mixed.retriever.retrieve("How is water made?", also="Water?")
    assert both.found[0].passage.chapter_title == "برف" != alone.found[0].passage.chapter_title
    assert same.found == alone.found


def test_an_edition_without_settings_has_the_defaults_and_names_their_source() -> None:
    assert Weights.of({}) == Weights()
    assert Weights.of({"gate": 0.7, "of_another_version": 1}) == replace(Weights(), gate=0.7)
    assert Weights().source == SOURCE


def test_what_an_edition_stores_is_all_that_it_is_searched_with() -> None:
    calibrated = replace(Weights(), gate=0.7, source="measured")
    assert Weights.of(calibrated.stored()) == calibrated
