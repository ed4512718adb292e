"""What the embedder makes of texts, and whose turn it is."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from services.embedding import PASSAGE_CHARACTERS, RUN_TOKENS, Embedder, EmbedderClosed, english_only, portions, runs
from services.model_export import prepared_model

LONG = "The robot keeps its balance because its feet push back against the ground. " * 14


@pytest.fixture(scope="module")
async def model_directory(models: Path) -> Path:
    return await prepared_model(models, None)


@pytest.fixture(scope="module")
async def embedder(model_directory: Path) -> AsyncIterator[Embedder]:
    embedder = await Embedder.open(model_directory)
    yield embedder
    await embedder.close()


async def test_a_closed_embedder_refuses(model_directory: Path) -> None:
    embedder = await Embedder.open(model_directory)
    await embedder.close()
    with pytest.raises(EmbedderClosed):
        await embedder.embed_one("Too late?")


async def test_closing_refuses_what_still_waits(model_directory: Path) -> None:
    embedder = await Embedder.open(model_directory)
    ingestion = asyncio.create_task(embedder.embed_many([LONG] * 40))
    await asyncio.sleep(0)
    await embedder.close()
    with pytest.raises(EmbedderClosed):
        await ingestion


async def test_a_failure_of_the_model_reaches_every_caller(model_directory: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_directory, tmp_path / "model")
    described = json.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_text(json.dumps(described | {"dimensions": 7}))
    embedder = await Embedder.open(folder)
    outcomes = await asyncio.gather(*(embedder.embed_one("?") for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [ValueError] * 3
    await embedder.close()


async def test_cancelled_callers_do_not_break_their_batch(embedder: Embedder) -> None:
    calls = [asyncio.create_task(embedder.embed_one(f"question {n}")) for n in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in outcomes] == [True, False] * 10


async def test_a_cancelled_ingestion_leaves_the_line_to_others(embedder: Embedder) -> None:
    ingestion = asyncio.create_task(embedder.embed_many([LONG] * 200))
    await asyncio.sleep(0)
    ingestion.cancel()
    assert (await asyncio.wait_for(embedder.embed_many(["next"]), timeout=5)).shape == (1, 384)


async def test_a_question_overtakes_the_passages_that_wait(embedder: Embedder) -> None:
    done: list[int] = []
    ingestion = asyncio.create_task(embedder.embed_many([LONG] * 60, done.append))
    await asyncio.sleep(0)
    await embedder.embed_one("Who was first?")
    assert len(done) < 5
    await ingestion
    assert done[-1] == 60


async def test_lone_surrogates_and_control_characters_are_read_as_something(embedder: Embedder) -> None:
    vectors = await embedder.embed(["a \ud800 b", "a ? b", "\x00", ""])
    assert np.allclose(vectors[0], vectors[1], atol=1e-6)
    assert embedder.token_offsets("\udfff end")[-1] == (2, 5)


async def test_vectors_are_float32_of_length_one(embedder: Embedder) -> None:
    vectors = await embedder.embed(["A robot.", "ایک روبوٹ", LONG])
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, embedder.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert (await embedder.embed([])).shape == (await embedder.embed_many([])).shape == (0, 384)


async def test_nearness_is_meaning(embedder: Embedder) -> None:
    question, near, far = await embedder.embed(
        ["How does a robot stay upright?", "Balance of legged machines", "A recipe for lentil soup"]
    )
    assert question @ near > question @ far + 0.2


async def test_a_text_has_the_same_vector_in_any_company(embedder: Embedder) -> None:
    alone = await embedder.embed_one("What is torque?")
    among = await embedder.embed_many([LONG, "What is torque?", "x", LONG[:300]])
    assert np.allclose(alone, among[1], atol=1e-5)


async def test_what_is_beyond_the_last_token_is_not_read(embedder: Embedder) -> None:
    text = "token " * (embedder.max_tokens + 50)
    end = embedder.token_offsets(text)[embedder.max_tokens - 1][1]
    whole, cut = await embedder.embed([text, text[:end]])
    assert embedder.count_tokens(text[:end]) == embedder.max_tokens == 254
    assert np.allclose(whole, cut, atol=1e-5)


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-mpnet-base-v2", "our-copy"])
def test_a_model_is_taken_for_english_unless_its_name_says_otherwise(name: str) -> None:
    assert english_only(name)


@pytest.mark.parametrize("name", ["paraphrase-multilingual-MiniLM-L12-v2", "BAAI/bge-m3", "LaBSE"])
def test_a_model_whose_name_says_so_reads_many_languages(name: str) -> None:
    assert not english_only(name)


def test_runs_hold_every_text_once_and_not_too_many_tokens() -> None:
    lengths = [3, 256, 14, 200, 30, 600] * 20
    made = list(runs(lengths))
    assert sorted(place for run in made for place in run) == list(range(120))
    assert all(len(run) == 1 or len(run) * max(lengths[n] for n in run) <= RUN_TOKENS for run in made)


def test_portions_are_ordered_by_length() -> None:
    texts = ["x" * n for n in (900, 10, 2500, 400, 10)]
    made = [[len(texts[n]) for n in portion] for portion in portions(texts)]
    assert [length for portion in made for length in portion] == sorted(map(len, texts))
    assert all(len(portion) == 1 or len(portion) * portion[-1] <= PASSAGE_CHARACTERS for portion in made)
    assert all(before[-1] <= after[0] for before, after in pairwise(made))
