"""The quality of retrieval on the sample book: a floor that no change may fall through, on either engine."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient

from db.vectors_server import ServerIndex
from evals.evaluation import Evaluation, evaluate_book
from evals.labels import Labels, NoLabels, read_labels
from evals.report import rows
from evals.retrieval import Desk, open_desk
from services.embedding import Embedder
from services.model_export import prepared_model
from services.retrieval import Weights
from tests.processes import ROOT, footnote

SET = ROOT / "evals" / "sample"
BOOK = ROOT / "examples" / "book"
FLOOR = json.loads((SET / "floor.json").read_text("utf-8"))


@pytest.fixture(scope="module")
async def embedder(models: Path) -> AsyncIterator[Embedder]:
    opened = await Embedder.open(await prepared_model(models, None), threads=2)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def evaluation(embedder: Embedder) -> Evaluation:
    return await evaluate_book(embedder, read_labels(SET), BOOK, Weights().gate, lambda *_: None)


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoLabels, match=r"answerable\.jsonl is missing"):
        read_labels(tmp_path)


def test_a_line_that_is_no_question_is_named(tmp_path: Path) -> None:
    (tmp_path / "answerable.jsonl").write_text('{"id": "a", "question": "b"}\n{"id": "c"}\n')
    with pytest.raises(NoLabels, match=r"answerable\.jsonl:2"):
        read_labels(tmp_path)


@pytest.mark.parametrize("group", list(FLOOR["at_least"]))
def test_no_figure_falls_below_its_floor(evaluation: Evaluation, group: str) -> None:
    figures = rows(evaluation.asked, evaluation.gate)[group]
    fallen = {name for name, floor in FLOOR["at_least"][group].items() if getattr(figures, name) < floor}
    assert not fallen, figures


def test_the_gate_refuses_no_more_and_lets_no_more_through_than_it_did(evaluation: Evaluation) -> None:
    report = json.loads(evaluation.json())
    assert report["answerable, en"]["refused"] <= FLOOR["at_most"]["refused"]
    assert report["out_of_book"]["accepted"] <= FLOOR["at_most"]["accepted"]


def test_every_quotation_stands_where_it_is_cited(evaluation: Evaluation) -> None:
    assert evaluation.proven == evaluation.units > 1000


def test_an_evaluation_is_saved_for_people_and_programs(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    assert json.loads((tmp_path / "figures.json").read_text())["settings"] == {"gate": Weights().gate}
    run = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert len(run) == 200
    assert (tmp_path / "curve.svg").read_text().startswith("<?xml")


async def test_both_engines_rank_five_hundred_questions_alike(embedder: Embedder) -> None:
    server = ServerIndex("local", "", "passages", embedder.dimensions, AsyncQdrantClient(location=":memory:"))
    async with (
        open_desk(BOOK, embedder, lambda *_: None) as embedded,
        open_desk(BOOK, embedder, lambda *_: None, server) as served,
    ):
        questions = five_hundred(read_labels(SET), embedded)
        for question in questions:
            ours, theirs = await embedded.retriever.retrieve(question), await served.retriever.retrieve(question)
            assert [found.passage.id for found in ours.given] == [found.passage.id for found in theirs.given]
            assert ours.answerable == theirs.answerable


def five_hundred(labels: Labels, desk: Desk) -> list[str]:
    """All labelled questions, then what the book's own headings and sentences would be asked for."""
    groups = (labels.answerable, labels.out_of_book, labels.near_topic)
    labelled = [question.text for group in groups for question in group]
    passages = desk.shelf.book.edition.passages.values()
    about = [f"What about {passage.section}?" for passage in passages]
    own = dict.fromkeys(about + [passage.text.split(". ")[0][:200] for passage in passages])
    return [*labelled, *own][:500]


async def test_the_command_prints_a_table_and_names_the_gate(models: Path) -> None:
    ended = await footnote("eval", SET, "--book", BOOK, DATA_DIR=models.parent, RETRIEVAL_GATE=0.55)
    assert ended.code == 0
    assert "answerable, ur-Latn" in ended.told
    assert "The gate is 0.55 (RETRIEVAL_GATE" in ended.told
