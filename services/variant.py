"""A chapter in another form, the events it is streamed as, and the outcomes of making one that are not one."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from services.answer import ChapterNotFound
from services.forms import TextDirection
from services.problems import Busy, InvalidInput
from services.quotas import QuotaExceeded
from services.readers import Hardware, Level


@dataclass(frozen=True, slots=True)
class Variant:
    """A whole chapter for a level, in a language, or both. `untranslated` names the sections that are kept in the
    source language, `stale_sections` those that the chapter has otherwise by now; `cached`: it was there already."""

    id: str
    chapter_id: str
    level: Level | None
    language: str
    hardware: Hardware | None
    direction: TextDirection
    content: str
    untranslated: tuple[str, ...]
    stale: bool
    stale_sections: tuple[str, ...]
    cached: bool
    model: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VariantSection:
    """One section of `total`, counted from 0, whole. All of them, in the order of `index`, are the content."""

    index: int
    total: int
    heading: str
    content: str
    translated: bool


@dataclass(frozen=True, slots=True)
class VariantFinished:
    """The last event."""

    variant: Variant


@dataclass(frozen=True, slots=True)
class UnsupportedLanguage:
    """A language that chapters are not translated into."""

    message: str
    supported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BudgetExhausted:
    """No money is left for it today. `resets_at` is when there is."""

    message: str
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class VariantFailed:
    """It could not be made. What was made of it is kept for the next try."""

    message: str


Refusal = ChapterNotFound | UnsupportedLanguage | InvalidInput | QuotaExceeded | BudgetExhausted | Busy | VariantFailed
VariantEvent = VariantSection | VariantFinished | Refusal


def budget_exhausted(message: str) -> BudgetExhausted:
    """The refusal of what today's budget has no room for. Its day is UTC's."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    return BudgetExhausted(
        f"Today's budget for making chapters is used up. {message}", datetime.combine(tomorrow, time.min, UTC)
    )
