"""The book, its chapters and passages."""

import strawberry

import resolvers.variants
import services.answer
import services.book
from schema.shows import shows
from schema.variants import ChapterVariant


@strawberry.type(description="A heading of a chapter, and what stands under it.")
@shows(services.book.Section)
class Section:
    heading: str
    level: int
    anchor: str | None = strawberry.field(description="Null for what stands before the first heading.")
    url: str


@strawberry.type(description="A page of the book.")
@shows(services.book.Chapter)
class Chapter:
    id: strawberry.ID = strawberry.field(description='The Docusaurus id, for example "foundations/sensors".')
    language: str = strawberry.field(description="A BCP 47 tag: that of the book, or of the author's translation.")
    title: str
    position: int
    url: str
    content: str = strawberry.field(
        description="Markdown source without front matter and byte-order mark, with LF line ends "
        "and imported Markdown partials put in place."
    )
    sections: list[Section]
    variant = strawberry.field(
        resolver=resolvers.variants.of_this,
        graphql_type=ChapterVariant | None,
        description="The chapter for a level, in a language, or both, if it is stored. It costs nothing.",
    )
    variants = strawberry.field(
        resolver=resolvers.variants.all_of_this,
        graphql_type=list[ChapterVariant],
        description="All that are stored, newest first.",
    )


@strawberry.type(description="The book in its current version.")
@shows(services.book.Edition)
class Book:
    title: str
    language: str
    version: str
    chapters: list[Chapter]


@strawberry.type(description="A passage of the book, with its relevance to a question.")
@shows(services.answer.NearPassage)
class Passage:
    chapter_id: strawberry.ID
    chapter_title: str
    section: str
    url: str
    text: str
    similarity: float = strawberry.field(description="From 0 to 1.")
    reviewed: bool = strawberry.field(description="False where the page's front matter says `reviewed: false`.")
