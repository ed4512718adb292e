"""What a question means by itself: made self-contained in a conversation, and put into the book's language."""

import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson
import structlog

from services.claude import ClaudeFailed
from services.languages import detect, listed
from services.providers import BudgetSpent, Providers
from services.purse import Purse

LONGEST = 500  # characters of a question to search with
TURNS = 3  # of a conversation that are looked back on
REMEMBERED = 600  # characters of each answer among them
SHORT = 4  # words: a question of no more leans on the one before it
NAMES = {"en": "English", "ur": "Urdu", "ur-Latn": "Roman Urdu"}
OPENING = re.compile(r"\W*(and|or|but|so|then|why|how so|what about|how about)\b", re.IGNORECASE)
WORD = re.compile(r"\w+")
VOWELS = re.compile("[\u064b-\u0652\u0670]")  # marks that Urdu may leave out, and that would cut a word
# Words that point at what was said before. What they miss shows when the question finds nothing as it was put.
POINTING = listed(
    """
    above again also another both earlier either else former he her hers him his instead it its itself last latter more
    neither next one ones other others previous rest same she such that their theirs them themselves these they this
    those first second third
    آخری اس اسکا اسکو اسکی اسکے اسی اسے اگلا اگلی اگلے ان انکا انکو انکی انکے انہوں انہی انہیں انھوں انھیں اور ایسا
    ایسی ایسے باقی تیسرا تیسری تیسرے دوسرا دوسری دوسرے دونوں مزید وہ وہی ویسا ویسی ویسے پچھلا پچھلی پچھلے پھر پہلا پہلی
    پہلے کیوں یہ یہی
    """
)
# Roman Urdu has words of its own among them that are English for something else: "is", "us", "in", "un".
POINTING_IN_ROMAN = listed(
    """
    agla agle agli aisa aise aisi aur baaki baqi dono donon doosra doosre doosri dosra dosre dosri dusra dusre dusri fir
    inhe inhein inhen inhi inho inhon isay ise isi issay isse lekin magar mazeed mazid pehla pehle pehli phir pichla
    pichle pichli teesra teesre teesri tisra tisre tisri unhe unhein unhen unhi unho unhon usay usi ussay usse vo voh
    wahi waisa waise waisi wo woh wohi yahi ye yeh yehi
    first it last next other previous second that these third this those
    """
) | {
    f"{pronoun}{ending}"
    for pronoun in ("is", "us", "in", "un")
    for ending in ("", "ka", "kay", "ke", "ki", "ko", "ky", "liye", "me", "mei", "mein", "ne", "par", "pe", "se", "sy")
}
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Turn:
    """A question of a conversation, and what was said to it."""

    question: str
    text: str


@dataclass(frozen=True, slots=True)
class Understood:
    """`searched_for` is what to look for. `leaned` tells that the model was to be asked for another wording with the
    conversation before it, `failed` that it had none, `unaffordable` that the budget had no room for asking, `foreign`
    that the question could not be put into the book's language."""

    searched_for: str
    leaned: bool = False
    foreign: bool = False
    failed: bool = False
    unaffordable: bool = False


class Understanding:
    """Asks the model for another wording only where the question calls for it."""

    def __init__(self, providers: Providers | None, rules: str, *, one_language: bool) -> None:
        """`one_language`: questions in another language than the book's find nothing as they are."""
        self._providers = providers
        self._rules = rules
        self._one_language = one_language

    async def understand(
        self,
        question: str,
        turns: Sequence[Turn],
        book_language: str,
        *,
        purse: Purse | None,
        leaning: bool = False,
    ) -> Understood:
        """The question as it is to be searched; `leaning` tells that it needs the conversation to be understood.

        Without a model or a purse, or where asking fails, it is searched as it was put.
        """
        language = detect(question)
        other = self._one_language and language != book_language
        foreign = other and language is not None  # a doubtful one may be in the book's language after all
        if not self._providers or not purse or not (other or leaning):
            return Understood(question, foreign=foreign)
        as_put = Understood(question, leaned=bool(turns), foreign=foreign)
        rules = self._rules.format(language=NAMES.get(book_language, book_language))
        try:
            said = await self._providers.reword(rules, material(question, turns), purse)
        except BudgetSpent:
            return replace(as_put, unaffordable=True)
        except ClaudeFailed as failure:
            log.warning("a question was searched as it was put", reason=str(failure))
            return replace(as_put, failed=True)
        reworded = " ".join(said.split())[:LONGEST]
        return Understood(reworded, bool(turns)) if reworded else replace(as_put, failed=True)


def leans_on(question: str, turns: Sequence[Turn]) -> bool:
    """True for a question whose words need the conversation to be understood: few, or some that point back."""
    if not turns:
        return False
    if len(question.split()) <= SHORT or OPENING.match(question):
        return True
    pointing = POINTING_IN_ROMAN if detect(question) == "ur-Latn" else POINTING
    return not pointing.isdisjoint(WORD.findall(VOWELS.sub("", question).casefold()))


def material(question: str, turns: Sequence[Turn]) -> str:
    """Conversation and question as data."""
    before = [{"question": turn.question, "answer": turn.text[:REMEMBERED]} for turn in turns[-TURNS:]]
    return orjson.dumps({"conversation": before, "question": question}).decode()


def read_reword_rules() -> str:
    """The rules of rewording, with a place for the book's language."""
    return importlib.resources.files("services").joinpath("prompts/rewrite.md").read_text("utf-8")
