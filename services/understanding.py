"""What a question means by itself: made self-contained in a conversation, and put into the book's language."""

import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import structlog

from services.claude import Claude, ClaudeFailed
from services.languages import detect
from services.models import Usage

LONGEST = 500  # characters of a question to search with
TURNS = 3  # of a conversation that are looked back on
REMEMBERED = 600  # characters of each answer among them
SHORT = 4  # words: a question of no more leans on the one before it
NAMES = {"en": "English", "ur": "Urdu", "ur-Latn": "Roman Urdu"}
# Words that point at what was said before, in English and Urdu; and in Roman Urdu, where "is" and "us" are such words.
POINTING = re.compile(
    r"\b(it|its|this|that|these|those|they|them|their|he|she|him|her|one|ones|former|latter|above|previous|same|such"
    r"|first|second|third|last|other|others|another|else|more|instead|again"
    r")\b"
    r"|^\W*(and|or|but|so|then|why|how so|what about|how about)\b"
    r"|\b(اس|ان|یہ|وہ|اسے|انہیں|اور|پھر|دوسرا|دوسری|پہلا|پہلی|تیسرا|مزید|کیوں)\b",
    re.IGNORECASE,
)
POINTING_IN_ROMAN = re.compile(
    r"\b(is|us|in|un|inka|unka|iska|uska|isko|usko|iski|uski|ye|yeh|wo|woh|dusra|doosra|pehla|aur|phir|lekin)\b",
    re.IGNORECASE,
)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of a conversation, and what was said to it."""

    question: str
    text: str


@dataclass(frozen=True, slots=True)
class Understood:
    """`searched_for` is what to look for. `foreign` tells that it could not be put into the book's language, `failed`
    that the model was asked for another wording and had none."""

    searched_for: str
    foreign: bool = False
    failed: bool = False
    usage: Usage = field(default_factory=Usage)


class Understanding:
    """Asks the model for another wording only where the question calls for it."""

    def __init__(self, claude: Claude | None, rules: str, *, one_language: bool) -> None:
        """`one_language`: questions in another language than the book's find nothing as they are."""
        self._claude = claude
        self._rules = rules
        self._one_language = one_language

    async def understand(self, question: str, turns: Sequence[Turn], book_language: str) -> Understood:
        """The question as it is to be searched. Without a model, or where that fails, it is searched as it was put."""
        language = detect(question)
        other = self._one_language and language != book_language
        foreign = other and language is not None  # a doubtful one may be in the book's language after all
        if not other and not leans_on(question, turns):
            return Understood(question)
        if not self._claude:
            return Understood(question, foreign)
        rules = self._rules.format(language=NAMES.get(book_language, book_language))
        try:
            said, usage = await self._claude.reword(rules, material(question, turns))
        except ClaudeFailed as failure:
            log.warning("a question was searched as it was put", reason=str(failure))
            return Understood(question, foreign, failed=True, usage=failure.usage)
        reworded = " ".join(said.split())[:LONGEST]
        if not reworded:
            return Understood(question, foreign, failed=True, usage=usage)
        return Understood(reworded, usage=usage)


def leans_on(question: str, turns: Sequence[Turn]) -> bool:
    """True for a question that may need the conversation to be understood: short, or with words that point back."""
    pattern = POINTING_IN_ROMAN if detect(question) == "ur-Latn" else POINTING
    return bool(turns) and (len(question.split()) <= SHORT or pattern.search(question) is not None)


def material(question: str, turns: Sequence[Turn]) -> str:
    """Conversation and question as data."""
    before = [{"question": turn.question, "answer": turn.text[:REMEMBERED]} for turn in turns[-TURNS:]]
    return orjson.dumps({"conversation": before, "question": question}).decode()


def read_reword_rules() -> str:
    """The rules of rewording, with a place for the book's language."""
    return importlib.resources.files("services").joinpath("prompts/rewrite.md").read_text("utf-8")
