"""Questions about what a reader selected: it leads the passages, and the model is told which words it was."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.claude import ScriptedClaude, search_results
from tests.client import Data, ask, events_with
from tests.conftest import MakeSettings
from tests.serving import Served, serving

WIPE = "Wipe the prisms with chamois leather."


async def asked(served: Served, text: str, question: str = "What is this?", chapter: str = "lamp") -> Data:
    told = await events_with(served.url, question=question, selection={"chapterId": chapter, "text": text})
    answer: Data = told[-1]["answer"]
    return answer


def told_about(claude: ScriptedClaude) -> str:
    text: str = claude.calls[-1].body["messages"][0]["content"][-1]["text"]
    return text


def sent_first(claude: ScriptedClaude) -> list[str]:
    return [block["text"] for block in search_results(claude.calls[-1].body)[0]["content"]]


@pytest.fixture(scope="module")
async def keyless(new_settings: MakeSettings, fresh_url: str) -> AsyncIterator[Served]:
    """The handbook of lighthouses without a model."""
    async with serving(new_settings(database_url=fresh_url)) as served:
        yield served


# Refusals


@pytest.mark.parametrize(
    ("chapter", "text", "outcome"),
    [
        ("attic", "Trim the wick", "ChapterNotFound"),
        ("lamp", "Trim the hedge", "SelectionNotFound"),
        ("fog", "Trim the wick", "SelectionNotFound"),
        ("lamp", "", "InvalidInput"),
        ("lamp", "x" * 4001, "InvalidInput"),
        ("lamp", "a\0b", "InvalidInput"),
    ],
)
async def test_a_selection_that_is_not_in_the_chapter_is_refused(
    served: Served, claude: ScriptedClaude, chapter: str, text: str, outcome: str
) -> None:
    (event,) = await events_with(served.url, question="What is this?", selection={"chapterId": chapter, "text": text})
    assert event["__typename"] == outcome
    assert claude.calls == []


# What the model is sent


@pytest.mark.parametrize("text", ["charred cotton smokes", "Cut it straight, with the curved scissors."])
async def test_a_selection_leads_the_context_as_it_stands_in_the_source(
    served: Served, claude: ScriptedClaude, text: str
) -> None:
    answer = await asked(served, text)
    content = (await ask(served.url, 'query { chapter(id: "lamp") { content } }'))["chapter"]["content"]
    assert all(unit in content for unit in sent_first(claude))
    assert any("cotton" in unit or "scissors" in unit for unit in sent_first(claude))
    assert len(search_results(claude.calls[-1].body)) > 1
    assert answer["status"] == "COMPLETE"


async def test_a_word_that_a_heading_has_too_is_found_in_the_text(served: Served, claude: ScriptedClaude) -> None:
    await asked(served, "lamp")
    assert sent_first(claude) == ["The lamp burns colza oil at a rate of 170 grams an hour."]


async def test_a_heading_means_what_stands_beneath_it(served: Served, claude: ScriptedClaude) -> None:
    await asked(served, "The lens")
    assert sent_first(claude)[0] == "The Fresnel lens turns once in 30 seconds on a bath of mercury."


async def test_a_selection_over_two_sections_leads_with_both(served: Served, claude: ScriptedClaude) -> None:
    await asked(served, "170 grams an hour.\n\nTrimming the wick\n\nTrim the wick every four")
    titles = [result["title"] for result in search_results(claude.calls[-1].body)[:2]]
    assert titles == ["The lamp", "The lamp › Trimming the wick"]
    assert "in the first 2 search results: " in told_about(claude)


async def test_the_model_is_told_which_words_were_selected(served: Served, claude: ScriptedClaude) -> None:
    await asked(served, "5800 kg")
    assert sent_first(claude) == ["| First | 2.59 m | 5800 kg |"]
    assert told_about(claude) == 'What is this?\n\n(The reader selected, in the first search result: "5800 kg")'


async def test_a_selection_of_several_lines_stays_one_string(served: Served, claude: ScriptedClaude) -> None:
    text = "The lamp\n\nThe lamp burns colza oil"
    await asked(served, text)
    assert told_about(claude).endswith(f"search result: {json.dumps(text)})")


async def test_without_a_selection_nothing_is_said_of_one(served: Served, claude: ScriptedClaude) -> None:
    await events_with(served.url, question="How often is the wick trimmed?")
    assert told_about(claude) == "How often is the wick trimmed?"


async def test_a_selection_in_urdu_of_the_greatest_length_is_sent_whole(
    new_settings: MakeSettings, database_url: str, tmp_path: Path, claude: ScriptedClaude
) -> None:
    sentences = [f"روبوٹ ایک مشین ہے جو اپنے اردگرد کو سمجھ کر کام نمبر {number} کرتی ہے۔" for number in range(65)]
    text = " ".join(sentences)[:4000]
    (tmp_path / "urdu.md").write_text(f"# روبوٹ\n\n{' '.join(sentences)}\n", "utf-8")
    given = {"book_path": tmp_path, "anthropic_api_key": "key", "anthropic_base_url": claude.url}
    async with serving(new_settings(database_url=database_url, **given)) as urdu:
        await asked(urdu, text, chapter="urdu")
    assert " ".join(sent_first(claude)).startswith(text)


# Without a model


async def test_without_a_model_a_question_that_the_book_does_not_answer_gets_the_selection_alone(
    keyless: Served,
) -> None:
    answer = await asked(keyless, "Wipe the prisms", "Who won the football world cup in 1998?")
    assert (answer["status"], answer["source"]) == ("COMPLETE", "PASSAGES")
    assert [citation["quote"] for citation in answer["citations"]] == [WIPE]


async def test_without_a_model_a_question_that_the_book_answers_gets_other_passages_too(keyless: Served) -> None:
    answer = await asked(keyless, "Wipe the prisms", "How often is the wick trimmed?")
    first, *others = [citation["quote"] for citation in answer["citations"]]
    assert first == WIPE
    assert any("every four hours" in quote for quote in others)
