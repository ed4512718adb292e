"""The sample book, made in Urdu by Footnote, as Docusaurus builds it: no link, anchor or picture of it is lost."""

from collections.abc import Mapping

import pytest

from services.docusaurus import Page
from services.forms import Form
from services.manuscript import book
from tests.browser import look_at
from tests.claude import ScriptedClaude
from tests.claude.translating import Habits, translating
from tests.site import BOOK, BuiltSite, build
from tests.variant_books import chapters_of, open_press

CONTROL = "/docs/motion/control"


@pytest.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> BuiltSite:
    """The site of a book of which all that was in English is in Urdu letters, by a model that damages some of it.

    Docusaurus stops at a page that is no MDX, and at links, anchors and images that lead nowhere.
    """
    files = {page.id: page for page in book(BOOK, "/docs").pages}
    async with ScriptedClaude() as claude, open_press(claude, data_dir=tmp_path_factory.mktemp("data")) as press:
        claude.always(translating(Habits(*[0.02] * 9)))
        made = [
            await press.make(chapter, Form(None, "ur")) for chapter in chapters_of(BOOK) if chapter.language == "en"
        ]
    return await build(
        {str(files[one.chapter.id].file): with_front(files[one.chapter.id], one.content) for one in made}
    )


def with_front(page: Page, content: str) -> str:
    """A page's file with other content."""
    lines = (BOOK / page.file).read_text("utf-8").splitlines(keepends=True)
    return "".join(lines[: page.first_line - 1]) + content


def anchors() -> Mapping[str, list[str]]:
    """The anchors of each page of the book as it was written."""
    return {
        chapter.url: [section.url for section in chapter.sections if section.anchor] for chapter in chapters_of(BOOK)
    }


async def test_every_anchor_of_the_book_is_still_where_links_and_citations_point(site: BuiltSite) -> None:
    lost = [url for page, urls in anchors().items() for url in (page, *urls) if site.target(url) is None]
    assert sum(map(len, anchors().values())) > 100
    assert lost == []


async def test_text_runs_from_right_to_left_and_code_from_left_to_right(site: BuiltSite) -> None:
    seen = await look_at(site.folder, site.origin + CONTROL)
    code = {"pre", "code", "katex"}
    assert {part.direction for part in seen.parts if part.kind in code} == {"ltr"}
    assert {part.kind for part in seen.parts if part.kind not in code and part.direction == "rtl"} >= {"h2", "p", "li"}
    assert seen.wrong == []
