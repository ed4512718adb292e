"""What is heard of a reply while it streams in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """Some text of it."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A claim of the model that the text before it rests on units `start` to `end` of a source. Not yet proven."""

    source: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """It is over, and why."""

    reason: str | None


Heard = Said | Cited | Ended
