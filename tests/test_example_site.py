"""Links in answers land: each is looked up in the example site as Docusaurus builds it."""

import re
from collections.abc import AsyncIterator, Iterator

import orjson
import pytest

from tests.client import ASK_AND_WAIT, ask
from tests.conftest import MakeSettings
from tests.processes import ROOT, Server, server
from tests.site import BOOK, SITE, BuiltSite, build_book, ids

TRUTH = ROOT / "evals" / "sample" / "truth.json"
HEADINGS = "{ book { chapters { id url sections { heading level anchor url } } } }"


def truth(site: BuiltSite) -> bytes:
    """The truth table of the site, an object to a line."""
    pages, headings = [], []
    for file, url in sorted(built_pages()):
        pages.append({"file": file, "url": url})
        headings += [{"file": file, "level": level, "anchor": anchor} for level, anchor in ids(site.page(url)).headings]
    table = orjson.dumps({"pages": pages, "headings": headings})
    return re.sub(rb"(?<=[\[,]){", b"\n{", table) + b"\n"


def built_pages() -> Iterator[tuple[str, str]]:
    """The files of the book, each with its URL, as Docusaurus notes them. Of files that are gone it keeps the notes."""
    for note in (SITE / ".docusaurus" / "docusaurus-plugin-content-docs" / "default").glob("site-*.json"):
        page = orjson.loads(note.read_bytes())
        file = page["source"].removeprefix("@site/../book/")
        if (BOOK / file).is_file():
            yield file, page["permalink"]


def questions() -> Iterator[tuple[str, str]]:
    """The questions of the list, each with the chapter that answers it."""
    chapter = ""
    for line in (ROOT / "tests" / "questions.txt").read_text("utf-8").split("\n"):
        if line.startswith("# "):
            chapter = line.removeprefix("# ")
        elif line:
            yield chapter, line


@pytest.fixture(scope="module")
async def site() -> BuiltSite:
    """The site as a web server would hand it out."""
    return await build_book()


@pytest.fixture(scope="module")
async def sample_book(new_settings: MakeSettings) -> AsyncIterator[Server]:
    """The sample book, served without a key: answers are its passages."""
    async with server(DATA_DIR=new_settings().data_dir, BOOK_PATH=BOOK) as running:
        yield running


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:3000/docs/learning/safety#no-such-heading",
        "http://localhost:3000/docs/no-such-page",
        "http://localhost:3000/learning/safety#watchdog",
        "http://localhost:8000/docs/learning/safety#watchdog",
    ],
)
async def test_a_link_to_nothing_does_not_land(url: str, site: BuiltSite) -> None:
    assert site.target(url) is None


async def test_the_truth_table_of_the_sample_says_what_docusaurus_builds(site: BuiltSite) -> None:
    built = site.folder / "truth.json"
    built.write_bytes(truth(site))
    assert TRUTH.read_bytes() == built.read_bytes(), f"copy {built} to {TRUTH}, if the site is as it should be"


async def test_every_heading_of_every_chapter_is_where_its_link_points(sample_book: Server, site: BuiltSite) -> None:
    chapters = (await ask(sample_book.url, HEADINGS))["book"]["chapters"]
    assert {site.target(chapter["url"]) for chapter in chapters} == {"html"}
    for chapter in chapters:
        sections = chapter["sections"]
        expected = [f"h{section['level']}" if section["anchor"] else "html" for section in sections]
        assert [site.target(section["url"]) for section in sections] == expected, chapter["id"]


async def test_the_questions_are_fifty_and_ask_every_chapter(sample_book: Server) -> None:
    chapters = (await ask(sample_book.url, HEADINGS))["book"]["chapters"]
    assert {chapter for chapter, _ in questions()} == {chapter["id"] for chapter in chapters}
    assert len(set(questions())) == 50


@pytest.mark.parametrize(("chapter", "question"), list(questions()))
async def test_a_question_is_answered_from_its_chapter_and_every_link_lands(
    chapter: str, question: str, sample_book: Server, site: BuiltSite
) -> None:
    answer = (await ask(sample_book.url, ASK_AND_WAIT, question=question))["ask"]
    assert answer["status"] == "COMPLETE"
    assert chapter in [citation["chapterId"] for citation in answer["citations"]]
    links = [part["url"] for part in (*answer["citations"], *answer["passages"])]
    assert [url for url in links if site.target(url) is None] == []
