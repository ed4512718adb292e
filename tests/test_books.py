"""What holds for every passage of every book at hand: its quotations are the source, character for character."""

import random
import re
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from services.book import Chapter, Edition, Passage, Span
from services.citations import prove
from services.heard import Cited
from services.manuscript import book
from services.passages import cut
from services.retrieval import Found

TESTS = Path(__file__).parent
# Real books stand beside the project where it is developed and checked; they are not ours to commit.
BESIDE = TESTS.parents[1] / "shared" / "data" / "books"
BOOKS = [
    TESTS / "books" / "torture" / "docs",
    TESTS / "books" / "lighthouse",
    TESTS.parent / "examples" / "book",
    *filter(
        Path.is_dir, (BESIDE / "redux-docs", BESIDE / "physical-ai-textbook/docs", BESIDE / "physical-ai-en-ur/docs")
    ),
]


def count(text: str) -> int:
    """About the tokens of the embedding model, at a hundredth of its price."""
    return 1 + len(text) // 4


def found_passages(folder: Path) -> Iterator[tuple[Found, Edition]]:
    """Each passage of a book with an edition that has its chapter."""
    for page in book(folder, "/docs").pages:
        chapter = Chapter(page.id, "en", page.title, page.position, page.path, page.content, (), page.reviewed)
        edition = Edition(1, "", "", "en", "", {}, (chapter,), {})
        for piece in cut(page, count):
            yield Found(passage(piece.units, chapter), 1.0), edition


def passage(units: tuple[Span, ...], chapter: Chapter) -> Passage:
    return Passage(uuid.uuid4(), chapter.id, chapter.title, "", "", chapter.url, "", units, 0, True)


@pytest.mark.parametrize("folder", BOOKS, ids=lambda folder: folder.parent.name + "/" + folder.name)
def test_a_proven_quotation_is_the_source_at_its_place(folder: Path) -> None:
    chance = random.Random(1)
    proven = 0
    for found, edition in found_passages(folder):
        (chapter,) = edition.chapters
        units = found.passage.units
        for start, end in [(0, len(units)), *sorted((chance.randrange(len(units)), len(units)) for _ in range(3))]:
            sent = "".join(chapter.content[unit.start : unit.end] for unit in units[start:end])
            citations = prove(Cited(0, start, end, sent), [found], edition, offset=0)
            assert citations
            for cited in citations:
                assert javascript_slice(chapter.content, cited.start, cited.end) == cited.quote
                assert cited.quote.strip() == cited.quote != ""
            proven += len(citations)
    assert proven


@pytest.mark.parametrize("folder", BOOKS, ids=lambda folder: folder.parent.name + "/" + folder.name)
def test_no_word_of_a_page_is_lost_on_the_way_to_its_passages(folder: Path) -> None:
    for page in book(folder, "/docs").pages:
        spans = {(unit.start, unit.end) for piece in cut(page, count) for unit in piece.units}
        covered = [False] * len(page.content)
        for start, end in spans:
            covered[start:end] = [True] * (end - start)
        for block in page.outline.blocks:
            for unit in block.units:
                text = page.content[unit.start : unit.end]
                lost = [
                    c for c, kept in zip(text, covered[unit.start : unit.end], strict=True) if not kept and c.strip()
                ]
                assert not lost, (page.file, text)


@pytest.mark.parametrize("folder", BOOKS, ids=lambda folder: folder.parent.name + "/" + folder.name)
def test_every_passage_closes_the_fences_that_it_opens(folder: Path) -> None:
    for page in book(folder, "/docs").pages:
        for piece in cut(page, count):
            opened = ""
            for line in piece.text.splitlines():
                found = re.match(r" *(`{3,}|~{3,})(.*)", line)
                if found and not opened:
                    opened = found[1]
                elif found and found[1].startswith(opened) and not found[2].strip():
                    opened = ""
            assert not opened, (page.file, piece.text)


def javascript_slice(text: str, start: int, end: int) -> str:
    """`text.slice(start, end)` as JavaScript does it."""
    encoded = utf16(text)
    assert 0 <= start <= end <= len(encoded) // 2
    return encoded[2 * start : 2 * end].decode("utf-16-le")


@cache
def utf16(text: str) -> bytes:
    """A whole chapter, which is asked for at each of its quotations."""
    return text.encode("utf-16-le")
