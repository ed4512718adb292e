"""A model that puts the segments of a chapter into another form, word by word, and that may be told to misbehave."""

import random
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.claude.caching import CHARACTERS_PER_TOKEN
from tests.claude.script import Answer, Body, End, Say, Step

SEGMENT = re.compile(r'<t id="(?P<id>\d+)"(?: kind="(?P<kind>\w+)")?[^>]*>(?P<text>.*?)</t>', re.DOTALL)
TAG = re.compile(r"</?g\d+>|<x\d+/>")
MARK = re.compile(rf"({TAG.pattern}|&#?\w+;)")  # what is no word: an escaped sign neither
WORD = re.compile(r"(?<![\w-])--\w[\w-]*|[^\W_](?:[\w.'’]*[^\W_])?")
KEPT = re.compile(r"--.*|.*[\d_.].*|.+[A-Z].*")  # flags, numbers, identifiers, dotted names, acronyms
CLOSING = re.compile(r"[.:!?…]*\Z")
LATIN = "abcdefghijklmnopqrstuvwxyz"
LETTERS = dict(zip(LATIN, "ابچدیفگہیجکلمنوپقرستوووکیز", strict=True))
LEVELS = {
    "BEGINNER": "that is, in plain words, just what it says",
    "INTERMEDIATE": "in practice you try it on something small first",
    "ADVANCED": "research asks what follows from it",
}


@dataclass(frozen=True, slots=True)
class Habits:
    """How often the model misbehaves, from 0 to 1, with each segment by itself: `preface` with each reply.

    `edits_urls` adds a link, `drops_fences` a line that opens a code block; `merges` says the next segment with this
    one; `truncates` ends the reply in the middle of a segment, `broken_json` says one in another notation.
    """

    drops_tags: float = 0
    edits_urls: float = 0
    merges: float = 0
    truncates: float = 0
    english: float = 0
    preface: float = 0
    adds_heading: float = 0
    drops_fences: float = 0
    broken_json: float = 0


WELL = Habits()


def translating(
    habits: Habits = WELL, *, seed: int = 0, urdu: str = "in Urdu", levels: Mapping[str, str] = LEVELS
) -> Answer:
    """Answers each `<t id="…">…</t>` of the material in its new form, and is cut at `max_tokens` like the real ones.

    Where the rules name `urdu`, words in Latin letters become words in Urdu ones; where they name one of the `levels`,
    its words are added. What misbehaves does so again with the same material; asked otherwise, it may behave.
    """

    def answer(body: Body) -> list[Step]:
        rules, material = texts(body.get("system", "")), texts(body["messages"][-1]["content"])
        added = next((words for level, words in levels.items() if level in rules), "")
        model = Model(habits, f"{seed} {material}", translates=urdu in rules, added=added)
        said, whole = "", True
        for piece in model.reply(SEGMENT.finditer(material)):
            said, whole = said + piece, piece.endswith("\n")
        most = body["max_tokens"] * CHARACTERS_PER_TOKEN
        whole = whole and len(said) <= most
        return [Say(tuple(said[:most].splitlines(keepends=True))), End("end_turn" if whole else "max_tokens")]

    return answer


@dataclass(frozen=True, slots=True)
class Model:
    """The model before one request; how it behaves is drawn from the `seed`."""

    habits: Habits
    seed: str
    translates: bool
    added: str

    def reply(self, segments: Iterator[re.Match[str]]) -> Iterator[str]:
        """What it says, line by line; the last one is not ended where it stops too early."""
        if self._does("preface", ""):
            yield "Here is what you asked for:\n"
        for segment in segments:
            id, said = segment["id"], self._said(segment)
            following = next(segments, None) if self._does("merges", id) else None
            if following:
                said = f"{said} {self._said(following)}"
            if self._does("truncates", id):
                yield f'<t id="{id}">{said[: len(said) // 2]}'
                return
            yield f'{{"id": {id}, "text": "{said}\n' if self._does("broken_json", id) else f'<t id="{id}">{said}</t>\n'

    def _said(self, segment: re.Match[str]) -> str:
        id, said = segment["id"], segment["text"]
        if segment["kind"] in (None, "prose"):  # a heading stays as short as it is
            said = longer(said, self.added)
        if self.translates and not self._does("english", id):
            said = "".join(part if MARK.fullmatch(part) else in_urdu(part) for part in MARK.split(said))
        if self._does("drops_tags", id):
            said = TAG.sub("", said)
        if self._does("edits_urls", id):
            said += " [more](https://elsewhere.example/page)"
        if self._does("adds_heading", id):
            said = f"## {said}\n\n{said}"
        return f"{said}\n```\n" if self._does("drops_fences", id) else said

    def _does(self, habit: str, id: str) -> bool:
        rate: float = getattr(self.habits, habit)
        return random.Random(f"{habit} {id} {self.seed}").random() < rate


def in_urdu(text: str) -> str:
    """A text without marks, word by word."""
    return WORD.sub(lambda word: spelt(word[0]), text)


def spelt(word: str) -> str:
    """A word in Urdu letters, unless all languages write it alike."""
    if KEPT.fullmatch(word):
        return word
    plain = unicodedata.normalize("NFKD", word.casefold())
    return "".join(LETTERS.get(letter, letter) for letter in plain if letter.isalpha())


def longer(text: str, words: str) -> str:
    """A text with these words before its closing mark; one without any words says nothing to add to."""
    if not words or not WORD.search(MARK.sub("", text)):
        return text
    end = CLOSING.search(text)
    at = end.start() if end else len(text)
    return f"{text[:at]} ({words}){text[at:]}"


def texts(content: str | list[Body]) -> str:
    """What a message or the rules say."""
    return content if isinstance(content, str) else "\n".join(block["text"] for block in content if "text" in block)
