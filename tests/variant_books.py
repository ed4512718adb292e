"""Whether chapters in other forms still are their sources: of whole books, by a model that misbehaves.

    python -m tests.variant_books [FOLDER ...]

Has each chapter of each book made in four forms: for a BEGINNER, ADVANCED, in Urdu, and in Urdu for a BEGINNER. The
model is scripted: it puts words into other words; in a second run it damages one segment in twenty, in each of nine
ways. What is made is compiled as Docusaurus compiles it, and compared with its source. Prints a table for each run, of
all that is counted on both sides; ends with exit code 1 where anything differs.

Without folders, it reads the torture book, the sample book, and the real ones that stand beside the project, if any do.
"""

import asyncio
import re
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bootstrap import budget_of, glossaries_of, open_database, open_providers, prices_of
from db.variants import RenderingRow
from services.book import Chapter, Site
from services.forms import Form
from services.ledger import open_ledger
from services.library import chapter
from services.making import Order
from services.manuscript import book, chapter_row, language
from services.readers import Level
from services.rendition import Rendering
from services.section_writer import Assignment, SectionWriter
from services.sections import SourceSection, take_apart
from services.variant_maker import AT_ONCE
from settings import Settings
from tests.claude import Call, ScriptedClaude
from tests.claude.translating import WELL, Habits, texts, translating
from tests.faults.long_run import bar, screen, table
from tests.site import BOOK
from tests.test_books import BESIDE, TESTS
from tests.variant_comparison import Compared, Made, compare

TORTURE = TESTS / "books" / "torture" / "docs"
ROBOTICS = (BESIDE / "physical-ai-textbook" / "docs", BESIDE / "physical-ai-en-ur" / "docs")
SITE = Site("http://localhost:3000/docs", "http://localhost:3000/{language}/docs")
RATE = 0.05
BADLY = Habits(*[RATE] * 9)
RUNS = {"a model that behaves": WELL, f"one that does {RATE:.0%} of all in each of nine ways wrong": BADLY}
WORK = ("sections", "calls", "segments", "segments asked again", "segments kept")
KINDS = ("code blocks", "fences", "inline code", "formulas", "links", "images", "anchors")
SEGMENT = re.compile(r'^<t id="\d+" kind="\w+"( wrong=)?', re.MULTILINE)
MOST = 20  # differences that are printed


class Press:
    """Makes chapters in other forms, by the writer that the server has."""

    def __init__(self, writer: SectionWriter, claude: ScriptedClaude) -> None:
        self._writer = writer
        self._claude = claude

    async def make(self, chapter: Chapter, form: Form) -> Made:
        """A chapter in a form, of sections made beside each other."""
        first, gate = len(self._claude.calls), asyncio.Semaphore(AT_ONCE)
        sections = await asyncio.to_thread(take_apart, chapter.content, chapter.sections)
        assignment = await self._writer.assign(Order(chapter, sections, form, None))

        async def write(section: SourceSection) -> RenderingRow:
            async with gate:
                return await self._writer.write(assignment, section)

        rows = await asyncio.gather(*map(write, sections))
        calls = [(asked(call), replied(call)) for call in self._claude.calls[first:]]
        damaged = [section for section, row in zip(sections, rows, strict=True) if row.untranslated]
        kept = [await asyncio.to_thread(segments_kept, assignment, section, dict(calls)) for section in damaged]
        work = Counter({"sections": len(rows), "calls": len(calls), "segments kept": sum(kept)})
        return Made(
            chapter,
            form,
            "".join(row.content for row in rows),
            work + segments_asked(material for material, _ in calls),
        )


@asynccontextmanager
async def open_press(claude: ScriptedClaude, **settings: object) -> AsyncIterator[Press]:
    """All that making takes, with a budget that never ends. What was sent to the model is checked at the end."""
    given = Settings.model_validate(
        {
            "anthropic_api_key": "key",
            "anthropic_base_url": claude.url,
            "daily_budget_usd": Decimal(1_000_000),
            **settings,
        }
    )
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(open_database(given))
        prices = prices_of(given)
        providers = await opened.enter_async_context(open_providers(given, prices))
        assert providers
        ledger = await opened.enter_async_context(open_ledger(database, prices, budget_of(given)))
        yield Press(SectionWriter(database, providers, ledger, glossaries_of(given)), claude)
        assert claude.violations == []


def asked(call: Call) -> str:
    """What the model was told of some segments."""
    return texts(call.body["messages"][-1]["content"])


def replied(call: Call) -> str:
    """What it said to that."""
    return "".join(block.text for block in call.telling.message.content if block.type == "text")


def segments_asked(materials: Iterable[str]) -> Counter[str]:
    """How many segments the model was asked for, and how many of them once more."""
    again = [bool(found[1]) for material in materials for found in SEGMENT.finditer(material)]
    return Counter({"segments": again.count(False), "segments asked again": again.count(True)})


def segments_kept(assignment: Assignment, section: SourceSection, replies: Mapping[str, str]) -> int:
    """How many segments of a section stayed as they were: read from what the model said, once more."""
    rendering, wanted = Rendering(assignment.brief, section), 0
    while asks := rendering.asks():
        wanted = wanted or sum(len(ask.ids) for ask in asks)
        for ask in asks:
            rendering.take(ask, replies[ask.material])
    return wanted - rendering.result().texts


def chapters_of(folder: Path) -> list[Chapter]:
    """The chapters of a book as the library has them, and those of its translations."""
    pages = book(folder, "/docs").pages
    own = language("".join(page.content for page in pages if page.language is None))
    return [chapter(chapter_row(page), SITE, own) for page in pages]


def forms_of(chapter: Chapter) -> list[Form]:
    """The forms that a chapter is made in: one that is in Urdu, for levels only."""
    levels = [Form(level, chapter.language) for level in (Level.BEGINNER, Level.ADVANCED)]
    return levels if chapter.language == "ur" else [*levels, Form(None, "ur"), Form(Level.BEGINNER, "ur")]


@dataclass(frozen=True, slots=True)
class Tally:
    """What was made of a book, and how it compares."""

    name: str
    made: Sequence[Made]
    compared: Compared

    def counted(self, kind: str) -> str:
        """How much of a kind there is in the sources and in what was made of them."""
        source, variants = self.compared.source[kind], self.compared.variant[kind]
        return f"{source:,} {'=' if source == variants else '≠'} {variants:,}"


async def run(press: Press, folders: Iterable[Path]) -> list[Tally]:
    """Make and compare books, while a bar shows how far it is."""
    tallies: list[Tally] = []
    with bar() as progress:
        for folder in folders:
            orders = [(one, form) for one in chapters_of(folder) for form in forms_of(one)]
            name = folder.parent.name if folder.name == "docs" else folder.name
            made = [await press.make(*order) for order in progress.track(orders, description=name)]
            tallies.append(Tally(name, made, await compare(made)))
    return tallies


def show(title: str, tallies: Sequence[Tally]) -> None:
    """Print the table, with a column for each book; then what does not compile as it is, and what differs."""
    work = [sum((one.work for one in tally.made), Counter[str]()) for tally in tallies]
    rows = [
        ["chapters", *(f"{len({one.chapter.id for one in tally.made})}" for tally in tallies)],
        ["variants", *(f"{len(tally.made)}" for tally in tallies)],
        *([what, *(f"{counts[what]:,}" for counts in work)] for what in WORK),
        *([kind, *(tally.counted(kind) for tally in tallies)] for kind in KINDS),
        ["sources that do not compile", *(f"{len(tally.compared.refused)}" for tally in tallies)],
        ["differences", *(f"{len(tally.compared.differences)}" for tally in tallies)],
    ]
    table(f"Sources = variants, made by {title}", ["", *(tally.name for tally in tallies)], rows)
    for tally in tallies:
        for page, reason in tally.compared.refused.items():
            screen.print(f"{tally.name}, {page}: the source does not compile: {reason}", markup=False)
        for difference in tally.compared.differences[:MOST]:
            screen.print(f"{tally.name}, {difference}", markup=False)


async def main(folders: Sequence[Path]) -> int:
    """Both runs."""
    differences = 0
    with tempfile.TemporaryDirectory() as data:
        async with ScriptedClaude() as claude, open_press(claude, data_dir=data) as press:
            for title, habits in RUNS.items():
                claude.always(translating(habits))
                tallies = await run(press, folders)
                show(title, tallies)
                differences += sum(len(tally.compared.differences) for tally in tallies)
    return int(differences > 0)


if __name__ == "__main__":
    given = [Path(folder).resolve() for folder in sys.argv[1:]]
    sys.exit(asyncio.run(main(given or [TORTURE, BOOK, *filter(Path.is_dir, ROBOTICS)])))
