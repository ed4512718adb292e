"""A case: a small function that does something bad to a world and says what it expects."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.world import World

Survive = Callable[["World"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Needs:
    """What world a case plays in. Cases with equal needs share one, as long as it is whole. Without a book the database
    is empty when the processes start; with `qdrant` the vectors are on a server of their own."""

    replicas: int = 1
    book: bool = True
    qdrant: bool = False
    settings: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """`tolerates` are the errors, as words of their log lines, that are right to be logged in this case."""

    group: str
    name: str
    play: Survive
    needs: Needs
    tolerates: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it is called on the screen and in pytest."""
        return f"{self.group}: {self.name}"


CASES: list[Case] = []


def case(
    group: str,
    name: str,
    *,
    replicas: int = 1,
    book: bool = True,
    qdrant: bool = False,
    tolerates: tuple[str, ...] = (),
    **settings: object,
) -> Callable[[Survive], Survive]:
    """Make a function a case. `settings` are environment variables of its processes, in small letters."""

    def register(play: Survive) -> Survive:
        given = tuple(sorted((name.upper(), value) for name, value in settings.items()))
        CASES.append(Case(group, name, play, Needs(replicas, book, qdrant, given), tolerates))
        return play

    return register
