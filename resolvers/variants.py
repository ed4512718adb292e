"""What comes in about chapters in other forms."""

from collections.abc import AsyncIterator

import strawberry
from strawberry import UNSET

from resolvers.context import SIGN_IN_FIRST, Info, refusal
from services.admissions import or_unavailable
from services.book import Chapter
from services.problems import Busy
from services.readers import Hardware, Level
from services.variant import Refusal, Variant, VariantEvent
from services.variants import SignInFirst, Wish, given


async def find(
    info: Info, chapter_id: strawberry.ID, level: Level | None = UNSET, language: str | None = UNSET
) -> Variant | None:
    wish, _ = await wished(info, chapter_id, level, language)
    return await info.context.services.variants.find(wish)


async def of_chapter(info: Info, chapter_id: strawberry.ID) -> list[Variant]:
    return await info.context.services.variants.of_chapter(chapter_id)


async def of_this(
    chapter: strawberry.Parent[Chapter], info: Info, level: Level | None = UNSET, language: str | None = UNSET
) -> Variant | None:
    return await find(info, strawberry.ID(chapter.id), level, language)


async def all_of_this(chapter: strawberry.Parent[Chapter], info: Info) -> list[Variant]:
    return await info.context.services.variants.of_chapter(chapter.id)


async def make(
    info: Info, chapter_id: strawberry.ID, level: Level | None = UNSET, language: str | None = UNSET
) -> Variant | Refusal:
    asked = await or_unavailable(wished(info, chapter_id, level, language))
    if isinstance(asked, Busy):
        return asked
    try:
        return await info.context.services.variants.make(*asked)
    except SignInFirst:
        raise refusal("UNAUTHENTICATED", SIGN_IN_FIRST) from None


async def stream(
    info: Info, chapter_id: strawberry.ID, level: Level | None = UNSET, language: str | None = UNSET
) -> AsyncIterator[VariantEvent]:
    asked = await or_unavailable(wished(info, chapter_id, level, language))
    if isinstance(asked, Busy):
        return given([asked])
    try:
        return await info.context.services.variants.stream(*asked)
    except SignInFirst:
        raise refusal("UNAUTHENTICATED", SIGN_IN_FIRST) from None


async def wished(info: Info, chapter_id: str, level: Level | None, language: str | None) -> tuple[Wish, str | None]:
    """What is wanted, and by which reader: level variants are for the hardware of the reader's profile."""
    reader = await info.context.reader()
    hardware = reader.hardware if reader else Hardware.NONE
    return Wish(chapter_id, level or None, language or None, hardware), reader.id if reader else None
