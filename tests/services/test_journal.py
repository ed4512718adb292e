"""What is stored of an answer is the truth when its process is gone."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

import tests.answers
from db.answers import Sign
from db.postgres import Database, pool
from services.answer import AnswerDelta, AnswerEvent, AnswerFinished, AnswerSource, AnswerStatus, Degradation
from services.answer_log import Leave
from services.draft import Draft
from services.journal import Journal, Stored
from tests.answers import ID, begin


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


def new_draft() -> Draft:
    draft = tests.answers.new_draft()
    draft.begin()
    return draft


@asynccontextmanager
async def storing(journal: Journal) -> AsyncIterator[Journal]:
    """A journal that stores in the background, and ends nothing."""
    task = asyncio.create_task(journal.keep_storing(lambda id, ending: None))
    yield journal
    task.cancel()
    await asyncio.wait([task])


async def replayed(journal: Journal, after: int = -1) -> list[AnswerEvent]:
    return [event async for event in journal.replay(ID, after, Leave())]


async def stop_giving_signs_of_life(database: Database) -> None:
    await database.execute("UPDATE answers SET seen_at = seen_at - interval '1 minute'")


async def test_an_answer_that_was_never_begun_is_not_found(database: Database) -> None:
    assert await Journal(database).find(ID) is None
    assert await replayed(Journal(database)) == []


async def test_what_a_dead_process_stored_ends_interrupted(database: Database) -> None:
    draft = new_draft()
    async with storing(Journal(database)) as dying:
        await begin(dying, database, draft)
        draft.say("Forty ")
        await asyncio.sleep(0.7)
        draft.say("metres, never stored.")
    await stop_giving_signs_of_life(database)
    told = await replayed(Journal(database))
    assert [type(event).__name__ for event in told] == ["AnswerStarted", "AnswerDelta", "AnswerFinished"]
    assert isinstance(told[-1], AnswerFinished)
    assert (told[-1].answer.status, told[-1].answer.text) == (AnswerStatus.INTERRUPTED, "Forty ")
    assert await Journal(database).find(ID) == Stored(told[-1].answer, None)


async def test_two_who_find_a_dead_answer_end_it_once(database: Database) -> None:
    draft = new_draft()
    await begin(Journal(database), database, draft)
    await stop_giving_signs_of_life(database)
    first, second = await asyncio.gather(replayed(Journal(database)), replayed(Journal(database)))
    assert first == second
    assert len(await database.fetch("SELECT FROM answer_events")) == 1


async def test_an_owner_that_was_given_up_accepts_the_verdict(database: Database) -> None:
    draft, slow = new_draft(), Journal(database)
    await begin(slow, database, draft)
    await stop_giving_signs_of_life(database)
    await replayed(Journal(database))
    kept = await slow.finish(draft.finished(AnswerStatus.COMPLETE), give_back=False)
    assert kept.status == AnswerStatus.INTERRUPTED


async def test_an_owner_learns_that_it_was_given_up_or_is_to_stop(database: Database) -> None:
    draft, owner = new_draft(), Journal(database)
    await begin(owner, database, draft)
    asking = asyncio.create_task(Journal(database).ask_to_stop(ID))
    await asyncio.sleep(0.1)
    assert await owner.store() == {ID: Sign(stop_asked=True, followed=False)}
    await owner.finish(draft.finished(AnswerStatus.STOPPED), give_back=False)
    stopped = await asking
    assert stopped
    assert stopped.status == AnswerStatus.STOPPED


async def test_an_owner_learns_that_it_was_believed_dead(database: Database) -> None:
    draft, owner = new_draft(), Journal(database)
    await begin(owner, database, draft)
    await stop_giving_signs_of_life(database)
    await replayed(Journal(database))
    assert await owner.store() == {ID: None}


async def test_a_store_whose_acknowledgement_was_lost_loses_nothing(database: Database) -> None:
    draft, owner = new_draft(), Journal(database)
    await begin(owner, database, draft)
    draft.say("Forty ")
    await owner.store()
    owner._stored[ID] = 0  # as if the answer to that had not arrived
    draft.say("metres ")
    await owner.store()
    draft.say("high.")
    await owner.finish(draft.finished(AnswerStatus.COMPLETE), give_back=False)
    assert [event.seq for event in await replayed(owner)] == list(range(5))


async def test_an_end_that_could_not_be_stored_is_stored_later(database: Database) -> None:
    draft, owner = new_draft(), Journal(database)
    await begin(owner, database, draft)
    draft.say("Forty metres.")
    await database.execute("ALTER TABLE answers RENAME TO away")
    finished = draft.finished(AnswerStatus.COMPLETE)
    assert await owner.finish(finished, give_back=False) == finished.answer
    draft.log.append(finished)
    await database.execute("ALTER TABLE away RENAME TO answers")
    await owner.store_late()
    assert await owner.find(ID) == Stored(finished.answer, None)


async def test_another_process_follows_an_answer_as_it_is_stored(database: Database) -> None:
    draft = new_draft()
    async with storing(Journal(database)) as owner:
        await begin(owner, database, draft)
        following = asyncio.create_task(replayed(Journal(database)))
        for word in ("Forty ", "metres ", "high."):
            draft.say(word)
            await asyncio.sleep(0.3)
        await owner.finish(draft.finished(AnswerStatus.COMPLETE), give_back=False)
        told = await following
    assert "".join(event.text for event in told if isinstance(event, AnswerDelta)) == "Forty metres high."
    assert [event.seq for event in told] == list(range(5))


async def test_events_stored_while_the_answer_ends_are_stored_once(database: Database) -> None:
    draft, journal = new_draft(), Journal(database)
    await begin(journal, database, draft)
    draft.say("Forty metres.")
    await asyncio.gather(journal.store(), journal.finish(draft.finished(AnswerStatus.COMPLETE), give_back=False))
    assert [event.seq for event in await replayed(journal)] == [0, 1, 2]


async def test_a_replay_goes_on_after_any_event(database: Database) -> None:
    draft, journal = new_draft(), Journal(database)
    await begin(journal, database, draft)
    draft.say("Forty ")
    await journal.store()
    draft.say("metres.")
    await journal.finish(draft.finished(AnswerStatus.COMPLETE), give_back=False)
    whole = await replayed(journal)
    for after in range(-1, 5):
        assert await replayed(journal, after) == whole[after + 1 :]


async def test_an_end_that_cannot_be_stored_holds_up_no_other_answer(database: Database) -> None:
    ended, running, owner = new_draft(), new_draft(), Journal(database)
    running.start = replace(running.start, id=str(uuid.uuid4()), conversation_id=str(uuid.uuid4()))
    for draft in (ended, running):
        await begin(owner, database, draft)
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM answers WHERE id = $1 FOR UPDATE", ID)
        finished = ended.finished(AnswerStatus.COMPLETE)
        owner._late.append((finished, False))
        ended.log.append(finished)
        running.say("Forty metres.")
        storing = asyncio.create_task(owner.store_late())
        await owner.store()
        stored = await Journal(database).find(running.start.id)
        assert stored
        assert stored.answer.text == "Forty metres."
    await storing
    assert not owner.behind


async def test_a_process_that_ends_stores_what_was_late(database: Database) -> None:
    draft, owner = new_draft(), Journal(database)
    await begin(owner, database, draft)
    await database.execute("ALTER TABLE answers RENAME TO away")
    finished = draft.finished(AnswerStatus.COMPLETE)
    await owner.finish(finished, give_back=False)
    ending = asyncio.create_task(owner.store_last())
    await asyncio.sleep(0.3)
    await database.execute("ALTER TABLE away RENAME TO answers")
    await ending
    assert await Journal(database).find(ID) == Stored(finished.answer, None)


async def test_who_follows_from_another_process_survives_a_lost_connection(
    database: Database, database_url: str
) -> None:
    draft, owner = new_draft(), Journal(database)
    async with storing(owner), pool(database_url) as other:
        await begin(owner, database, draft)
        following = asyncio.create_task(replayed(Journal(Database(other))))
        for word in ("Forty ", "metres ", "high."):
            draft.say(word)
            await asyncio.sleep(0.6)
            await database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        finished = draft.finished(AnswerStatus.COMPLETE)
        await owner.finish(finished, give_back=False)
        assert await following == [*draft.log.events, finished]


async def test_a_partial_answer_is_told_with_who_wrote_it_and_why_it_is_plainer(database: Database) -> None:
    draft, owner = new_draft(), Journal(database)
    await begin(owner, database, draft)
    draft.source, draft.model, draft.degraded = AnswerSource.FALLBACK_MODEL, "another", [Degradation.BUDGET]
    draft.say("Forty ")
    await owner.store()
    stored = await Journal(database).find(ID)
    assert stored
    told = (stored.answer.source, stored.answer.model, stored.answer.degraded)
    assert told == (AnswerSource.FALLBACK_MODEL, "another", (Degradation.BUDGET,))
