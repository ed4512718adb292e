"""Labelled sets: questions with the sentence that answers them, and questions that the book does not answer.

A set is a folder with `answerable.jsonl`, `out_of_book.jsonl` and `unanswerable_near.jsonl`, and the book in `docs`
unless it stands elsewhere. Each line has `id` and `question`; an answerable one also `file` (below the docs),
`evidence` (the sentence) and `answers`; and `language` where it is not the book's. `truth.json` may stand beside them:
what Docusaurus built of the book.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from evals.anchors import Truth, read_truth

NEARLY_ALL = 0.8  # of the evidence's words, where a passage was cut inside the sentence


class NoLabels(Exception):
    """The folder is not a labelled set; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question. `file`, `evidence` and `answers` are empty for one that the book does not answer."""

    id: str
    text: str
    language: str
    file: str = ""
    evidence: str = ""
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Labels:
    """A labelled set."""

    answerable: tuple[Question, ...]
    out_of_book: tuple[Question, ...]
    near_topic: tuple[Question, ...]
    truth: Truth | None = None


def read_labels(folder: Path, truth: Path | None = None) -> Labels:
    """The set in a folder, with its truth table or another one. Raises NoLabels and NoTruth."""
    table = truth or folder / "truth.json"
    return Labels(
        read_questions(folder / "answerable.jsonl"),
        read_questions(folder / "out_of_book.jsonl"),
        read_questions(folder / "unanswerable_near.jsonl", missing_ok=True),
        read_truth(table) if truth or table.exists() else None,
    )


def read_questions(path: Path, missing_ok: bool = False) -> tuple[Question, ...]:
    """The questions of one file, one JSON object to a line."""
    if not path.is_file():
        if missing_ok:
            return ()
        raise NoLabels(f"{path} is missing: give a folder with labelled questions, such as evals/sample")
    lines = enumerate(path.read_text("utf-8").splitlines(), 1)
    return tuple(question(line, path, number) for number, line in lines if line.strip())


def question(line: str, path: Path, number: int) -> Question:
    """One line of a file of questions."""
    try:
        given: dict[str, Any] = orjson.loads(line)
        return Question(
            id=given["id"],
            text=given["question"],
            language=given.get("language", ""),
            file=given.get("file", ""),
            evidence=given.get("evidence", ""),
            answers=tuple(given.get("answers", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise NoLabels(f"{path}:{number} is no labelled question: {error}") from None


def answers(question: Question, file: str, text: str) -> bool:
    """True for a passage that holds the evidence, or nearly all of its words and an answer."""
    if file != question.file and not file.endswith(f"/{question.file}"):
        return False
    shown, evidence = folded(text), folded(question.evidence)
    if evidence and evidence in shown:
        return True
    wanted, there = Counter(evidence.split()), Counter(shown.split())
    shared = sum(min(count, there[word]) for word, count in wanted.items())
    return shared >= NEARLY_ALL * max(1, wanted.total()) and mentions(shown, question.answers)


def mentions(shown: str, wanted: Sequence[str]) -> bool:
    """True if any of the answers stands in the text."""
    return any(folded(answer) and folded(answer) in shown for answer in wanted)


def folded(text: str) -> str:
    """Lower case, with all punctuation and white space as single spaces."""
    return re.sub(r"\W+", " ", text.lower()).strip()
