"""Which words of a question point at what was said before it, in the three ways in which readers write; and what is
searched where no model says what they mean."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from db.postgres import Database, pool
from services.breaker import Breaker
from services.claude import open_claude
from services.ledger import Account, Budget, Feature, open_ledger
from services.models import Prices
from services.providers import Provider, Providers
from services.purse import Purse
from services.understanding import Turn, Understanding, Understood, leans_on
from tests.claude import Say, ScriptedClaude, Status

BEFORE = [Turn("What is a lens?", "Glass.")]
RULES = "Reword into {language}."


@pytest.fixture(scope="module")
async def providers(shared_claude: ScriptedClaude) -> AsyncIterator[Providers]:
    async with open_claude(name="Claude", api_key="key", base_url=shared_claude.url, prices=Prices()) as claude:
        yield Providers([Provider(claude, ("claude-haiku-5-5",), Breaker())])


@pytest.fixture(scope="module")
async def database(fresh_url: str) -> AsyncIterator[Database]:
    async with pool(fresh_url) as opened:
        yield Database(opened)


async def understood(
    providers: Providers | None, database: Database, question: str, *, day: int = 1_000_000, leaning: bool = True
) -> Understood:
    async with open_ledger(database, Prices(), Budget(Decimal(day), Decimal(1), Decimal(1), Decimal(1))) as ledger:
        purse = Purse(ledger, Account(Feature.QUESTIONS, "asker"))
        understanding = Understanding(providers, RULES, one_language=True)
        return await understanding.understand(question, BEFORE, "en", purse=purse, leaning=leaning)


async def test_without_a_model_the_question_is_searched_as_it_was_put(database: Database) -> None:
    assert await understood(None, database, "And why?") == Understood("And why?")


async def test_where_the_model_fails_it_is_searched_as_it_was_put(
    providers: Providers, database: Database, claude: ScriptedClaude
) -> None:
    claude.script(Status(500))
    assert await understood(providers, database, "And why?") == Understood("And why?", leaned=True, failed=True)


async def test_where_the_model_says_nothing_it_is_searched_as_it_was_put(
    providers: Providers, database: Database, claude: ScriptedClaude
) -> None:
    claude.script(Say(" \n"))
    assert await understood(providers, database, "And why?") == Understood("And why?", leaned=True, failed=True)


async def test_where_the_budget_has_no_room_it_is_searched_as_it_was_put(
    providers: Providers, database: Database, claude: ScriptedClaude
) -> None:
    found = await understood(providers, database, "And why?", day=1)
    assert (found, claude.calls) == (Understood("And why?", leaned=True, unaffordable=True), [])


async def test_a_question_that_stands_alone_costs_nothing(
    providers: Providers, database: Database, claude: ScriptedClaude
) -> None:
    question = "How heavy is the lens of a lighthouse?"
    assert await understood(providers, database, question, leaning=False) == Understood(question)
    assert claude.calls == []


async def test_a_question_that_leans_is_searched_as_the_model_words_it(
    providers: Providers, database: Database, claude: ScriptedClaude
) -> None:
    claude.script(Say("Why is a lens\n made of glass?"))
    assert await understood(providers, database, "And why?") == Understood("Why is a lens made of glass?", leaned=True)


def test_without_a_conversation_nothing_is_leaned_on() -> None:
    assert not leans_on("And why is that?", [])


@pytest.mark.parametrize(
    "question",
    [
        "What is the oil burnt in the lamp of a lighthouse?",
        "Which is better for people who are beginners?",
        "فریسنل لینس ایک چکر کتنی دیر میں لگاتا ہے؟",
        "lighthouse ka lens kitni dair main ghoomta hai?",
    ],
)
def test_a_question_whose_words_say_what_they_mean_stands_alone(question: str) -> None:
    assert not leans_on(question, BEFORE)


@pytest.mark.parametrize(
    "question",
    [
        "Can you explain?",
        "And how is the lens of a lighthouse made?",
        "Which of both turns faster in the night?",
        "What is the weight of the next lens?",
        "دوسرے والے کا وزن کتنا ہے؟",
        "اُس کا وزن کتنا ہوتا ہے بھلا؟",
        "پچھلے باب میں لینس کے بارے میں کیا لکھا ہے؟",
        "Uske kitne parts hote hain bhala?",
        "iske fayde bata dein please",
        "un mein se sab se bara konsa hai?",
        "doosre wale ka wazan kitna hota hai?",
    ],
)
def test_few_words_and_words_that_point_back_lean_on_the_conversation(question: str) -> None:
    assert leans_on(question, BEFORE)
