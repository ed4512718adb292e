"""The book's editions: whole immutable versions, one of which is current."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from db.postgres import Connection, Database

Vector = npt.NDArray[np.float32]
READ_TOGETHER = 4000  # vectors, about 6 MB
PUBLISH_SECONDS = 60.0  # for each table of a book


class Overtaken(Exception):
    """Another edition was published meanwhile than the one that was to be replaced."""


@dataclass(frozen=True, slots=True)
class EditionRow:
    """One version of the book. `model` names the embedding model of its vectors; `settings` are those of its search."""

    version: str
    title: str
    language: str
    model: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChapterRow:
    """A page. `sections` holds (heading, level, anchor)."""

    id: str
    position: int
    language: str | None
    title: str
    path: str
    content: str
    sections: list[tuple[str, int, str | None]]
    reviewed: bool


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage. `units` holds (start, end) in code points; the keys find its vector and those of its sentences."""

    id: uuid.UUID
    place: int
    chapter_id: str
    title: str
    section: str
    anchor: str | None
    text: str
    units: list[tuple[int, int]]
    tokens: int
    reviewed: bool
    vector_key: bytes
    sentence_keys: tuple[bytes, ...]


async def current(database: Database) -> int | None:
    """The number of the current edition, or None before the first."""
    number: int | None = await database.fetchval("SELECT number FROM current_edition")
    return number


async def current_settings(database: Database) -> tuple[int, dict[str, Any]] | None:
    """The number of the current edition, and the settings of its search; None before the first."""
    row = await database.fetchrow("SELECT number, settings FROM current_edition JOIN editions USING (number)")
    return (row["number"], orjson.loads(row["settings"])) if row else None


async def edition(database: Database, *, number: int) -> EditionRow | None:
    """An edition by its number, or None when it was swept."""
    row = await database.fetchrow(
        "SELECT version, title, language, model, settings FROM editions WHERE number = $1", number
    )
    return EditionRow(**{**row, "settings": orjson.loads(row["settings"])}) if row else None


async def chapters(database: Database, *, number: int) -> list[ChapterRow]:
    """An edition's chapters in reading order."""
    rows = await database.fetch(
        """
        SELECT id, position, language, title, path, content, sections, reviewed
        FROM chapters WHERE edition = $1 ORDER BY position
        """,
        number,
    )
    return [ChapterRow(**{**row, "sections": orjson.loads(row["sections"])}) for row in rows]


async def passages(database: Database, *, number: int) -> list[PassageRow]:
    """An edition's passages in reading order."""
    rows = await database.fetch(
        """
        SELECT id, place, chapter_id, title, section, anchor, text, units, tokens, reviewed, vector_key, sentence_keys
        FROM passages WHERE edition = $1 ORDER BY place
        """,
        number,
    )
    return [
        PassageRow(**{**row, "units": orjson.loads(row["units"]), "sentence_keys": tuple(row["sentence_keys"])})
        for row in rows
    ]


async def vectors(database: Database, *, model: str, keys: Collection[bytes]) -> dict[bytes, Vector]:
    """The vectors of a model that stand for these contents."""
    found: dict[bytes, Vector] = {}
    wanted = list(keys)
    for start in range(0, len(wanted), READ_TOGETHER):
        rows = await database.fetch(
            "SELECT key, vector FROM vectors WHERE model = $1 AND key = ANY($2::bytea[])",
            model,
            wanted[start : start + READ_TOGETHER],
        )
        found |= {row["key"]: np.frombuffer(row["vector"], dtype=np.float32) for row in rows}
    return found


async def passage_ids(database: Database, *, number: int) -> set[uuid.UUID]:
    """The ids of an edition's passages."""
    return {row["id"] for row in await database.fetch("SELECT id FROM passages WHERE edition = $1", number)}


async def known_vectors(database: Database, *, model: str, keys: Iterable[bytes]) -> set[bytes]:
    """Those of the keys that have a vector of this model already. They count as new, so that no sweep takes them."""
    async with database.transaction() as connection:
        rows = await connection.fetch(
            "UPDATE vectors SET stored_at = now() WHERE model = $1 AND key = ANY($2::bytea[]) RETURNING key",
            model,
            list(keys),
        )
    return {row["key"] for row in rows}


async def store_vectors(database: Database, *, model: str, vectors: Iterable[tuple[bytes, Vector]]) -> None:
    """Keep vectors by the content they stand for. They are immutable, so whoever stored one first is right."""
    keys, values = zip(*((key, vector.astype(np.float32).tobytes()) for key, vector in vectors), strict=True)
    await database.execute(
        """
        INSERT INTO vectors (model, key, vector)
        SELECT $1, * FROM unnest($2::bytea[], $3::bytea[]) ON CONFLICT DO NOTHING
        """,
        model,
        keys,
        values,
    )


async def publish(
    database: Database,
    *,
    edition: EditionRow,
    chapters: Iterable[ChapterRow],
    passages: Iterable[PassageRow],
    instead_of: int | None = None,
) -> int:
    """Write a whole edition and make it the current one, in one transaction. Returns its number.

    It takes over the settings of the one before, if that has its model and at least one of its passages: numbers that
    were measured with other vectors or on another book mean nothing here.
    Raises Overtaken, and stores nothing, where another edition than `instead_of` is current by now.
    """
    async with database.transaction() as connection:
        number = int(
            await connection.fetchval(
                """
                INSERT INTO editions (version, title, language, model, settings)
                VALUES ($1, $2, $3, $4, $5) RETURNING number
                """,
                edition.version,
                edition.title,
                edition.language,
                edition.model,
                orjson.dumps(edition.settings).decode(),
            )
        )
        await _copy(connection, "chapters", number, chapters)
        await _copy(connection, "passages", number, passages)
        # Postgres decides the race: who has this lock publishes, and sees all that was published and calibrated before.
        # It is taken last, so that others wait for two statements and not for a book; readers never do.
        before: int | None = await connection.fetchval("SELECT number FROM current_edition FOR UPDATE")
        if instead_of not in (None, before):
            raise Overtaken(f"Edition {before} was published meanwhile, instead of edition {instead_of}.")
        await _inherit(connection, number, before)
        await connection.execute(
            """
            INSERT INTO current_edition (number) VALUES ($1)
            ON CONFLICT (only_row) DO UPDATE SET number = excluded.number
            """,
            number,
        )
    return number


async def _inherit(connection: Connection, edition: int, before: int | None) -> None:
    await connection.execute(
        """
        UPDATE editions SET settings = editions.settings || before.settings FROM editions before
        WHERE editions.number = $1 AND before.number = $2 AND before.model = editions.model
          AND before.settings ? 'measured'
          AND EXISTS (
              SELECT FROM passages ours JOIN passages theirs USING (id) WHERE ours.edition = $1 AND theirs.edition = $2
          )
        """,
        edition,
        before,
    )


async def _copy(
    connection: Connection, table: str, edition: int, rows: Iterable[ChapterRow] | Iterable[PassageRow]
) -> None:
    names = [field.name for field in fields(ChapterRow if table == "chapters" else PassageRow)]
    records = ((edition, *(_column(getattr(row, name)) for name in names)) for row in rows)
    await connection.copy_records_to_table(table, columns=["edition", *names], records=records, timeout=PUBLISH_SECONDS)


def _column(value: object) -> object:
    return orjson.dumps(value).decode() if isinstance(value, list) else value


async def set_settings(database: Database, *, version: str, settings: Mapping[str, object]) -> bool:
    """Give the current edition these settings, which were measured on it, beside those it has, and to those that will
    follow it. False if it is not of this version.

    The lock lets a publisher finish first: its edition is then the current one, and not of this version.
    """
    tag = await database.execute(
        """
        UPDATE editions SET settings = settings || $2 || '{"measured": true}'
        WHERE number = (SELECT number FROM current_edition FOR UPDATE) AND version = $1
        """,
        version,
        orjson.dumps(settings).decode(),
    )
    return tag == "UPDATE 1"


async def sweep(database: Database) -> None:
    """Drop all editions but the current and the previous one, and vectors that neither refers to.

    The previous one stays for a process that is just loading it. A vector may be stored by an ingest that has not
    published yet, so only those of an hour ago and older go.
    """
    await database.execute(
        """
        DELETE FROM editions
        WHERE number < (
            SELECT max(number) FROM editions WHERE number < (SELECT number FROM current_edition)
        )
        """
    )
    await database.execute(
        """
        DELETE FROM vectors
        WHERE stored_at < now() - interval '1 hour'
          AND key NOT IN (
              SELECT vector_key FROM passages UNION SELECT unnest(sentence_keys) FROM passages
          )
        """
    )
