"""What is not the same in a page and its rendering."""

import pytest
from hypothesis import given, settings

from services.structure import MOST, differences
from tests.services.test_markdown import PAGES

SOURCE = """\
import A from 'a'

# Title

Run `ros2` with $x$, see [docs](u "t") and ![a](i.png).[^1] Or https://a.b.

- one
- two

1. three

> <b>four</b> {five}

```py title="a"
x = 1
```

$$
x = 1
$$

| a | b |
|---|--:|
| c | `d` |

:::tip Six

<A id="b" />

:::

## End

[^1]: See [x].

[x]: y
"""


def told(change: tuple[str, str]) -> str:
    before, after = change
    assert before in SOURCE
    return "; ".join(differences(SOURCE, SOURCE.replace(before, after)))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("x = 1\n```", "x = 2\n```"), "line 14: a block of code is not as in line 14 of the source"),
        (('py title="a"', "py"), "line 14: a block of code is not as in line 14 of the source"),
        (("x = 1\n$$", "x = 2\n$$"), "line 18: a formula is not as in line 18 of the source"),
        (("'a'\n", "'b'\n"), "line 1: an import or export is not as in line 1 of the source"),
        (("`ros2`", "`ros`"), "line 5: a part is missing: the code `ros2`"),
        (("$x$", "$y$"), "line 5: a part is not in the source: the formula $y$"),
        (("](u", "](v"), 'line 5: a part is not in the source: the link to v "t"'),
        (('"t"', '"s"'), 'line 5: a part is missing: the link to u "t"'),
        (("i.png", "j.png"), "line 5: a part is missing: the image i.png"),
        (("https://a.b.", "https://a.c."), "line 5: a part is missing: the address https://a.b"),
        ((".[^1] Or", "Or"), "line 5: a part is missing: the footnote [^1]"),
        (("<b>four</b>", "four"), "line 12: a part is missing: the tag <b>"),
        (("<b>four</b>", "</b>four<b>"), "line 12: a part is not in the source: the lone tag </b>"),
        (("{five}", "{six}"), "line 12: a part is missing: the tag {five}"),
        (("`d`", "d"), "line 24: a part is missing: the code `d`"),
        (("[x]: y", "[x]: z"), "a definition is missing: [X]: y"),
        (("## End", "## The end"), "line 32: the heading's anchor is the-end, not end"),
        (("## End", "## End {#other}"), "line 32: the heading's anchor is other, not end"),
        (("## End", "### End"), "a heading of level 3 stands where the source has a heading of level 2"),
        (('<A id="b" />', '<A id="c" />'), 'a block is missing: the tag <A id="b" />'),
        (("- two\n", "two\n"), "a block is missing: an item of a list"),
        (("- two", "\n- two"), "a paragraph stands where the source has a paragraph without blank lines around it"),
        (("1. three", "2. three"), "a list with numbers from 2 stands where the source has a list with numbers from 1"),
        (("--:|", "---|"), "a cell of a header stands where the source has a cell of a header with text-align:right"),
        (("| c | `d` |\n", ""), "a block is missing: a row of a table"),
        ((":::tip", ":::note"), "an admonition :::note stands where the source has an admonition :::tip"),
        (("\n## End", "\n```\n```\n\n## End"), "a block is not in the source: a block of code"),
        (("[^1]: See [x].\n", ""), "at the end: nothing stands where the source has the footnote 1"),
        (("# Title", "Here it is:\n\n# Title"), "a paragraph stands where the source has a heading of level 1"),
    ],
)
def test_everything_but_words_is_compared(change: tuple[str, str], expected: str) -> None:
    assert expected in told(change)


def test_only_so_many_differences_are_told() -> None:
    assert len(differences("`a`\n\n" * 100, "b\n\n" * 100)) == MOST


@pytest.mark.parametrize(
    "change",
    [
        ("Run `ros2` with $x$", "$x$ کے ساتھ `ros2`"),
        ("- one", "- *one* and more"),
        ("# Title", "# عنوان"),
        ("## End", "## اختتام {#end}"),
        ("## End", "## اختتام {/* #end-1 */}"),
        ("- one\n- two", "* one\n* two"),
        (":::tip Six", ":::tip Seven *eight*"),
        ("| c |", "| c \\| e |"),
    ],
)
def test_words_and_how_things_are_written_may_differ(change: tuple[str, str]) -> None:
    assert told(change) == ""


def test_marks_of_direction_do_not_count_and_other_elements_do() -> None:
    mark, end = '<div dir="rtl">\n\n', "\n\n</div>"
    assert differences("a\n\n<div>\n\nb\n\n</div>", f"{mark}a{end}\n\n<div>\n\n{mark}b{end}\n\n</div>") == []
    assert differences("a", f"<div>\n\na{end}") != []
    assert differences("a", f"{mark}a") != []
    assert differences("a", f"a{end}") != []


def test_fences_that_hide_mdx_are_read_as_docusaurus_reads_them() -> None:
    assert differences("```mdx-code-block\n## A\n```", "```mdx-code-block\n## ا {#a}\n```") == []


@settings(max_examples=200, deadline=None)
@given(PAGES)
def test_any_page_is_like_itself(content: str) -> None:
    assert differences(content, content) == []
