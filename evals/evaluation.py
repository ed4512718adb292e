"""One evaluation: a book, a labelled set, and what came out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
from rich.table import Table

from evals import report
from evals.labels import Labels
from evals.retrieval import Desk, Outcome, accepted, ask_all, calibrated, open_desk, proven_citations, run_line
from services.embedding import Embeds

GATE_WORDS = (0.25, 0.5, 1.0)  # how much words may count in a calibrated gate


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came out. `settings` are those of the gate that was used: a given one, or one that refuses at most 2 % of
    the answerable questions in the book's language."""

    version: str
    asked: dict[str, list[Outcome]]
    files: dict[str, str]
    proven: int
    units: int
    settings: dict[str, float]

    @property
    def gate(self) -> float:
        """The least score of a question that counts as answerable."""
        return self.settings["gate"]

    def table(self) -> Table:
        """For people."""
        return report.table(self.asked, self.gate)

    def json(self) -> bytes:
        """For programs."""
        citations = {"proven": self.proven, "units": self.units}
        return report.as_json(self.asked, self.settings, citations)

    def save(self, folder: Path) -> None:
        """Write figures.json, run.jsonl (one line for each question) and curve.svg."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "figures.json").write_bytes(self.json())
        lines = (run_line(outcome, self.files, self.gate) for outcomes in self.asked.values() for outcome in outcomes)
        (folder / "run.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
        report.draw(self.asked, self.gate, folder / "curve.svg")


async def evaluate_book(
    embedder: Embeds, labels: Labels, folder: Path, gate: float | None, progress: Callable[[str, int, int], None]
) -> Evaluation:
    """Read, embed and ask a docs folder; without a gate, calibrate one. Raises BookNotFound."""
    async with open_desk(folder, embedder, progress) as desk:
        asked, settings = await asked_best(desk, labels, gate, progress)
        proven, units = proven_citations(desk.shelf.book)
    return Evaluation(
        version=desk.manuscript.edition.version,
        asked=asked,
        files={page.id: page.file for page in desk.manuscript.folder.pages},
        proven=proven,
        units=units,
        settings=settings,
    )


async def asked_best(
    desk: Desk, labels: Labels, gate: float | None, progress: Callable[[str, int, int], None]
) -> tuple[dict[str, list[Outcome]], dict[str, float]]:
    """All questions asked, with the gate that lets the fewest foreign ones through, or with the given one."""
    if gate is not None:
        return await ask_all(desk, labels, progress), {"gate": gate}
    tried = []
    for share_of_words in GATE_WORDS:
        desk.set(gate_words=share_of_words)
        asked = await ask_all(desk, labels, progress)
        # Questions in other languages reach the book by translation, which the gate does not judge.
        own = [o for o in asked["answerable"] if o.question.language in ("", desk.shelf.book.edition.language)]
        settings = {"gate_words": share_of_words, "gate": calibrated(own)}
        tried.append((accepted(asked["out_of_book"], settings["gate"]), share_of_words, asked, settings))
    _, _, asked, settings = min(tried, key=lambda one: one[:2])
    return asked, settings
