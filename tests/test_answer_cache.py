"""The same question about unchanged sections is answered at once, for nothing, and says so."""

import shutil
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.answer_cache import AnswerCache, Kept
from services.book import Edition
from services.understanding import read_reword_rules
from services.writer import read_rules
from tests.claude import Cite, End, Say, ScriptedClaude
from tests.client import Data, ask, events, events_with
from tests.cohere import KEY, ScriptedCohere, Stall
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.serving import Served, serving

WICK = "How often is the wick trimmed?"


@dataclass(frozen=True, slots=True)
class Edited:
    """A server whose book can be edited."""

    served: Served
    book: Path

    async def edit(self, old: str, new: str) -> None:
        """Change the chapter about the lamp, and ingest."""
        lamp = self.book / "lamp.md"
        content = lamp.read_text("utf-8")
        assert old in content
        lamp.write_text(content.replace(old, new), "utf-8")
        await self.served.house.stores.ingestion.ingest(self.book, lambda *_: None)
        self.served.house.library.look_again()

    async def ask(self, question: str = WICK, conversation: str | None = None) -> Data:
        """The finished answer."""
        told = await events_with(self.served.url, question=question, conversationId=conversation)
        answer: Data = told[-1]["answer"]
        return answer


def find(served: Served, written_by: str, edition: Edition) -> Awaitable[Kept | None]:
    """What is kept of an answer to `WICK` by such a writer."""
    return AnswerCache(served.house.stores.database, written_by, 30).find(edition, WICK)


@pytest.fixture
async def edited(
    new_settings: MakeSettings, database_url: str, claude: ScriptedClaude, tmp_path: Path
) -> AsyncIterator[Edited]:
    book = Path(shutil.copytree(LIGHTHOUSE, tmp_path / "book"))
    settings = new_settings(
        database_url=database_url, book_path=book, anthropic_api_key="key", anthropic_base_url=claude.url
    )
    async with serving(settings) as served:
        yield Edited(served, book)


async def test_what_was_declined_or_taken_back_is_not_given_again(edited: Edited, claude: ScriptedClaude) -> None:
    for _ in range(2):
        claude.script(Say("Every nine hours."), End())
        assert (await edited.ask())["declineReason"] == "UNVERIFIED"
    assert len(claude.calls) == 2


async def test_an_answer_about_a_selection_is_not_given_to_others(edited: Edited, claude: ScriptedClaude) -> None:
    for _ in range(2):
        selection = {"chapterId": "lamp", "text": "charred cotton"}
        await events_with(edited.served.url, question=WICK, selection=selection)
    assert len(claude.calls) == 2


async def test_an_edited_section_drops_what_cites_it(edited: Edited, claude: ScriptedClaude) -> None:
    await edited.ask()
    await edited.edit("every four hours", "every five hours")
    answer = await edited.ask()
    assert (answer["source"], len(claude.calls)) == ("MODEL", 2)
    assert "every five hours" in answer["citations"][0]["quote"]


async def test_an_answer_is_kept_for_so_many_days_and_swept_when_the_next_is(
    edited: Edited, claude: ScriptedClaude
) -> None:
    database = edited.served.house.stores.database
    await edited.ask()
    await database.execute("UPDATE answer_cache SET stored_at = now() - interval '30 days'")
    await edited.ask()
    await database.execute("UPDATE answer_cache SET stored_at = now() - interval '30 days'")
    await edited.ask("How often is the wick of the lamp trimmed?")
    assert (len(claude.calls), await database.fetchval("SELECT count(*) FROM answer_cache")) == (3, 1)


async def test_another_model_or_other_rules_write_their_own(edited: Edited) -> None:
    await edited.ask()
    model, rules = edited.served.settings.claude_model, f"{read_rules()} {read_reword_rules()}"
    edition = await edited.served.house.services.reading.book()
    assert await find(edited.served, f"{model} {rules}", edition)
    for other in (f"another-{model} {rules}", f"{model} {rules}\nRhyme.", model):
        assert await find(edited.served, other, edition) is None


async def test_an_answer_stored_in_an_older_form_is_written_anew(edited: Edited, claude: ScriptedClaude) -> None:
    await edited.ask()
    await edited.served.house.stores.database.execute("UPDATE answer_cache SET answer = answer - 'searched_for'")
    assert ((await edited.ask())["source"], len(claude.calls)) == ("MODEL", 2)


async def test_what_leaned_on_its_conversation_is_not_told_without_one(edited: Edited, claude: ScriptedClaude) -> None:
    question = "Which is better for beginners?"
    conversation = (await edited.ask())["conversationId"]
    claude.script(Say("Is the spare wick better for beginners?"), End())
    assert (await edited.ask(question, conversation))["source"] == "MODEL"
    assert (await edited.ask(question))["declineReason"] == "NOT_IN_BOOK"
    claude.script(Say("Who won the football world cup?"), End())
    assert (await edited.ask(question, conversation))["declineReason"] == "NOT_IN_BOOK"


async def test_nothing_is_kept_that_tells_who_asked_or_when(edited: Edited) -> None:
    first = await edited.ask()
    kept = await edited.served.house.stores.database.fetchval("SELECT answer::text FROM answer_cache")
    assert first["text"].splitlines()[0] in kept
    assert not [name for name in ("id", "conversationId", "createdAt", "question") if first[name] in kept]


async def test_the_same_question_is_answered_from_the_cache(edited: Edited, claude: ScriptedClaude) -> None:
    first, again = await edited.ask(), await edited.ask("how often  is the WICK trimmed?")
    assert (first["source"], again["source"], len(claude.calls)) == ("MODEL", "CACHE", 1)
    assert (again["text"], again["citations"], again["passages"]) == (
        first["text"],
        first["citations"],
        first["passages"],
    )
    assert again["usage"] == {"inputTokens": 0, "outputTokens": 0, "costUsd": 0}
    assert again["id"] != first["id"]
    assert again["conversationId"] != first["conversationId"]


async def test_a_question_in_urdu_is_found_without_rewording_it_again(edited: Edited, claude: ScriptedClaude) -> None:
    question = "بتی کتنی بار تراشی جاتی ہے؟"
    claude.script(Say(WICK), End())
    first, again = await edited.ask(question), await edited.ask(question)
    assert (first["source"], again["source"], len(claude.calls)) == ("MODEL", "CACHE", 2)
    assert (again["searchedFor"], again["usage"]["costUsd"]) == (WICK, 0)


async def test_a_follow_up_that_means_the_same_is_found_once_it_is_reworded(
    edited: Edited, claude: ScriptedClaude
) -> None:
    conversation = (await edited.ask())["conversationId"]
    for source, calls in (("MODEL", 3), ("CACHE", 4)):
        claude.script(Say("Why is the wick trimmed?"), End())
        answer = await edited.ask("And why is that?", conversation)
        assert (answer["source"], len(claude.calls)) == (source, calls)
    assert answer["usage"]["outputTokens"] > 0  # of the rewording


async def test_a_follow_up_that_stands_alone_is_found_as_any_question(edited: Edited, claude: ScriptedClaude) -> None:
    conversation = (await edited.ask())["conversationId"]
    assert ((await edited.ask(WICK, conversation))["source"], len(claude.calls)) == ("CACHE", 1)


async def test_what_is_found_is_not_searched_for(
    new_settings: MakeSettings, database_url: str, claude: ScriptedClaude
) -> None:
    async with ScriptedCohere() as cohere:
        given = {"cohere_api_key": KEY, "cohere_base_url": cohere.url}
        given |= {"anthropic_api_key": "key", "anthropic_base_url": claude.url}
        async with serving(new_settings(database_url=database_url, **given)) as served:
            await events(served.url, WICK)
            calls = len(cohere.calls)
            cohere.script(Stall())
            assert (await events(served.url, WICK))[-1]["answer"]["source"] == "CACHE"
        assert len(cohere.calls) == calls


async def test_an_edit_elsewhere_keeps_it_and_its_quotations_move_along(edited: Edited, claude: ScriptedClaude) -> None:
    claude.script(Say("Every four hours.", (Cite(0, 0, 1),)), End())
    first = await edited.ask()
    await edited.edit("The lamp burns colza oil", "The lamp 🔥 of this very tall lighthouse burns colza oil")
    again = await edited.ask()
    assert (again["source"], len(claude.calls)) == ("CACHE", 1)
    assert 0 < len(again["passages"]) < len(first["passages"])  # the edited one says something else now
    (before,), (after,) = first["citations"], again["citations"]
    assert after["start"] > before["start"]
    content = (await ask(edited.served.url, 'query { chapter(id: "lamp") { content } }'))["chapter"]["content"]
    assert content.encode("utf-16-le")[2 * after["start"] : 2 * after["end"]].decode("utf-16-le") == after["quote"]


async def test_a_cached_answer_streams_as_any_other(edited: Edited) -> None:
    await edited.ask()
    told = await events(edited.served.url, WICK)
    assert [told[0]["__typename"], told[-1]["__typename"]] == ["AnswerStarted", "AnswerFinished"]
    deltas = "".join(event["text"] for event in told if event["__typename"] == "AnswerDelta")
    assert deltas == told[-1]["answer"]["text"]
    assert [event["seq"] for event in told] == list(range(len(told)))
