"""Expected outcomes that are not success and that more than one service has."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SOON = timedelta(seconds=5)  # when most of what is under way is done


@dataclass(frozen=True, slots=True)
class InvalidInput:
    """An argument that cannot be used, and which."""

    message: str
    field: str


@dataclass(frozen=True, slots=True)
class TooManyAttempts:
    """Tried too often. `retry_at` is when one more is let through."""

    message: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Busy:
    """More is asked at this moment than can be done. `retry_at` is when it is worth another try."""

    message: str
    retry_at: datetime


def busy(message: str) -> Busy:
    """The refusal of what may work in a moment."""
    return Busy(f"{message} Try again in a few seconds.", datetime.now(UTC) + SOON)


@dataclass(frozen=True, slots=True)
class RequestConflict:
    """The same request id stands for another question already."""

    message: str = "This requestId was used for something else. Make a new one for each question."
