"""`footnote variants make`: chapters for a level, or in another language, made before a reader asks for them."""

import sys
from collections.abc import Iterator
from decimal import ROUND_UP, Decimal

import click
from rich import box
from rich.console import Console
from rich.table import Column, Table

from bootstrap import open_workshop
from cli.running import explained, run
from cli.terminal import lines, progress_bars, set_up_logs
from services.ahead import Ahead, Made
from services.forms import Form
from services.ledger import MICRO
from services.readers import Hardware, Level
from services.variant_orders import Wanted
from services.variant_plan import Line, Plan, planned
from settings import Settings, read_settings

FIGURES = ("chapters", "there", "new", "calls", "batched", "at most", "at once", "at most")


@click.group()
def variants() -> None:
    """Chapters for a level, or in another language."""


@variants.command()
@click.option("--language", "languages", multiple=True, help="A language of TRANSLATION_LANGUAGES, such as ur.")
@click.option(
    "--level",
    "levels",
    multiple=True,
    type=click.Choice([level.lower() for level in Level], case_sensitive=False),
    help="For readers who know so much.",
)
@click.option(
    "--hardware",
    type=click.Choice([hardware.lower() for hardware in Hardware], case_sensitive=False),
    default=Hardware.NONE.lower(),
    show_default=True,
    help="What those readers have to try things on; counts with a level.",
)
@click.option("--chapter", "chapters", multiple=True, metavar="ID", help="Only this chapter. Repeatable.")
@click.option("--yes", is_flag=True, help="Do not ask before it costs anything.")
@click.option("--no-batch", is_flag=True, help="At once, section by section, at the full price.")
def make(
    languages: tuple[str, ...],
    levels: tuple[str, ...],
    hardware: str,
    chapters: tuple[str, ...],
    yes: bool,
    no_batch: bool,
) -> None:
    """Make chapters of the book in other forms, ahead of time.

    --language and --level can be repeated. A level alone is for the book's own language, a language alone is the
    chapter translated as it is, and with both each level is made in each language: --language ur --level beginner is
    one form, Urdu for beginners.

    The price is shown first. With ANTHROPIC_API_KEY it is made through the Message Batches API, at half the price and
    within a day; else section by section. Run again, it goes on where it was: what is stored is never paid for again.
    """
    if not (languages or levels):
        raise click.UsageError("Give a --language, a --level, or both.")
    wanted = Wanted(tuple(Level(level.upper()) for level in levels), languages, Hardware(hardware.upper()), chapters)
    with explained():
        settings = read_settings()
        set_up_logs(settings)
        batches = bool(settings.anthropic_api_key.get_secret_value()) and not no_batch
        plan = run(plan_for(settings, wanted, batches=batches))
        if plan.empty:
            click.echo("Nothing to do: all of it is there.")
            return
        show(plan, settings, batches=batches)
        if plan.jobs and not yes:
            click.confirm("Make them?", abort=True)
        sys.exit(report(run(carry_out(settings, plan, batches=batches))))


async def plan_for(settings: Settings, wanted: Wanted, *, batches: bool) -> Plan:
    """What is to be made, and its price. Nothing stays open while somebody thinks about it."""
    async with open_workshop(settings) as workshop:
        with progress_bars() as progress:
            return await planned(workshop, wanted, progress, batches=batches)


async def carry_out(settings: Settings, plan: Plan, *, batches: bool) -> Made:
    """Make it."""
    async with open_workshop(settings) as workshop:
        with progress_bars() as progress:
            return await Ahead(workshop, plan, progress, say).make(batches=batches)


def say(text: str) -> None:
    """A line above the bars."""
    lines([text])


def show(plan: Plan, settings: Settings, *, batches: bool) -> None:
    """The plan and its price, on standard output."""
    if plan.jobs:
        Console().print(table(plan))
    for remark in remarks(plan, settings, batches=batches):
        click.echo(remark)


def table(plan: Plan) -> Table:
    """A line for each form, and their sum."""
    figures = (Column(name, justify="right", no_wrap=True) for name in FIGURES)
    shown = Table(Column("form", min_width=12), *figures, box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    for form, line in plan.lines.items():
        shown.add_row(described(form), *figures_of(line))
    if len(plan.lines) > 1:
        shown.add_row("all", *figures_of(plan.total))
    return shown


def figures_of(line: Line) -> Iterator[str]:
    """What a line says."""
    yield from (f"{count:,}" for count in (line.chapters, line.stored, line.sections, line.calls))
    for price in (line.in_batches, line.at_once):
        yield from (dollars(price.expected), dollars(price.most))


def remarks(plan: Plan, settings: Settings, *, batches: bool) -> Iterator[str]:
    """What the figures do not say."""
    if plan.jobs:
        price = plan.total.in_batches if batches else plan.total.at_once
        yield "Batched: through the Message Batches API. At once: without it. At most: as if every call said all that"
        yield "it may, and all were asked for once more, as those are that fail their checks."
        yield f"These will be made {way(settings, batches=batches)}, for about {dollars(price.expected)}."
        if plan.room < price.most:
            yield f"Today's budget has {dollars(plan.room)} left for them: what it has no room for waits for tomorrow."
    if plan.under_way:
        becomes = "they are taken up" if batches else "they are left alone"
        yield f"In batches of an earlier run: {counted(plan.under_way, 'section')}; {becomes}."
    if plan.unbound:
        yield f"Made, and only to be put together: {counted(plan.unbound, 'chapter')}."


def way(settings: Settings, *, batches: bool) -> str:
    """How they will be made."""
    if batches:
        return "in batches, within a day"
    return "at once" if settings.anthropic_api_key.get_secret_value() else "at once, since OpenRouter has no batches"


def report(made: Made) -> int:
    """Say what became of it. Returns the exit code: 1 if something is left to be done."""
    click.echo(f"Made {counted(made.sections, 'section')}, and put {counted(made.chapters, 'chapter')} together.")
    if made.untranslated:
        kept = counted(made.untranslated, "section")
        click.echo(f"With words of the source, since what came of them was damaged twice: {kept}.")
    for problem in made.problems:
        click.echo(problem)
    if made.waiting:
        left = counted(made.waiting, "section")
        click.echo(f"{left} wait{'s' * (made.waiting == 1)} for tomorrow's budget; run the same command again.")
    return bool(made.waiting or made.problems)


def described(form: Form) -> str:
    """A form in the words of the options."""
    hardware = form.hardware if form.hardware != Hardware.NONE else None
    return " ".join(part.lower() for part in (form.language, form.level, hardware) if part)


def dollars(micro_dollars: Decimal) -> str:
    """An amount of money, never shown as less than it is."""
    return f"${(micro_dollars / MICRO).quantize(Decimal('0.0001'), ROUND_UP):,}"


def counted(number: int, noun: str) -> str:
    """So many of something, in words."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
