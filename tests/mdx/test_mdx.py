"""The check that texts compile as Docusaurus compiles them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mdx import DIRECTION, Compiled, Fingerprint, Refused, compiled, kept
from tests.processes import ROOT
from tests.site import BOOK, URDU, pages_of

TORTURE = ROOT / "tests" / "books" / "torture" / "docs"

PAGE = """\
---
title: A page
---

import Tabs from '@theme/Tabs';

# Robots {#top}

Run `ros2 --help`, see $v = 1$ and [the next page](./no-such-page.md#there) or ![a loop](./no-such.svg).

<Tabs groupId="os" values={[1]} lazy>

- one
- two

</Tabs>

:::note[Mind]

| a | b |
|---|---|
| c | {1 + 1} |

:::

## How? {/* #why */}

```python title="a.py"
print(1)
```

$$
E = mc^2
$$
"""


def refused(pages: Mapping[str, Compiled]) -> dict[str, str]:
    """The reasons of those that do not compile."""
    return {name: page.refused for name, page in pages.items() if isinstance(page, Refused)}


# Refusals


REASONS = {
    "Text.\n\n<div>\n\nText.\n": "Expected a closing tag for `<div>` (3:1-3:6)",
    "Text </b> text.": "1:7: Unexpected closing slash `/` in tag",
    "Less: a <3 b": "1:10: Unexpected character `3` (U+0033) before name",
    "Text {a b}": "1:8: Could not parse expression with acorn",
    "import from nowhere": "1:13: Could not parse import/exports with acorn",
    "---\ntitle: [\n---\n": "unexpected end of the stream",
}


async def test_what_does_not_compile_is_refused_with_the_reason() -> None:
    told = refused(await compiled({content: content for content in REASONS}))
    assert [told[content][: len(reason)] for content, reason in REASONS.items()] == list(REASONS.values())


async def test_one_refused_text_does_not_stop_the_others() -> None:
    pages = await compiled({"a.md": "<b>", "b.md": "Text.", "c.md": "{"})
    assert refused(pages).keys() == {"a.md", "c.md"}


# Service


async def test_a_page_gives_what_it_holds_in_order() -> None:
    page = (await compiled({"page.md": PAGE}))["page.md"]
    assert isinstance(page, Fingerprint)
    tags = '<header> h1 p <Tabs groupId="os" values={[1]} lazy> ul li li admonition table tr th th tr td td h2 pre pre'
    assert " ".join(page.blocks) == tags
    assert replace(page, blocks=()) == Fingerprint(
        titled=True,
        headings=((1, "top"), (2, "why")),
        code=(("python", 'title="a.py"', "print(1)\n"),),
        inline_code=("ros2 --help",),
        math=("v = 1", "E = mc^2"),
        links=("./no-such-page.md#there",),
        images=("./no-such.svg",),
        jsx=("<header>", '<Tabs groupId="os" values={[1]} lazy>'),
        expressions=("1 + 1",),
        modules=("import Tabs from '@theme/Tabs';",),
        blocks=(),
    )


async def test_only_a_heading_of_level_1_that_begins_a_page_is_its_title() -> None:
    texts = ["import A from 'a'\n\n# T\n\nText.", "T\n===", "## T", "Text.\n\n# T", "<div>\n\n# T\n\n</div>"]
    pages = await compiled({text: text for text in texts})
    assert [page.titled for page in pages.values() if isinstance(page, Fingerprint)] == [True, True, *[False] * 3]


async def test_the_id_of_a_title_does_not_count_since_the_theme_shows_none() -> None:
    first, second = (await compiled({"a.md": "# T {#a}", "b.md": "# T {#b}"})).values()
    assert isinstance(first, Fingerprint)
    assert isinstance(second, Fingerprint)
    assert kept(first) == kept(second) != first


async def test_without_formulas_dollar_signs_are_before_prices() -> None:
    page = (await compiled({"page.md": "From $5 to $6."}, formulas=False))["page.md"]
    assert isinstance(page, Fingerprint)
    assert page.math == ()


async def test_a_text_may_hold_any_line_ending() -> None:
    endings = ["\u2028", "\u2029", "\u0085", "\r\n"]
    pages = await compiled({ending: f"One `a{ending}b`." for ending in endings})
    assert [page.blocks for page in pages.values() if isinstance(page, Fingerprint)] == [("p",)] * 4


async def test_a_page_that_says_so_is_plain_pages_of() -> None:
    content = "---\nmdx:\n  format: md\n---\n\nLess: a <3 b, and <b>bold</b> {braces}."
    assert refused(await compiled({"page.md": content})) == {}


@pytest.mark.parametrize("folder", [BOOK, TORTURE], ids=["sample", "torture"])
async def test_every_page_of_our_books_compiles(folder: Path) -> None:
    pages = await compiled(pages_of(folder))
    assert len(pages) > 10
    assert refused(pages) == {}


@pytest.mark.parametrize("name", list(pages_of(URDU)))
async def test_a_page_in_urdu_holds_what_its_source_holds(name: str) -> None:
    pages = await compiled({"source.md": (BOOK / name).read_text("utf-8"), "urdu.md": (URDU / name).read_text("utf-8")})
    source, urdu = pages["source.md"], pages["urdu.md"]
    assert isinstance(source, Fingerprint)
    assert isinstance(urdu, Fingerprint)
    assert DIRECTION in urdu.jsx
    assert kept(urdu) == kept(source)


async def test_a_page_that_lost_something_does_not_hold_what_its_source_holds() -> None:
    lost = ["`ros2 --help`", "$v = 1$", "- two\n", "/* #why */", "./no-such.svg", "| c | {1 + 1} |\n", "lazy"]
    pages = await compiled({"": PAGE, **{part: PAGE.replace(part, "", 1) for part in lost}})
    held = [kept(page) for page in pages.values() if isinstance(page, Fingerprint)]
    assert len(held) == 1 + len(lost)
    assert held[0] not in held[1:]
