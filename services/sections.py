"""A chapter's sections, taken apart into what is said and what must stay, and put together again."""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services import directions
from services.anchors import explicit_id, slugify
from services.book import Section
from services.markdown import Heading, parse
from services.segmenting import segments_of
from services.segments import Segment, SegmentSort
from services.source import Source, cuts_fences


@dataclass(frozen=True, slots=True)
class SourceSection:
    """What stands from `start` to `end` of a chapter's content, a heading first, and its segments in order.

    The first may stand before any heading. Its heading is then the chapter's title, without an anchor. Sections of the
    same `hash` have the same source and the same anchor.
    """

    index: int
    heading: str
    level: int
    anchor: str | None
    start: int
    end: int
    segments: tuple[Segment, ...]
    hash: bytes


Edit = tuple[int, int, str]  # what stands in the place of a range of the content

_FOOTNOTES = "footnote-label"  # of the heading that Docusaurus adds, which stands nowhere in the content
_LINE_BREAK = re.compile(r"\n[ \t>]*")
_HASHED = re.compile(r"(?:[ \t]*\n)*[ \t>*+\d.)-]*#{1,6}[ \t]+")
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def take_apart(content: str, sections: Sequence[Section]) -> tuple[SourceSection, ...]:
    """The sections of a chapter's content, which make it up again in order. `sections` are those that the book knows.

    They say which anchors Docusaurus gives. Where they are not those of the content, its own parse has to do.
    """
    headings = [heading for heading in parse(content).headings if heading.start < heading.end]
    starts = [0, *(content.rfind("\n", 0, heading.start) + 1 for heading in headings), len(content)]
    places = list(zip(_known(headings, sections), pairwise(starts), strict=True))
    if headings and not content[: starts[1]].strip():
        places[:2] = [(places[1][0], (0, starts[2]))]
    segments = _by_section(content, [place for _, place in places])
    return tuple(
        _section(content, index, known, place, own)
        for index, ((known, place), own) in enumerate(zip(places, segments, strict=True))
    )


def assemble(content: str, section: SourceSection, texts: Mapping[int, str], *, ids: bool, rtl: bool) -> str:
    """The source of a section with other texts in it.

    `texts` has the Markdown of segments by their index in the section; the others stay. `ids` gives the heading the
    anchor that it would lose by its new text; `rtl` marks all that is read from right to left.
    """
    edits = [_edit(content, section.segments[index], text) for index, text in texts.items()]
    if ids:
        edits += _id(content, section, edits)
    if rtl:
        edits += [(place, place, mark) for place, mark in directions.marks(content, section.start, section.end)]
    parts: list[str] = []
    position = section.start
    for start, end, text in sorted(edits, key=lambda edit: edit[:2]):
        parts += [content[position:start], text]
        position = end
    return "".join([*parts, content[position : section.end]])


def _known(headings: Sequence[Heading], sections: Sequence[Section]) -> list[Section]:
    """What goes before the first heading, and each heading."""
    known = [section for section in sections if section.anchor != _FOOTNOTES]
    title = Section(known[0].heading if known else "", 1, None, "")
    own = known[len(known) - len(headings) :]
    if [(section.heading, section.level) for section in own] == [(heading.text, heading.level) for heading in headings]:
        return [title, *own]
    return [title, *(Section(heading.text, heading.level, heading.anchor, "") for heading in headings)]


def _by_section(content: str, places: Sequence[tuple[int, int]]) -> Iterator[tuple[Segment, ...]]:
    """The segments of each section; none of one that would be read otherwise by itself."""
    segments = segments_of(Source.read(content))
    starts = [segment.start for segment in segments]
    for start, end in places:
        own = segments[bisect_left(starts, start) : bisect_left(starts, end)]
        yield () if cuts_fences(content, start, end) else tuple(segment for segment in own if segment.end <= end)


def _section(
    content: str, index: int, known: Section, place: tuple[int, int], segments: tuple[Segment, ...]
) -> SourceSection:
    start, end = place
    hash = hashlib.sha256(f"{known.anchor or ''}\0{content[start:end]}".encode()).digest()
    return SourceSection(index, known.heading, known.level, known.anchor, start, end, segments, hash)


def _edit(content: str, segment: Segment, text: str) -> Edit:
    """A text in the place of a segment, its further lines in the same container."""
    prefix = _LINE_BREAK.search(content, segment.start, segment.end)
    return segment.start, segment.end, text.replace("\n", prefix[0]) if prefix else text


def _id(content: str, section: SourceSection, edits: Sequence[Edit]) -> Iterator[Edit]:
    """The explicit id of a heading that has none, but needs one for its anchor.

    One with its old text needs it too where its anchor tells it apart from others: those may be called otherwise now.
    """
    place = _heading_place(content, section)
    if not section.anchor or not place:
        return
    start, end = place
    text = content[start:end]
    is_new = any(start <= first and last <= end and content[first:last] != new for first, last, new in edits)
    needs_one = is_new or slugify(section.heading) != section.anchor
    if needs_one and "{#" not in text and not explicit_id(text)[1]:
        # The short form is no MDX: Docusaurus lets it pass in lines that begin with hashes, and as text with emphasis.
        is_plain = content.startswith("#", content.rfind("\n", 0, start) + 1) and not _EMPHASIS.search(section.anchor)
        yield end, end, f" {{#{section.anchor}}}" if is_plain else f" {{/* #{section.anchor} */}}"


def _heading_place(content: str, section: SourceSection) -> tuple[int, int] | None:
    """Where the text of a section's heading stands, an explicit id included; None for one that is written as a tag."""
    hashed = _HASHED.match(content, section.start, section.end)
    underlined = [segment for segment in section.segments if segment.sort is SegmentSort.HEADING]
    if not hashed and not underlined:
        return None
    start, last = (hashed.end(), hashed.end()) if hashed else (underlined[0].start, underlined[-1].end)
    end = content.find("\n", last, section.end)
    text = content[start : end if end >= 0 else section.end].rstrip(" \t")
    bare = text.rstrip("#")
    if hashed and bare.endswith((" ", "\t")):  # hashes at the end are only for the eye
        text = bare.rstrip(" \t")
    return start, start + len(text)
