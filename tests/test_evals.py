"""The quality of retrieval on the sample book: a floor that no change may fall through, on either engine."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient
from rich.console import Console

import db.editions
from db.postgres import Database, pool
from db.vectors_server import ServerIndex
from evals.citations import Standing
from evals.evaluation import Evaluation, evaluate_book, fitting
from evals.labels import Labels, NoLabels, Question, read_labels
from evals.retrieval import Desk, open_desk
from services.citations import prove
from services.embedding import Embedder
from services.heard import Cited
from services.model_export import prepared_model
from services.retrieval import Found, Weights
from tests.conftest import LIGHTHOUSE
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
    return await evaluate_book(embedder, read_labels(SET), BOOK, None, lambda *_: None)


def questions(*texts: str, language: str = "") -> tuple[Question, ...]:
    return tuple(Question(text, text, language, "lamp.md", "Trim the wick every four hours") for text in texts)


LAMPS = Labels(
    questions("How often is the wick trimmed?", "What is colza?", "When does the fog horn sound?"),
    questions("Who won the football world cup?", "How long is rice boiled?"),
    (),
)


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoLabels, match=r"answerable\.jsonl is missing"):
        read_labels(tmp_path)


def test_a_line_that_is_no_question_is_named(tmp_path: Path) -> None:
    (tmp_path / "answerable.jsonl").write_text('{"id": "a", "question": "b"}\n{"id": "c"}\n')
    with pytest.raises(NoLabels, match=r"answerable\.jsonl:2"):
        read_labels(tmp_path)


@pytest.mark.parametrize("group", list(FLOOR["at_least"]))
def test_no_figure_falls_below_its_floor(evaluation: Evaluation, group: str) -> None:
    figures = json.loads(evaluation.json())[group]
    assert {name for name, floor in FLOOR["at_least"][group].items() if figures[name] < floor} == set(), figures


@pytest.mark.parametrize("group", list(FLOOR["at_most"]))
def test_the_gate_refuses_no_more_and_lets_no_more_through_than_it_did(evaluation: Evaluation, group: str) -> None:
    figures = json.loads(evaluation.json())[group]
    assert {name for name, most in FLOOR["at_most"][group].items() if figures[name] > most} == set()


def test_what_is_refused_is_what_the_product_refuses(evaluation: Evaluation) -> None:
    outcomes = evaluation.in_force.asked["answerable"]
    assert {outcome.retrieved.gate.name for outcome in outcomes} == {"gate", "foreign_gate"}
    refused = sum(not outcome.retrieved.answerable for outcome in outcomes)
    assert evaluation.in_force.found()["answerable"].refused == pytest.approx(refused / len(outcomes))


def test_the_calibrated_gate_refuses_two_percent_of_its_own_questions(evaluation: Evaluation) -> None:
    assert evaluation.calibrated
    assert evaluation.calibrated.found()["answerable, en"].refused <= 0.02
    assert (
        evaluation.calibrated.found()["answerable, ur"].refused == evaluation.in_force.found()["answerable, ur"].refused
    )


def test_every_quotation_stands_where_it_is_cited(evaluation: Evaluation) -> None:
    assert evaluation.proven == evaluation.units > 1000


def test_every_page_and_heading_has_the_address_that_docusaurus_gives_it(evaluation: Evaluation) -> None:
    assert evaluation.anchors
    assert evaluation.anchors.pages == evaluation.anchors.urls_equal
    assert evaluation.differences == ()


def test_an_evaluation_is_saved_for_people_and_programs(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["settings"] == {"gate": Weights().gate, "gate_words": Weights().gate_words}
    for name, gate in (("run", figures), ("run-calibrated", figures["calibrated"])):
        run = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        assert len(run) == 200
        refused = sum(not line["accepted"] for line in run[:110])
        assert gate["answerable"]["refused"] == pytest.approx(refused / 110)
    assert (tmp_path / "curve.svg").read_text().startswith("<?xml")


def test_no_figure_is_cut_at_eighty_columns(evaluation: Evaluation) -> None:
    console = Console(width=80)
    with console.capture() as printed:
        console.print(evaluation.table())
    assert "…" not in printed.get()
    assert max(map(len, printed.get().splitlines())) <= 80


def test_the_gate_that_fits_refuses_one_of_fifty() -> None:
    assert fitting([0.1, 0.25, *[0.9] * 48]) == 0.25
    assert fitting([0.5]) == 0.5


def test_a_gate_is_tried_on_questions_that_it_was_not_fitted_to(evaluation: Evaluation) -> None:
    held_out = json.loads(evaluation.json())["calibrated"]["held_out"]
    assert 0 <= held_out["refused"] <= 0.05
    assert held_out["accepted"] > 0.5
    assert f"refuses {held_out['refused']:.3f}" in evaluation.told()


async def test_among_word_shares_the_one_that_lets_fewest_through_is_taken(embedder: Embedder) -> None:
    found = await evaluate_book(embedder, LAMPS, LIGHTHOUSE, None, lambda *_: None)
    assert found.calibrated
    assert found.calibrated.settings.keys() == {"gate", "gate_words"}
    assert found.calibrated.let_through()["out_of_book"] == (2, 0.0)
    assert found.calibrated.found()["answerable"].refused == 0


async def test_a_given_gate_is_in_force_and_not_in_the_calibrated_one(embedder: Embedder) -> None:
    found = await evaluate_book(embedder, LAMPS, LIGHTHOUSE, 2.9, lambda *_: None)
    plain = await evaluate_book(embedder, LAMPS, LIGHTHOUSE, None, lambda *_: None)
    assert (found.in_force.name, found.in_force.found()["answerable"].refused) == ("RETRIEVAL_GATE", 1)
    assert found.calibrated
    assert plain.calibrated
    assert found.calibrated.settings == plain.calibrated.settings


async def test_of_a_book_that_is_searched_by_words_the_words_gate_is_calibrated(
    embedder: Embedder, tmp_path: Path
) -> None:
    (tmp_path / "lamp.md").write_text("# چراغ\n\nبتی ہر چار گھنٹے بعد کاٹی جاتی ہے۔\n", "utf-8")
    labels = Labels(questions("بتی کب کاٹی جاتی ہے؟"), questions("پاکستان کا صدر کون ہے؟"), ())
    found = await evaluate_book(embedder, labels, tmp_path, None, lambda *_: None)
    assert found.calibrated
    assert found.calibrated.settings == {"words_gate": found.calibrated.settings["words_gate"]}
    assert found.calibrated.settings["words_gate"] > Weights().words_gate
    assert found.to_store()["source"].endswith("words_gate: footnote eval --calibrate, 2 questions")


async def test_without_answerable_questions_nothing_is_calibrated_and_all_is_saved(
    embedder: Embedder, tmp_path: Path
) -> None:
    found = await evaluate_book(embedder, replace(LAMPS, answerable=()), LIGHTHOUSE, None, lambda *_: None)
    found.save(tmp_path)
    assert json.loads((tmp_path / "figures.json").read_text())["calibrated"] is None
    with pytest.raises(NoLabels, match="nothing to calibrate"):
        found.to_store()


@pytest.mark.parametrize("without", [["words", "sentence_words", "section_words"], ["passage", "sentence"]])
async def test_a_signal_that_is_left_out_changes_the_ranking(embedder: Embedder, without: Sequence[str]) -> None:
    labels = Labels(questions("Which charred cotton smokes?"), (), ())
    whole = await evaluate_book(embedder, labels, LIGHTHOUSE, None, lambda *_: None)
    less = await evaluate_book(embedder, labels, LIGHTHOUSE, None, lambda *_: None, without)
    (before,), (after,) = whole.in_force.asked["answerable"], less.in_force.asked["answerable"]
    assert [found.similarity for found in before.retrieved.found] != [
        found.similarity for found in after.retrieved.found
    ]
    assert less.calibrated is None


@pytest.mark.parametrize(("field", "wrong"), [("start", 1), ("end", -1), ("url", "#elsewhere"), ("quote", "!")])
async def test_a_citation_that_does_not_stand_where_it_says_is_noticed(
    embedder: Embedder, field: str, wrong: int | str
) -> None:
    async with open_desk(LIGHTHOUSE, embedder, lambda *_: None) as desk:
        edition = desk.shelf.book.edition
        passage = next(one for one in edition.passages.values() if one.section == "Trimming the wick")
        page = Standing(next(one for one in desk.manuscript.folder.pages if one.id == passage.chapter_id))
        content = next(chapter.content for chapter in edition.chapters if chapter.id == passage.chapter_id)
        text = content[passage.units[0].start : passage.units[0].end]
        (citation,) = prove(Cited(0, 0, 1, text), [Found(passage, 1.0)], edition, offset=0)
    assert page.holds(citation)
    assert not page.holds(replace(citation, **{field: getattr(citation, field) + wrong}))


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
    ended = await footnote("eval", SET, "--book", BOOK, DATA_DIR=models.parent, RETRIEVAL_GATE=0.6)
    assert ended.code == 0
    assert "answerable, ur-Latn" in ended.told
    assert "The RETRIEVAL_GATE is gate 0.6, gate_words 0.25." in ended.told
    assert re.search(r"headings, anchor +161 +161", ended.told)


async def test_calibrating_stores_what_was_measured_whatever_retrieval_gate_says(
    models: Path, database_url: str, tmp_path: Path
) -> None:
    for kind, asked in (("answerable", LAMPS.answerable), ("out_of_book", LAMPS.out_of_book)):
        lines = [json.dumps({"id": one.id, "question": one.text}) for one in asked]
        (tmp_path / f"{kind}.jsonl").write_text("\n".join(lines))
    settings: dict[str, object] = {"DATA_DIR": models.parent, "DATABASE_URL": database_url, "RETRIEVAL_GATE": 2.9}
    await footnote("ingest", LIGHTHOUSE, **settings)
    ended = await footnote("eval", tmp_path, "--book", LIGHTHOUSE, "--calibrate", **settings)
    assert ended.code == 0, ended.told
    async with pool(database_url) as connections:
        stored = await db.editions.current_settings(Database(connections))
    assert stored
    assert 0 < stored[1]["gate"] < 2.9
    assert "footnote eval --calibrate" in str(stored[1]["source"])


async def test_what_leaves_a_signal_out_is_not_stored(models: Path) -> None:
    ended = await footnote("eval", SET, "--calibrate", "--without", "words", DATA_DIR=models.parent)
    assert ended.code == 2
    assert "leave --without away" in ended.told
