"""The book as values: an edition is one immutable version of it, whole in memory."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a chapter's content, in code points, end excluded."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it. Before the first heading the anchor is None."""

    heading: str
    level: int
    anchor: str | None
    url: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A page of the book. Its content is the source that every offset counts in."""

    id: str
    language: str
    title: str
    position: int
    url: str
    content: str
    sections: tuple[Section, ...]
    reviewed: bool


@dataclass(frozen=True, slots=True)
class Site:
    """Where the book's site shows the docs, and where a translation of them; `{language}` stands for its tag."""

    docs: str
    translation: str

    def url(self, language: str | None, path: str, anchor: str | None = None) -> str:
        """The address of a page, or of a heading in it. The book's own language is None."""
        docs = self.docs if language is None else self.translation.replace("{language}", language)
        return f"{docs}{path}#{anchor}" if anchor else f"{docs}{path}"


@dataclass(frozen=True, slots=True)
class Passage:
    """Some consecutive units of one section, small enough for the embedding model.

    `title` says where it stands: "Chapter › Section", shortened where that is very long. `text` is plain, for reading
    and searching. `units` are the smallest things that can be cited: a sentence, a table row, a whole code block.
    `tokens` counts what the model is sent.
    """

    id: uuid.UUID
    chapter_id: str
    chapter_title: str
    title: str
    section: str
    url: str
    text: str
    units: tuple[Span, ...]
    tokens: int
    reviewed: bool


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of the book: chapters in reading order and passages by id."""

    number: int
    version: str
    title: str
    language: str
    model: str
    settings: Mapping[str, float]
    chapters: tuple[Chapter, ...]
    passages: Mapping[uuid.UUID, Passage]

    def chapter(self, chapter_id: str) -> Chapter | None:
        """The chapter with this Docusaurus id, or None."""
        return next((chapter for chapter in self.chapters if chapter.id == chapter_id), None)
