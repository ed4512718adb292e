"""Readers: who they are, as they see themselves."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from db.readers import ReaderRow


class Level(StrEnum):
    """How much a reader knows already."""

    BEGINNER = "BEGINNER"
    INTERMEDIATE = "INTERMEDIATE"
    ADVANCED = "ADVANCED"


class Hardware(StrEnum):
    """What a reader has to try things on."""

    NONE = "NONE"
    GPU = "GPU"
    JETSON = "JETSON"
    ROBOTICS = "ROBOTICS"


@dataclass(frozen=True, slots=True)
class Reader:
    """An account. `email` is as it was written."""

    id: str
    email: str
    name: str | None
    level: Level
    hardware: Hardware
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a reader, or nobody in particular at some address."""

    reader_id: str | None
    address: str


def may_see(owner: str | None, reader_id: str | None) -> bool:
    """What a reader asked is that reader's alone; what nobody in particular asked is whoever's holds its random id."""
    return owner is None or owner == reader_id


def reader_of(row: ReaderRow) -> Reader:
    """What of a stored account may be shown to its reader."""
    return Reader(row.id, row.email, row.name, Level(row.level), Hardware(row.hardware), row.created_at)
