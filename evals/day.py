"""What a day costs of 100 readers who use every quota, with Haiku and with Sonnet, with and without the answer cache.

    python -m evals.day [--readers N] [--seed S] [--picture day.svg]

The calls are reserved and settled in a PostgreSQL of its own by the ledger, the prices and the budget of the settings;
no model is asked. Ends with 1 at the moment at which the ledger passes the cap. docs/cost.md tells what is assumed.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from statistics import fmean

import click
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from bootstrap import budget_of, open_embedding, prices_of
from db.embedded_postgres import embedded_postgres
from db.migrate import migrate
from db.postgres import Database, pool
from evals import traffic
from evals.labels import read_labels
from evals.retrieval import open_desk, share
from evals.spending import Became, Day, LedgerWrong, Spending, Step, uncapped
from evals.traffic import HOURS, Hours, Question, Quota, Sizes, measured
from services.admissions import PROMPT
from services.ledger import open_ledger
from services.purse import covers
from services.writer import read_rules
from settings import Settings, read_settings

SET, BOOK = Path("evals/sample"), Path("examples/book")
HAIKU, SONNET = "claude-haiku-5-5", "claude-sonnet-5-5"
COLORS = {HAIKU: "tab:blue", SONNET: "tab:orange"}


@dataclass(frozen=True, slots=True)
class Plan:
    """A day to be simulated, by one model until the cheaper one, Haiku, takes over."""

    model: str
    caches: bool

    @property
    def name(self) -> str:
        """For people."""
        model = "Haiku" if self.model == HAIKU else "Sonnet"
        return f"{model}, with cache" if self.caches else model

    def settings(self, settings: Settings) -> Settings:
        """The operator's settings with this day's models."""
        return settings.model_copy(update={"claude_model": self.model, "claude_cheap_model": HAIKU})


@dataclass(frozen=True, slots=True)
class Spent:
    """How a day went, and what it would have cost in dollars if there had been no cap."""

    plan: Plan
    uncapped: Decimal
    spending: Spending


PLANS = [Plan(model, caches) for model in (HAIKU, SONNET) for caches in (False, True)]


async def spent(plan: Plan, settings: Settings, hours: Hours, hour_over: Callable[[], None]) -> Spent:
    """Simulate one day in a fresh database. Raises LedgerWrong."""
    with tempfile.TemporaryDirectory() as folder:
        async with embedded_postgres(Path(folder, "postgres")) as url:
            await migrate(url)
            async with pool(url) as opened:
                database = Database(opened)
                # Half the time, and nothing here has to survive a power cut.
                await database.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
                await opened.expire_connections()
                return await spent_in(database, plan, settings, hours, hour_over)


async def spent_in(
    database: Database, plan: Plan, settings: Settings, hours: Hours, hour_over: Callable[[], None]
) -> Spent:
    """Simulate one day in a database that has spent nothing. Raises LedgerWrong."""
    own = plan.settings(settings)
    prices, budget = prices_of(own), budget_of(own)
    async with open_ledger(database, prices, budget) as ledger:
        day = Day(database, ledger, budget.day, own.claude_models, caches=plan.caches)
        spending = await day.spend(hours, hour_over)
    return Spent(plan, uncapped(hours, prices, plan.model, caches=plan.caches), spending)


def table(days: Sequence[Spent], settings: Settings) -> Table:
    """A column for each day, in Markdown."""
    shown = Table(
        *(Column(name, justify="right", no_wrap=True) for name in ["", *(one.plan.name for one in days)]),
        box=box.MARKDOWN,
    )
    shown.columns[0].justify = "left"
    shown.add_row("it would cost without a cap", *(f"${one.uncapped:.2f}" for one in days))
    shown.add_row(f"spent, of ${settings.daily_budget_usd:f}", *(f"${one.spending.by_hour[-1]:.4f}" for one in days))
    for became in Became:
        shown.add_row(became, *(f"{one.spending.became[became]:,}" for one in days))
    for step in Step:
        shown.add_row(f"{step}, from hour", *(str(one.spending.since.get(step, "never")) for one in days))
    return shown


def described(sizes: Sizes) -> str:
    """What the day is made of, in sentences."""
    asked = sizes.questions
    answers = [one.answer.used.input for one in asked if one.answer]
    rewordings = [one.rewording.used.input for one in asked if one.rewording]
    covered = share([covers(PROMPT, one.answer.most) for one in asked if one.answer])
    declined = share([bool(one.answer) and not one.kept for one in asked])
    rules = len(read_rules())
    return (
        f"{len(asked)} questions: the gate declines {share([not one.answer for one in asked]):.1%}, the model "
        f"{declined:.1%}. {len(rewordings)} are reworded first.\n"
        f"A prompt has {fmean(answers):,.0f} tokens (at most {max(answers):,}), one for rewording "
        f"{fmean(rewordings or [0]):,.0f}; the rules of answering have {rules:,} characters, "
        f"{rules / traffic.CHARACTERS_PER_TOKEN:,.0f} tokens. Admission reserves enough for {covered:.1%} of prompts.\n"
        f"A chapter has {sizes.level.sections} sections; each takes {sizes.level.section.used.input} tokens in, "
        f"{sizes.level.section.used.output} out for a level, {sizes.urdu.section.used.output} for Urdu."
    )


def draw(days: Sequence[Spent], cap: float, path: Path) -> None:
    """Draw the dollars spent by the end of each hour."""
    import matplotlib as mpl  # 0.5 s, which those who import this file do not pay
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for one in days:
        style = "-" if one.plan.caches else "--"
        by_hour = [0.0, *map(float, one.spending.by_hour)]
        axes.plot(by_hour, style, color=COLORS[one.plan.model], label=one.plan.name)
    axes.axhline(cap, color="black", linewidth=1, label=f"the cap, ${cap:g}")
    axes.set(
        xlabel="hour of the day",
        ylabel="spent, US dollars",
        title="A day of readers who use every quota",
        xlim=(0, HOURS),
        ylim=(0, cap * 1.1),
        xticks=range(0, HOURS + 1, 4),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    with mpl.rc_context({"svg.hashsalt": "footnote"}):  # the same picture for the same figures
        figure.savefig(path, metadata={"Date": None})


async def sized(settings: Settings) -> Sizes:
    """The sizes of the sample's questions."""
    async with open_embedding(settings) as embedder, open_desk(BOOK, embedder, lambda *_: None) as desk:
        return await measured(desk, read_labels(SET), lambda *_: None)


async def simulate(readers: int, seed: int, picture: Path | None) -> None:
    """Print the sizes, then the days as a table; draw them."""
    console, settings, started = Console(width=120), read_settings(), time.monotonic()
    sizes = await sized(settings)
    console.print(described(sizes), highlight=False)
    quota = Quota(settings.questions_per_hour, settings.translations_per_day, settings.personalizations_per_day)
    hours = traffic.day(sizes, readers, quota, seed)
    asked = [one.what for hour in hours for one in hour]
    questions = sum(isinstance(what, Question) for what in asked)
    console.print(f"{readers} readers ask {questions:,} questions and want {len(asked) - questions:,} chapters anew.")
    days = []
    with Progress(console=Console(stderr=True)) as bars:
        for plan in PLANS:
            bar = bars.add_task(plan.name, total=HOURS)
            days.append(await spent(plan, settings, hours, partial(bars.advance, bar)))
    console.print(table(days, settings))
    console.print(f"{time.monotonic() - started:.0f} s")
    if picture:
        draw(days, float(settings.daily_budget_usd), picture)


@click.command(help=__doc__)
@click.option("--readers", default=100, show_default=True, type=click.IntRange(1), help="who use every quota")
@click.option("--seed", default=1, show_default=True, help="of the draw of questions")
@click.option("--picture", type=click.Path(path_type=Path), help="where to draw the day, such as day.svg")
def main(readers: int, seed: int, picture: Path | None) -> None:
    """The command."""
    try:
        asyncio.run(simulate(readers, seed, picture))
    except LedgerWrong as wrong:
        sys.exit(str(wrong))


if __name__ == "__main__":
    main()
