"""Passages quoted without a model: prose as quotations, code as code."""

import pytest
from markdown_it import MarkdownIt

from services.book import Span
from services.quoting import quoted
from services.safe_output import SafeOutput

PAGE = """\
Sound it so:

1. Go up, and then:

   ```bash title="horn.sh"
   # start the horn
   if true; then
       ./horn  # loud
   fi
   ```

2. Come down.

~~~~
~~~
# no end
~~~~
"""


def show(first: str, last: str) -> str:
    """What readers are told of the range from one text to the end of another."""
    span = Span(PAGE.index(first), PAGE.index(last) + len(last))
    safe = SafeOutput(lambda url: False)
    return safe.feed(quoted(PAGE, [span])) + safe.flush()


def test_prose_is_a_quotation() -> None:
    assert show("Sound", "so:") == "> Sound it so:"


def test_code_stands_between_quotations_in_a_fence_of_its_own() -> None:
    code = "```bash\n# start the horn\nif true; then\n    ./horn  # loud\nfi\n```"
    assert show("Go up", "Come down.") == f"> Go up, and then:\n\n{code}\n\n> 2. Come down."


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        ("# start", "start the horn", "# start the horn\n"),
        ("./horn", "fi\n   ```", "    ./horn  # loud\nfi\n"),
        ("~~~~\n~~~", "# no end\n~~~~", "~~~\n# no end\n"),
    ],
)
def test_a_part_of_a_code_block_is_code_with_its_indentation(first: str, last: str, code: str) -> None:
    tokens = MarkdownIt("commonmark").parse(show(first, last))
    assert [(token.type, token.content) for token in tokens] == [("fence", code)]


def test_the_marker_of_a_citation_stands_below_the_code() -> None:
    tokens = MarkdownIt("commonmark").parse(f"{show('~~~~', '# no end')}[1]")
    assert [token.type for token in tokens][:2] == ["fence", "paragraph_open"]
