"""What is stored of an answer is the truth when its process is gone."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from db.postgres import Database, pool
from services.answer import Answer, AnswerDelta, AnswerEvent, AnswerFinished, AnswerStatus
from services.draft import Draft
from services.journal import Journal, open_journal
from services.models import Usage

ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


def new_draft() -> Draft:
    draft = Draft(
        Answer(
            id=ID,
            question="How high?",
            text="",
            status=AnswerStatus.STREAMING,
            decline_reason=None,
            source=None,
            model=None,
            degraded=(),
            citations=(),
            passages=(),
            usage=Usage(),
            response_time=0,
            created_at=datetime.now(UTC),
        )
    )
    draft.begin()
    return draft


async def replayed(journal: Journal, after: int = -1) -> list[AnswerEvent]:
    return [event async for event in journal.replay(ID, after)]


async def stop_giving_signs_of_life(database: Database) -> None:
    await database.execute("UPDATE answers SET seen_at = seen_at - interval '1 minute'")


async def test_an_answer_that_was_never_begun_is_not_found(database: Database) -> None:
    assert await Journal(database).find(ID) is None
    assert await replayed(Journal(database)) == []


async def test_what_a_dead_process_stored_ends_interrupted(database: Database) -> None:
    draft = new_draft()
    async with open_journal(database) as dying:
        await dying.begin(draft.start, draft.log)
        draft.say("Forty ")
        await asyncio.sleep(0.7)
        draft.say("metres, never stored.")
    await stop_giving_signs_of_life(database)
    told = await replayed(Journal(database))
    assert [type(event).__name__ for event in told] == ["AnswerStarted", "AnswerDelta", "AnswerFinished"]
    assert isinstance(told[-1], AnswerFinished)
    assert (told[-1].answer.status, told[-1].answer.text) == (AnswerStatus.INTERRUPTED, "Forty ")
    assert await Journal(database).find(ID) == told[-1].answer


async def test_two_who_find_a_dead_answer_end_it_once(database: Database) -> None:
    draft = new_draft()
    await Journal(database).begin(draft.start, draft.log)
    await stop_giving_signs_of_life(database)
    first, second = await asyncio.gather(replayed(Journal(database)), replayed(Journal(database)))
    assert first == second
    assert len(await database.fetch("SELECT FROM answer_events")) == 1


async def test_an_owner_that_was_given_up_accepts_the_verdict(database: Database) -> None:
    draft, slow = new_draft(), Journal(database)
    await slow.begin(draft.start, draft.log)
    await stop_giving_signs_of_life(database)
    await replayed(Journal(database))
    kept = await slow.finish(draft.finished(AnswerStatus.COMPLETE))
    assert kept.status == AnswerStatus.INTERRUPTED


async def test_another_process_follows_an_answer_as_it_is_stored(database: Database) -> None:
    draft = new_draft()
    async with open_journal(database) as owner:
        await owner.begin(draft.start, draft.log)
        following = asyncio.create_task(replayed(Journal(database)))
        for word in ("Forty ", "metres ", "high."):
            draft.say(word)
            await asyncio.sleep(0.3)
        await owner.finish(draft.finished(AnswerStatus.COMPLETE))
        told = await following
    assert "".join(event.text for event in told if isinstance(event, AnswerDelta)) == "Forty metres high."
    assert [event.seq for event in told] == list(range(5))


async def test_events_stored_while_the_answer_ends_are_stored_once(database: Database) -> None:
    draft, journal = new_draft(), Journal(database)
    await journal.begin(draft.start, draft.log)
    draft.say("Forty metres.")
    await asyncio.gather(journal.store(), journal.finish(draft.finished(AnswerStatus.COMPLETE)))
    assert [event.seq for event in await replayed(journal)] == [0, 1, 2]


async def test_a_replay_goes_on_after_any_event(database: Database) -> None:
    draft, journal = new_draft(), Journal(database)
    await journal.begin(draft.start, draft.log)
    draft.say("Forty ")
    await journal.store()
    draft.say("metres.")
    await journal.finish(draft.finished(AnswerStatus.COMPLETE))
    whole = await replayed(journal)
    for after in range(-1, 5):
        assert await replayed(journal, after) == whole[after + 1 :]
