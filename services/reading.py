"""Reading and searching the book."""

from db.postgres import DatabaseUnavailable
from db.vectors import IndexUnavailable
from services.answer import NearPassage, near
from services.book import Chapter, Edition
from services.library import Library, NoBook
from services.retrieval import Retriever


class Reading:
    """What a reader does with the book besides asking it."""

    def __init__(self, library: Library, retriever: Retriever) -> None:
        self._library = library
        self._retriever = retriever

    async def missing(self) -> str | None:
        """What questions cannot be answered without, in a sentence, or None."""
        try:
            await self._library.edition()
        except (NoBook, DatabaseUnavailable, IndexUnavailable) as missing:
            return str(missing)
        return None

    async def book(self) -> Edition:
        """The current edition."""
        return await self._library.edition()

    async def chapter(self, id: str) -> Chapter | None:
        """A chapter by its Docusaurus id, or None."""
        return (await self._library.edition()).chapter(id)

    async def search(self, query: str, first: int) -> list[NearPassage]:
        """The passages nearest to the query, best first."""
        book = await self._retriever.book()
        words_alone = self._retriever.misread(query, book)
        retrieved = await self._retriever.retrieve(query, book=book, words_alone=words_alone)
        return [near(found) for found in retrieved.found[:first]]
