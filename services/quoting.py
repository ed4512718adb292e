"""An answer without a model: the sentences of the best passages that share most with the question."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from services.book import Span
from services.citations import runs, sent_units
from services.heard import Cited
from services.retrieval import Retrieved
from services.words import words

PASSAGES = 3
UNITS = 3  # in a row, from each passage
FENCE = re.compile(
    r"(?P<indent>[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t>]+)*)(?P<marks>`{3,}(?=[^`]*$)|~{3,})[ \t]*(?P<language>[^\s`{|]*)"
)


@dataclass(frozen=True, slots=True)
class Quotation:
    """A piece of the answer's text and the claim about its source, to be proven like the model's."""

    text: str
    cited: Cited


@dataclass(frozen=True, slots=True)
class Fence:
    """A code block of a chapter: where it opens, and how."""

    start: int
    indent: int
    marks: str
    language: str

    def closes(self, line: str) -> bool:
        """Whether a line of the block is its last."""
        bare = line.strip(" \t>")
        return bare.startswith(self.marks) and not bare.strip(self.marks[0])

    def around(self, lines: Sequence[str]) -> str:
        """Some of its lines in a fence at the margin."""
        bare = [re.sub(rf"[ \t>]{{0,{self.indent}}}", "", line, count=1) for line in lines]
        return "\n".join([f"{self.marks}{self.language}", *bare, self.marks])


def quotations(question: str, retrieved: Retrieved) -> list[Quotation]:
    """The quotations that make up the answer: what the reader selected, then the best passages, if they may speak."""
    asked = set(words(question))
    given = retrieved.given if retrieved.quotable else retrieved.given[: retrieved.leading]
    pieces: list[Quotation] = []
    for place, found in enumerate(given[:PASSAGES]):
        passage, chapter = found.passage, retrieved.book.edition.chapter(found.passage.chapter_id)
        units = sent_units(found, retrieved.book.edition)
        start = best_start([sum(map(retrieved.book.lexicon.rarity, asked & set(words(unit)))) for unit in units])
        cited = units[start : start + UNITS]
        spans = runs(passage.units[start : start + UNITS], chapter.content) if chapter else []
        text = f"**{passage.title}**\n\n{quoted(chapter.content, spans) if chapter else ''}"
        pieces.append(
            Quotation(f"\n\n{text}" if pieces else text, Cited(place, start, start + len(cited), "".join(cited)))
        )
    return pieces


def best_start(scores: list[float]) -> int:
    """Where the run of units begins that shares most with the question; the earliest of equals."""
    return max(range(len(scores)), key=lambda start: (sum(scores[start : start + UNITS]), scores[start], -start))


def quoted(content: str, spans: Sequence[Span]) -> str:
    """Ranges of a chapter as block quotations, with its code beside them: within them, our own filter for what is
    written and many a renderer know no fences."""
    lines = [line for span in spans for line in [*lines_of(content, span), (None, "")]]
    shown: list[str] = []
    for fence, group in groupby(lines, key=lambda line: line[0]):
        texts = [text for _, text in group]
        if fence:
            shown.append(fence.around(texts))
        elif text := "\n".join(texts).strip("\n"):
            shown.append("\n".join(f"> {line}".rstrip() for line in text.split("\n")))
    # Behind the marks of a fence, the marker of a citation would keep it open.
    return "\n\n".join(shown) + "\n" * shown[-1].endswith(("```", "~~~"))


def lines_of(content: str, span: Span) -> Iterator[tuple[Fence | None, str]]:
    """The lines of a range, which may begin and end anywhere, each with the code block that it belongs to; without
    those that open and close it."""
    fence: Fence | None = None
    start = 0
    for line in content[: span.end].split("\n"):
        opened = FENCE.match(line) if fence is None else None
        if opened:
            fence = Fence(start, len(opened["indent"]), opened["marks"], opened["language"])
        elif fence and fence.closes(line):
            fence = None
        elif start + len(line) > span.start or span.start <= start:
            hidden = max(0, span.start - start)
            # Units begin at a visible character: what a first line of code is indented by is before them.
            yield fence, line if fence and not line[:hidden].strip(" \t>") else line[hidden:]
        start += len(line) + 1
