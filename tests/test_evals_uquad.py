"""The book and the questions that are made of UQuAD, on a sample of its form."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from evals.labels import read_labels
from evals.uquad import main, paragraphs, questions, stretches, write
from services import docusaurus

LONG = " ".join(f"لفظ{number}" for number in range(50))
SAMPLE: dict[str, Any] = {
    "1": {
        "context": "چراغ  تیل سے جلتا ہے۔\nمینار سمندر کے کنارے ہے۔ ",
        "question": {
            "0": {"question": "مینار کہاں ہے؟ ", "answer": {"0": "سمندر کے کنارے", "1": "سمندر کے کنارے", "2": ""}},
            "1": {"question": "مینار کی عمر کیا ہے؟", "answer": {"0": 120}},
        },
    },
    "2": {
        "context": "مینار 1947ء میں بنا۔",
        "question": {"0": {"question": "مینار کب بنا؟", "answer": {"0": "١٩٤٧", "1": 1947}}},
    },
    "3": {
        "context": "چراغ تیل سے جلتا ہے۔ مینار سمندر کے کنارے ہے۔",
        "question": {"0": {"question": "چراغ کس سے جلتا ہے؟", "answer": {"0": "تیل"}}},
    },
    "4": {"context": "دھند میں نرسنگا بجتا ہے۔", "question": {}},
    "5": {"context": LONG, "question": {"0": {"question": "آخری کیا ہے؟", "answer": {"0": "لفظ49"}}}},
}


def test_wrong_arguments_show_how_to_call_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["only-one"]) == 2
    assert "UQAD.json OUT_DIR" in capsys.readouterr().out


def test_a_question_whose_answer_is_not_in_its_paragraph_is_left_out() -> None:
    assert [question.id for question in questions(SAMPLE, paragraphs(SAMPLE))] == [
        "uquad-1-0",
        "uquad-2-0",
        "uquad-3-0",
        "uquad-5-0",
    ]


def test_a_paragraph_that_comes_twice_is_in_the_book_once_and_keeps_its_questions() -> None:
    assert [paragraph.key for paragraph in paragraphs(SAMPLE)] == ["1", "2", "4", "5"]
    assert [question.pid for question in questions(SAMPLE, paragraphs(SAMPLE))][2] == "uquad#1"


def test_the_evidence_is_the_sentence_with_the_answer() -> None:
    first, second, third, _ = questions(SAMPLE, paragraphs(SAMPLE))
    assert first.evidence == "مینار سمندر کے کنارے ہے۔"
    assert second.evidence == "مینار 1947ء میں بنا۔"
    assert third.evidence == "چراغ تیل سے جلتا ہے۔"
    assert first.answers == ["سمندر کے کنارے"]


def test_of_a_long_sentence_the_evidence_is_the_part_with_the_answer() -> None:
    *_, last = questions(SAMPLE, paragraphs(SAMPLE))
    assert last.evidence == " ".join(LONG.split()[30:50])
    assert set(" ".join(stretches(LONG)).split()) == set(LONG.split())


def test_the_book_is_read_as_pages_with_a_section_for_each_paragraph(tmp_path: Path) -> None:
    write(SAMPLE, tmp_path)
    pages = docusaurus.read(tmp_path / "docs").pages
    assert [(page.file, page.title) for page in pages] == [("chapter-01.md", "باب 1"), ("chapter-02.md", "باب 2")]
    assert [heading.text for page in pages for heading in page.outline.headings if heading.level == 2] == [
        "حصہ 1",
        "حصہ 2",
        "حصہ 3",
        "حصہ 4",
    ]


def test_what_is_written_is_a_labelled_set_whose_evidence_stands_in_its_file(tmp_path: Path) -> None:
    (tmp_path / "UQAD.json").write_bytes(orjson.dumps(SAMPLE))
    assert main([str(tmp_path / "UQAD.json"), str(tmp_path / "book")]) == 0
    labels = read_labels(tmp_path / "book")
    assert (len(labels.answerable), labels.out_of_book, labels.near_topic) == (4, (), ())
    for question in labels.answerable:
        assert question.evidence in (tmp_path / "book" / "docs" / question.file).read_text("utf-8")
