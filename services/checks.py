"""Whether the words of a rendering are what was asked for: its facts, its language, its length."""

import re
from collections.abc import Iterator, Mapping

from services import facts
from services.brief import Brief
from services.forms import english_name
from services.scripts import counted, own_letters
from services.tags import untagged

Words = tuple[str, str]  # a segment's masked text, and what was said for it

ENOUGH_LETTERS = 25  # fewer may be a name
LEAST_OWN = 0.3  # of the letters of one segment
LEAST_OWN_TOGETHER = 0.6  # of those of a section
ENOUGH_WORDS = 40  # of a text that comes back unchanged: fewer may need no change
_BLOCK = re.compile(r"^(?:#{1,6}|[-+*>|]|\d{1,9}[.)])\s", re.MULTILINE)
_ASIDE = re.compile(r"\([^()]*\)")
_SHORT, _LONG, _ROOM = 5, 4, 300  # a fifth, four times, and so many characters for a definition of one word


class Checks:
    """The checks of the renderings of one chapter. Their reasons are words that a model can act on."""

    def __init__(self, brief: Brief) -> None:
        self._glossary = brief.glossary
        self._language = english_name(brief.form.language)
        self._own = own_letters(brief.form.language)
        self._translated = brief.translated

    def has_words(self, source: str) -> bool:
        """Whether a segment has anything to translate: a cell that is nothing but a product's name has not."""
        return any(character.isalpha() for character in self._speech(source, source))

    def reasons(self, source: str, said: str) -> Iterator[str]:
        """What is wrong with one segment."""
        if _BLOCK.search(said) and not _BLOCK.match(source):
            yield "it has a heading or a list: it is one line of text"
        if lost := self._lost(source, said):
            yield f"it lacks {', '.join(lost)}, which must be in it as in the source"
        if self._is_foreign((source, said), LEAST_OWN, ENOUGH_LETTERS):
            yield f"it is not in {self._language}"
        if _is_unchanged(source, said) and len(source.split()) >= ENOUGH_WORDS and self._must_change:
            yield self._unchanged
        length, before = len(untagged(said)), len(untagged(source))
        if length > _LONG * before + _ROOM:
            yield "it is far too long"
        if length * _SHORT < before:
            yield "it leaves out most of what the source says"

    def together(self, rendered: Mapping[int, Words]) -> dict[int, str]:
        """What is wrong with segments that are right each by itself, by their index."""
        letters = [self._counted(words) for words in rendered.values()]
        own, all = (sum(counts) for counts in zip(*letters, strict=True)) if letters else (0, 0)
        if own < LEAST_OWN_TOGETHER * all:
            foreign = (id for id, words in rendered.items() if self._is_foreign(words, LEAST_OWN_TOGETHER, 1))
            return dict.fromkeys(foreign, f"too little of the section is in {self._language}")
        unchanged = {id: len(source.split()) for id, (source, said) in rendered.items() if _is_unchanged(source, said)}
        words = sum(len(source.split()) for source, _ in rendered.values())
        if self._must_change and sum(unchanged.values()) >= max(ENOUGH_WORDS, words / 2):
            return dict.fromkeys(unchanged, self._unchanged)
        return {}

    @property
    def _must_change(self) -> bool:
        """Other letters show by themselves that something was translated."""
        return not self._translated or not self._own

    @property
    def _unchanged(self) -> str:
        return f"it is not in {self._language}" if self._translated else "it is as before: write it for this reader"

    def _lost(self, source: str, said: str) -> list[str]:
        """The facts that are missing, but for acronyms in the spelling of the glossary: اے آئی for AI."""
        missing = facts.missing(source, said)
        spelt = [entry.term.casefold() for entry in self._glossary.terms_in(source) if (entry.written or "\0") in said]
        return [fact for fact in missing if not any(fact.casefold() in term.split() for term in spelt)]

    def _is_foreign(self, words: Words, least: float, enough: int) -> bool:
        own, all = self._counted(words)
        return all >= enough and own < least * all

    def _counted(self, words: Words) -> tuple[int, int]:
        """How many letters are the language's own, and how many there are that should be.

        In its own language a book may quote another one: such a segment is not counted.
        """
        if not self._own:
            return 0, 0
        source, said = words
        if not self._translated:
            own, all = counted(source, self._own)
            if own < LEAST_OWN * all:
                return 0, 0
        return counted(self._speech(source, said), self._own)

    def _speech(self, source: str, said: str) -> str:
        """What is said in a language: no names that stay in Latin letters, nor terms in parentheses that are so."""
        kept = [
            *facts.identifiers(source),
            *(entry.term for entry in self._glossary.terms_in(source) if not entry.written),
        ]
        names = "|".join(re.escape(name) for name in sorted(kept, key=len, reverse=True))
        said = untagged(said)
        if self._own:
            said = _ASIDE.sub(
                lambda aside: "" if counted(aside[0], self._own or frozenset())[0] == 0 else aside[0], said
            )
        return re.sub(rf"(?<![A-Za-z])(?:{names})s?(?![A-Za-z])", " ", said, flags=re.IGNORECASE) if names else said


def _is_unchanged(source: str, said: str) -> bool:
    return source.casefold().split() == said.casefold().split()
