"""Batches as they are noted: nothing of them is lost, and the newest is the first."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from db.postgres import Database, pool
from db.variant_batches import Reply, RequestRow, SectionRow, add, remove, submitted, unfinished
from db.variants import FormKey

SECTION = SectionRow(
    chapter_id="lamp",
    form=FormKey("BEGINNER", "ur", "NONE"),
    prompt="rules-1",
    hash="00ff",
    replies=(Reply((0, 2), '<t id="0">چراغ</t>'),),
    requests=(RequestRow("a-1", (1, 3), str(uuid4()), "claude-haiku-5-5"), RequestRow("a-2", (4,), "b", "c")),
)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with pool(database_url) as opened:
        yield Database(opened)


async def test_a_batch_is_read_as_it_was_noted(database: Database) -> None:
    id = str(uuid4())
    created_at = await add(database, id=id, sections=(SECTION, replace(SECTION, replies=(), requests=())))
    (row,) = await unfinished(database)
    assert (row.id, row.provider_id, row.created_at) == (id, None, created_at)
    assert row.sections == (SECTION, replace(SECTION, replies=(), requests=()))


async def test_what_the_provider_calls_it_is_noted_later(database: Database) -> None:
    ids = [str(uuid4()) for _ in range(2)]
    for id in ids:
        await add(database, id=id, sections=(SECTION,))
    await submitted(database, id=ids[0], provider_id="msgbatch_1")
    assert [(row.id, row.provider_id) for row in await unfinished(database)] == [(ids[1], None), (ids[0], "msgbatch_1")]


async def test_what_is_noted_twice_is_there_once_and_what_is_removed_is_gone(database: Database) -> None:
    id = str(uuid4())
    for _ in range(2):
        await add(database, id=id, sections=(SECTION,))
    assert len(await unfinished(database)) == 1
    for _ in range(2):
        await remove(database, id=id)
    assert await unfinished(database) == []
