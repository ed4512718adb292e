"""One evaluation: a book, a labelled set, and what came out."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from rich.console import Group

from evals import report
from evals.anchors import Comparison, compare
from evals.citations import proven_citations
from evals.labels import Labels, NoLabels
from evals.retrieval import Desk, Outcome, Progress, ask_all, open_desk, run_line, share
from evals.rounds import Round
from services.embedding import Embeds

GATE_WORDS = (0.25, 0.5, 1.0)  # how much words may count in a calibrated gate
REFUSED = 0.02  # of the answerable questions in the book's language may be refused by a calibrated gate


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out: with the gate in force, and with one that was fitted to these very questions, where it was."""

    version: str
    in_force: Round
    calibrated: Round | None
    files: dict[str, str]
    proven: int
    units: int
    anchors: Comparison | None

    @property
    def rounds(self) -> list[Round]:
        """All that there are."""
        return [self.in_force, *([self.calibrated] if self.calibrated else [])]

    def table(self) -> Group:
        """For people."""
        return report.tables(self.rounds, self.anchors)

    @property
    def differences(self) -> Sequence[str]:
        """A line for each page or heading that is not where Docusaurus has it."""
        return self.anchors.differences if self.anchors else ()

    def told(self) -> str:
        """What belongs to the table, in sentences."""
        lines = [f"The {one.name} is {one.described()}." for one in self.rounds]
        if self.calibrated:
            refused, accepted = held_out(self.calibrated)
            lines += [
                "The calibrated gate is fitted to these very questions; --calibrate stores it.",
                "Fitted to one half of them and tried on the other, both ways, such a gate refuses "
                f"{refused:.3f} and accepts {accepted:.3f} (out-of-book).",
            ]
        return "\n".join([*lines, f"{self.proven} of {self.units} quotations stand where they are cited."])

    def to_store(self) -> dict[str, Any]:
        """The calibrated gate as an edition keeps it. Raises NoLabels where there is none."""
        if not self.calibrated:
            raise NoLabels(
                "No answerable question is in the book's language: there is nothing to calibrate the gate on"
            )
        return self.calibrated.stored()

    def json(self) -> bytes:
        """For programs."""
        found = report.as_dict(self.in_force)
        calibrated = report.as_dict(self.calibrated) if self.calibrated else None
        if self.calibrated and calibrated:
            calibrated["held_out"] = dict(zip(("refused", "accepted"), held_out(self.calibrated), strict=True))
        found["citations"] = {"proven": self.proven, "units": self.units}
        if self.anchors:
            found["anchors"] = asdict(self.anchors)
        return orjson.dumps({**found, "calibrated": calibrated}, option=orjson.OPT_INDENT_2)

    def save(self, folder: Path) -> None:
        """Write figures.json, run.jsonl (one line for each question, as the gate in force judges it),
        run-calibrated.jsonl and curve.svg."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "figures.json").write_bytes(self.json())
        for one, name in zip(self.rounds, ("run.jsonl", "run-calibrated.jsonl"), strict=False):
            with (folder / name).open("wb") as run:
                for outcome in (outcome for outcomes in one.asked.values() for outcome in outcomes):
                    run.write(orjson.dumps(run_line(outcome, self.files)) + b"\n")
        report.draw(self.rounds[-1], folder / "curve.svg")


async def evaluate_book(
    embedder: Embeds,
    labels: Labels,
    folder: Path,
    gate: float | None,
    progress: Progress,
    without: Sequence[str] = (),
) -> Evaluation:
    """Read, embed and ask a docs folder with the default settings, with another gate than the default one if it is
    given, and `without` some signals (nothing is calibrated then). Raises BookNotFound."""
    async with open_desk(folder, embedder, progress) as desk:
        desk.set(**dict.fromkeys(without, 0.0))
        if gate is not None:
            desk.set(**{desk.gate: gate})
        in_force = await asked_once("default gate" if gate is None else "RETRIEVAL_GATE", desk, labels, progress)
        calibrated = None if without else await asked_best(desk, labels, in_force, progress)
        proven, units = proven_citations(desk)
        pages = desk.manuscript.folder.pages
    return Evaluation(
        version=desk.manuscript.edition.version,
        in_force=in_force,
        calibrated=calibrated,
        files={page.id: page.file for page in pages},
        proven=proven,
        units=units,
        anchors=compare(pages, labels.truth) if labels.truth else None,
    )


async def asked_once(name: str, desk: Desk, labels: Labels, progress: Progress) -> Round:
    """All questions, asked with the desk's settings."""
    names = ["gate", "gate_words"] if desk.gate == "gate" else [desk.gate]
    settings = {name: getattr(desk.weights, name) for name in names}
    return Round(name, desk.gate, settings, await ask_all(desk, labels, progress))


async def asked_best(desk: Desk, labels: Labels, before: Round, progress: Progress) -> Round | None:
    """All questions, asked with the gate that refuses at most REFUSED of the answerable ones and lets the fewest others
    through; None where there are no answerable ones in the book's language."""
    tried: list[tuple[float, dict[str, float]]] = []
    own = Labels(labels.answerable, labels.out_of_book, ())
    for settings in [{"gate_words": weight} for weight in GATE_WORDS] if desk.gate == "gate" else [{}]:
        known = all(before.settings[name] == value for name, value in settings.items())
        desk.set(**settings)
        asked = before.asked if known else await ask_all(desk, own, progress)
        answerable, others = (tops(desk.gate, asked[kind]) for kind in ("answerable", "out_of_book"))
        if not answerable:
            return None
        gate = fitting(answerable)
        tried.append((sum(top >= gate for top in others), {**settings, desk.gate: gate}))
    desk.set(**min(tried, key=lambda one: one[0])[1])
    return await asked_once("calibrated gate", desk, labels, progress)


def tops(gate: str, outcomes: Sequence[Outcome]) -> list[float]:
    """What this gate saw: questions in other languages have one of their own."""
    return [outcome.top for outcome in outcomes if outcome.retrieved.gate.name == gate]


def fitting(tops: Sequence[float]) -> float:
    """The gate that refuses at most REFUSED of these scores."""
    return math.floor(sorted(tops)[int(len(tops) * REFUSED)] * 1000) / 1000


def held_out(calibrated: Round) -> tuple[float, float]:
    """What a gate refuses and accepts that was fitted to every other question, of the others: the mean of both halves.
    All of them are of those that meet the gate."""
    answerable, others = (tops(calibrated.gate, calibrated.asked[kind]) for kind in ("answerable", "out_of_book"))
    gates = [fitting(answerable[half::2] or answerable) for half in (0, 1)]
    refused = [share([top < gate for top in answerable[1 - half :: 2]]) for half, gate in enumerate(gates)]
    passed = [share([top >= gate for top in others[1 - half :: 2]]) for half, gate in enumerate(gates)]
    return sum(refused) / 2, sum(passed) / 2
