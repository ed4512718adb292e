"""Follow-ups and other languages: what is searched is not always what was typed."""

import pytest

from settings import Settings
from tests.claude import Cite, End, Say, ScriptedClaude, Status
from tests.client import Data, events, events_with
from tests.serving import Served, serving

WICK = "How often is the wick trimmed?"
TRIM = "Trim the wick every four hours 🔥, because charred cotton smokes."


async def begin(served: Served) -> str:
    id: str = (await events(served.url, WICK))[0]["conversationId"]
    return id


def finished(told: list[Data]) -> Data:
    answer: Data = told[-1]["answer"]
    return answer


# Conversations


@pytest.mark.parametrize("id", ["no-uuid", "00000000-0000-4000-8000-000000000000", ""])
async def test_a_conversation_nobody_began_is_invalid_input(served: Served, id: str) -> None:
    told = await events_with(served.url, question=WICK, conversationId=id)
    assert (told[-1]["__typename"], told[-1]["field"]) == ("InvalidInput", "conversationId")


async def test_a_question_without_a_conversation_begins_one(served: Served) -> None:
    told = await events(served.url, WICK)
    assert told[0]["conversationId"] == finished(told)["conversationId"] != (await begin(served))


async def test_a_follow_up_is_made_self_contained_before_it_is_searched(served: Served, claude: ScriptedClaude) -> None:
    conversation = await begin(served)
    claude.script(Say("Why is the wick trimmed?"), End())
    claude.script(Say("Because it smokes.", (Cite(0, 0, 1),)), End())
    answer = finished(await events_with(served.url, question="And why?", conversationId=conversation))
    assert (answer["question"], answer["searchedFor"]) == ("And why?", "Why is the wick trimmed?")
    assert answer["citations"][0]["quote"] == TRIM
    reworded = claude.calls[-2].body["messages"][0]["content"]
    assert WICK in reworded
    assert TRIM in reworded


async def test_a_question_that_stands_alone_is_not_reworded(served: Served, claude: ScriptedClaude) -> None:
    conversation = await begin(served)
    question = "What is the oil burnt in the lamp of a lighthouse in use?"
    answer = finished(await events_with(served.url, question=question, conversationId=conversation))
    assert answer["searchedFor"] == question
    assert len(claude.calls) == 2


@pytest.mark.parametrize(
    "question",
    [
        "Can you explain with an example please?",
        "Which is better for beginners?",
        "What are the main advantages and disadvantages?",
        "What happens if I skip a turn?",
    ],
)
async def test_a_follow_up_that_finds_nothing_as_it_was_put_is_made_self_contained(
    served: Served, claude: ScriptedClaude, question: str
) -> None:
    conversation = await begin(served)
    claude.script(Say("Why is the wick trimmed?"), End())
    before = claude.billed
    answer = finished(await events_with(served.url, question=question, conversationId=conversation))
    assert (answer["searchedFor"], answer["status"], len(claude.calls)) == ("Why is the wick trimmed?", "COMPLETE", 3)
    assert answer["usage"]["outputTokens"] == claude.billed.output - before.output


@pytest.mark.parametrize(
    "question",
    [
        "And who won that?",
        "Who won the football world cup in 2018?",
        "فٹ بال کا عالمی کپ کس ملک نے جیتا تھا؟",
    ],
)
async def test_an_off_topic_follow_up_is_reworded_once_and_still_declined(
    served: Served, claude: ScriptedClaude, question: str
) -> None:
    conversation = await begin(served)
    claude.script(Say("Who won the football world cup?"), End())
    before = claude.billed
    answer = finished(await events_with(served.url, question=question, conversationId=conversation))
    assert (answer["status"], answer["declineReason"], len(claude.calls)) == ("DECLINED", "NOT_IN_BOOK", 2)
    assert answer["usage"]["outputTokens"] == claude.billed.output - before.output > 0


async def test_where_rewording_what_found_nothing_fails_it_stays_declined_and_says_so(
    served: Served, claude: ScriptedClaude
) -> None:
    conversation = await begin(served)
    claude.script(Status(500))
    question = "Which is better for beginners?"
    answer = finished(await events_with(served.url, question=question, conversationId=conversation))
    assert (answer["declineReason"], answer["degraded"]) == ("NOT_IN_BOOK", ["PROVIDER"])
    assert answer["searchedFor"] == question


async def test_without_a_key_a_follow_up_that_finds_nothing_is_declined(settings: Settings) -> None:
    async with serving(settings) as keyless:
        conversation = await begin(keyless)
        question = "Which is better for beginners?"
        answer = finished(await events_with(keyless.url, question=question, conversationId=conversation))
    assert (answer["declineReason"], answer["degraded"]) == ("NOT_IN_BOOK", [])


async def test_where_rewording_fails_the_question_is_searched_as_it_was_put(
    served: Served, claude: ScriptedClaude
) -> None:
    conversation = await begin(served)
    claude.script(Status(500))
    answer = finished(
        await events_with(served.url, question="How often is it done, the wick?", conversationId=conversation)
    )
    assert (answer["searchedFor"], answer["degraded"]) == ("How often is it done, the wick?", ["PROVIDER"])


async def test_a_rewording_that_was_cut_off_is_charged_all_the_same(served: Served, claude: ScriptedClaude) -> None:
    conversation = await begin(served)
    claude.script(Say("How often is the"), End("max_tokens"))
    claude.script(Say("Every four hours.", (Cite(0, 0, 1),)), End())
    before = claude.billed
    answer = finished(
        await events_with(served.url, question="How often is it done, the wick?", conversationId=conversation)
    )
    assert answer["usage"]["outputTokens"] == claude.billed.output - before.output


# Languages


async def test_a_question_in_urdu_is_searched_in_the_books_language(served: Served, claude: ScriptedClaude) -> None:
    claude.script(Say(WICK), End())
    claude.script(Say("ہر چار گھنٹے بعد۔", (Cite(0, 0, 1),)), End())
    answer = finished(await events(served.url, "بتی کتنی بار تراشی جاتی ہے؟"))
    assert (answer["searchedFor"], answer["degraded"]) == (WICK, [])
    assert (answer["text"], answer["citations"][0]["quote"]) == ("ہر چار گھنٹے بعد۔", TRIM)
    assert "English" in claude.calls[-2].body["system"]
    question = claude.calls[-1].body["messages"][0]["content"][-1]["text"]
    assert question == f"بتی کتنی بار تراشی جاتی ہے؟\n\n(In other words: {WICK})"


async def test_a_question_in_roman_urdu_is_searched_in_the_books_language(
    served: Served, claude: ScriptedClaude
) -> None:
    claude.script(Say(WICK), End())
    answer = finished(await events(served.url, "wick ko kitni baar trim karna chahiye aur kyun?"))
    assert (answer["searchedFor"], answer["degraded"]) == (WICK, [])


async def test_a_question_that_may_be_in_another_language_is_put_into_the_books(
    served: Served, claude: ScriptedClaude
) -> None:
    claude.script(Say(WICK), End())
    assert finished(await events(served.url, "Wie oft ist der Docht zu schneiden?"))["searchedFor"] == WICK


async def test_without_a_key_a_foreign_question_is_searched_by_its_words_and_says_so(
    settings: Settings,
) -> None:
    async with serving(settings) as keyless:
        answer = finished(await events(keyless.url, "دھند میں ہارن کب بجتا ہے؟"))
    assert answer["degraded"] == ["LANGUAGE"]
    assert answer["searchedFor"] == "دھند میں ہارن کب بجتا ہے؟"
    assert "دھند میں ہارن" in answer["citations"][0]["quote"]


async def test_unreviewed_pages_are_flagged(served: Served) -> None:
    answer = finished(await events(served.url, "When does the fog horn sound?"))
    assert (answer["citations"][0]["chapterId"], answer["citations"][0]["reviewed"]) == ("fog", False)
