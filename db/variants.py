"""Chapters in other forms: what was made of each section, and of each chapter as a whole."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from db.postgres import Database


@dataclass(frozen=True, slots=True)
class FormKey:
    """A form as it is stored: level and hardware are empty where it has none."""

    level: str
    language: str
    hardware: str


@dataclass(frozen=True, slots=True)
class RenderingRow:
    """What was made of a section whose source has this hash. `texts` of its paragraphs, headings and cells are new."""

    hash: bytes
    content: str
    untranslated: bool
    texts: int
    model: str


@dataclass(frozen=True, slots=True)
class PartRow:
    """A section of a stored variant: `hash` of its source in hex, `characters` of it in the content."""

    heading: str
    hash: str
    characters: int
    untranslated: bool


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A whole chapter in another form."""

    id: str
    chapter_id: str
    level: str
    language: str
    hardware: str
    content: str
    sections: tuple[PartRow, ...]
    model: str
    created_at: datetime


async def renderings(
    database: Database, *, form: FormKey, prompt: str, hashes: Collection[bytes]
) -> list[RenderingRow]:
    """The last rendering of each of these sections in this form, by whichever model. One of which something had to stay
    as it was counts for a day: by then it may come out whole."""
    rows = await database.fetch(
        """
        SELECT DISTINCT ON (hash) hash, content, untranslated, texts, model FROM section_renderings
        WHERE hash = ANY($5::bytea[]) AND level = $1 AND language = $2 AND hardware = $3 AND prompt = $4
            AND (NOT untranslated OR made_at > now() - interval '1 day')
        ORDER BY hash, made_at DESC
        """,
        form.level,
        form.language,
        form.hardware,
        prompt,
        list(hashes),
    )
    return [RenderingRow(**row) for row in rows]


async def store_rendering(database: Database, *, form: FormKey, prompt: str, rendering: RenderingRow) -> None:
    """Keep what was made of a section; what the same model had made of it before is replaced."""
    await database.execute(
        """
        INSERT INTO section_renderings (level, language, hardware, prompt, hash, content, untranslated, texts, model)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (hash, level, language, hardware, prompt, model)
        DO UPDATE SET content = excluded.content, untranslated = excluded.untranslated, texts = excluded.texts,
            made_at = now()
        """,
        form.level,
        form.language,
        form.hardware,
        prompt,
        rendering.hash,
        rendering.content,
        rendering.untranslated,
        rendering.texts,
        rendering.model,
    )


async def forget(database: Database, *, form: FormKey, hashes: Collection[bytes]) -> None:
    """Drop what was made of these sections, so that it is made again."""
    await database.execute(
        """
        DELETE FROM section_renderings
        WHERE hash = ANY($4::bytea[]) AND level = $1 AND language = $2 AND hardware = $3
        """,
        form.level,
        form.language,
        form.hardware,
        list(hashes),
    )


async def find(database: Database, *, chapter_id: str, form: FormKey) -> str | None:
    """The id of a chapter in a form, or None."""
    found: str | None = await database.fetchval(
        """
        SELECT id::text FROM variants WHERE chapter_id = $1 AND level = $2 AND language = $3 AND hardware = $4
        """,
        chapter_id,
        form.level,
        form.language,
        form.hardware,
    )
    return found


async def of_chapter(database: Database, *, chapter_id: str) -> list[str]:
    """The ids of all forms of a chapter, newest first."""
    rows = await database.fetch(
        "SELECT id::text FROM variants WHERE chapter_id = $1 ORDER BY created_at DESC, id", chapter_id
    )
    return [row["id"] for row in rows]


async def read(database: Database, *, id: str) -> VariantRow | None:
    """A variant by its id; None when a newer one has taken its place."""
    row = await database.fetchrow(
        """
        SELECT id::text, chapter_id, level, language, hardware, content, sections, model, created_at
        FROM variants WHERE id = $1
        """,
        id,
    )
    return VariantRow(**{**row, "sections": part_rows(orjson.loads(row["sections"]))}) if row else None


def part_rows(sections: Iterable[dict[str, Any]]) -> tuple[PartRow, ...]:
    """Sections as they were stored."""
    return tuple(PartRow(**part) for part in sections)


async def store(database: Database, variant: VariantRow) -> VariantRow:
    """Put a whole variant in the place of what there was. Returns it with the time of that by Postgres' clock."""
    created_at: datetime = await database.fetchval(
        """
        INSERT INTO variants (id, chapter_id, level, language, hardware, content, sections, model)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (chapter_id, level, language, hardware) DO UPDATE SET
            id = excluded.id, content = excluded.content, sections = excluded.sections, model = excluded.model,
            created_at = now()
        RETURNING created_at
        """,
        variant.id,
        variant.chapter_id,
        variant.level,
        variant.language,
        variant.hardware,
        variant.content,
        orjson.dumps(variant.sections).decode(),
        variant.model,
    )
    return replace(variant, created_at=created_at)
