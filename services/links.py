"""What an author would want to know about a book's links, ids and empty pages."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from services.docusaurus import Page, Problem


def check(pages: Sequence[Page], docs_path: str) -> list[Problem]:
    """Broken links and anchors within the book, ids that stand twice, and pages without text.

    `docs_path` is the path at which the site shows the docs, such as "/docs". Links to anything but a page of the book
    are not looked at.
    """
    found = []
    for language in {page.language for page in pages}:
        book = _Book([page for page in pages if page.language == language], docs_path)
        found += [problem for page in book.pages for problem in book.problems(page)]
    return sorted(found, key=lambda problem: (problem.file, problem.line, problem.message))


class _Book:
    """The pages of one language, by file and by URL."""

    def __init__(self, pages: Sequence[Page], docs_path: str) -> None:
        self.pages = pages
        self._docs_path = docs_path.rstrip("/")
        self._files = {page.file: page for page in pages}
        self._urls = {page.path.rstrip("/"): page for page in pages}

    def problems(self, page: Page) -> Iterator[Problem]:
        if not page.outline.blocks:
            yield Problem(page.file, page.first_line, "has no text: write some, or mark it as a draft")
        anchors = Counter(heading.anchor for heading in page.outline.headings if heading.anchor)
        for heading in page.outline.headings:
            if heading.anchor and anchors[heading.anchor] > 1:
                anchors[heading.anchor] = 0
                line = line_of(page, heading.start)
                yield Problem(page.file, line, f"the id {heading.anchor} stands twice in this page; change one of them")
        for link in page.outline.links:
            if any(first <= link.start < last for first, last in page.partials):
                continue  # written from the place of the partial's own file
            if message := self._broken(page, link.target):
                yield Problem(page.file, line_of(page, link.start, link.target), message)

    def _broken(self, page: Page, target: str) -> str | None:
        """What is wrong with a link, or None."""
        try:
            parts = urlsplit(target)
        except ValueError:
            return f"links to {target}, which is no address"
        if parts.scheme or parts.netloc:
            return None
        if not parts.path:
            return (
                None if has_anchor(page, parts.fragment) else f"links to #{parts.fragment}, which is not in this page"
            )
        pointed = self._page(page, parts.path)
        if pointed is None:
            return f"links to {target}, which is no page of the book" if self._is_ours(parts.path) else None
        if not has_anchor(pointed, parts.fragment):
            return f"links to {target}, but {pointed.file} has no #{parts.fragment}"
        return None

    def _page(self, page: Page, path: str) -> Page | None:
        if path.endswith((".md", ".mdx")):
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(page.file), path.lstrip("/")))
            from_root = "/" + re.sub(r"^(@site/[^/]+)?/", "", path)
            return self._files.get(beside) or next(
                (page for file, page in self._files.items() if f"/{file}".endswith(from_root)), None
            )
        there = posixpath.normpath(posixpath.join(self._docs_path, posixpath.dirname(page.path.lstrip("/")), path))
        below = there.removeprefix(self._docs_path)
        return self._urls.get(below.rstrip("/")) if below != there or not self._docs_path else None

    def _is_ours(self, path: str) -> bool:
        """True where the link must mean a page of the book: a Markdown file, or a URL below the docs."""
        if path.endswith((".md", ".mdx")):
            return True
        return path.startswith(f"{self._docs_path}/") and not re.search(r"\.\w+$", path)


def has_anchor(page: Page, anchor: str) -> bool:
    """True where a browser finds a place to go to."""
    return not anchor or anchor in page.outline.ids or anchor in {heading.anchor for heading in page.outline.headings}


def line_of(page: Page, offset: int, words: str = "") -> int:
    """The line in the page's file of an offset, or of the words after it; in a partial, that of the partial's tag."""
    start = max(page.content.find(words, offset), offset)
    for first, last in page.partials:
        start = first if first <= start < last else start
    before = page.content.count("\n", 0, start)
    elsewhere = sum(page.content.count("\n", first, last) for first, last in page.partials if last <= start)
    return page.first_line + before - elsewhere
