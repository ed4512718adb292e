"""Privacy: what is kept of a reader is shown to that reader, and gone when the reader goes."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from db.postgres import Database, pool
from services.journal import Journal
from tests.answers import CONVERSATION, begin, let_in, new_draft
from tests.claude import Cite, End, Pause, Say, ScriptedClaude, Stall
from tests.client import ANSWER, ASK, ASK_AND_WAIT, STOP, ask, events, events_with, replayed, socket
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.processes import server
from tests.readers import CHANGE_PASSWORD, DELETE, LOG_IN, PASSWORD, SIGN_UP, Account, log_in, new_email, sign_up
from tests.serving import Served, serving
from tests.variants import URDU, make

WICK = "How often is the wick trimmed, asks Zubaida?"
MY_DATA = "{ myData }"


@pytest.fixture
async def fresh(new_settings: MakeSettings, database_url: str, claude: ScriptedClaude) -> AsyncIterator[Served]:
    """A server with a database of its own, that keeps answers for others."""
    settings = new_settings(database_url=database_url, anthropic_api_key="key", anthropic_base_url=claude.url)
    async with serving(settings) as served:
        yield served


async def everything(database: Database) -> str:
    """All rows of all tables, as text."""
    tables = await database.fetch("SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public'")
    rows = [await database.fetch(f"SELECT {row['name']}::text AS row FROM {row['name']}") for row in tables]
    return "\n".join(row["row"] for table in rows for row in table)


async def tables_below(database: Database, table: str) -> set[str]:
    """The tables whose rows go with those of this one."""
    rows = await database.fetch(
        """
        SELECT conrelid::regclass::text AS name FROM pg_constraint
        WHERE contype = 'f' AND confrelid = $1::text::regclass AND confdeltype = 'c'
        """,
        table,
    )
    return {row["name"] for row in rows}


async def waiting(database: Database) -> None:
    """Wait until a statement waits for a lock."""
    for _ in range(300):
        if await database.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nothing waits for a lock")


async def live(served: Served, claude: ScriptedClaude, email: str) -> Account:
    """A reader with something in every table that readers have rows in."""
    account = await sign_up(served.url, email, name="Zubaida Khatoon")
    claude.script(Say("Every four hours.", (Cite(0, 0, 1),)), End())
    told = await events(served.url, WICK, account.token)
    conversation = told[0]["conversationId"]
    await events_with(served.url, token=account.token, question="And why, asks Zubaida?", conversationId=conversation)
    await ask(served.url, LOG_IN, email=email, password="a wrong password")
    claude.script(Stall())
    making = asyncio.create_task(make(served.url, "lamp", account.token, **URDU))
    await claude.wait_call(len(claude.calls) + 1)
    making.cancel()  # it goes on without the reader
    await asyncio.wait([making])
    return account


async def test_export_is_complete(fresh: Served, claude: ScriptedClaude) -> None:
    account = await live(fresh, claude, "zubaida@example.com")
    data = (await account.ask(MY_DATA))["myData"]
    database = fresh.house.stores.database
    owned = {
        table: await database.fetchval(f"SELECT count(*) FROM {table} WHERE reader = $1", account.id)
        for table in await tables_below(database, "readers")
    }
    answers = [answer for conversation in data["conversations"] for answer in conversation["answers"]]
    assert owned == {
        "sessions": len(data["sessions"]),
        "conversations": len(data["conversations"]),
        "answers": len(answers),
        "quota_places": len(data["quota_places"]),
        "variant_leases": len(data["chapters_being_made"]),
    }
    assert min(owned.values()) >= 1
    assert await tables_below(database, "answers") == {"answer_events", "answer_cache", "followers"}
    assert await database.fetchval("SELECT count(*) FROM answer_cache") == len(data["kept_for_others"]) >= 1
    assert [answer["question"] for answer in answers] == [WICK, "And why, asks Zubaida?"]
    assert (answers[0]["text"], answers[0]["status"]) == ("Every four hours.", "COMPLETE")
    assert (data["reader"]["email"], data["reader"]["name"]) == ("zubaida@example.com", "Zubaida Khatoon")
    assert "argon2" not in json.dumps(data)


async def test_export_has_nothing_of_others(fresh: Served, claude: ScriptedClaude) -> None:
    await live(fresh, claude, "zubaida@example.com")
    other = await sign_up(fresh.url)
    data = (await other.ask(MY_DATA))["myData"]
    assert (data["conversations"], data["kept_for_others"], len(data["sessions"])) == ([], [], 1)
    assert "Zubaida" not in json.dumps(data)


async def test_export_has_what_a_running_answer_said_so_far(fresh: Served, claude: ScriptedClaude) -> None:
    account = await sign_up(fresh.url)
    claude.script(Say("Every four hours. "), Say("And then "), Pause(2), End())
    async with socket(fresh.url, account.token) as opened:
        await opened.start(ASK, question=WICK)
        await asyncio.sleep(1.2)  # longer than it takes to be stored
        ((answer,),) = [kept["answers"] for kept in (await account.ask(MY_DATA))["myData"]["conversations"]]
    assert answer["status"] == "STREAMING"
    assert answer["text"].startswith("Every four hours.")


async def test_export_of_an_account_that_goes_meanwhile_is_refused(fresh: Served) -> None:
    account, database = await sign_up(fresh.url), fresh.house.stores.database
    async with database.transaction() as connection:
        await connection.execute("LOCK TABLE answer_cache")  # which the export reads, and who signs in does not
        asking = asyncio.create_task(account.post(MY_DATA))
        await waiting(database)
        await connection.execute("DELETE FROM readers")
    (error,) = (await asking)["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_an_answer_that_a_take_over_waited_for_is_taken_along(fresh: Served) -> None:
    account, database = await sign_up(fresh.url), fresh.house.stores.database
    journal, draft = Journal(database), new_draft()
    async with database.transaction() as connection:  # as somebody who has just begun, and is not done
        await connection.execute("INSERT INTO conversations (id) VALUES ($1)", CONVERSATION)
        insert = (
            "INSERT INTO answers (id, conversation, status, snapshot) VALUES (gen_random_uuid(), $1, 'COMPLETE', '{}')"
        )
        beginning = asyncio.create_task(begin(journal, database, draft, account.id))
        await waiting(database)
        await connection.execute(insert, CONVERSATION)
    assert await beginning
    owners = await database.fetch("SELECT reader::text FROM answers")
    assert [row["reader"] for row in owners] == [account.id, account.id]


async def test_a_running_answer_is_the_readers_who_took_its_conversation(fresh: Served, claude: ScriptedClaude) -> None:
    account = await sign_up(fresh.url)
    claude.script(Say("Every four hours."), Pause(3), End())
    async with socket(fresh.url) as opened:
        await opened.start(ASK, question=WICK)
        started = (await opened.receive())["payload"]["data"]["ask"]
        id, conversation = started["answerId"], started["conversationId"]
        assert (await ask(fresh.url, ANSWER, id=id))["answer"]["status"] == "STREAMING"
        await events_with(fresh.url, token=account.token, question="A fine lamp?", conversationId=conversation)
        assert (await ask(fresh.url, ANSWER, id=id))["answer"] is None
        assert (await ask(fresh.url, STOP, id=id))["stopAnswer"]["__typename"] == "AnswerNotFound"
        assert [event["__typename"] for event in await replayed(fresh.url, id)] == ["AnswerNotFound"]
        assert (await account.ask(STOP, id=id))["stopAnswer"]["status"] == "STOPPED"


async def test_what_was_kept_of_a_conversation_that_was_taken_over_goes_with_its_reader(
    fresh: Served, claude: ScriptedClaude
) -> None:
    database = fresh.house.stores.database
    claude.script(Say(WICK), End())
    conversation = (await events(fresh.url, "بتی کتنی بار تراشی جاتی ہے؟"))[0]["conversationId"]
    assert "ubaida" in await database.fetchval("SELECT answer::text FROM answer_cache")
    account = await sign_up(fresh.url)
    await events_with(fresh.url, token=account.token, question=WICK, conversationId=conversation)
    assert WICK in [kept["searched_for"] for kept in (await account.ask(MY_DATA))["myData"]["kept_for_others"]]
    await account.ask(DELETE, password=PASSWORD)
    assert "ubaida" not in await everything(database)


async def test_deletion_needs_the_password(fresh: Served) -> None:
    account = await sign_up(fresh.url)
    for variables in ({}, {"password": None}, {"password": "a wrong password"}):
        assert (await account.ask(DELETE, **variables))["deleteAccount"]["__typename"] == "InvalidCredentials"
    assert await account.is_signed_in()


async def test_deletion_leaves_no_trace_in_tables(fresh: Served, claude: ScriptedClaude) -> None:
    database = fresh.house.stores.database
    before = await everything(database)
    account = await live(fresh, claude, "zubaida@example.com")
    assert "Zubaida" in await everything(database)
    assert (await account.ask(DELETE, password=PASSWORD))["deleteAccount"] == {
        "__typename": "AccountDeleted",
        "email": "zubaida@example.com",
    }
    left = set((await everything(database)).splitlines()) - set(before.splitlines())
    assert not [row for row in left if account.id in row or "ubaida" in row or "answer" in row]
    kept = ('("sign ', f"({datetime.now(UTC).date()},")  # attempts by digests of addresses, and what the day cost
    assert all(row.startswith(kept) or re.search(",(questions|rewording|variants),claude-", row) for row in left), left
    assert not await account.is_signed_in()
    assert (await ask(fresh.url, LOG_IN, email=account.email, password=PASSWORD))["login"]["__typename"] == (
        "InvalidCredentials"
    )


async def test_deletion_leaves_no_trace_in_the_index(fresh: Served, claude: ScriptedClaude) -> None:
    account = await live(fresh, claude, "zubaida@example.com")
    await account.ask(DELETE, password=PASSWORD)
    book = await fresh.house.services.reading.book()
    assert await fresh.house.index.ids() == set(book.passages)


async def test_deletion_leaves_no_trace_while_a_question_runs(fresh: Served, claude: ScriptedClaude) -> None:
    database = fresh.house.stores.database
    account = await sign_up(fresh.url, "zubaida@example.com")
    claude.script(Say("Every four hours, Zubaida. "), Pause(1.5), Say("So it is.", (Cite(0, 0, 1),)), End())
    async with socket(fresh.url, account.token) as opened:
        await opened.start(ASK, question=WICK)
        while (await opened.receive())["payload"]["data"]["ask"]["__typename"] != "AnswerDelta":
            pass
        await account.ask(DELETE, password=PASSWORD)
    await asyncio.sleep(2)  # longer than the answer would have taken, and than it takes to be stored
    assert "ubaida" not in await everything(database)
    assert claude.calls[-1].ended == "gone"


async def test_a_question_whose_reader_goes_before_it_is_begun_is_not_stored(fresh: Served) -> None:
    account, database, draft = await sign_up(fresh.url), fresh.house.stores.database, new_draft()
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM readers")
        beginning = asyncio.create_task(let_in(database, draft, account.id))
        await waiting(database)
    assert not await beginning
    assert not await let_in(database, draft, account.id)
    assert await database.fetchval("SELECT count(*) FROM conversations") == 0
    assert await Journal(database).find(draft.start.id) is None


async def test_a_question_that_races_with_the_deletion_leaves_no_trace(fresh: Served, claude: ScriptedClaude) -> None:
    account = await sign_up(fresh.url, "zubaida@example.com")
    claude.script(Say("Every four hours.", (Cite(0, 0, 1),)), End())
    await asyncio.gather(account.post(ASK_AND_WAIT, question=WICK), account.post(DELETE, password=PASSWORD))
    await asyncio.sleep(0.2)
    assert "ubaida" not in await everything(fresh.house.stores.database)


async def test_who_deleted_an_account_can_sign_up_again_with_nothing_left(fresh: Served) -> None:
    account = await sign_up(fresh.url, "zubaida@example.com")
    await events(fresh.url, WICK, account.token)
    await account.ask(DELETE, password=PASSWORD)
    again = await sign_up(fresh.url, "zubaida@example.com")
    assert again.id != account.id
    assert (await again.ask(MY_DATA))["myData"]["conversations"] == []


async def test_no_personal_data_in_prompts(fresh: Served, claude: ScriptedClaude) -> None:
    account = await sign_up(fresh.url, "zubaida@example.com", name="Zubaida Khatoon")
    await events(fresh.url, "How often is the wick trimmed?", account.token)
    sent = json.dumps([call.body for call in claude.calls])
    assert sent.count("wick") > 1
    assert not [word for word in ("ubaida", "hatoon", account.id, "example.com") if word in sent]


async def test_no_personal_data_in_logs(new_settings: MakeSettings) -> None:
    email, data_dir = new_email(), new_settings().data_dir
    async with server(DATA_DIR=data_dir, BOOK_PATH=LIGHTHOUSE) as running:
        account = await sign_up(running.url, email, name="Zubaida Khatoon")
        await events(running.url, WICK, account.token)
        await ask(running.url, SIGN_UP, email=email, password=PASSWORD)
        await ask(running.url, LOG_IN, email=email, password="a wrong password")
        await account.ask(CHANGE_PASSWORD, current=PASSWORD, new="another fine password")
        await (await log_in(account, "another fine password")).ask(DELETE, password="another fine password")
        await account.post('{ answer(id: "Zubaida") { text } me { nothing_of_zubaida } }')
        running.process.terminate()
        logs = running.told + await running.rest()
    told = (logs + (data_dir / "postgres" / "server.log").read_text("utf-8")).lower()
    assert "footnote is starting" in told
    assert "database system is shut down" in told
    assert not [word for word in ("ubaida", "hatoon", email, "wick trimmed", PASSWORD, "argon2") if word in told]


async def test_an_accident_tells_the_logs_nothing_of_the_reader(new_settings: MakeSettings, database_url: str) -> None:
    rename = 'mutation { updateProfile(input: {name: "Zubaida Bibi"}) { __typename } }'
    async with server(DATA_DIR=new_settings().data_dir, BOOK_PATH=LIGHTHOUSE, DATABASE_URL=database_url) as running:
        account = await sign_up(running.url, name="Zubaida Khatoon")
        async with pool(database_url) as opened:
            await opened.execute("ALTER TABLE answers RENAME TO away")
            await opened.execute("ALTER TABLE readers ADD CHECK (name <> 'Zubaida Bibi')")
        responses = [await account.post(ASK_AND_WAIT, question=WICK), await account.post(rename)]
        running.process.terminate()
        told = (await running.rest()).lower()
    assert [response["errors"][0]["extensions"]["code"] for response in responses] == ["INTERNAL", "INTERNAL"]
    assert told.count("unexpected error") == 2
    assert not [word for word in ("ubaida", "hatoon", account.email, "wick trimmed", "argon2") if word in told]
