"""Pages are cut where the book has its sections, into no more than the model reads."""

from pathlib import Path

import pytest

from services import docusaurus
from services.passages import LIMIT, Cut, cut
from tests.conftest import LIGHTHOUSE


def count(text: str) -> int:
    return len(text.split())


def cut_page(folder: Path, content: str) -> list[Cut]:
    (folder / "page.md").write_text(content, "utf-8")
    (page,) = docusaurus.read(folder).pages
    return list(cut(page, count))


def test_no_passage_crosses_a_heading(tmp_path: Path) -> None:
    passages = cut_page(tmp_path, "# Page\n\nOne.\n\n## First\n\nTwo.\n\n## Second\n\nThree.\n")
    assert [(p.section, p.anchor, p.text) for p in passages] == [
        ("Page", None, "One."),
        ("First", "first", "Two."),
        ("Second", "second", "Three."),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "word " * 1000,
        "A sentence of five words. " * 300,
        "```python\n" + "x = 1 + 1\n" * 300 + "```",
        "| a | b |\n|---|---|\n" + "| one two | three |\n" * 200,
        "$$\n" + "a + b \\\\\n" * 300 + "$$",
        "- item of a list\n" * 300,
    ],
)
def test_no_passage_has_more_tokens_than_the_model_reads(tmp_path: Path, body: str) -> None:
    passages = cut_page(tmp_path, f"# Page\n\n{body}\n")
    assert len(passages) > 1
    assert max(p.tokens for p in passages) <= LIMIT


def test_nothing_of_a_long_paragraph_is_lost(tmp_path: Path) -> None:
    words = " ".join(f"w{n}" for n in range(1000))
    passages = cut_page(tmp_path, f"# Page\n\n{words}\n")
    assert " ".join(text for p in passages for text in p.source) == words


def test_each_part_of_a_long_table_has_the_header(tmp_path: Path) -> None:
    passages = cut_page(tmp_path, "# Page\n\n| name | mass |\n|---|---|\n" + "| one two | three |\n" * 200)
    assert len(passages) > 1
    assert all(p.source[0] == "| name | mass |" for p in passages)


def test_each_part_of_a_long_table_shows_its_rows_as_lines(tmp_path: Path) -> None:
    rows = [f"| **one** two | `{n}` |" for n in range(200)]
    passages = cut_page(tmp_path, "# Page\n\n| name | mass |\n|---|---|\n" + "\n".join(rows) + "\n")
    shown = [line for p in passages for line in p.text.split("\n")[1:]]
    assert shown == [f"one two | {n}" for n in range(200)]
    assert {p.text.split("\n")[0] for p in passages} == {"name | mass"}


CODE = [line for n in range(100) for line in (f"def f{n}():", f"    x = {n}", "", "    if x:", "        return x")]


@pytest.mark.parametrize("prefix", ["", "  ", "> ", "\t"])
def test_each_part_of_long_code_is_a_fence_with_its_indentation(tmp_path: Path, prefix: str) -> None:
    lines = ["~~~~py title='long title here'", "", *CODE, "~~~~"]
    content = "- item\n\n" * (prefix == "  ") + "\n".join(f"{prefix}{line}" for line in lines)
    passages = [p for p in cut_page(tmp_path, content) if "~~~" in p.text]
    parts = [p.text.removeprefix("item\n\n").split("\n") for p in passages]
    assert len(parts) > 1
    assert parts[0][0] == "~~~~py title='long title here'"
    assert {(part[0], part[-1]) for part in parts[1:]} == {("~~~~py", "~~~~")}
    assert [line for part in parts for line in part if line and "~~" not in line] == [line for line in CODE if line]
    assert max(p.tokens for p in passages) <= LIMIT


def test_a_line_of_code_longer_than_a_passage_is_shown_in_fences(tmp_path: Path) -> None:
    words = " ".join(f"w{n}" for n in range(1000))
    passages = cut_page(tmp_path, f"```py\nif x:\n    {words}\n```\n")
    assert all(p.text.startswith("```py\n") and p.text.endswith("\n```") for p in passages)
    assert " ".join(word for p in passages for word in p.text.split() if word.startswith("w")) == words


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("```py title='x'\nx = 1\n```", "```py title='x'\nx = 1\n```"),
        ("> ```py\n>   x = 1\n> ```", "```py\n  x = 1\n```"),
        ("```\nopen", "```\nopen\n```"),
        ("<CodeBlock>{`\n  a\n\n  b\n`}</CodeBlock>", "```\n  a\n\n  b\n```"),
    ],
)
def test_code_is_shown_in_a_closed_fence(tmp_path: Path, content: str, text: str) -> None:
    assert [p.text for p in cut_page(tmp_path, f"{content}\n")] == [text]


def test_a_heading_longer_than_a_passage_leaves_room_for_its_text(tmp_path: Path) -> None:
    (passage,) = cut_page(tmp_path, f"# Page\n\n## {'long ' * 400}\n\nThe text.\n")
    assert passage.text == "The text."
    assert passage.tokens <= LIMIT


def test_text_is_plain_and_units_are_the_source() -> None:
    page = next(page for page in docusaurus.read(LIGHTHOUSE).pages if page.id == "lamp")
    trimming = next(p for p in cut(page, count) if "straight" in p.text)
    assert trimming.text.endswith("Cut it straight, with the curved scissors.")
    assert trimming.source[-1] == "Cut it *straight*, with the `curved scissors`."
    assert [page.content[unit.start : unit.end] for unit in trimming.units] == list(trimming.source)
