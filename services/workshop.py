"""What makes chapters in other forms ahead of time."""

from collections.abc import Sequence
from dataclasses import dataclass

from db.postgres import Database
from services.book import Chapter
from services.claude_batches import Batches
from services.ledger import Ledger
from services.section_writer import SectionWriter
from services.variant_maker import VariantMaker
from services.variant_shelf import VariantShelf


@dataclass(frozen=True, slots=True)
class Workshop:
    """The book's `chapters` and all that makes them into others; no index, and no embedding model.

    `languages` are those that they are translated into, `models` those that write, in the budget's order. No `batches`
    where no provider has them.
    """

    database: Database
    chapters: tuple[Chapter, ...]
    languages: Sequence[str]
    models: tuple[str, ...]
    ledger: Ledger
    shelf: VariantShelf
    writer: SectionWriter
    maker: VariantMaker
    batches: Batches | None
