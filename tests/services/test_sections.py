"""Chapters taken apart into sections, and put together with other words."""

import pytest
from hypothesis import given, settings

from services.book import Section
from services.markdown import parse
from services.sections import SourceSection, assemble, take_apart
from services.segments import restored
from services.structure import differences
from tests.services.test_markdown import PAGES

RTL = '<div dir="rtl">\n\n{}\n\n</div>'


def translated(content: str, word: str = "لفظ", *, ids: bool = True, rtl: bool = False) -> str:
    """The content with one word in the place of each segment that has no tags."""
    return "".join(
        assemble(content, section, words(section, word), ids=ids, rtl=rtl) for section in take_apart(content, ())
    )


def words(section: SourceSection, word: str) -> dict[int, str]:
    return {index: word for index, segment in enumerate(section.segments) if not segment.tags}


def marked(content: str) -> str:
    return translated(content, "W", ids=False, rtl=True)


def parts(content: str) -> list[str]:
    return [content[section.start : section.end] for section in take_apart(content, ())]


# Taking apart


@settings(max_examples=200, deadline=None)
@given(PAGES)
def test_the_sections_of_any_page_make_it_up_again(content: str) -> None:
    assert "".join(parts(content)) == content
    assert translated(content, ids=False) == "".join(parts(translated(content, ids=False)))


@pytest.mark.parametrize(
    ("content", "sections"),
    [
        ("", [""]),
        ("Text.", ["Text."]),
        ("\n\n# A\n\na\n## B\n", ["\n\n# A\n\na\n", "## B\n"]),
        ("Text.\n\nB\n-\nb", ["Text.\n\n", "B\n-\nb"]),
        ("> ## A\n> a\n\n- b\n\n  ## B", ["> ## A\n> a\n\n- b\n\n", "  ## B"]),
        ("<h2>A</h2>\n\na", ["<h2>A</h2>\n\na"]),
        ("# A[^1]\n\n[^1]: note", ["# A[^1]\n\n[^1]: note"]),
        ("```\n# a\n```", ["```\n# a\n```"]),
    ],
)
def test_a_section_begins_with_the_line_of_its_heading(content: str, sections: list[str]) -> None:
    assert parts(content) == sections


def test_a_chapter_says_the_anchors_of_its_sections() -> None:
    known = [Section("Title", 1, None, ""), Section("A", 2, "a-7", ""), Section("Footnotes", 2, "footnote-label", "")]
    first, second = take_apart("Text.[^1]\n\n## A\n\n[^1]: Note.", known)
    assert (first.heading, first.level, first.anchor) == ("Title", 1, None)
    assert (second.heading, second.level, second.anchor) == ("A", 2, "a-7")


def test_a_chapter_that_says_other_headings_than_it_has_is_not_believed() -> None:
    (section,) = take_apart("## A", [Section("B", 2, "b", "")])
    assert (section.heading, section.anchor) == ("A", "a")


def test_a_hash_changes_with_the_source_and_with_the_anchor() -> None:
    hashes = [section.hash for section in take_apart("## A\n\na\n\n## B\n\nb\n\n## A\n\na\n\n", ())]
    again = [section.hash for section in take_apart("## A\n\na\n\n## B\n\nc\n\n", ())]
    assert hashes[0] == again[0]
    assert len({*hashes, *again}) == 4


def test_a_section_that_cuts_the_fences_around_hidden_mdx_stays_as_it_is() -> None:
    content = "Text.\n\n```mdx-code-block\n## A\n\na\n```\n\n## B\n\nb"
    assert [len(section.segments) for section in take_apart(content, ())] == [0, 0, 2]
    assert marked(content).startswith(content.partition("## B")[0])


# Putting together


def test_segments_without_a_text_stay_as_they_are() -> None:
    content = "# A\n\nOne `a`  \n\n| b |\n|---|\n"
    (section,) = take_apart(content, ())
    assert assemble(content, section, {}, ids=True, rtl=False) == content
    assert assemble(content, section, {1: "`a` ایک"}, ids=True, rtl=False) == content.replace("One `a`", "`a` ایک")


def test_a_text_of_several_lines_stays_in_its_container() -> None:
    content = "> - One\\\n>   two\n>   three."
    (section,) = take_apart(content, ())
    text = restored(section.segments[0], "ایک<x1/>دو")
    assert isinstance(text, str)
    assert assemble(content, section, {0: text}, ids=True, rtl=False) == "> - ایک\\\n>   دو"


@pytest.mark.parametrize(
    ("content", "heading"),
    [
        ("## A", "## لفظ {#a}"),
        ("## A ##", "## لفظ {#a} ##"),
        ("## A {#b}", "## لفظ {#b}"),
        ("## A {/* #b */}", "## لفظ {/* #b */}"),
        ("## A <!-- #b -->", "## لفظ <!-- #b -->"),
        ("# A", "# لفظ"),
        ("## A {/* c */}", "## لفظ {/* c */} {#a--c-}"),
        ("A\n---", "لفظ {/* #a */}\n---"),
        ("> ## A", "> ## لفظ {/* #a */}"),
        ("## A _B_ c", "## لفظ {#a-b-c}"),
        ("## A \\_B\\_", "## A \\_B\\_"),
        ("<h2>A</h2>", "<h2>لفظ</h2>"),
    ],
)
def test_a_heading_with_a_new_text_keeps_its_anchor(content: str, heading: str) -> None:
    assert translated(content) == heading


def test_an_anchor_that_would_be_read_as_emphasis_is_written_as_a_comment() -> None:
    content = "## A \\_B\\_"
    (section,) = take_apart(content, ())
    assert assemble(content, section, {0: "لفظ"}, ids=True, rtl=False) == "## لفظ {/* #a-_b_ */}"


def test_headings_that_are_told_apart_by_numbers_keep_them_also_without_a_new_text() -> None:
    assert translated("## A\n\n## `b`\n\n## `b`\n\n## A") == "## لفظ {#a}\n\n## `b`\n\n## `b` {#b-1}\n\n## لفظ {#a-1}"


def test_the_anchors_of_a_translated_page_are_those_of_its_source() -> None:
    content = "# T\n\n## A\n\n### A\n\nS\n-\n\n> ## `c` d\n\n## 1. & _x_ \\*\n\n## A {#b}\n\n- ## A"
    anchors = [heading.anchor for heading in parse(content).headings]
    assert [heading.anchor for heading in parse(translated(content, rtl=True)).headings] == anchors
    assert differences(content, translated(content, rtl=True)) == []


# Directions


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\n\n- b\n\n> c", RTL.format("W\n\n- W\n\n> W")),
        ("a\n\n```\nb\n```\n\nc", RTL.format("W") + "\n\n```\nb\n```\n\n" + RTL.format("W")),
        ("a\n```\nb\n```\nc", RTL.format("W") + "\n\n```\nb\n```\n\n" + RTL.format("W")),
        ("import A from 'a'\n\na", "import A from 'a'\n\n" + RTL.format("W")),
        ("a\n\n$$\nb\n$$\n\n---\n", RTL.format("W") + "\n\n$$\nb\n$$\n\n---\n"),
        ("- a\n\n  ```\n  b\n  ```\n\n<A />", RTL.format("- W\n\n  ```\n  b\n  ```") + "\n\n<A />"),
        ("a\n\n<A />\n\nb", RTL.format("W\n\n<A />\n\nW")),
        ("<A>\n\na\n\n```\nb\n```\n\n</A>", RTL.format("<A>\n\nW\n\n```\nb\n```\n\n</A>")),
        ("<pre>\n\na\n\n</pre>", "<pre>\n\na\n\n</pre>"),
        (":::tip A\n\na\n\n:::\n\n[a]: b", RTL.format(":::tip W\n\nW\n\n:::") + "\n\n[a]: b"),
        ("a[^1]\n\n[^1]: b", RTL.format("a[^1]") + "\n\n[^1]: W"),
        ("`a`\n\n<B>\n</B>", RTL.format("`a`") + "\n\n<B>\n</B>"),
        ("", ""),
    ],
)
def test_marks_stand_around_blocks_in_a_row_and_never_around_code(content: str, expected: str) -> None:
    assert marked(content) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("# A\n\nb\n", "# W\n\n" + RTL.format("W") + "\n"),
        ("\nA\n===\nb", "\nW\n===\n\n" + RTL.format("W")),
        ("import A from 'a'\n\n# A {#b}\n\nb", "import A from 'a'\n\n# W {#b}\n\n" + RTL.format("W")),
        ("# A\n\n# B", "# W\n\n" + RTL.format("# W")),
        ("a\n\n# B", RTL.format("W") + "\n\n" + RTL.format("# W")),
        ("## A", RTL.format("## W")),
    ],
)
def test_only_a_title_that_begins_the_page_stands_outside_of_the_marks(content: str, expected: str) -> None:
    assert marked(content) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\n## B\nb", RTL.format("W") + "\n\n\n" + RTL.format("## W\nW")),
        ("<A>\n\na\n\n<B>\n\n## C\n\n</B>\n\n</A>", None),
        ("<Tabs>\n<TabItem>\n\n## A\n\na\n\n</TabItem>\n<TabItem>\n\n## B\n\n</TabItem>\n</Tabs>", None),
        (":::tip\n\n## A\n\na\n\n:::\n\nb", None),
        ("a\n\n- b\n\n  ## C\n\n  c\n\nd", None),
        ("a\n\n> b\n> ## C\n\nd", None),
        ("a\n\n- ## B\n- ## C\n\nd", None),
    ],
)
def test_each_section_closes_its_marks_and_cuts_no_container(content: str, expected: str | None) -> None:
    assert differences(content, translated(content, rtl=True)) == []
    for section in take_apart(content, ()):
        part = assemble(content, section, {}, ids=False, rtl=True)
        assert part.count("<div") == part.count("</div>")
    assert expected is None or marked(content) == expected


def test_what_stands_in_an_element_of_several_sections_gets_no_mark() -> None:
    content = "<Tabs>\n<TabItem>\n\na\n\n</TabItem>\n<TabItem>\n\n## B\n\n</TabItem>\n</Tabs>"
    first, _ = take_apart(content, ())
    assert assemble(content, first, {}, ids=False, rtl=True) == content[first.start : first.end]
