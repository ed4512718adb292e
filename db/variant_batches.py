"""Batches of sections on their way into other forms: noted before they are submitted, until all came of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from db.postgres import Database, repeated
from db.variants import FormKey


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said when it was asked for the segments `ids` of a section."""

    ids: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request of a batch: for the segments `ids` of a section, by `model`, paid as the ledger's `call`."""

    custom_id: str
    ids: tuple[int, ...]
    call: str
    model: str


@dataclass(frozen=True, slots=True)
class SectionRow:
    """A section that a batch is asked for: of the source with this `hash` (hex), by the `prompt` of this version.

    `replies` are those that it had before, in their order.
    """

    chapter_id: str
    form: FormKey
    prompt: str
    hash: str
    replies: tuple[Reply, ...]
    requests: tuple[RequestRow, ...]

    @property
    def key(self) -> tuple[FormKey, str, bytes]:
        """What is made once."""
        return self.form, self.prompt, bytes.fromhex(self.hash)


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch. Without a `provider_id` nobody knows whether it was submitted."""

    id: str
    provider_id: str | None
    sections: tuple[SectionRow, ...]
    created_at: datetime


async def add(database: Database, *, id: str, sections: tuple[SectionRow, ...]) -> datetime:
    """Note a batch that is about to be submitted. Returns the time of that by Postgres' clock."""
    return await repeated(lambda: _add(database, id, orjson.dumps(sections).decode()))


async def _add(database: Database, id: str, sections: str) -> datetime:
    created_at: datetime = await database.fetchval(
        """
        INSERT INTO variant_batches (id, sections) VALUES ($1, $2)
        ON CONFLICT (id) DO UPDATE SET sections = excluded.sections
        RETURNING created_at
        """,
        id,
        sections,
    )
    return created_at


async def submitted(database: Database, *, id: str, provider_id: str) -> None:
    """Note that a batch is at the provider, and as what."""
    await repeated(
        lambda: database.execute("UPDATE variant_batches SET provider_id = $2 WHERE id = $1", id, provider_id)
    )


async def remove(database: Database, *, id: str) -> None:
    """Nothing more will come of a batch."""
    await repeated(lambda: database.execute("DELETE FROM variant_batches WHERE id = $1", id))


async def unfinished(database: Database) -> list[BatchRow]:
    """All batches of which something may come, the newest first."""
    rows = await database.fetch(
        "SELECT id::text, provider_id, sections, created_at FROM variant_batches ORDER BY created_at DESC, id"
    )
    return [BatchRow(**{**row, "sections": tuple(map(_section, orjson.loads(row["sections"])))}) for row in rows]


def _section(stored: Mapping[str, Any]) -> SectionRow:
    replies = tuple(Reply(tuple(reply["ids"]), reply["text"]) for reply in stored["replies"])
    requests = tuple(RequestRow(**{**request, "ids": tuple(request["ids"])}) for request in stored["requests"])
    return SectionRow(
        **{**stored, "form": FormKey(**stored["form"]), "replies": replies, "requests": requests},
    )
