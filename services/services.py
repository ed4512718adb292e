"""Everything a resolver may call."""

from dataclasses import dataclass

from services.answers import Answers
from services.reading import Reading


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process, made in bootstrap."""

    reading: Reading
    answers: Answers
