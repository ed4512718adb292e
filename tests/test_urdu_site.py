"""A chapter in Urdu as Docusaurus builds it: text from right to left, code and formulas from left to right."""

import orjson
import pytest

from services.docusaurus import Page
from services.forms import Form
from services.manuscript import book
from tests.browser import Look, look_at
from tests.claude import ScriptedClaude
from tests.claude.translating import Habits, translating
from tests.processes import ROOT
from tests.site import BOOK, URDU, BuiltSite, build, ids, pages_of
from tests.variant_books import chapters_of, open_press

TRUTH = ROOT / "evals" / "sample" / "truth.json"
CODE = {"pre", "code", "katex"}
TEXT = {"h2", "h3", "p", "ul", "ol", "li", "th", "td", "blockquote", "theme-admonition", "tabs"}
CHAPTER, *_ = PAGES = ["/docs/software/ros2", "/docs/foundations/what-is-physical-ai", "/docs"]
INTRO = "intro.md"
BLOCKS = """

<div dir="rtl">

دیکھیے `--flag x`، پھر $2 - 1 = 1$۔

> اقتباس

1. ایک

   ```bash
   ls --all
   ```

2. دو

:::danger

انتباہ: `-v`

:::

</div>
"""


@pytest.fixture(scope="module")
async def translated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The sample book in Urdu letters, by a model that damages some of it."""
    files = {page.id: page for page in book(BOOK, "/docs").pages}
    async with ScriptedClaude() as claude, open_press(claude, data_dir=tmp_path_factory.mktemp("data")) as press:
        claude.always(translating(Habits(*[0.02] * 9)))
        made = [await press.make(one, Form(None, "ur")) for one in chapters_of(BOOK) if one.language == "en"]
    contents = {files[one.chapter.id]: one.content for one in made}
    return {str(page.file): with_front(page, content) for page, content in contents.items()}


def with_front(page: Page, content: str) -> str:
    """A page's file with other content."""
    lines = (BOOK / page.file).read_text("utf-8").splitlines(keepends=True)
    return "".join(lines[: page.first_line - 1]) + content


@pytest.fixture(scope="module", params=["en", "ur"])
async def site(request: pytest.FixtureRequest, translated: dict[str, str]) -> BuiltSite:
    """The site with two pages in Urdu by hand, and with other blocks in Urdu at the end of its first page; all other
    pages as Footnote makes them. Docusaurus stops at links, anchors and images that lead nowhere.

    In English it runs from left to right, in Urdu, as Docusaurus shows translations, from right to left.
    """
    pages = translated | pages_of(URDU) | {INTRO: (BOOK / INTRO).read_text("utf-8") + BLOCKS}
    return await build(pages, f"urdu-{request.param}", request.param)


@pytest.fixture(scope="module")
async def looks(site: BuiltSite) -> dict[str, Look]:
    """The pages that have Urdu, as a browser shows them."""
    return {path: await look_at(site.folder, site.origin + path) for path in PAGES}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest, looks: dict[str, Look]) -> Look:
    """Each page that has Urdu."""
    return looks[request.param]


async def test_a_page_that_the_book_does_not_have_is_not_built() -> None:
    with pytest.raises(AssertionError, match="no-such-page"):
        await build({"no-such-page.md": "Text."}, "nothing")


async def test_urdu_runs_from_right_to_left_and_the_rest_as_the_site_does(page: Look) -> None:
    text = [part for part in page.parts if part.kind not in CODE]
    assert "rtl" in {part.around for part in text}
    assert [part for part in text if part.direction != part.around] == []


async def test_code_and_formulas_run_from_left_to_right(page: Look) -> None:
    code = [part for part in page.parts if part.kind in CODE]
    assert [part for part in code if part.direction != "ltr" or part.onwards is False] == []


async def test_every_kind_of_block_was_seen_in_urdu(looks: dict[str, Look]) -> None:
    kinds = {part.kind for look in looks.values() for part in look.parts if part.around == "rtl"}
    assert kinds == CODE | TEXT


async def test_lists_are_indented_where_their_lines_start(page: Look) -> None:
    assert {part.indent for part in page.parts if part.kind in {"ul", "ol"} and part.around == "rtl"} == {"32px"}


async def test_the_table_of_contents_shows_the_headings_and_leads_to_them(looks: dict[str, Look]) -> None:
    contents = looks[CHAPTER].contents
    assert [entry for entry in contents if entry.says != entry.heading] == []
    assert {"#parts": "بنیادی اجزا", "#exercises": "Exercises"}.items() <= {
        line.hash: line.says for line in contents
    }.items()


@pytest.mark.parametrize("file", sorted(pages_of(URDU)))
async def test_the_headings_have_the_levels_and_anchors_of_the_source(file: str, site: BuiltSite) -> None:
    truth = orjson.loads(TRUTH.read_bytes())
    url = next(page["url"] for page in truth["pages"] if page["file"] == file)
    headings = [(heading["level"], heading["anchor"]) for heading in truth["headings"] if heading["file"] == file]
    assert ids(site.page(url)).headings == headings


async def test_every_anchor_of_the_book_is_still_where_links_and_citations_point(site: BuiltSite) -> None:
    chapters = chapters_of(BOOK)
    urls = [part.url for chapter in chapters for part in chapter.sections if part.anchor]
    assert len(urls) > 100
    assert [url for url in (*urls, *(chapter.url for chapter in chapters)) if site.target(url) is None] == []


async def test_a_page_that_footnote_made_runs_both_ways(site: BuiltSite) -> None:
    seen = await look_at(site.folder, f"{site.origin}/docs/motion/control")
    assert {part.direction for part in seen.parts if part.kind in CODE} == {"ltr"}
    assert {part.kind for part in seen.parts if part.kind in TEXT and part.direction == "rtl"} >= {"h2", "p", "li"}
    assert seen.wrong == []


async def test_urdu_is_shown_in_nastaliq_and_nothing_goes_wrong(page: Look) -> None:
    assert "Noto Nastaliq Urdu" in page.fonts
    assert page.wrong == []
