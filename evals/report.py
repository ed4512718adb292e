"""What an evaluation found, as a table, as JSON, and as a picture."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import orjson
from rich import box
from rich.table import Column, Table

from evals.retrieval import Figures, Outcome, accepted, figures

COLUMNS = {
    "recall_at_1": "r@1",
    "recall_at_5": "r@5",
    "recall_at_10": "r@10",
    "mrr_at_10": "mrr@10",
    "in_budget": "budget",
    "refused": "refused",
}


def table(asked: dict[str, list[Outcome]], gate: float) -> Table:
    """A row for all answerable questions, one for each language, and one for each kind of unanswerable ones."""
    shown = Table(Column("questions", no_wrap=True), "n", *COLUMNS.values(), "accepted", box=box.SIMPLE)
    for name, row in rows(asked, gate).items():
        shown.add_row(name, str(row.questions), *(f"{getattr(row, column):.3f}" for column in COLUMNS), "")
    for name in ("out_of_book", "near_topic"):
        if asked[name]:
            blanks = [""] * len(COLUMNS)
            shown.add_row(name.replace("_", " "), str(len(asked[name])), *blanks, f"{accepted(asked[name], gate):.3f}")
    return shown


def rows(asked: dict[str, list[Outcome]], gate: float) -> dict[str, Figures]:
    """Figures of all answerable questions, and of each language where there are several."""
    answerable = asked["answerable"]
    languages = sorted({outcome.question.language for outcome in answerable})
    found = {"answerable": figures(answerable, gate)}
    if len(languages) > 1:
        found |= {
            f"answerable, {language}": figures([o for o in answerable if o.question.language == language], gate)
            for language in languages
        }
    return found


def as_json(asked: dict[str, list[Outcome]], settings: dict[str, float], citations: dict[str, int]) -> bytes:
    """All figures, for programs."""
    gate = settings["gate"]
    found = {
        **{name: asdict(row) for name, row in rows(asked, gate).items()},
        **{
            name: {"questions": len(asked[name]), "accepted": accepted(asked[name], gate)}
            for name in ("out_of_book", "near_topic")
        },
        "citations": citations,
        "settings": settings,
    }
    return orjson.dumps(found, option=orjson.OPT_INDENT_2)


def draw(asked: dict[str, list[Outcome]], gate: float, path: Path) -> None:
    """Draw how many foreign questions pass for each share of answerable ones refused; the gate in force is the dot."""
    from matplotlib.figure import Figure  # 0.5 s, which no other command pays

    tops = {name: np.array([outcome.top for outcome in outcomes]) for name, outcomes in asked.items() if outcomes}
    gates = np.unique(np.concatenate(list(tops.values())))
    refused = [float(np.mean(tops["answerable"] < at)) * 100 for at in gates]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name, color in (("out_of_book", "tab:blue"), ("near_topic", "tab:orange")):
        if name in tops:
            passed = [float(np.mean(tops[name] >= at)) * 100 for at in gates]
            axes.plot(refused, passed, color=color, label=name.replace("_", " "))
            now = (1 - accepted(asked["answerable"], gate)) * 100
            axes.plot([now], [accepted(asked[name], gate) * 100], "o", color=color)
    axes.set(
        xlabel="answerable questions refused, %",
        ylabel="unanswerable questions let through, %",
        title="What the gate costs, and what it saves (dot: the gate in force)",
        xlim=(0, 20),
        ylim=(0, 100),
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)
