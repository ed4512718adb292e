"""Headings, blocks and units of a page."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.docusaurus import read
from services.manuscript import sections
from services.markdown import Block, Kind, Outline, parse

BOOK = Path(__file__).parents[1] / "books" / "torture"

PIECES = st.sampled_from(
    [
        "# A",
        "## B {#b}",
        "text. More text!",
        "- item\n  - inner. Two",
        "> quote\n> ## Q",
        "| a | b |\n|---|---|\n| c | |",
        "```py\nx = 1\n```",
        "~~~\nopen",
        "$$\nx\n$$",
        ":::tip A *title*",
        ":::",
        "<Tabs>",
        "</Tabs>",
        "<b>bold</b> text",
        "<details><summary>More. Yes</summary>",
        "{/* c */}",
        "<!-- c -->",
        "{",
        "<h2 id='x'>Raw</h2>",
        "[^1] see",
        "[^1]: note",
        "import X from 'x'",
        "export const a = {",
        "```mdx-code-block\n<Foo>\n```",
        "\t\u00a0",
        "    deep",
        "1. one\n   two",
        "\ufeff",
        "\\",
    ]
)
PAGES = st.lists(st.tuples(PIECES, st.sampled_from(["\n", "\n\n", "\r\n", " "])), max_size=9).map(
    lambda parts: "".join(text + end for text, end in parts)
)


def anchors(content: str) -> list[str | None]:
    return [heading.anchor for heading in parse(content).headings]


def quotes(content: str, kind: Kind = Kind.PROSE) -> list[str]:
    return [content[u.start : u.end] for block in parse(content).blocks if block.kind is kind for u in block.units]


def texts(content: str) -> list[str]:
    return [block.text for block in parse(content).blocks]


def is_citable(content: str, block: Block) -> bool:
    ranges = [(unit.start, unit.end) for unit in block.units]
    inside = all(block.start <= start < end <= block.end for start, end in ranges)
    whole = all(content[start:end] == content[start:end].strip() != "" for start, end in ranges)
    return bool(ranges) and inside and whole and ranges == sorted(ranges) and _apart(ranges)


def _apart(ranges: list[tuple[int, int]]) -> bool:
    return all(first[1] <= second[0] for first, second in pairwise(ranges))


def assert_sound(content: str, outline: Outline) -> None:
    assert all(is_citable(content, block) for block in outline.blocks)
    assert all(-1 <= block.heading < len(outline.headings) for block in outline.blocks)
    assert all(0 <= heading.start <= heading.end <= len(content) for heading in outline.headings)


@settings(max_examples=300, deadline=None)
@given(PAGES | st.text(max_size=60))
def test_every_unit_of_any_page_is_a_trimmed_slice_inside_its_block(content: str) -> None:
    assert_sound(content, parse(content))


def test_every_unit_of_the_torture_book_is_a_trimmed_slice_inside_its_block() -> None:
    for page in read(BOOK / "docs").pages:
        assert_sound(page.content, page.outline)


def test_every_anchor_of_the_torture_book_is_the_one_that_docusaurus_built() -> None:
    built: dict[str, list[tuple[int, str | None]]] = {}
    for heading in json.loads((BOOK / "truth.json").read_text())["headings"]:
        built.setdefault(heading["file"], []).append((heading["level"], heading["anchor"]))
    for page in read(BOOK / "docs").pages:
        assert [(level, anchor) for _, level, anchor in sections(page)] == built[page.file], page.file


@pytest.mark.parametrize(
    "content",
    [
        "```\n# a\n```",
        "{/* ## a */}",
        "<!--\n## a\n-->",
        "export const a = {\n\n## b: 1 }",
        "##a",
        "####### a",
        "\\# a",
    ],
)
def test_what_only_looks_like_a_heading_is_none(content: str) -> None:
    assert anchors(content) == []


@pytest.mark.parametrize(
    "content",
    [
        "text\n    ## In",
        "> ## In",
        "- a\n\n  ## In",
        ":::tip\n\n## In\n\n:::",
        "<Tabs>\n  <TabItem value={'a>b'}>\n    ## In\n  </TabItem>\n</Tabs>",
        "```mdx-code-block\n## In\n```",
        '<h2 id="in">In *here*</h2>',
        '<Heading as="h3" id="in">\n\nIn\n\n</Heading>',
        "In\n--",
    ],
)
def test_headings_in_every_container_count(content: str) -> None:
    assert anchors(content) == ["in"]


def test_a_raw_heading_stays_out_of_the_numbering_and_needs_an_id() -> None:
    assert anchors("<h2>A</h2>\n\n<h2 id='a'>A</h2>\n\n## A") == [None, "a", "a"]


def test_a_title_has_no_anchor_but_is_numbered() -> None:
    assert anchors("# A\n\n## A") == [None, "a-1"]


def test_partials_are_numbered_apart_from_the_page() -> None:
    content = "## A\n\n## A\n\n## A"
    outline = parse(content, [(6, 10)])
    assert [heading.anchor for heading in outline.headings] == ["a", "a", "a-1"]


@pytest.mark.parametrize(
    ("content", "title", "shows"),
    [
        ("# T", "T", True),
        ("import A from 'a'\n\nT\n=\n", "T", True),
        ("Text.\n\n# T", None, True),
        ("![badge](b.png)\n\n# T", None, True),
        ("+++\nx: 1\n+++\n\n# T", None, True),
        ("{/* c */}\n\n# T", None, True),
        ("> # T", None, True),
        ("<h1>Raw</h1>\n\nText.", None, False),
        ("<h1>Raw</h1>\n\n# T", None, True),
        ("***\n\n# T", None, False),
        ("- ***\n\n# T", None, False),
        ("## Two\n\n# T", None, False),
        ("Text.", None, False),
    ],
)
def test_docusaurus_adds_no_title_where_the_first_heading_is_one(content: str, title: str | None, shows: bool) -> None:
    outline = parse(content)
    assert (outline.title, outline.shows_title) == (title, shows)


def test_a_directive_in_a_heading_is_shown_but_not_in_its_anchor() -> None:
    heading = parse("## Step:one {1 + 1} `x`").headings[0]
    assert (heading.text, heading.anchor) == ("Step:one x", "step-1--1-x")


def test_a_used_footnote_adds_the_heading_of_the_footnotes() -> None:
    heading = parse("Text[^1].\n\n[^1]: Note.").headings[-1]
    assert (heading.text, heading.level, heading.anchor) == ("Footnotes", 2, "footnote-label")
    assert anchors("Text.\n\n[^1]: Note.") == []


def test_prose_is_cut_into_sentences_without_the_marks_of_its_containers() -> None:
    assert quotes("> - One. Two\n>   lines.\n") == ["One.", "Two\n>   lines."]


def test_prose_is_searched_without_markers_tags_and_link_targets() -> None:
    content = 'A **bold** [link](u "t"), <b>tag</b>, ![image](i.png), `code`, $x_1$ {/* c */}and &amp;.'
    assert texts(content) == ["A bold link, tag, image, code, x_1 and &."]


def test_components_keep_their_text_and_lose_their_tags() -> None:
    content = "<details>\n<summary>More</summary>\n\nInside.\n\n</details>\n\n{props.x}\n"
    assert quotes(content) == ["More", "Inside."]


def test_the_title_of_an_admonition_is_prose() -> None:
    content = ":::note Read *this* first\nText.\n:::\n\n:::tip[Two]\n:::\n"
    assert quotes(content) == ["Read *this* first", "Text.", "Two"]


def test_a_fence_is_one_unit_and_its_text_has_no_fence_lines() -> None:
    content = "- a\n\n  ```py title='x'\n  x = 1\n  ```\n"
    assert quotes(content, Kind.CODE) == ["```py title='x'\n  x = 1\n  ```"]
    assert texts(content) == ["a", "x = 1"]


@pytest.mark.parametrize(
    "content",
    [
        "<CodeBlock language='py'>{`\n  x = 1\n\n  y = '2'\n`}</CodeBlock>\n",
        "<pre><code>{`  x = 1\n\n  y = '2'`}</code></pre>\n",
        "<CodeBlock>\n{`\n\n  x = 1\n\n  y = '2'`}\n</CodeBlock>\n",
    ],
)
def test_a_template_string_that_stands_for_itself_is_code(content: str) -> None:
    assert texts(content) == ["  x = 1\n\n  y = '2'"]
    assert quotes(content, Kind.CODE) == ["x = 1\n\n  y = '2'"]


@pytest.mark.parametrize("content", ["{`a${b}`}", "{`a` + b}", "{``}", "{` `}", "{f(`a`)}", "<A b={`c`} />"])
def test_a_computed_or_empty_template_string_is_no_code(content: str) -> None:
    assert texts(content) == []


def test_a_table_has_a_unit_for_each_row_but_its_delimiters() -> None:
    content = "| a | b |\n|---|---|\n| `c` | d |\n"
    assert quotes(content, Kind.TABLE) == ["| a | b |", "| `c` | d |"]
    assert texts(content) == ["a | b\nc | d"]


def test_a_formula_is_one_unit() -> None:
    content = "Text\n$$\nx = 1\n$$\n"
    assert quotes(content, Kind.MATH) == ["$$\nx = 1\n$$"]


@pytest.mark.parametrize(
    ("content", "text"),
    [("$x$ is 5", "x is 5"), ("$x$5 is 5", "$x$5 is 5"), ("5$x$ is", "5$x$ is"), ("$5 and $x", "$5 and $x")],
)
def test_a_dollar_beside_a_digit_is_an_amount_of_money(content: str, text: str) -> None:
    assert texts(content) == [text]


def test_a_block_knows_the_heading_above_it() -> None:
    assert [block.heading for block in parse("a\n\n# A\n\nb\n\n## B\n\nc").blocks] == [-1, 0, 1]


def test_offsets_are_of_the_content_as_given_also_with_windows_line_ends() -> None:
    assert quotes("# A\r\n\r\nOne.\r\nTwo.\r\n") == ["One.", "Two."]


@pytest.mark.parametrize("piece", ["{", ":::note\n", "> ", "<a ", "[", "`", "export const a = [\n\n", "- "])
def test_a_page_of_openings_alone_is_read(piece: str) -> None:
    assert_sound(piece * 2000, parse(piece * 2000))
