"""Makes a labelled book of UQuAD: 27 Urdu paragraphs with the questions of native speakers (A. Farooqui, CC0).

    python -m evals.uquad UQAD.json OUT_DIR

Writes OUT_DIR/docs, pages with a section for each paragraph, and OUT_DIR/answerable.jsonl. The two files of questions
that the book does not answer are left empty, as UQuAD has none. Titles and headings are numbers, so that no word of a
question stands in them.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from services.sentences import split
from services.words import words

PER_PAGE = 3  # paragraphs
LONG = 20  # words; a passage of Urdu has about 45, as the model was not made for it and reads nearly letter by letter
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of the book, with the place it gets."""

    key: str
    number: int
    text: str

    @property
    def chapter(self) -> str:
        return f"باب {(self.number - 1) // PER_PAGE + 1}"

    @property
    def heading(self) -> str:
        return f"حصہ {self.number}"

    @property
    def file(self) -> str:
        return f"chapter-{(self.number - 1) // PER_PAGE + 1:02}.md"


@dataclass(frozen=True, slots=True)
class Question:
    """A question with where its answer stands. `evidence` is the sentence, or part of a long one, that answers it."""

    id: str
    question: str
    file: str
    chapter: str
    heading: str
    pid: str
    answers: list[str]
    evidence: str


def paragraphs(entries: dict[str, Any]) -> Iterator[Paragraph]:
    """The paragraphs in their order, one that comes twice (as the 25th does) only once."""
    firsts: dict[str, str] = {}
    for key, entry in entries.items():
        firsts.setdefault(" ".join(entry["context"].split()), key)
    for number, (text, key) in enumerate(firsts.items(), 1):
        yield Paragraph(key, number, text)


def questions(entries: dict[str, Any], book: Iterable[Paragraph]) -> Iterator[Question]:
    """The questions of all entries, but those whose answer is not found in their paragraph: 12 of 139."""
    places = {paragraph.text: paragraph for paragraph in book}
    for key, entry in entries.items():
        paragraph = places[" ".join(entry["context"].split())]
        for number, asked in entry["question"].items():
            question = " ".join(asked["question"].split())
            given = [" ".join(str(answer).split()) for answer in asked["answer"].values()]
            answers = [answer for answer in dict.fromkeys(given) if answer]
            found = evidence(paragraph.text, question, answers)
            if not found:
                continue
            yield Question(
                id=f"uquad-{key}-{number}",
                question=question,
                file=paragraph.file,
                chapter=paragraph.chapter,
                heading=paragraph.heading,
                pid=f"uquad#{paragraph.key}",
                answers=answers,
                evidence=found,
            )


def evidence(text: str, question: str, answers: Sequence[str]) -> str:
    """The stretch that holds an answer, whole or half of its words; among equals the one nearest to the question.

    Empty when there is none: UQuAD marks no place, and some answers are worded otherwise than the text ("2" for "two").
    """
    wanted, asked = [words(answer) for answer in answers], set(words(question))

    def merit(stretch: str) -> tuple[bool, float, int]:
        have = words(stretch)
        share = max((len({*answer} & {*have}) / len({*answer}) for answer in wanted if answer), default=0.0)
        return any(holds(have, answer) for answer in wanted), share, len(asked & {*have})

    best = max(stretches(text), key=merit)
    return best if merit(best)[1] >= HALF else ""


def stretches(text: str) -> Iterator[str]:
    """The sentences; of one too long for a passage, each run of LONG words that starts at half the one before."""
    for start, end in split(text):
        sentence = text[start:end].split()
        for at in range(0, max(len(sentence) - LONG // 2, 1), LONG // 2):
            yield " ".join(sentence[at : at + LONG] if len(sentence) > 2 * LONG else sentence)


def holds(sentence: Sequence[str], answer: Sequence[str]) -> bool:
    """Whether the words of the answer stand together in the sentence."""
    size = len(answer)
    return size > 0 and any(list(sentence[i : i + size]) == list(answer) for i in range(len(sentence) - size + 1))


def pages(book: Iterable[Paragraph]) -> dict[str, str]:
    """The Markdown of each file."""
    made: dict[str, str] = {}
    for paragraph in book:
        opened = f"---\ntitle: {paragraph.chapter}\nsidebar_position: {len(made) + 1}\n---\n\n# {paragraph.chapter}\n"
        made.setdefault(paragraph.file, opened)
        made[paragraph.file] += f"\n## {paragraph.heading}\n\n{paragraph.text}\n"
    return made


def write(entries: dict[str, Any], out: Path) -> None:
    """Write the book and its questions."""
    book = list(paragraphs(entries))
    (out / "docs").mkdir(parents=True, exist_ok=True)
    for file, content in pages(book).items():
        (out / "docs" / file).write_text(content, "utf-8")
    lines = [orjson.dumps(asdict(question)) + b"\n" for question in questions(entries, book)]
    (out / "answerable.jsonl").write_bytes(b"".join(lines))
    for name in ("out_of_book.jsonl", "unanswerable_near.jsonl"):
        (out / name).touch()


def main(arguments: list[str]) -> int:
    """Convert one file. Returns the exit code."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    write(orjson.loads(Path(arguments[0]).read_bytes()), Path(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
