"""A labelled set asked once, with one gate."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evals.retrieval import Asked, Figures, accepted, figures
from services.retrieval import SOURCE


@dataclass(frozen=True, slots=True)
class Round:
    """What became of all questions with one gate: `gate` is its name among the `settings` that it was made of."""

    name: str
    gate: str
    settings: dict[str, float]
    asked: Asked

    def described(self) -> str:
        """The gate's settings for people."""
        return ", ".join(f"{name} {value:g}" for name, value in self.settings.items())

    def stored(self) -> dict[str, Any]:
        """The gate's settings as an edition keeps them, with their source."""
        questions = len(self.asked["answerable"]) + len(self.asked["out_of_book"])
        names = " and ".join(self.settings)
        return {**self.settings, "source": f"{SOURCE}; {names}: footnote eval --calibrate, {questions} questions"}

    def found(self) -> dict[str, Figures]:
        """Figures of all answerable questions, and of each language where there are several."""
        return {name: figures(outcomes) for name, outcomes in by_language("answerable", self.asked)}

    def let_through(self) -> dict[str, tuple[int, float]]:
        """Of questions that the book does not answer, how many there are, and the share that passed the gate."""
        return {
            name: (len(outcomes), accepted(outcomes))
            for kind in ("out_of_book", "near_topic")
            for name, outcomes in by_language(kind, self.asked)
        }


def by_language(kind: str, asked: Asked) -> Iterator[tuple[str, list[Any]]]:
    """The questions of a kind, all of them and, where there are several languages, those of each."""
    outcomes = asked[kind]
    languages = sorted({outcome.question.language for outcome in outcomes})
    yield kind, outcomes
    for language in languages if len(languages) > 1 else []:
        yield f"{kind}, {language}", [outcome for outcome in outcomes if outcome.question.language == language]
