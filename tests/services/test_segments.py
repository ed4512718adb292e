"""Segments: what a model sees of a text, and what becomes of its reply."""

import pytest

from services.sections import take_apart
from services.segments import Fault, Segment, SegmentSort, Tag, restored


def segments(content: str) -> list[Segment]:
    return [segment for section in take_apart(content, ()) for segment in section.segments]


def texts(content: str) -> list[str]:
    return [segment.text for segment in segments(content)]


def only(content: str) -> Segment:
    (segment,) = segments(content)
    return segment


def reason(content: str, text: str) -> str:
    fault = restored(only(content), text)
    assert isinstance(fault, Fault), fault
    return fault.reason


SOURCE = "Run `ros2` and see [the *docs*](u) for $x$."  # Run <x1/> and see <g2>the *docs*</g2> for <x3/>.


# Refusals


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the tag <x1/> is missing"),
        ("<x1/> <x3/>", "the tag <g2> is missing"),
        ("<x1/> <g2>a</g2> <x3/> <x1/>", "the tag <x1/> is there twice"),
        ("<x1/> <g2>a</g2> <x3/> <x4/>", "there is no tag <x4/> in the source"),
        ("<x1/> <x2/> <x3/>", "there is no tag <x2/> in the source"),
        ("<x1/> <g2/> <x3/>", "<g2> must stand around words: <g2>words</g2>"),
        ("<x1/> <g2>a <x3/>", "<g2> is not closed: </g2> is missing"),
        ("<x1/> a</g2> <g2> <x3/>", "</g2> is not where it closes <g2>: tags may not cross"),
        ("a <x1/> <g2> </g2> <x3/>", "<g2> </g2> has no words in it"),
        ("<g2><x1/></g2> <x3/>", "it has no words"),
    ],
)
def test_each_tag_of_the_source_stands_once_and_closes_in_order(text: str, told: str) -> None:
    assert reason(SOURCE, text) == told


def test_tags_may_not_cross() -> None:
    assert reason("[one](a) [two](b)", "<g1>a <g2>b</g1> c</g2>").endswith("tags may not cross")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Use `x`", "a backtick"),
        ("It costs $5", "a $"),
        ("See https://evil.example now", "the address https://evil.example"),
        ("See www.evil.example.", "the address www.evil.example"),
        ("Ask me@evil.example", "the address me@evil.example"),
        ("A <b>bold</b> word", "there is no tag <b> in the source"),
        ("A <Quiz id='1' /> word", "there is no tag <Quiz id='1' /> in the source"),
        ("As known[^1]", "a footnote"),
        ("import it first", "may not begin with the word import"),
        ("12 + 3 = 15", "it has no words"),
        ("nul \0", "characters that are no text"),
        ("~~~ code", "does not read as one prose"),
        ("**bold", "marks of emphasis do not pair up"),
        ("**لفظ۔**کے", "marks of emphasis do not pair up"),
    ],
)
def test_what_only_tags_can_stand_for_may_not_be_written(text: str, told: str) -> None:
    assert told in reason("Words.", text)


@pytest.mark.parametrize("text", ["Title {#id}", "Title {/* #id */}", "Title <!-- #id -->", "Title | two"])
def test_a_heading_gets_no_id_from_a_model(text: str) -> None:
    assert "which no heading may have" in reason("## Title", text)


def test_a_link_that_the_source_has_not_is_refused() -> None:
    assert reason("Words [in brackets].", "Words [in](u)") == "it has the link to u, which the source has not"


# Masking


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("Run `a` and $x$ or $$y$$.", "Run <x1/> and <x2/> or <x3/>."),
        ("A [link *a* `c`](u 't') and ![alt](i.png).", "A <g1>link *a* <x2/></g1> and <g3>alt</g3>."),
        ("See [`a`](u) and ![*a*](i.png).", "See <x1/> and <x2/>."),
        ("See https://a.b/c_d_e. Or a@b.co!", "See <x1/>. Or <x2/>!"),
        ("Press <kbd>Ctrl</kbd> and <b>go *on*</b>.<br/>", "Press <x1/> and <g2>go *on*</g2>.<x3/>"),
        ("Is {props.x} {/* why */} 5 < 6 \\* &amp; $5?", "Is <x1/> <x2/> 5 <x3/> 6 <x4/> <x5/> <x6/>5?"),
        ("Two  \nlines\\\nare\none.", "Two<x1/>lines<x2/>are one."),
        ("Known.[^1]\n\n[^1]: Really.", "Known.<x1/>"),
        ("**bold** _em_ ~~old~~ a:b c\\d", "**bold** _em_ ~~old~~ a:b c\\d"),
    ],
)
def test_what_must_stay_is_put_behind_tags(content: str, text: str) -> None:
    assert texts(content)[0] == text


def test_code_and_formulas_may_be_shown() -> None:
    tags = only("Run `a` with <kbd>b</kbd>, $c$, [`d`](u), <x/> and [e](u).").tags
    assert [tag.code for tag in tags] == [True, True, True, True, False, False]


@pytest.mark.parametrize(
    "content",
    [
        "`code` **`only`**",
        "https://a.b",
        "![](i.png)",
        "$x$ = 5",
        "<Chart />",
        "{props.x}",
        "::youtube[Title]",
        "```\ncode\n```",
        "$$\nx\n$$",
        "import A from 'a'",
        "<pre>\ncode\n</pre>",
        "## Id {#one} two",
        ':::note{title="A"}\n:::',
        "{`\ncode\n`}",
    ],
)
def test_what_has_no_words_to_change_is_no_segment(content: str) -> None:
    assert segments(content) == []


def test_a_tag_without_its_partner_ends_a_segment() -> None:
    assert texts("<details><summary>More</summary>\n\nOne <Tabs> <b>two</b> more\n\n</details>") == [
        "More",
        "One",
        "<g1>two</g1> more",
    ]


def test_elements_in_a_row_are_a_segment_each() -> None:
    assert texts("<ul>\n<li>one</li>\n<li>two `c`</li>\n</ul>") == ["one", "two <x1/>"]


def test_boxes_of_tasks_and_names_of_alerts_are_no_words() -> None:
    assert texts("- [x] Done\n\n> [!NOTE]\n> Mind.") == ["Done", "Mind."]


@pytest.mark.parametrize(
    ("content", "sort", "source"),
    [
        ("## A *b* {#c}", SegmentSort.HEADING, "A *b*"),
        ("## A b ##", SegmentSort.HEADING, "A b"),
        ("## A {/* #c */}", SegmentSort.HEADING, "A"),
        ("A\nb\n---", SegmentSort.HEADING, "A\nb"),
        (":::tip A *b*\n:::", SegmentSort.TITLE, "A *b*"),
        (":::tip[A [b]]{.c}\n:::", SegmentSort.TITLE, "A [b]"),
        ("|a \\| b|\n|-|", SegmentSort.CELL, "a \\| b"),
        ("> - a\n>   b", SegmentSort.PROSE, "a\n>   b"),
    ],
)
def test_a_segment_is_just_its_words_in_the_source(content: str, sort: SegmentSort, source: str) -> None:
    segment = only(content)
    assert (segment.sort, content[segment.start : segment.end]) == (sort, source)


def test_many_elements_in_each_other_are_no_prose() -> None:
    assert segments("<b>" * 3000 + "word" + "</b>" * 3000) == []


# Restoring


def test_tags_may_move_and_words_may_grow() -> None:
    text = "<x3/> کے لیے <g2>یہ *دستاویز*</g2> دیکھیں۔ پھر <x1/> چلائیں۔"
    assert restored(only(SOURCE), text) == "$x$ کے لیے [یہ *دستاویز*](u) دیکھیں۔ پھر `ros2` چلائیں۔"


@pytest.mark.parametrize("text", ["Run <x1> it", "Run <x1 /> it", "Run <x1></x1> it", "Run\n<x1/>\nit\n"])
def test_a_tag_may_be_written_as_models_do(text: str) -> None:
    assert restored(only("Run `a` now"), text) == "Run `a` it"


@pytest.mark.parametrize(
    ("content", "text", "markdown"),
    [
        ("See [ref].\n\n[ref]: u", "دیکھیں <g1>یہ</g1>", "دیکھیں [یہ][ref]"),
        ("See [a *b*][].\n\n[a *b*]: u", "<g1>یہ</g1> دیکھیں", "[یہ][a *b*] دیکھیں"),
        ("See [a][ref].\n\n[ref]: u", "<g1>یہ</g1> دیکھیں", "[یہ][ref] دیکھیں"),
        ("See ![ref].\n\n[ref]: u", "<g1>یہ</g1> دیکھیں", "![یہ][ref] دیکھیں"),
    ],
)
def test_a_link_by_its_words_keeps_its_target(content: str, text: str, markdown: str) -> None:
    assert restored(only(content), text) == markdown


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a < b { c }", "a \\< b \\{ c \\}"),
        ("a &lt; b &amp; c &copy;", "a \\< b & c \\&copy;"),
        ("a \\{ b \\", "a \\{ b \\\\"),
        ("[a] and [b]", "\\[a\\] and \\[b\\]"),
        ("# a", "\\# a"),
        ("- a", "\\- a"),
        ("1. a", "1\\. a"),
        ("> a", "\\> a"),
        (":::note a", "\\:\\:\\:note a"),
        ("a\n\n- b", "a - b"),
        ("a\u2028# b", "a # b"),
    ],
)
def test_words_that_look_like_syntax_are_words(text: str, markdown: str) -> None:
    assert restored(only("Words."), text) == markdown


def test_bars_end_no_cell_brackets_no_title_and_hashes_no_heading() -> None:
    assert restored(only("| a |\n|---|"), "a | b \\| c") == "a \\| b \\| c"
    assert restored(only(":::tip[A]\n:::"), "a] b") == "a\\] b"
    assert restored(only("## A"), "a #") == "a \\#"


@pytest.mark.parametrize(
    ("content", "text", "markdown"),
    [
        ("See https://a.b now.", "دیکھیں<x1/>۔", "دیکھیں https://a.b ۔"),
        ("See https://a.b, now.", "(<x1/>). a", "(https://a.b). a"),
        ("`a` or `b`", "x <x1/><x2/>", "x `a` `b`"),
        ("$a$ two", "a <x1/>2", "a $a$ 2"),
        ("[a](u) b", "b!<g1>a</g1>", "b\\![a](u)"),
    ],
)
def test_a_blank_is_added_where_a_tag_would_run_into_words(content: str, text: str, markdown: str) -> None:
    assert restored(only(content), text) == markdown


def test_every_segment_is_restored_from_its_own_text() -> None:
    content = "A *b* `c` [0, 1] <b>x</b> ![y](z) 5 < 6 $5 {d}\\\ne &copy; \\# 2 * 3."
    assert restored(only(content), only(content).text) == content


def test_a_segment_can_be_made_by_hand() -> None:
    segment = Segment(SegmentSort.PROSE, 0, 3, "<x1/> a", (Tag("`b`", None, True),))
    assert restored(segment, "c <x1/>") == "c `b`"
