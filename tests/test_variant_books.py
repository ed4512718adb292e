"""Our books in other forms, by a model that misbehaves; and that the comparison sees what it is there for."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from services.book import Chapter
from services.forms import Form
from services.readers import Level
from tests.claude import ScriptedClaude
from tests.claude.translating import translating
from tests.site import BOOK
from tests.variant_books import BADLY, KINDS, TORTURE, Press, chapters_of, forms_of, open_press
from tests.variant_comparison import Made, compare

URDU = Form(None, "ur")
BOTH = Form(Level.BEGINNER, "ur")
PAGE = """\
# A page

Some `code`, [a link](https://example.org), ![a picture](./loop.svg) and $v = 1$.

## How? {#why}

- one

```python
print(1)
```

$$
E = mc^2
$$
"""
DAMAGES: dict[str, Callable[[str], str]] = {
    "links: lost": lambda text: text.replace("example.org", "example.com"),
    "fences: 2 in the source, 1 in it": lambda text: text.replace("print(1)\n```", "print(1)"),
    "code: lost": lambda text: text.replace("print(1)", "print(2)"),
    "inline_code: lost": lambda text: text.replace("`code`", "code"),
    "math: lost": lambda text: text.replace("mc^2", "mc^3"),
    "images: lost": lambda text: text.replace("loop", "loops"),
    "headings: lost [(2, 'why')]": lambda text: text.replace(" {#why}", ""),
    "blocks: lost ['ul', 'li']": lambda text: text.replace("- one", "one"),
    "titled: True became False": lambda text: f"<div>\n\n{text}\n\n</div>",
    "it does not compile: ": lambda text: f"{text}\n<b>\n",
}


@pytest.fixture
async def press(claude: ScriptedClaude, database_url: str) -> AsyncIterator[Press]:
    """What makes chapters, by a model that misbehaves."""
    claude.always(translating(BADLY))
    async with open_press(claude, database_url=database_url) as opened:
        yield opened


def damaged(content: str, source: str = PAGE) -> Made:
    """A page of which this was made."""
    return Made(Chapter("page", "en", "A page", 0, "", source, (), True), URDU, content, Counter())


# Refusals


@pytest.mark.parametrize("told", DAMAGES)
async def test_a_damaged_variant_is_told_with_what_it_lost(told: str) -> None:
    found = await compare([damaged(DAMAGES[told](PAGE))])
    assert any(difference.startswith(f"page as ur.mdx: {told}") for difference in found.differences), found.differences


async def test_what_our_own_comparison_finds_is_told_too_also_where_the_source_does_not_compile() -> None:
    source = f"{PAGE}\n\nless: a <3 b\n"
    found = await compare([damaged(source.replace("print(1)", "print(2)"), source)])
    assert list(found.refused) == ["page"]
    assert found.differences == ["page as ur.mdx: line 9: a block of code is not as in line 9 of the source"]


# Service


async def test_a_page_in_other_words_differs_in_nothing_and_is_counted_on_both_sides() -> None:
    found = await compare([damaged(PAGE.replace("Some", "کچھ"))])
    assert found.differences == []
    assert found.source == found.variant == Counter(dict.fromkeys(KINDS, 1)) + Counter(fences=1, formulas=1)


async def test_dollar_signs_are_before_prices_in_a_book_that_sets_off_no_formula() -> None:
    found = await compare([damaged("از $5 تا $6.", "From $5 to $6.")])
    assert found.differences == []


@pytest.mark.parametrize(
    ("folder", "forms"),
    [(TORTURE, forms_of), (BOOK, lambda _: [BOTH])],
    ids=["torture", "sample"],
)
async def test_what_a_misbehaving_model_makes_of_our_books_still_is_its_source(
    press: Press, folder: Path, forms: Callable[[Chapter], list[Form]]
) -> None:
    made = [await press.make(chapter, form) for chapter in chapters_of(folder) for form in forms(chapter)]
    found, work = await compare(made), sum((one.work for one in made), Counter[str]())
    assert (found.differences, found.refused) == ([], {})
    assert found.source == found.variant
    assert 0 < work["segments kept"] < work["segments asked again"] < work["segments"]
