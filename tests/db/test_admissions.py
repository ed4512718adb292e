"""A question is let in once, by one transaction, however often that is tried."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from db.admissions import Admission, Admitted, NotTheirs, Request, Seen, admit
from db.ledger import Wanted, reserve
from db.postgres import Database, pool
from db.quotas import Place, Taken

HAIKU = "claude-haiku-5-5"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


def new_id() -> str:
    return str(uuid.uuid4())


def admission(request: Request | None = None, *, places: int = 3, budget: int = 1000) -> Admission:
    """Of nobody in particular, for a call of 100 micro-dollars."""
    id = new_id()
    place = Place("QUESTIONS", "somebody", None, id, places, 3600)
    call = Wanted(new_id(), "questions", HAIKU, "somebody", id, Decimal(100), Decimal(budget), Decimal(budget))
    return Admission(id, new_id(), None, "{}", request, place, [call], 3)


async def counts(database: Database) -> tuple[int, int, int]:
    """Answers, taken places, and calls."""
    places = "SELECT coalesce(sum(cardinality(times)), 0) FROM quota_places"
    sql = ("SELECT count(*) FROM answers", places, "SELECT count(*) FROM model_calls")
    first, second, third = [await database.fetchval(each) for each in sql]
    return first, second, third


async def test_what_the_quota_refuses_leaves_nothing_behind(database: Database) -> None:
    assert isinstance(await admit(database, admission(places=0)), Taken)
    assert await counts(database) == (0, 0, 0)


async def test_without_money_a_question_is_let_in_all_the_same(database: Database) -> None:
    assert await admit(database, admission(budget=99)) == Admitted(None)
    assert await counts(database) == (1, 1, 0)


@pytest.mark.parametrize("request_id", [True, False])
async def test_a_try_that_is_repeated_is_the_same_as_the_first(database: Database, request_id: bool) -> None:
    asked = admission(Request(new_id(), "", b"digest") if request_id else None)
    assert [await admit(database, asked) for _ in range(2)] == [Admitted(HAIKU)] * 2
    assert await counts(database) == (1, 1, 1)


async def test_the_same_request_is_seen_and_the_same_id_for_something_else_too(database: Database) -> None:
    first = admission(Request(new_id(), "", b"digest"))
    assert first.request
    await admit(database, first)
    assert await admit(database, admission(first.request)) == Seen(first.id, same=True)
    other = replace(first.request, digest=b"another")
    assert await admit(database, admission(other)) == Seen(first.id, same=False)
    assert await counts(database) == (1, 1, 1)


async def test_what_became_a_readers_is_not_told_to_who_asks_without_signing_in(database: Database) -> None:
    first = admission(Request(new_id(), "", b"digest"))
    await admit(database, first)
    reader = await database.fetchval(
        "INSERT INTO readers (email, subject, level, hardware) VALUES ('', 's', '', '') RETURNING id::text"
    )
    await database.execute("UPDATE answers SET reader = $1", reader)
    assert await admit(database, admission(first.request)) == Seen("", same=False)


async def test_a_conversation_of_another_readers_is_not_theirs(database: Database) -> None:
    first = admission()
    await admit(database, first)
    reader = await database.fetchval(
        "INSERT INTO readers (email, subject, level, hardware) VALUES ('', 's', '', '') RETURNING id::text"
    )
    await database.execute("UPDATE conversations SET reader = $1", reader)
    refused = await admit(database, replace(admission(), conversation=first.conversation))
    assert isinstance(refused, NotTheirs)


async def test_nothing_is_reserved_for_an_answer_that_was_deleted(database: Database) -> None:
    asked = admission()
    assert await reserve(database, wanted=asked.wanted) is None
    assert await counts(database) == (0, 0, 0)
