"""A selection is found where it stands in the source, or refused."""

import random
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.docusaurus import Page, read
from services.markdown import Kind
from services.selections import find, places, rendered, skeleton

ROOT = Path(__file__).parents[2]
BOOKS = [ROOT / "tests/books/torture/docs", ROOT / "tests/books/lighthouse", ROOT / "examples/book"]

PAGE = """\
import Tabs from '@theme/Tabs';

# The *lamp* {#lamp}

The **lamp** burns [colza oil](https://oil.invalid/a(b) "from rape") at `170 g`[^1] an hour.
It is not\\_so bright &amp; it's "old" -- but 'sound'... a café's lamp.

> Quoted, **and
> carried on**.

1. First trim
2. Then wait 1 < 2
   - [x] wiped <b title="x">well</b>

![A wick](wick.png) lies there.

| Order | Height |
|:--|--:|
| First | 2.59 m |

:::tip[Mind the *glass*]

It is hot{/* very */}.

:::

```python title="lamp.py"
def burn(oil):
    # highlight-next-line
    return oil[0](1) ** 2  # **not bold** <b>
```

See [the log][log] and [1][2].

[log]: https://log.invalid

[^1]: By night.
"""


def source_of(selected: str, content: str = PAGE) -> str | None:
    span = find(content, selected)
    return content[span.start : span.end] if span else None


@pytest.mark.parametrize(
    "selected",
    [
        "The lamp burns whale oil at 170 g",  # a word changed
        "burns lamp The",
        "the Lamp burns",
        "a cafe",  # the accent is part of the letter
        "The spare wicks lie in the tin box.",  # of another chapter
        "It is hot. See the log",  # the code between them left out
        "lamp burns colza oil https://oil.invalid",
        "1 < 3",
        "import Tabs",  # what the page does not show
        "oil.invalid",
        "wick.png",
        'title="x"',
        PAGE + PAGE,
    ],
)
def test_what_the_chapter_does_not_say_is_not_found(selected: str) -> None:
    assert find(PAGE, selected) is None


@pytest.mark.parametrize("selected", ["", " \n\t", "\u200b\u00ad\u202e", "**", "\u200b#", "```\n>"])
def test_a_selection_of_nothing_visible_is_not_found(selected: str) -> None:
    assert find(PAGE, selected) is None
    assert find("", selected) is None


def test_an_empty_chapter_holds_no_selection() -> None:
    assert find("", "a") is None


@pytest.mark.parametrize(
    ("selected", "source"),
    [
        ("  The **lamp** burns\n", "The **lamp** burns"),  # the source itself
        ("The lamp\u200b#\n\nThe lamp burns", "The *lamp* {#lamp}\n\nThe **lamp** burns"),
        ("mp burns colza oi", "mp** burns [colza oi"),
        ("colza oil at 170 g1 an hour. It", '(b) "from rape") at `170 g`[^1] an hour.\nIt'),
        ("at 170 g an hour.", "at `170 g`[^1] an hour."),  # the footnote's number left out
        ("is not_so bright & it’s “old” — but ‘sound’… a cafe\u0301's", None),
        ("Quoted, and carried on.", "Quoted, **and\n> carried on**."),
        ("First trim\nThen wait 1 < 2\nwiped well\nlies there.", None),  # as browsers copy lists and images
        ("  1. First trim\n  2. Then wait 1 < 2\n    • wiped well", None),
        ("Order\tHeight\nFirst\t2.59 m", "Order | Height |\n|:--|--:|\n| First | 2.59 m"),
        ("m\nMIND THE GLASS\nIt is hot.", None),  # capitals by the style sheet
        ("Mind the glass It is hot.", "Mind the *glass*]\n\nIt is hot{/* very */}."),
        ("hot.\nlamp.py\ndef burn(oil):\n    return oil[0](1) ** 2", None),  # the title shown, the comment not
        ("return oil[0](1)\u00a0** 2 # **not bold** <b>", "return oil[0](1) ** 2  # **not bold** <b"),
        ("See the log and [1][2].", "See [the log][log] and [1][2]."),
    ],
)
def test_a_selection_is_found_as_it_is_rendered(selected: str, source: str | None) -> None:
    found = source_of(selected)
    assert found is not None
    assert source is None or found.endswith(source) or found == source


@pytest.mark.parametrize(
    ("content", "selected", "source"),
    [
        ("a lamp\r\n\r\nand **a** wick\r\n", "lamp and a", "lamp\r\n\r\nand **a"),
        ("**fish** fins", "ﬁsh fins", "fish** fins"),
        ("🔥 x &lt;b&gt;", "x <b>", "x &lt;b"),
        ("کتابُ کیا ہے؟ **اچھی**", "کیا ہے؟ اچھی", "کیا ہے؟ **اچھی"),
        ("a a**b** ab", "ab", "ab"),  # literally first, then as rendered
        ("x\n\n:::note\n\ny", "x\nNOTE\ny", "x\n\n:::note\n\ny"),
        ("x\n\n:::note\n\ny", "x\nnote\ny", "x\n\n:::note\n\ny"),
        ("In\n1986. A **year**", "In 1986. A year", "In\n1986. A **year"),
        ("<Tabs\n  a={{b: 1}}>\n\nx *y*\n\n</Tabs> z", "x y z", "x *y*\n\n</Tabs> z"),
        ("````mdx-code-block\n<b>*x* y</b>\n````\nz", "x y z", "x* y</b>\n````\nz"),
        ("$$\na\n=\n\\frac{b}{c}\n$$ \n\n*x*", "x", "x"),
        ("$a<b$ *x* <c>y</c> costs $5", "x y costs $5", "x* <c>y</c> costs $5"),
        ("{'a *b*'} *c*", "a *b* c", "{'a *b*'} *c"),
        ("x :sub[y *z*]{a=b} w", "x y z w", "x :sub[y *z*]{a=b} w"),
    ],
)
def test_every_kind_of_source_is_matched(content: str, selected: str, source: str) -> None:
    assert source_of(selected, content) == source


def test_the_first_of_equal_places_is_taken() -> None:
    span = find("*a* **b** c\n\n_a_ b c", "a b  c")
    assert span is not None
    assert (span.start, span.end) == (1, 11)


def test_each_place_is_told_and_whole_words_come_first() -> None:
    content = "# Lamps\n\nThe [lamp](lamp.md), clamped. A **la**mp."
    told = [content[place.start : place.end] for place in places(content, "lamp")]
    assert next(places(content, "lamp")).start == content.index("[lamp]") + 1
    assert told[:2] == ["lamp", "lamp"]
    assert "la**mp" in told


def selections(page: Page, chance: random.Random) -> Iterator[str]:
    """Word ranges of each block and heading, and from the middle of a paragraph to the middle of the next."""
    blocks = page.outline.blocks
    texts = [block.text.split() for block in blocks]
    headings = [heading.text.split() for heading in page.outline.headings if heading.start < len(page.content)]
    for words in [*texts, *headings]:
        start = chance.randrange(len(words)) if words else 0
        yield " ".join(words)
        yield " ".join(words[start : chance.randint(start + 1, len(words) + 1)])
    for (block, words), (following, others) in pairwise(zip(blocks, texts, strict=True)):
        if block.kind is following.kind is Kind.PROSE and block.heading == following.heading:
            tail, head = words[chance.randrange(len(words)) :], others[: chance.randint(1, len(others))]
            yield " ".join(tail) + "\n\n" + " ".join(head)


@pytest.mark.parametrize("folder", BOOKS, ids=lambda folder: folder.name)
def test_every_range_of_words_of_every_page_is_found(folder: Path) -> None:
    chance = random.Random(7)
    for page in read(folder).pages:
        for selected in filter(skeleton, selections(page, chance)):
            span = find(page.content, selected)
            assert span, (page.file, selected)
            source = page.content[span.start : span.end]
            assert source == source.strip()
            if selected not in page.content:  # else it may stand in what the page hides
                marked = f"{page.content[: span.start]}\ue000{source}\ue001{page.content[span.end :]}"
                held = rendered(marked).split("\ue000")[1].split("\ue001")[0]
                assert held == skeleton(selected) or ("![" in source and skeleton(selected) in held), page.file


@pytest.mark.parametrize("folder", BOOKS, ids=lambda folder: folder.name)
def test_a_selection_with_one_word_changed_is_not_found(folder: Path) -> None:
    chance = random.Random(7)
    for page in read(folder).pages:
        for selected in selections(page, chance):
            words = selected.split()
            place = chance.randrange(len(words)) if words else 0
            assert find(page.content, " ".join([*words[:place], "Zyzzyva", *words[place + 1 :]])) is None


LAMP = "The **lamp** isn't bright -- it's [\"old\"](x.md) & `sound`.\n\n- One *wick*, 'dry'."
SHOWN = "The lamp isn't bright -- it's \"old\" & sound. One wick, 'dry'."
SMART = {"'": "’‘'", '"': '“”"', "-": "–—-"}


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_blanks_invisible_characters_and_smart_quotes_change_nothing(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(SHOWN) - 2))
    end = data.draw(st.integers(start + 1, len(SHOWN)))
    noise = st.sampled_from(["", "", " ", "\n", "\t", "\u00a0", "\u200b", "\u200d", "\u00ad", "\u202b", "\ufeff"])
    quote = "".join(SHOWN[start:end].split())
    selected = "".join(data.draw(noise) + data.draw(st.sampled_from(SMART.get(each, each))) for each in quote)
    assert find(LAMP, selected + "\u200b") == find(LAMP, "\u200b" + SHOWN[start:end])
    assert not skeleton(quote) or find(LAMP, selected)


@given(st.text("ab`*_[](){}<>!&;:#|$\\\"'-+1. \n\u0301é", max_size=60), st.text("ab` *[(<{$\n", max_size=12))
@settings(max_examples=400, deadline=None)
def test_any_source_and_any_selection_give_a_range_or_none(content: str, selected: str) -> None:
    span = find(content, selected)
    assert span is None or 0 <= span.start < span.end <= len(content)


@pytest.mark.parametrize("unit", ["[", "](", "![", "[^", "`a ``b ", "$a ", "<a ", "{", "{/*", "<!--", "- ", "&a", "\\"])
def test_a_text_of_openings_alone_takes_no_quadratic_time(unit: str) -> None:
    started = time.perf_counter()
    assert find((unit * 100_000)[:100_000], "zebra") is None
    assert time.perf_counter() - started < 5
