"""Chapters in other forms, and the events they are streamed as."""

from datetime import datetime
from typing import Annotated

import strawberry

import services.variant
from schema.problems import (
    BudgetExhausted,
    Busy,
    ChapterNotFound,
    InvalidInput,
    UnsupportedLanguage,
    VariantFailed,
)
from schema.quotas import QuotaExceeded
from schema.shows import shows
from services.forms import TextDirection
from services.readers import Hardware, Level

strawberry.enum(TextDirection)


@strawberry.type(
    description="A chapter rewritten for a level, translated, or both. Code, math, links and anchors are the chapter's."
)
@shows(services.variant.Variant)
class ChapterVariant:
    id: strawberry.ID
    chapter_id: strawberry.ID
    level: Level | None
    language: str
    hardware: Hardware | None = strawberry.field(
        description="What the reader has to try things on; null without a level."
    )
    direction: TextDirection
    content: str = strawberry.field(
        description="Markdown, or MDX where the chapter is; right-to-left blocks are marked."
    )
    untranslated: list[str] = strawberry.field(
        description="Sections of which something is kept in the source language, since no valid rendering was had."
    )
    stale: bool = strawberry.field(description="The chapter was changed after this was made of it.")
    stale_sections: list[str]
    cached: bool = strawberry.field(description="It was there already: it cost nothing.")
    model: str
    created_at: datetime


@strawberry.type(description="One section. All of them, joined in the order of `index`, are the variant's content.")
@shows(services.variant.VariantSection)
class VariantSection:
    index: int = strawberry.field(description="From 0 on. Sections come in the order in which they are there.")
    total: int
    heading: str
    content: str
    translated: bool = strawberry.field(description="False where something is kept in the source language.")


@strawberry.type(description="The last event: the whole variant.")
@shows(services.variant.VariantFinished)
class VariantFinished:
    variant: ChapterVariant


VariantEvent = Annotated[
    VariantSection
    | VariantFinished
    | ChapterNotFound
    | UnsupportedLanguage
    | InvalidInput
    | QuotaExceeded
    | BudgetExhausted
    | Busy
    | VariantFailed,
    strawberry.union("VariantEvent"),
]
MakeVariantResult = Annotated[
    ChapterVariant
    | ChapterNotFound
    | UnsupportedLanguage
    | InvalidInput
    | QuotaExceeded
    | BudgetExhausted
    | Busy
    | VariantFailed,
    strawberry.union("MakeVariantResult"),
]
