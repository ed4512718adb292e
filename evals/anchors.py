"""Compares pages and anchors with those of a site that Docusaurus really built.

    python -m evals.anchors BOOK TRUTH [BOOK TRUTH …]

BOOK is a docs folder. TRUTH is a JSON file: `pages` with `file` and `url`, and `headings` with `file`, `level` and
`anchor` (null where the page has no id), in the order of each page; also `route`, where the site does not show the docs
at /docs, and `book`, a name. Ends with 1 if anything differs. `footnote eval` does the same for a labelled set.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from services import docusaurus
from services.docusaurus import Page
from services.manuscript import sections

Heading = tuple[int, str | None]
"""Its level, and its anchor where it has one."""
Headings = list[Heading]


class NoTruth(Exception):
    """The file is not a truth table; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A site's pages as they were built: URLs and headings by file. `route` is where the site shows the docs."""

    book: str
    route: str
    urls: dict[str, str]
    headings: dict[str, Headings]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many of a site's pages and headings were found as they are, and what was not."""

    pages: int
    urls_equal: int
    headings: int
    anchors_equal: int
    differences: tuple[str, ...]


def read_truth(path: Path) -> Truth:
    """The truth table in a file. Raises NoTruth."""
    try:
        given: dict[str, Any] = orjson.loads(path.read_bytes())
        headings: dict[str, Headings] = {page["file"]: [] for page in given["pages"]}
        for heading in given["headings"]:
            headings[heading["file"]].append((heading["level"], heading["anchor"]))
        urls = {page["file"]: page["url"] for page in given["pages"]}
        return Truth(given.get("book", str(path)), given.get("route", "/docs").rstrip("/"), urls, headings)
    except OSError as error:
        raise NoTruth(f"{path} cannot be read: {error.strerror}. Give the pages and headings of a built site") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoTruth(f"{path} is no truth table of a built site: {error!r}") from None


def compare(pages: Iterable[Page], truth: Truth) -> Comparison:
    """Hold a book's own pages, without their translations, against the built ones. The table may be of a part of it."""
    ours = {page.file: page for page in pages if page.language is None}
    urls = {file: truth.route + page.path for file, page in ours.items()}
    headings = {file: [(level, anchor) for _, level, anchor in sections(page)] for file, page in ours.items()}
    pairs = [
        pair for file, built in truth.headings.items() for pair in zip(built, headings.get(file, ()), strict=False)
    ]
    return Comparison(
        pages=len(truth.urls),
        urls_equal=sum(urls.get(file) == url for file, url in truth.urls.items()),
        headings=sum(map(len, truth.headings.values())),
        anchors_equal=sum(built == here for built, here in pairs),
        differences=(*unlike_pages(truth.urls, urls), *unlike_headings(truth.headings, headings)),
    )


def unlike_pages(built: dict[str, str], here: dict[str, str]) -> Iterator[str]:
    """One line for each built page that has not the same URL here."""
    for file, url in built.items():
        if here.get(file) != url:
            yield f"{file}: built at {url}, here {f'at {here[file]}' if file in here else 'there is no such page'}"


def unlike_headings(built: dict[str, Headings], here: dict[str, Headings]) -> Iterator[str]:
    """One line for each heading, of pages on both sides, that has not the same level and anchor in the same place."""
    for file in (file for file in built if file in here):
        for place, (expected, found) in enumerate(zip_longest(built[file], here[file]), 1):
            if expected != found:
                yield f"{file}: heading {place} built as {said(expected)}, here {said(found)}"


def said(heading: Heading | None) -> str:
    """A heading for people."""
    if heading is None:
        return "nothing"
    level, anchor = heading
    return f"h{level} #{anchor}" if anchor else f"h{level} without an anchor"


def main(arguments: list[str]) -> int:
    """Print a table, and what differs. Returns the exit code."""
    if not arguments or len(arguments) % 2:
        print(__doc__)
        return 2
    table = Table("book", "pages", "URLs equal", "headings", "anchors equal")
    differences: list[str] = []
    for book, path in zip(arguments[::2], arguments[1::2], strict=True):
        truth = read_truth(Path(path))
        result = compare(docusaurus.read(Path(book)).pages, truth)
        counts = (result.pages, result.urls_equal, result.headings, result.anchors_equal)
        table.add_row(truth.book, *map(str, counts))
        differences += result.differences
    console = Console()
    console.print(table)
    for line in differences:
        console.print(line, markup=False, soft_wrap=True)
    return int(bool(differences))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
