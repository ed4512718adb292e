"""The technical terms of a book, and how a language writes them."""

import importlib.resources
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from services.facts import acronyms
from services.forms import written
from services.languages import telling
from services.tags import untagged

LATIN = "="  # in place of a word: the term stays in Latin letters, as it is
TERMS = "ur.tsv"  # its first column is what is known to be a technical term, in other languages too
_VERSION = re.compile(r"# version: (\w[\w.-]*)")
_WORD = re.compile(
    r"(?:[^\W_]|(?<=[^\W_])_(?=[^\W_]))+|[^\w\s*~-]"
)  # a sign parts a term, a hyphen or emphasis does not
_BOLD = re.compile(r"\*\*(?=\S)([^*:.!?<>]+)(?<=\S)\*\*")
_LONGEST_BOLD = 5  # words: more of them in bold are a sentence that is to be heard


class BadGlossary(Exception):
    """A glossary that cannot be used; says in which file and line, and what is expected there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A term and how it is written: None is as it is, in Latin letters. `note` says what is meant, or when."""

    term: str
    written: str | None
    note: str


class Glossary:
    """The terms of one language. They are found in texts by whole words, whatever their case, also in the plural."""

    def __init__(self, version: str, entries: Iterable[Entry], terms: Iterable[str] = ()) -> None:
        """`terms` are known to be technical, and without an entry."""
        self.version = version
        self.entries = tuple(entries)
        self._by_term = {entry.term: entry for entry in self.entries}
        self._terms = _Terms([*self._by_term, *terms])

    @classmethod
    def read(cls, language: str, own: Path | None) -> "Glossary":
        """The packaged glossary of a language, with a book's own entries in place of some. A language without one
        has terms, and no entries.

        Both are lines of a term, a tab, how it is written or "=", and possibly a tab and a note, after a first line
        "# version: 1". Raises BadGlossary.
        """
        packaged = importlib.resources.files("services").joinpath("glossaries")
        version, known = _read(packaged.joinpath(TERMS))
        name, entries = f"{written(language)}.tsv", list[Entry]()
        if any(file.name == name for file in packaged.iterdir()):
            version, entries = _read(packaged.joinpath(name))
        if own:
            own_version, own_entries = _read(own)
            replaced = {_words(entry.term) for entry in own_entries}
            entries = [*own_entries, *(entry for entry in entries if _words(entry.term) not in replaced)]
            version = f"{version}+{own_version}"
        return cls(version, entries, (entry.term for entry in known))

    def terms_in(self, text: str) -> tuple[Entry, ...]:
        """The entries whose terms a text uses, in the order of their first use: of "Kalman filter", not "filter"."""
        found = dict.fromkeys(self._terms.found(text))
        return tuple(self._by_term[term] for term in found if term in self._by_term)

    def first_uses(self, texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """For each of the texts the terms that none before it uses: technical ones, acronyms, and words in **bold**."""
        seen: set[str] = set()
        uses: list[tuple[str, ...]] = []
        for text in texts:
            new: list[str] = []
            for term in self._used(text):
                if self._terms.folded(term) not in seen:
                    new.append(term)
                    seen.update(map(self._terms.folded, [term, *acronyms(term)]))  # ROS is not new after ROS 2
            uses.append(tuple(new))
        return tuple(uses)

    def _used(self, text: str) -> Iterator[str]:
        yield from self._terms.found(text)
        yield from acronyms(text)
        for bold in _BOLD.findall(text):
            if len(bold.split()) <= _LONGEST_BOLD and telling(bold):
                yield bold


class Glossaries:
    """The glossary of each language, read once."""

    def __init__(self, own: Path | None) -> None:
        """`own` is a folder with a book's own glossaries: ur.tsv and the like."""
        self._own = own
        self._read: dict[str, Glossary] = {}

    @classmethod
    def read(cls, languages: Iterable[str], own: Path | None) -> "Glossaries":
        """Those of these languages are read now, so that a bad one is known at the start. Raises BadGlossary."""
        glossaries = cls(own)
        for language in languages:
            glossaries.of(language)
        return glossaries

    def of(self, language: str) -> Glossary:
        """The glossary of a language, which may have no entries."""
        if language not in self._read:
            own = self._own / f"{written(language)}.tsv" if self._own else None
            self._read[language] = Glossary.read(language, own if own and own.is_file() else None)
        return self._read[language]


class _Terms:
    """Terms by their words, so that a text is gone through once however many there are."""

    def __init__(self, terms: Iterable[str]) -> None:
        self._by_words: dict[tuple[str, ...], str] = {}
        for term in terms:
            for words in _spellings(_words(term)):
                self._by_words.setdefault(words, term)
        self._lengths: dict[str, list[int]] = {}  # of the terms that begin with a word, the longest first
        for words in self._by_words:
            self._lengths.setdefault(words[0], []).append(len(words))
        for lengths in self._lengths.values():
            lengths.sort(reverse=True)

    def found(self, text: str) -> Iterator[str]:
        """The terms in a text, in their order; none overlap."""
        words, place = _words(text), 0
        while place < len(words):
            lengths = self._lengths.get(words[place], ())
            length = next((one for one in lengths if words[place : place + one] in self._by_words), 0)
            if length:
                yield self._by_words[words[place : place + length]]
            place += length or 1

    def folded(self, term: str) -> str:
        """The same for all spellings of a term."""
        words = _words(term)
        return self._by_words.get(words, " ".join(words).removesuffix("s")).casefold()


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(untagged(text).casefold()))


def _spellings(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A term in singular and plural: sensors, batteries, degrees of freedom."""
    head = words.index("of") - 1 if "of" in words[1:] else len(words) - 1
    before, word, after = words[:head], words[head], words[head + 1 :]
    endings = ["", "s", "es"] if word[-1].isalpha() else [""]
    yield from ((*before, word + ending, *after) for ending in endings)
    if word.endswith("y"):
        yield (*before, f"{word[:-1]}ies", *after)


def _read(file: Traversable | Path) -> tuple[str, list[Entry]]:
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as failure:
        raise BadGlossary(f"The glossary {file} cannot be read as UTF-8 text: {failure}") from failure
    version = _VERSION.fullmatch(lines[0].strip()) if lines else None
    if not version:
        raise BadGlossary(f'{file}, line 1: "# version: 1" is expected there; raise it with each change that matters.')
    entries: dict[tuple[str, ...], Entry] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line.strip() and not line.startswith("#"):
            entry = _entry(line, f"{file}, line {number}")
            if _words(entry.term) in entries:
                raise BadGlossary(f'{file}, line {number}: "{entry.term}" stands there a second time; keep one.')
            entries[_words(entry.term)] = entry
    return version[1], list(entries.values())


def _entry(line: str, place: str) -> Entry:
    term, *others = (column.strip() for column in line.split("\t"))
    if len(others) not in (1, 2) or not others[0]:
        raise BadGlossary(
            f'{place}: expected are a term, a tab, how it is written or "=", and possibly a tab and a note.'
        )
    if len("".join(_words(term))) < 2:
        raise BadGlossary(f'{place}: "{term}" is too short to be found by; a term has two characters or more.')
    spelling, note = [*others, ""][:2]
    return Entry(term, None if spelling == LATIN else spelling, note)
