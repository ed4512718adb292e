"""What an author would want to know about a book's links, ids and empty pages."""

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from services.docusaurus import Folder, Page, Problem


def check(folders: Sequence[Folder], docs_path: str) -> list[Problem]:
    """Broken links and anchors within the book, ids that stand twice, and pages without text.

    The first folder is the book's own, the others are its translations. `docs_path` is the path at which the site shows
    the docs, such as "/docs". Links to anything but a page of the book are not looked at.
    """
    books = [_Book(folder, folders[0], docs_path) for folder in folders]
    found = [problem for book in books for page in book.pages for problem in book.problems(page)]
    return sorted(found, key=lambda problem: (problem.file, problem.line, problem.message))


class _Book:
    """The site in one language, by file and by URL: what is not translated is shown as the book has it."""

    def __init__(self, folder: Folder, own: Folder, docs_path: str) -> None:
        self.pages = folder.pages
        self._docs_path = docs_path.rstrip("/")
        self._roots = (str(folder.root), str(own.root))
        self._indexes = folder.indexes | own.indexes
        translated = {page.file for page in folder.pages if page.language}
        shown = [page for page in own.pages if f"{folder.root}/{page.file}" not in translated]
        self._urls = {page.path.rstrip("/"): page for page in (*shown, *folder.pages)}
        # A folder of docs that was copied out of its site has another name than its own pages call it by.
        self._files = {f"{name}/{page.file}": page for name in ("docs", own.root) for page in shown}
        self._files |= {page.file: page for page in folder.pages if page.language}

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
            return f"links to {target}, which is no page of the book" if self._is_ours(page, parts.path) else None
        if not has_anchor(pointed, parts.fragment):
            return f"links to {target}, but {pointed.file} has no #{parts.fragment}"
        return None

    def _page(self, page: Page, path: str) -> Page | None:
        if path.endswith((".md", ".mdx")):
            return next((self._files[file] for file in self._sources(page, path) if file in self._files), None)
        url = self._url(page, path)
        return None if url is None else self._urls.get(url)

    def _sources(self, page: Page, path: str) -> list[str]:
        """The files of the site that a path may mean, in the order in which Docusaurus looks for them."""
        if path.startswith("@site/"):
            return [path.removeprefix("@site/")]
        beside = posixpath.dirname(page.file if page.language else f"{self._roots[1]}/{page.file}")
        folders = [beside, *self._roots, ""]
        if path.startswith(("./", "../")):
            folders = folders[:1]
        elif path.startswith("/"):
            folders = folders[1:]
        return [posixpath.normpath(posixpath.join(folder, path.lstrip("/"))) for folder in folders]

    def _url(self, page: Page, path: str) -> str | None:
        """Where a URL leads below the docs; None when that is elsewhere."""
        there = posixpath.normpath(posixpath.join(f"{self._docs_path}/", posixpath.dirname(page.path)[1:], path))
        if not f"{there}/".startswith(f"{self._docs_path}/"):
            return None
        return there.removeprefix(self._docs_path).rstrip("/")

    def _is_ours(self, page: Page, path: str) -> bool:
        """True where the link must mean a page of the book: a Markdown file, or a URL below the docs.

        Docs at the root of a site share their URLs with the blog and with files, which are called by absolute paths.
        """
        if path.endswith((".md", ".mdx")):
            return True
        url = self._url(page, path)
        if url is None or url in self._indexes or re.search(r"\.\w+$", path):
            return False
        return bool(self._docs_path) or not path.startswith("/")


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
