"""Whether quotations stand where they are cited, seen from the page and not from what proved them."""

from bisect import bisect_right

from evals.retrieval import Desk
from services.citations import Citation, prove
from services.docusaurus import Page
from services.heard import Cited
from services.retrieval import Found


def proven_citations(desk: Desk) -> tuple[int, int]:
    """Each unit of each passage is cited as a model would cite it: how many citations stand, and how many there are."""
    edition = desk.shelf.book.edition
    pages = {page.id: Standing(page) for page in desk.manuscript.folder.pages}
    content = {chapter.id: chapter.content for chapter in edition.chapters}
    standing = total = 0
    for passage in edition.passages.values():
        for place, unit in enumerate(passage.units):
            cited = Cited(0, place, place + 1, content[passage.chapter_id][unit.start : unit.end])
            citations = prove(cited, [Found(passage, 1.0)], edition, offset=0)
            total += 1
            standing += bool(citations) and all(map(pages[passage.chapter_id].holds, citations))
    return standing, total


class Standing:
    """A page as a browser has it: in UTF-16, with its headings."""

    def __init__(self, page: Page) -> None:
        self._utf16 = page.content.encode("utf-16-le")
        self._starts = [heading.start for heading in page.outline.headings]
        self._anchors = [heading.anchor for heading in page.outline.headings]

    def holds(self, citation: Citation) -> bool:
        """True if the citation's range is its quote, below the heading that its address leads to."""
        if self._utf16[2 * citation.start : 2 * citation.end].decode("utf-16-le", "replace") != citation.quote:
            return False
        before = len(self._utf16[: 2 * citation.start].decode("utf-16-le", "replace"))
        above = bisect_right(self._starts, before) - 1
        anchor = self._anchors[above] if above >= 0 else None
        return citation.url.partition("#")[2] == (anchor or "")
