"""The labelled set of the sample book says only what the book bears out."""

import re
from collections import Counter
from functools import cache
from typing import Any

import orjson
import pytest

from services import docusaurus
from services.docusaurus import Page
from tests.processes import ROOT

SAMPLE = ROOT / "evals" / "sample"
ANSWERABLE, OUT_OF_BOOK, NEAR = "answerable", "out_of_book", "unanswerable_near"
FIELDS = {"id", "question", "file", "chapter", "heading", "language", "kind", "answers", "evidence"}
KINDS = {"paraphrase", "short", "misspelt", "number", "why", "compare", "urdu", "roman-urdu"}
LANGUAGES = {"urdu": "ur", "roman-urdu": "ur-Latn"}  # of a kind; English else
URDU_SCRIPT = re.compile(r"[\u0600-\u06ff]")
COPIED = 6  # words in a row

Line = dict[str, Any]


def lines(name: str) -> list[Line]:
    return [orjson.loads(line) for line in (SAMPLE / f"{name}.jsonl").read_text("utf-8").splitlines()]


@cache
def pages() -> dict[str, Page]:
    return {page.file: page for page in docusaurus.read(ROOT / "examples" / "book").pages}


def fold(text: str) -> str:
    """Words between single spaces, so that quotation marks, line ends and cell borders do not matter."""
    words = re.sub(r"\W+", " ", text.lower())
    return f" {words.strip()} "


def section(line: Line) -> str:
    """The rendered text of the sections that have the line's heading; empty where there is none."""
    page = pages()[line["file"]]
    names = [heading.text for heading in page.outline.headings] + [page.title]  # -1 is what stands before the first
    return "\n".join(block.text for block in page.outline.blocks if names[block.heading] == line["heading"])


def copied(line: Line) -> bool:
    """True where a question has COPIED words in a row from its evidence."""
    words = fold(line["question"]).split()
    runs = [f" {' '.join(words[start : start + COPIED])} " for start in range(len(words) - COPIED + 1)]
    return any(run in fold(line["evidence"]) for run in runs)


def test_an_invented_evidence_is_not_in_the_book() -> None:
    line = {**lines(ANSWERABLE)[0], "evidence": "You may not copy it."}
    assert fold(line["evidence"]) not in fold(section(line))


def test_a_question_in_the_books_own_words_counts_as_copied() -> None:
    line = lines(ANSWERABLE)[0]
    assert copied({**line, "question": line["evidence"]})


def test_every_answerable_question_has_all_fields_and_a_known_kind() -> None:
    assert [line["id"] for line in lines(ANSWERABLE) if line.keys() != FIELDS or line["kind"] not in KINDS] == []


@pytest.mark.parametrize("name", [OUT_OF_BOOK, NEAR])
def test_a_question_without_an_answer_names_no_place(name: str) -> None:
    assert [line["id"] for line in lines(name) if line.keys() != {"id", "question", "language"}] == []


def test_every_chapter_named_is_the_title_of_its_page() -> None:
    assert [line["id"] for line in lines(ANSWERABLE) if pages()[line["file"]].title != line["chapter"]] == []


def test_every_evidence_stands_in_the_section_that_is_named() -> None:
    assert [line["id"] for line in lines(ANSWERABLE) if fold(line["evidence"]) not in fold(section(line))] == []


def test_every_answer_stands_in_its_evidence() -> None:
    assert all(line["answers"] for line in lines(ANSWERABLE))
    pairs = [(fold(answer), fold(line["evidence"])) for line in lines(ANSWERABLE) for answer in line["answers"]]
    assert [answer for answer, evidence in pairs if not answer.strip() or answer not in evidence] == []


def test_no_question_is_copied_from_its_evidence() -> None:
    assert [line["id"] for line in lines(ANSWERABLE) if copied(line)] == []


def test_no_id_and_no_question_stands_twice() -> None:
    everything = [line for name in (ANSWERABLE, OUT_OF_BOOK, NEAR) for line in lines(name)]
    assert len({line["id"] for line in everything}) == len(everything)
    assert len({fold(line["question"]) for line in everything}) == len(everything)


@pytest.mark.parametrize("name", [ANSWERABLE, OUT_OF_BOOK, NEAR])
def test_the_script_of_a_question_is_that_of_its_language(name: str) -> None:
    assert {line["language"] for line in lines(name)} == {"en", "ur", "ur-Latn"}
    wrong = [line for line in lines(name) if bool(URDU_SCRIPT.search(line["question"])) != (line["language"] == "ur")]
    assert [line["id"] for line in wrong] == []


def test_the_kind_of_a_question_agrees_with_its_language() -> None:
    odd = [line for line in lines(ANSWERABLE) if LANGUAGES.get(line["kind"], "en") != line["language"]]
    assert [line["id"] for line in odd] == []


@pytest.mark.parametrize(("name", "least"), [(ANSWERABLE, 110), (OUT_OF_BOOK, 45), (NEAR, 45)])
def test_there_are_enough_questions(name: str, least: int) -> None:
    assert len(lines(name)) >= least


def test_every_page_and_every_kind_is_asked_often_enough() -> None:
    assert {line["file"] for line in lines(ANSWERABLE)} == set(pages())
    kinds = Counter(line["kind"] for line in lines(ANSWERABLE))
    assert [kind for kind in KINDS if kinds[kind] < 10] == []


def test_urdu_asks_the_english_chapters_and_the_urdu_one() -> None:
    asked = Counter((line["language"], line["file"].startswith("06-urdu")) for line in lines(ANSWERABLE))
    assert asked["ur", False] >= 12
    assert asked["ur", True] >= 8
    assert asked["ur-Latn", False] >= 10
