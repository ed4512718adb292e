"""What an evaluation found, as tables, for programs, and as a picture."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Group
from rich.table import Column, Table

from evals.anchors import Comparison
from evals.rounds import Round

COLUMNS = {
    "recall_at_1": "r@1",
    "recall_at_5": "r@5",
    "recall_at_10": "r@10",
    "mrr_at_10": "mrr@10",
    "in_budget": "budget",
}
Tops = npt.NDArray[np.float64]
NAMES = {"out_of_book": "out-of-book", "near_topic": "near-topic"}


def tables(rounds: Sequence[Round], anchors: Comparison | None) -> Group:
    """What was found, which no gate changes; what each gate refuses and lets through; and what is where the built site
    has it. Fits 80 columns."""
    return Group(finding(rounds[0]), gates(rounds), addresses(anchors))


def finding(one: Round) -> Table:
    """A row for all answerable questions, and one for each language."""
    shown = table("found", "n", *COLUMNS.values())
    for name, row in one.found().items():
        shown.add_row(name, str(row.questions), *(f"{getattr(row, column):.3f}" for column in COLUMNS))
    return shown


def gates(rounds: Sequence[Round]) -> Table:
    """A row for each kind of questions and each language, a column for each gate."""
    shown = table("gate", "n", "", *(one.name for one in rounds))
    found, passed = [one.found() for one in rounds], [one.let_through() for one in rounds]
    for name, row in found[0].items():
        shown.add_row(name, str(row.questions), "refused", *(f"{one[name].refused:.3f}" for one in found))
    for name, (count, _) in passed[0].items():
        if count:
            shares = [f"{one[name][1]:.3f}" for one in passed]
            shown.add_row(said(name), str(count), "accepted", *shares)
    return shown


def addresses(anchors: Comparison | None) -> Table:
    """A row for pages and one for headings, with how many have the address that they have in the built site."""
    shown = table("address", "n", "as built")
    if anchors:
        shown.add_row("pages, URL", str(anchors.pages), str(anchors.urls_equal))
        shown.add_row("headings, anchor", str(anchors.headings), str(anchors.anchors_equal))
    else:
        shown.add_row("pages and headings", "", "not scored: no truth table")
    return shown


def table(first: str, *others: str) -> Table:
    """An empty one whose figures are never cut."""
    columns = (Column(other, justify="right", no_wrap=True) for other in others)
    return Table(Column(first, no_wrap=True), *columns, box=box.SIMPLE)


def said(name: str) -> str:
    """The name of a kind of questions for people."""
    kind, comma, language = name.partition(", ")
    return f"{NAMES.get(kind, kind)}{comma}{language}"


def as_dict(one: Round) -> dict[str, object]:
    """The figures of a round, for programs."""
    passed = {name: {"questions": count, "accepted": share} for name, (count, share) in one.let_through().items()}
    figures = {name: asdict(row) for name, row in one.found().items()}
    return {**figures, **passed, "gate": one.name, "settings": one.settings}


def draw(one: Round, path: Path) -> None:
    """Draw how many other questions pass for each share of answerable ones refused; the dot is this round's gate.

    Only questions that meet this gate are in it: those in other languages have one of their own.
    """
    from matplotlib.figure import Figure  # 0.5 s, which no other command pays

    tops = {
        name: np.array([outcome.top for outcome in outcomes if outcome.retrieved.gate.name == one.gate])
        for name, outcomes in one.asked.items()
    }
    every = np.unique(np.concatenate(list(tops.values())))
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name, color in (("out_of_book", "tab:blue"), ("near_topic", "tab:orange")):
        if tops[name].size and tops["answerable"].size:
            curve = [percent(tops["answerable"], tops[name], gate) for gate in every]
            axes.plot(*zip(*curve, strict=True), color=color, label=NAMES[name])
            axes.plot(*percent(tops["answerable"], tops[name], one.settings[one.gate]), "o", color=color)
    axes.set(
        xlabel="answerable questions refused, %",
        ylabel="unanswerable questions accepted, %",
        title=f"What the gate costs, and what it saves (dot: {one.name})",
        xlim=(0, 20),
        ylim=(0, 100),
    )
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend()
    figure.savefig(path)


def percent(answerable: Tops, others: Tops, gate: float) -> tuple[float, float]:
    """Refused of the answerable ones, accepted of the others."""
    return float(np.mean(answerable < gate)) * 100, float(np.mean(others >= gate)) * 100
