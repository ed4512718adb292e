"""The filter over a model's text: what it must never let through, at any cut, and what it must not touch."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from services.book_links import book_links
from services.safe_output import SafeOutput

BOOK = "http://localhost:3000/docs"
ALLOWED = book_links(BOOK)
SOUP = re.split(
    "[ \n]+",
    """[ ] ( ) ! ![ ](http://evil.com/x) ](<http://evil.com>) [x](http://evil.com) ![y](http://evil.com/i.png) []( !
    [z](http://localhost:3000/docs/p) http://localhost:3000/docs/q (http://localhost:3000/docs/p) ]: : [r] [r][r] [^1]:
    ` `` ``` ```` ~ ~~ ~~~ \\ \\\\ \\` \\[ \\< \\: \\. \\@ \\/ \\| $ $$ < > <img <script> </x> <!-- --> <?p <![CDATA[
    <http://evil.com> <a@evil.com> <javascript:alert(1)> http://evil.com https:// ht tp:// :// // evil.com www. w ww.
    @ a@evil.com @evil.com mailto: ftp:// &#58; &#60; &lt; &colon; &sol; & ; amp; - * + 1. # | |--|--| --|-- :- === {#a}
    a x.y é ک \u200b \u00a0 \u2028 \x85 "t" ' ** _ javascript: data: `a` `a|b` `<img>` ``<img>`` "](x)" . , <b|""",
)
PIECES = [*SOUP, *" \n\t\r", "\n\n", "\n```\n", "\n~~~\n", "\n  ```\n", "\n- ```\n", "\n$$\n", "\n> ", "  ", "    "]
PIECES += [
    "<div>",
    "![](x)",
    "<img src=x>",
    "`<img src=x>`",
    '<a href="](b)">',
    "java\tscript:",
    "[r]: http://evil.com\n",
    "[a\nb](http://e.c)",
]
soups = st.lists(st.sampled_from([piece for piece in PIECES if piece]), max_size=25).map("".join)
sizes = st.lists(st.integers(1, 7), min_size=1, max_size=20)
AUTOLINKS = re.compile(r"(?:https?://|ftp://|www\.)[^\s<]+|[\w.+-]+@[\w-]+\.[\w.-]+", re.IGNORECASE)

PROSE = [
    "A node *publishes* to a **topic**; 3 < 4, and x_i too!",
    "An array [0] of f(x), i.e. see [1].",
    "Use `List<int>`, `[a](b)`, ``a ` b`` and `<img src=x>`.",
    "Energy $E = mc^2$ where $a<b$ and $[0, 1)$.",
    "$$\n\\begin{bmatrix} a & b \\\\ c & d \\end{bmatrix} < 1\n$$",
    "- one\n- two\n  1. three `x | y`\n",
    "| a | b |\n|---|:-:|\n| 1 | `2` |\n",
    "```cpp\n#include <rclcpp/rclcpp.hpp>\nstd::vector<int> v; // ![x](http://e.com)\n```",
    "~~~~\n```\n<b>\n~~~\n~~~~",
    "1. first\n\n   ```python\n   if a < b: print('<b>')\n\n   ```\n",
    "- a\n  - b\n    ```\n    <b>\n    ```\n",
    "روبوٹ ایک مشین ہے، جو کام کرتی ہے۔ `ROS 2` دیکھیں۔",
    "> quoted ~~text~~ — “so”\n\n# Heading\n\n---",
    f"See [the page]({BOOK}/intro#ros-2), [here](#nodes) or {BOOK}/a .",
    "Fish &amp; chips, R&D, 5 &lt; 6, costs $5 \\* 2\\.\n",
]


def safe(text: str, cuts: list[int] | None = None, *, flush: bool = False) -> str:
    output, shown, at, turn = SafeOutput(ALLOWED), "", 0, 0
    while at < len(text):
        size = cuts[turn % len(cuts)] if cuts else len(text)
        shown += output.feed(text[at : at + size])
        shown += output.flush() if flush and turn % 3 == 0 else ""
        at, turn = at + size, turn + 1
    return shown + output.flush()


def renderer(*, math: bool) -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]  # nothing is left to the renderer's own care
    return markdown.use(dollarmath_plugin) if math else markdown


RENDERERS = [renderer(math=False), renderer(math=True)]


def dangers(tokens: list[Token]) -> Iterator[str]:
    text = ""
    for token in tokens:
        if token.type in ("image", "html_inline", "html_block"):
            yield f"{token.type}: {token.content}"
        if token.type == "link_open" and not ALLOWED(str(token.attrs["href"])):
            yield f"link: {token.attrs['href']}"
        yield from dangers(token.children or [])
        # A GFM renderer looks for addresses in the text of a paragraph, escapes and entities resolved.
        text += token.content if token.type == "text" else "\n"
    yield from (found for found in AUTOLINKS.findall(text) if not ALLOWED(found.rstrip("?!.,:*_~'\")")))


def assert_safe(shown: str) -> None:
    assert [danger for markdown in RENDERERS for danger in dangers(markdown.parse(shown))] == []


@settings(max_examples=400, deadline=None)
@given(soups, sizes)
@example("`a `|x`\n--|--\n`b | <img src=x>`", [1])
@example("- a\n  ```\n<img src=x>\n```\n<img src=x>", [1])
@example("```a|<img src=x>\n--|--\n", [1])
@example("$ `$ <img src=x> `", [1])
@example("[ht](x)tp://evil.com www[.](x)evil.com !![](x)[y](#a)", [1])
@example("~[](x)~~\n<img src=x>\n~~~\n", [1])
@example("https\\://evil.com https&#58;//evil.com a\\@evil.com a@b\\.c www\\.evil.com", [1])
@example("```\n<b>\n    ```\n<b>\n   ```\n<img src=x>", [1])
@example("$$\n```\n$$\n<img src=x>\n```\n", [1])
def test_nothing_dangerous_is_rendered_from_any_soup(soup: str, cuts: list[int]) -> None:
    assert_safe(safe(soup, cuts))
    assert_safe(safe(soup, cuts, flush=True))


@settings(max_examples=400, deadline=None)
@given(soups | st.text(max_size=80), sizes)
def test_the_cuts_make_no_difference(text: str, cuts: list[int]) -> None:
    assert safe(text, cuts) == safe(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*SOUP, "a" * 90]), max_size=40).map("".join), st.integers(1, 3))
def test_the_cuts_make_no_difference_where_the_limit_of_waiting_is_reached(soup: str, times: int) -> None:
    text = "[`"[times % 2] + soup.replace("\n", " ") * times * 4
    assert safe(text, [1]) == safe(text)
    assert_safe(safe(text))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PROSE), min_size=1, max_size=6), sizes)
def test_what_is_innocent_passes_unchanged(parts: list[str], cuts: list[int]) -> None:
    text = "\n\n".join(parts)
    assert safe(text, cuts) == text


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.from_regex(r"[A-Za-z]{1,12}[.,;:?)]?|[0-9]{1,4}|[\u0627-\u06cc]{1,9}۔?", fullmatch=True), min_size=1)
)
def test_plain_prose_waits_for_at_most_one_word(words: list[str]) -> None:
    output, shown = SafeOutput(ALLOWED), ""
    for count, word in enumerate(words):
        shown += output.feed(f"{word} ")
        assert len(shown) >= len(" ".join(words[:count]))


@pytest.mark.parametrize("opener", ["[", "![a", "`", "<a", "[a](", "&", "https://", "[a]: ", "```"])
def test_an_opener_that_never_closes_waits_for_at_most_500_characters(opener: str) -> None:
    assert len(SafeOutput(ALLOWED).feed(opener + "a" * 600)) > 90


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("an ![alt](http://evil.com/x.png) here", "an alt here"),
        ("an ![alt][ref] here", "an alt here"),
        ('see [text](https://evil.com "t").', "see text."),
        ("so![alt](http://evil.com) f[0](x)", "so alt f[0]\\(x)"),
        ("see [text](javascript:alert(1)).", "see text."),
        ("see [text](java\tscript:x).", "see [text]\\(java\tscript:x)."),
        ("see [text](http&#58;//localhost:3000/docs).", "see text."),
        ("[ref]: https://evil.com 'title'\nafter", "after"),
        (f"[**a** <b>]({BOOK}/x)", f"[**a** &lt;b>]({BOOK}/x)"),
        (f'[a]({BOOK}/x "title")', f"[a]({BOOK}/x)"),
        (f"<{BOOK}/x>", f"<{BOOK}/x>"),
        ("at <https://evil.com>, https://evil.com/a.", "at `https://evil.com`, `https://evil.com/a`."),
        ("www.evil.com or me@evil.com", "`www.evil.com` or me`@evil.com`"),
        ("<script>alert(1)</script> a<b", "&lt;script>alert(1)&lt;/script> a&lt;b"),
        ("$a<b>c$ and $f[x](y)$", "$a< b>c$ and $f[x] (y)$"),
        ("a[0]: see [^1]", "a[0]\\: see [ ^1]"),
        (f"{BOOK}/a.https://evil.com x", f"`{BOOK}/a.https://evil.com` x"),
        ("an `open <b>\nline", "an \\`open &lt;b>\nline"),
        ("text\n    ```\n    <b>", "text\n    \\`\\`\\`\n    &lt;b>"),
        ("- a\n  ```\n<b>\n```\n<b>", "- a\n  ```\n  <b>\n  ```\n&lt;b>"),
        ("|a|b|\n|-|-|\n|`x|y`|", "|a|b|\n|-|-|\n|`x\\|y`|"),
    ],
)
def test_what_is_not_allowed_stays_readable(said: str, shown: str) -> None:
    assert safe(said) == shown


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("see htt", "ps://evil.com", "see htt`ps://evil.com`"),
        ("ah!", "[alt](http://evil.com)", "ah! alt"),
        ("[a]", "(http://evil.com)", "[a]\\(`http://evil.com`)"),
        ("a <", "img src=x>", "a &lt;img src=x>"),
        ("a \\", "`<b>`", "a \\`&lt;b>\\`"),
        ("```\n<b>\n```", "<b>", "```\n<b>\n```\n&lt;b>"),
        ("```\n<b>\n```", "\n\nNext", "```\n<b>\n```\n\nNext"),
        ("```\n<b>\n``", "`\n<b>", "```\n<b>\n```\n&lt;b>"),
        ("- ", "~~~\n  <b>\n~~~\n<b>", "- ~~~\n  <b>\n  ~~~\n&lt;b>"),
    ],
)
def test_what_a_flush_parts_does_not_join_behind_it(before: str, after: str, shown: str) -> None:
    output = SafeOutput(ALLOWED)
    assert output.feed(before) + output.flush() + output.feed(after) + output.flush() == shown


@pytest.mark.parametrize("end", ["", "/", "/a/b?q=1#c", "#a", "?q=../x", "/a..b", "/%D8%B1#روبوٹ"])
def test_the_books_own_pages_are_allowed(end: str) -> None:
    assert ALLOWED(BOOK + end)
    assert book_links(f"{BOOK}/")(BOOK + end)


@pytest.mark.parametrize(
    "url",
    [
        *(
            BOOK + end
            for end in (".evil.com", "x", "@evil.com", "/../x", "/%2e%2E/x", "/a%2f..%2fx", "/..\\x", "/.", "/a\n")
        ),
        *(
            "http://evil.com",
            "http://localhost:3000@evil.com/docs",
            "http://localhost:3000/doc",
            "//localhost:3000/docs",
        ),
        *(
            "https://localhost:3000/docs",
            "HTTP://localhost:3000/docs",
            "/docs",
            "docs",
            "",
            "javascript:x",
            "data:,",
            "#a b",
        ),
        *(f" {BOOK}", f"x{BOOK}", f"http://evil.com/?{BOOK}", f"{BOOK}\u200b", "http://u:p@localhost:3000/docs"),
    ],
)
def test_other_places_are_not_allowed(url: str) -> None:
    assert not ALLOWED(url)
