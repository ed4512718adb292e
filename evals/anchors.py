"""Compares pages and anchors with those of a site that Docusaurus really built.

    python -m evals.anchors BOOK TRUTH [BOOK TRUTH …]

BOOK is a docs folder. TRUTH is a JSON file: `pages` with `file` and `url`, and `headings` with `file`, `level` and
`anchor` (null where the page has no id), in the order of each page. Ends with 1 if anything differs.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from services import docusaurus
from services.manuscript import sections

ROUTE = "/docs"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many of a site's pages and headings were found as they are, and what was not."""

    book: str
    pages: int
    urls_equal: int
    headings: int
    anchors_equal: int
    differences: tuple[str, ...]


def compare(book: Path, truth: dict[str, Any]) -> Comparison:
    """Read the folder and hold it against the built site."""
    pages = {page.file: page for page in docusaurus.read(book).pages}
    urls = {file: ROUTE + page.path for file, page in pages.items()}
    wrong_urls = [
        f"{page['file']}: built at {page['url']}, here {urls.get(page['file'])}"
        for page in truth["pages"]
        if urls.get(page["file"]) != page["url"]
    ]
    built: dict[str, list[tuple[int, str | None]]] = defaultdict(list)
    for heading in truth["headings"]:
        built[heading["file"]].append((heading["level"], heading["anchor"]))
    wrong_anchors = [line for file, headings in built.items() for line in unlike(file, headings, pages)]
    return Comparison(
        book=str(truth.get("book", book)),
        pages=len(truth["pages"]),
        urls_equal=len(truth["pages"]) - len(wrong_urls),
        headings=len(truth["headings"]),
        anchors_equal=len(truth["headings"]) - len(wrong_anchors),
        differences=(*wrong_urls, *wrong_anchors),
    )


def unlike(file: str, built: list[tuple[int, str | None]], pages: dict[str, docusaurus.Page]) -> Iterator[str]:
    """One line for each heading of a built page that is not here in its place with its anchor."""
    ours = [(level, anchor) for _, level, anchor in sections(pages[file])] if file in pages else []
    for place, expected in enumerate(built):
        found = ours[place] if place < len(ours) else None
        if found != expected:
            yield f"{file}: heading {place + 1} built as {expected}, here {found}"
    for extra in ours[len(built) :]:
        yield f"{file}: {extra} is not in the built page"


def main(arguments: list[str]) -> int:
    """Print a table, and what differs. Returns the exit code."""
    if not arguments or len(arguments) % 2:
        print(__doc__)
        return 2
    table = Table("book", "pages", "URLs equal", "headings", "anchors equal")
    results = []
    for book, truth in zip(arguments[::2], arguments[1::2], strict=True):
        result = compare(Path(book), orjson.loads(Path(truth).read_bytes()))
        results.append(result)
        table.add_row(
            result.book,
            str(result.pages),
            share(result.urls_equal, result.pages),
            str(result.headings),
            share(result.anchors_equal, result.headings),
        )
    console = Console()
    console.print(table)
    for line in (line for result in results for line in result.differences):
        console.print(line, markup=False, soft_wrap=True)
    return int(any(result.differences for result in results))


def share(part: int, whole: int) -> str:
    """A count with its share."""
    return f"{part} ({part / whole:.1%})" if whole else "0"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
