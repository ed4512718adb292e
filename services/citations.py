"""What the model cites, mapped back to the chapter's source and proven there."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.book import Chapter, Edition, Span
from services.heard import Cited
from services.retrieval import Found


@dataclass(frozen=True, slots=True)
class Citation:
    """A verbatim quotation. Positions count UTF-16 code units, as JavaScript slices strings.

    `offset` is the place in the answer's text after which the marker belongs.
    """

    number: int
    offset: int
    chapter_id: str
    chapter_title: str
    section: str
    url: str
    quote: str
    start: int
    end: int
    similarity: float
    reviewed: bool


def utf16_length(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def sent_units(found: Found, edition: Edition) -> list[str]:
    """The texts of a passage as they go to the model: one for each unit, verbatim from the chapter."""
    chapter = edition.chapter(found.passage.chapter_id)
    return [chapter.content[unit.start : unit.end] for unit in found.passage.units] if chapter else []


def prove(cited: Cited, given: Sequence[Found], edition: Edition, *, offset: int) -> list[Citation]:
    """The citations that hold, not yet numbered: none, if the text is not what was sent from that place of the chapter.

    The model's word is not taken for anything: indices may be out of range, and the text may be made up, shifted or
    stitched together. Units that do not follow each other in the chapter (items of a list) become a quotation each.
    """
    if not all(isinstance(index, int) for index in (cited.source, cited.start, cited.end)):
        return []
    if not 0 <= cited.source < len(given):
        return []
    found = given[cited.source]
    units = found.passage.units[cited.start : cited.end] if 0 <= cited.start < cited.end else ()
    chapter = edition.chapter(found.passage.chapter_id)
    if not chapter or len(units) != cited.end - cited.start:
        return []
    if cited.text != "".join(chapter.content[unit.start : unit.end] for unit in units):
        return []
    return [quotation(found, chapter, span, offset) for span in runs(units, chapter.content)]


def runs(units: Sequence[Span], content: str) -> list[Span]:
    """Units joined where only white space is between them in the chapter."""
    joined: list[Span] = []
    for unit in units:
        if joined and not content[joined[-1].end : unit.start].strip() and joined[-1].end <= unit.start:
            joined[-1] = Span(joined[-1].start, unit.end)
        else:
            joined.append(unit)
    return joined


def quotation(found: Found, chapter: Chapter, span: Span, offset: int) -> Citation:
    """A range of a chapter as a citation, numbered 0 until it is placed in an answer."""
    quote = chapter.content[span.start : span.end]
    start = utf16_length(chapter.content[: span.start])
    return Citation(
        number=0,
        offset=offset,
        chapter_id=chapter.id,
        chapter_title=chapter.title,
        section=found.passage.section,
        url=found.passage.url,
        quote=quote,
        start=start,
        end=start + utf16_length(quote),
        similarity=found.similarity,
        reviewed=found.passage.reviewed,
    )
