"""Sections put together into a whole chapter, which is compared with its source once more."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from db.variants import PartRow, RenderingRow, VariantRow
from services.making import Order
from services.structure import differences
from services.variant_shelf import form_key

log = structlog.get_logger()


def bound(order: Order, rows: Sequence[RenderingRow]) -> VariantRow:
    """A whole variant of all its sections in order. Takes some 100 ms for 40 KB."""
    form, sections = form_key(order.form), proven(order, rows)
    return VariantRow(
        id=str(uuid.uuid4()),
        chapter_id=order.chapter.id,
        level=form.level,
        language=form.language,
        hardware=form.hardware,
        content=joined(sections),
        sections=tuple(
            PartRow(section.heading, section.hash.hex(), len(row.content), row.untranslated)
            for section, row in zip(order.sections, sections, strict=True)
        ),
        model=next((row.model for row in reversed(rows) if row.model), ""),
        created_at=datetime.now(UTC),
    )


def proven(order: Order, rows: Sequence[RenderingRow]) -> Sequence[RenderingRow]:
    """The sections, with the source in the place of each that changes more of the chapter than words.

    Each was compared by itself when it was made. What that cannot see, such as a formula that would only be closed by
    what follows, is seen here.
    """
    content = order.chapter.content
    wrong = differences(content, joined(rows))
    if not wrong:
        return rows
    log.error("a variant differs from its chapter", chapter=order.chapter.id, form=str(order.form), differences=wrong)
    own = [
        replace(row, content=content[section.start : section.end], untranslated=True)
        for section, row in zip(order.sections, rows, strict=True)
    ]
    kept = [
        own[index] if differences(content, joined([*own[:index], row, *own[index + 1 :]])) else row
        for index, row in enumerate(rows)
    ]
    return own if differences(content, joined(kept)) else kept


def joined(rows: Sequence[RenderingRow]) -> str:
    """What they say, one after the other."""
    return "".join(row.content for row in rows)
