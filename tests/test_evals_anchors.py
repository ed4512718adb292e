"""Pages and headings are held against a table of what Docusaurus built."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evals.anchors import NoTruth, compare, main, read_truth
from evals.evaluation import evaluate_book
from evals.labels import Labels, read_labels
from services import docusaurus
from services.embedding import Embedder
from services.model_export import prepared_model
from tests.conftest import LIGHTHOUSE
from tests.processes import ROOT, footnote

INTRO: dict[str, Any] = {
    "pages": [{"file": "intro.md", "url": "/docs/"}],
    "headings": [
        {"file": "intro.md", "level": 1, "anchor": None},
        {"file": "intro.md", "level": 2, "anchor": "who-keeps-the-light"},
    ],
}
MOVED = {**INTRO, "headings": [*INTRO["headings"][:1], {"file": "intro.md", "level": 2, "anchor": "keepers"}]}


def table(folder: Path, content: object) -> Path:
    """A file with a truth table."""
    path = folder / "truth.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def differences(folder: Path, content: object) -> tuple[str, ...]:
    """What of the lighthouse is not as the table has it."""
    return compare(docusaurus.read(LIGHTHOUSE).pages, read_truth(table(folder, content))).differences


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A folder of one question, and one that the book does not answer."""
    for kind in ("answerable", "out_of_book"):
        (tmp_path / f"{kind}.jsonl").write_text('{"id": "a", "question": "What is colza?"}')
    return tmp_path


def test_a_given_table_that_is_not_there_is_refused(labels: Path) -> None:
    with pytest.raises(NoTruth, match=r"no\.json cannot be read: No such file"):
        read_labels(labels, labels / "no.json")


@pytest.mark.parametrize("content", [[], "text", {"pages": []}, {"pages": [], "headings": INTRO["headings"]}])
def test_what_is_no_truth_table_is_refused_by_its_name(labels: Path, content: object) -> None:
    table(labels, content)
    with pytest.raises(NoTruth, match=r"truth\.json is no truth table"):
        read_labels(labels)


def test_a_book_that_is_as_it_was_built_has_no_differences(tmp_path: Path) -> None:
    assert differences(tmp_path, INTRO) == ()


def test_a_page_at_another_url_and_one_that_is_not_there_are_named(tmp_path: Path) -> None:
    pages = [{"file": "intro.md", "url": "/docs/intro"}, {"file": "oil.md", "url": "/docs/oil"}]
    assert differences(tmp_path, {**INTRO, "pages": pages}) == (
        "intro.md: built at /docs/intro, here at /docs/",
        "oil.md: built at /docs/oil, here there is no such page",
    )


def test_a_heading_with_another_anchor_and_one_too_many_are_named(tmp_path: Path) -> None:
    assert differences(tmp_path, MOVED) == ("intro.md: heading 2 built as h2 #keepers, here h2 #who-keeps-the-light",)
    assert differences(tmp_path, {**INTRO, "headings": INTRO["headings"][:1]}) == (
        "intro.md: heading 2 built as nothing, here h2 #who-keeps-the-light",
    )


def test_a_site_may_show_the_docs_elsewhere(tmp_path: Path) -> None:
    content = {**INTRO, "route": "/", "pages": [{"file": "intro.md", "url": "/"}]}
    assert differences(tmp_path, content) == ()
    assert differences(tmp_path, {**content, "route": "/docs"}) == ("intro.md: built at /, here at /docs/",)


def test_several_books_are_compared_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = [str(ROOT / "examples" / "book"), str(ROOT / "evals" / "sample" / "truth.json")]
    assert main(sample) == 0
    assert main([*sample, str(LIGHTHOUSE), str(table(tmp_path, MOVED))]) == 1
    assert "built as h2 #keepers" in capsys.readouterr().out


@pytest.fixture
async def embedder(models: Path) -> AsyncIterator[Embedder]:
    opened = await Embedder.open(await prepared_model(models, None), threads=2)
    yield opened
    await opened.close()


async def test_without_a_table_anchors_are_not_among_the_figures(embedder: Embedder) -> None:
    found = await evaluate_book(embedder, Labels((), (), ()), LIGHTHOUSE, None, lambda *_: None)
    assert "anchors" not in json.loads(found.json())


async def test_the_command_says_that_anchors_were_not_scored(models: Path, labels: Path) -> None:
    ended = await footnote("eval", labels, "--book", LIGHTHOUSE, DATA_DIR=models.parent)
    assert (ended.code, "not scored: no truth table" in ended.told) == (0, True)


async def test_the_command_fails_at_a_wrong_anchor_after_all_is_said_and_saved(
    models: Path, labels: Path, tmp_path: Path
) -> None:
    truth = table(tmp_path, MOVED).rename(tmp_path / "built.json")
    arguments = ("eval", labels, "--book", LIGHTHOUSE, "--truth", truth, "--out", tmp_path / "out")
    ended = await footnote(*arguments, DATA_DIR=models.parent)
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert (ended.code, "intro.md: heading 2 built as h2 #keepers" in ended.told) == (1, True)
    assert (figures["anchors"]["headings"], figures["anchors"]["anchors_equal"]) == (2, 1)
