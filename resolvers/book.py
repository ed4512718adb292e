"""What comes in about the book."""

import strawberry

from resolvers.context import Info, bad_user_input
from services.answer import NearPassage
from services.book import Chapter, Edition
from services.text import is_text

QUERY_CHARACTERS = 2000
PAGE = 100


async def book(info: Info) -> Edition:
    return await info.context.services.reading.book()


async def chapter(info: Info, id: strawberry.ID) -> Chapter | None:
    return await info.context.services.reading.chapter(id)


async def search(info: Info, query: str, first: int = 5) -> list[NearPassage]:
    if not 1 <= first <= PAGE:
        raise bad_user_input(f"`first` is {first}; it must be from 1 to {PAGE}.")
    if not query.strip() or len(query) > QUERY_CHARACTERS or not is_text(query):
        raise bad_user_input(f"`query` must have from 1 to {QUERY_CHARACTERS} characters of text.")
    return await info.context.services.reading.search(query, first)
