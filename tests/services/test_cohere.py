"""How Cohere is asked for vectors, over real HTTP, and what becomes of its refusals."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from services.cohere import INGEST, QUESTION, TEXTS, CohereEmbedder
from services.cohere_api import CohereMissing, CohereRefused, Patience
from services.embedding import Embedder, EmbedderClosed, EmbedderUnavailable, Embeds, token_counter
from services.ingestion import STORED_TOGETHER
from services.model_export import prepared_model
from tests.cohere import KEY, Embeddings, Refuse, ScriptedCohere, Stall

HASTY = Patience(5.0, (0.01,), 0.1)
PASSAGES = [f"passage {n}" for n in range(500)]


@pytest.fixture
async def cohere() -> AsyncIterator[ScriptedCohere]:
    async with ScriptedCohere() as scripted:
        yield scripted
        assert scripted.violations == []


async def open_embedder(
    cohere: ScriptedCohere, *, model: str = "embed-v4.0", question: Patience = QUESTION, ingest: Patience = INGEST
) -> CohereEmbedder:
    return await CohereEmbedder.open(
        api_key=KEY, base_url=cohere.url, model=model, count_tokens=len, question=question, ingest=ingest
    )


@pytest.fixture
async def embedder(cohere: ScriptedCohere) -> AsyncIterator[CohereEmbedder]:
    """Already open: what it asked at its start is forgotten."""
    embedder = await open_embedder(cohere, question=HASTY, ingest=HASTY)
    cohere.calls.clear()
    yield embedder
    await embedder.close()


def test_a_missing_sdk_is_told_with_the_command_that_installs_it() -> None:
    program = (
        "import sys; sys.modules['cohere'] = None; from services.cohere_api import EmbedApi; EmbedApi('k', 'u', 'm')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = ended.stderr.splitlines()[-1]
    assert CohereMissing.__name__ in last
    assert "COHERE_API_KEY" in last
    assert 'pip install "footnote[cohere]"' in last


def test_the_sdk_is_not_imported_by_importing_the_module() -> None:
    program = "import sys, services.cohere; sys.exit('cohere' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


async def test_a_wrong_key_ends_the_start_by_its_variables_name(cohere: ScriptedCohere) -> None:
    cohere.script(Refuse(401, message="invalid api token"))
    with pytest.raises(CohereRefused, match=r"invalid api token.*COHERE_API_KEY"):
        await open_embedder(cohere)


async def test_an_unknown_model_is_refused_by_its_variables_name(cohere: ScriptedCohere) -> None:
    cohere.script(Refuse(404, message="model 'embed-v9' not found"))
    with pytest.raises(CohereRefused, match=r"embed-v9.*COHERE_MODEL"):
        await open_embedder(cohere, model="embed-v9")


@pytest.mark.parametrize("status", [400, 401, 403, 422, 498])
async def test_what_would_be_refused_again_is_asked_once(
    cohere: ScriptedCohere, embedder: CohereEmbedder, status: int
) -> None:
    cohere.script(Refuse(status))
    with pytest.raises(CohereRefused, match=f"HTTP {status}"):
        await embedder.embed_many(["passage"])
    assert len(cohere.calls) == 1


async def test_a_used_up_rate_limit_says_what_to_do(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    cohere.script(Refuse(429), Refuse(429))
    with pytest.raises(EmbedderUnavailable, match=r"429.*try again in a minute.*COHERE_API_KEY"):
        await embedder.embed_one("question")


async def test_a_longer_wait_than_a_reader_has_is_not_waited_for(
    cohere: ScriptedCohere, embedder: CohereEmbedder
) -> None:
    cohere.script(Refuse(429, retry_after=30))
    with pytest.raises(EmbedderUnavailable, match="429"):
        await asyncio.wait_for(embedder.embed_one("question"), timeout=1)
    assert len(cohere.calls) == 1


async def test_an_error_twice_is_told_with_where_it_came_from(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    cohere.script(Refuse(500, message="oops"), Refuse(503, message="busy"))
    with pytest.raises(EmbedderUnavailable, match=rf"{cohere.url}, model embed-v4.0: HTTP 503 busy\."):
        await embedder.embed_one("question")
    assert len(cohere.calls) == 2


async def test_silence_is_left_at_the_deadline_twice(cohere: ScriptedCohere) -> None:
    embedder = await open_embedder(cohere, question=Patience(0.2, (0.0,), 0.0))
    cohere.script(Stall(), Stall())
    with pytest.raises(EmbedderUnavailable, match=r"no answer within 0\.2 s"):
        await embedder.embed_one("question")
    assert len(cohere.calls) == 3
    await embedder.close()


async def test_a_question_without_an_answer_is_asked_again_after_two_seconds(cohere: ScriptedCohere) -> None:
    embedder = await open_embedder(cohere)
    cohere.script(Stall())
    started = time.monotonic()
    await embedder.embed_one("question")
    assert 2 < time.monotonic() - started < 3
    await embedder.close()


@pytest.mark.parametrize(
    "vectors", [[], [[1.0]], [[1.0]] * 3, [[1.0], [1.0, 2.0]], [[0.0], [1.0]], [["a"], ["b"]], None, 1.0]
)
async def test_vectors_that_do_not_fit_the_texts_are_refused(
    cohere: ScriptedCohere, embedder: CohereEmbedder, vectors: object
) -> None:
    cohere.script(Embeddings(vectors))
    with pytest.raises(CohereRefused, match="came for 2 texts"):
        await embedder.embed(["one", "two"])


async def test_vectors_of_another_size_than_at_the_start_are_refused(
    cohere: ScriptedCohere, embedder: CohereEmbedder
) -> None:
    cohere.script(Embeddings([[1.0, 2.0]]))
    with pytest.raises(CohereRefused, match="size 2, not 64"):
        await embedder.embed_one("question")


async def test_a_batch_that_fails_ends_the_ingest(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    cohere.script(Refuse(401))
    with pytest.raises(CohereRefused):
        await embedder.embed_many(PASSAGES)
    assert len(cohere.calls) == 1


async def test_a_closed_embedder_refuses(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    await embedder.close()
    with pytest.raises(EmbedderClosed):
        await embedder.embed_one("Too late?")


async def test_closing_frees_those_who_wait(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    cohere.script(Stall())
    asking = asyncio.create_task(embedder.embed_one("question"))
    await cohere.wait_call()
    await embedder.close()
    with pytest.raises((EmbedderClosed, EmbedderUnavailable)):
        await asyncio.wait_for(asking, timeout=1)


async def test_a_cohere_that_is_down_lets_a_known_model_start() -> None:
    embedder = await CohereEmbedder.open(
        api_key=KEY, base_url="http://127.0.0.1:1", model="embed-multilingual-v3.0", count_tokens=len
    )
    assert embedder.dimensions == 1024
    with pytest.raises(EmbedderUnavailable, match=r"ConnectError.*COHERE_BASE_URL"):
        await embedder.embed_one("question")
    await embedder.close()


async def test_a_cohere_that_is_down_cannot_tell_the_size_of_an_unknown_model() -> None:
    with pytest.raises(EmbedderUnavailable):
        await CohereEmbedder.open(api_key=KEY, base_url="http://127.0.0.1:1", model="embed-v9", count_tokens=len)


async def test_questions_and_passages_are_told_apart(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    await embedder.embed_one("question")
    await embedder.embed_many(["passage"])
    assert [(call["input_type"], call["texts"]) for call in cohere.calls] == [
        ("search_query", ["question"]),
        ("search_document", ["passage"]),
    ]


async def test_the_model_of_the_settings_is_asked(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    await embedder.embed_one("question")
    assert cohere.calls[0]["model"] == embedder.name == "embed-v4.0"


async def test_many_passages_go_in_full_batches_and_come_back_in_order(
    cohere: ScriptedCohere, embedder: CohereEmbedder
) -> None:
    vectors = await embedder.embed_many(PASSAGES)
    raw = np.array(cohere.vectors(PASSAGES, "search_document"))
    assert [len(call["texts"]) for call in cohere.calls] == [96, 96, 96, 96, 96, 20]
    assert np.allclose(vectors, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)


async def test_an_ingest_has_one_request_under_way(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    await embedder.embed_many(PASSAGES)
    assert cohere.most_at_once == 1


def test_an_ingest_hands_over_what_one_request_may_carry() -> None:
    assert STORED_TOGETHER == TEXTS


async def test_progress_counts_up_to_all_passages(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    done: list[int] = []
    await embedder.embed_many(PASSAGES, done.append)
    assert done == sorted(done)
    assert done[-1] == 500


async def test_vectors_are_float32_of_length_one(embedder: CohereEmbedder) -> None:
    vectors = await embedder.embed(["A robot.", "ایک روبوٹ", "a \ud800 b"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, embedder.dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


async def test_no_texts_give_no_vectors_and_ask_nothing(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    assert (await embedder.embed([])).shape == (await embedder.embed_many([])).shape == (0, 64)
    assert not cohere.calls


async def test_an_ingest_waits_as_long_as_it_is_told(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    cohere.script(Refuse(429, retry_after=0.09))
    started = time.monotonic()
    await embedder.embed_many(["passage"])
    assert time.monotonic() - started > 0.09


async def test_one_error_is_survived(cohere: ScriptedCohere, embedder: CohereEmbedder) -> None:
    cohere.script(Refuse(500))
    assert (await embedder.embed_one("question")).shape == (64,)


async def test_vectors_of_two_models_or_sizes_have_two_fingerprints(
    cohere: ScriptedCohere, embedder: CohereEmbedder
) -> None:
    other_model = await open_embedder(cohere, model="embed-multilingual-v3.0")
    cohere.dimensions = 32
    other_size = await open_embedder(cohere)
    assert len({embedder.fingerprint, other_model.fingerprint, other_size.fingerprint}) == 3
    await other_model.close()
    await other_size.close()


@pytest.mark.parametrize(
    ("model", "english"),
    [
        ("embed-v4.0", False),
        ("embed-multilingual-light-v3.0", False),
        ("embed-english-v3.0", True),
        ("embed-english-light-v3.0", True),
    ],
)
async def test_the_english_models_say_so(cohere: ScriptedCohere, model: str, english: bool) -> None:
    embedder = await open_embedder(cohere, model=model)
    assert embedder.english_only is english
    await embedder.close()


async def test_it_can_take_the_place_of_the_embedder(embedder: CohereEmbedder) -> None:
    embeds: Embeds = embedder
    assert embeds.count_tokens("seven c") == 7


async def test_tokens_can_be_counted_as_the_packaged_model_does_without_it(models: Path) -> None:
    directory = await prepared_model(models, None)
    packaged: Embeds = await Embedder.open(directory)
    count = token_counter(directory)
    texts = ["What is torque?", "ایک روبوٹ", "", "a \ud800 b"]
    assert [count(text) for text in texts] == [packaged.count_tokens(text) for text in texts]
    await packaged.close()
