"""What an author orders: chapters in forms, every level in every language."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from services.book import Chapter
from services.forms import Form
from services.readers import Hardware, Level


class BadOrder(Exception):
    """There is no such thing to be made; the message says what there is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Each level in each language. Without a language: in the chapter's own; without a level: translated as it is.
    Without chapters: all. The hardware counts where there is a level."""

    levels: tuple[Level, ...]
    languages: tuple[str, ...]
    hardware: Hardware
    chapters: tuple[str, ...]


def ordered(wanted: Wanted, chapters: Sequence[Chapter], offered: Sequence[str]) -> list[tuple[Chapter, Form]]:
    """The chapters in the forms that are wanted, form by form; one that has a form already is left out.

    `offered` are the languages that chapters are translated into. Raises BadOrder.
    """
    chosen = chosen_of(chapters, wanted.chapters)
    languages: list[str | None] = [spelt(language, chapters, offered) for language in wanted.languages] or [None]
    levels: list[Level | None] = [*wanted.levels] or [None]
    pairs = [
        (chapter, Form(level, language or chapter.language, wanted.hardware if level else None))
        for language in languages
        for level in levels
        for chapter in chosen
        if level or (language and language != chapter.language)
    ]
    if not pairs:
        raise BadOrder(f"That is the language which the chapters have: {chosen[0].language}. Give a level with it.")
    return list(dict.fromkeys(pairs))


def chosen_of(chapters: Sequence[Chapter], ids: Sequence[str]) -> list[Chapter]:
    """The chapters with these ids, or all. Raises BadOrder."""
    by_id = {chapter.id: chapter for chapter in chapters}
    for id in ids:
        if id not in by_id:
            near = difflib.get_close_matches(id, by_id, n=3, cutoff=0.5)
            meant = f"Is it {' or '.join(near)}?" if near else f"There are {', '.join(by_id)}."
            raise BadOrder(f"There is no chapter {id}. {meant}")
    return [chapter for chapter in chapters if not ids or chapter.id in ids]


def spelt(language: str, chapters: Sequence[Chapter], offered: Sequence[str]) -> str:
    """A language tag as the book or the settings write it. Raises BadOrder."""
    known = {tag.casefold(): tag for tag in [*offered, *(chapter.language for chapter in chapters)]}
    if language.casefold() not in known:
        into = ", ".join(offered) or "no language"
        raise BadOrder(f"Chapters are translated into {into} (TRANSLATION_LANGUAGES), not into {language}.")
    return known[language.casefold()]
