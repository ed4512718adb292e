"""Segments: the inline text of a paragraph, heading, cell or title, of which a model sees nothing but the words."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from markdown_it.common.utils import normalizeReference
from markdown_it.token import Token
from markdown_it.utils import EnvType

from services import wording
from services.anchors import explicit_id
from services.inline_facts import facts
from services.parser import parser
from services.places import addresses
from services.text import is_text


class SegmentSort(StrEnum):
    """Where a segment stands; a title is an admonition's."""

    HEADING = "heading"
    PROSE = "prose"
    CELL = "cell"
    TITLE = "title"


@dataclass(frozen=True, slots=True)
class Tag:
    """What a tag stands for: a source, or one before and one after words. That of `code` may be shown to the model."""

    opening: str
    closing: str | None
    code: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands from `start` to `end` of a chapter's content; `text` has it on one line, with `tags` from 1 on."""

    sort: SegmentSort
    start: int
    end: int
    text: str
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text cannot take the place of a segment, in words that its writer can act on."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What a parser finds in a segment's Markdown: its facts, and the marks of emphasis that have no partner."""

    facts: Counter[str]
    loose: int


_TAG = re.compile(r"<(/?)([xg])([1-9]\d{0,3})\s*(/?)>")
_LONE = re.compile(
    r"(?P<before>(?<=\w))?(?P<tag><x(?P<number>\d+)\s*/?>)(?P<after>(?!\s|\Z|</g|[?!.,:;)\]*_~'\"]+(?:\s|\Z|</g)))?"
)
_PAIR_OF_X = re.compile(r"<x([1-9]\d{0,3})\s*>\s*</x\1\s*>")
_LINE_BREAK = re.compile(r"[ \t]*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+[ \t]*")
_HTML = re.compile(r"</?[A-Za-z][\w.-]*(?:\s[^<>]*)?/?>")
_NOT_IN_HEADINGS = re.compile(r"\{#|\{/\*|<!--|\|")  # the start of an id; a bar, which makes a table of some
_MODULE = re.compile(r"(?:import|export) ")
_LOOSE = re.compile(r"\*|~~|(?<!\w)_|_(?!\w)")
_DEFINED = re.compile(r"\]\[([^\[\]]+)\]")
_FOOTNOTE = re.compile(r"\[\^([^\s\]]+)\]")
_SHAPES = {
    SegmentSort.PROSE: (" {}", "paragraph"),  # set in, since only at the start of a line a text could be a module
    SegmentSort.HEADING: ("# {}", "heading"),
    SegmentSort.TITLE: (":::note[{}]\n:::", "directive"),
    SegmentSort.CELL: ("|{}|\n|---|", "table thead tr th"),
}


def restored(segment: Segment, text: str) -> str | Fault:
    """The Markdown that `text`, a rendering of the segment's, stands for: on one line but for the breaks in its tags.

    Parsed by itself it is one block of the segment's sort, with the same code, formulas, links, images, tags and
    footnotes as the segment.
    """
    said = _PAIR_OF_X.sub(r"<x\1/>", _LINE_BREAK.sub(" ", text).strip())
    reason = _bad_tags(segment.tags, said) or _bad_words(segment, said)
    if reason:
        return Fault(reason)
    expected = _expected(segment)
    reasons: list[str] = []
    for all_tags in (False, True):  # often a blank beside a tag is all that is missing
        markdown = _written(segment, _spaced(segment.tags, said, all_tags=all_tags))
        reason = _unsound(segment, markdown, expected)
        if not reason:
            return markdown
        reasons.append(reason)
    return Fault(reasons[0])


def _bad_tags(tags: Sequence[Tag], said: str) -> str | None:
    """What is wrong with the tags of a text: each has its place once, and those around words close in order."""
    missing = dict(enumerate(tags, 1))
    open_ones: list[int] = []
    for found in _TAG.finditer(said):
        number, closes = int(found[3]), bool(found[1])
        tag = tags[number - 1] if number <= len(tags) else None
        if not tag or (found[2] == "x") != (tag.closing is None):
            return f"there is no tag {found[0]} in the source"
        if closes and (not open_ones or open_ones.pop() != number):
            return f"{found[0]} is not where it closes <g{number}>: tags may not cross"
        if not closes and number not in missing:
            return f"the tag {found[0]} is there twice"
        if not closes and tag.closing is not None:
            if found[4]:
                return f"<g{number}> must stand around words: <g{number}>words</g{number}>"
            open_ones.append(number)
        missing.pop(number, None)
    if open_ones:
        return f"<g{open_ones[-1]}> is not closed: </g{open_ones[-1]}> is missing"
    if missing:
        number, tag = next(iter(missing.items()))
        return f"the tag <x{number}/> is missing" if tag.closing is None else f"the tag <g{number}> is missing"
    empty = re.search(r"<g(\d+)>\s*</g\1>", said)
    return f"{empty[0]} has no words in it" if empty else None


def _bad_words(segment: Segment, said: str) -> str | None:
    """What the words of a text may not hold, since it is only for tags to say."""
    words = _TAG.sub("\0", said).replace("\0", " ")
    if not is_text(said):
        return "it has characters that are no text"
    if not any(character.isalpha() for character in words):
        return "it has no words"
    if "`" in words:
        return "it has a backtick: code is only what tags stand for"
    if re.search(r"(?<!\\)\$", words):
        return "it has a $: formulas are only what tags stand for"
    for start, end in addresses(words):
        return f"it has the address {words[start:end]}: addresses are only what tags stand for"
    if html := _HTML.search(words):
        return f"there is no tag {html[0]} in the source"
    if "[^" in words and "[^" not in segment.text:
        return "it has a footnote: footnotes are only what tags stand for"
    if segment.sort is SegmentSort.HEADING and (mark := _NOT_IN_HEADINGS.search(words)) and mark[0] not in segment.text:
        return f"it has {mark[0]}, which no heading may have that its source has not"
    if _MODULE.match(said) and not _MODULE.match(segment.text):
        return f"it may not begin with the word {said.split()[0]}"
    return None


def _written(segment: Segment, said: str) -> str:
    """The text as Markdown, with what its tags stand for."""
    out = ""
    position = 0
    for found in _TAG.finditer(said):
        out += _words(segment, said[position : found.start()])
        source = _source(segment.tags, found)
        if source.startswith("[") and out.endswith("!") and not out.endswith("\\!"):
            out = f"{out[:-1]}\\!"  # or the link would be an image
        out += source
        position = found.end()
    out += _words(segment, said[position:])
    if not _TAG.match(said):
        out = wording.not_a_block(out)
    return re.sub(r"(?<=\s)(?=#+\Z)", r"\\", out) if segment.sort is SegmentSort.HEADING else out


def _spaced(tags: Sequence[Tag], said: str, *, all_tags: bool) -> str:
    """A text with blanks on both sides of addresses, which would take in what touches them, or of all lone tags."""

    def spaced(found: re.Match[str]) -> str:
        source = tags[int(found["number"]) - 1].opening
        if not all_tags and addresses(source) != [(0, len(source))]:
            return found[0]
        return f"{_blank(found, 'before')}{found['tag']}{_blank(found, 'after')}"

    return _LONE.sub(spaced, said)


def _blank(found: re.Match[str], side: str) -> str:
    return "" if found[side] is None else " "


def _words(segment: Segment, words: str) -> str:
    markdown = wording.escaped(words)
    if segment.sort is SegmentSort.CELL:
        markdown = wording.without_bars(markdown)
    if segment.sort is SegmentSort.TITLE or "[" not in segment.text:  # some words in brackets are defined as links
        markdown = wording.without_brackets(markdown)
    return markdown


def _expected(segment: Segment) -> _Read:
    """What is in a segment as it stands in its chapter."""
    filled = _TAG.sub(lambda found: _source(segment.tags, found), segment.text)
    # A table takes the backslashes before bars away, before it looks at what is in a cell.
    source = filled.replace("\\|", "|") if segment.sort is SegmentSort.CELL else filled
    return _read_inline(source, _env(segment.tags))


def _source(tags: Sequence[Tag], found: re.Match[str]) -> str:
    tag = tags[int(found[3]) - 1]
    return (tag.closing or "") if found[1] else tag.opening


def _unsound(segment: Segment, markdown: str, expected: _Read) -> str | None:
    """What a parser finds wrong with a rendering."""
    if segment.sort is SegmentSort.HEADING and ("{#" in markdown or explicit_id(markdown)[1]):
        return "it has an id: a heading keeps the one that it has"
    found = _read(segment, markdown)
    if not found:
        return f"it does not read as one {segment.sort}: begin it with a word, and write no list, table or heading"
    if extra := found.facts - expected.facts:
        return f"it has {next(iter(extra))}, which the source has not"
    if lost := expected.facts - found.facts:
        return f"{next(iter(lost))} is lost: leave a blank on both sides of its tag"
    if found.loose > expected.loose:
        return "marks of emphasis do not pair up: write them right at the words, with a blank or a dot outside of them"
    return None


def _read(segment: Segment, markdown: str) -> _Read | None:
    """What is in the Markdown of a rendering; None when it is not one block of the segment's sort."""
    sort = SegmentSort.PROSE if "\n" in markdown else segment.sort  # only a heading of several lines has a break
    frame, kinds = _SHAPES[sort]
    env = _env(segment.tags)
    tokens: list[Token] = []
    parser().block.parse(frame.format(markdown), parser(), env, tokens)
    inlines = [token for token in tokens if token.type == "inline"]
    others = [token.type.removesuffix("_open") for token in tokens if token.nesting >= 0 and token.type != "inline"]
    if len(inlines) != 1 or others != kinds.split():
        return None
    return _read_inline(inlines[0].content, env)


def _read_inline(source: str, env: EnvType) -> _Read:
    children = parser().inline.parse(source, parser(), env, [])
    loose = sum(len(_LOOSE.findall(token.content)) for token in children if token.type == "text")
    return _Read(facts(children), loose)


def _env(tags: Sequence[Tag]) -> EnvType:
    """The definitions that a chapter must have for the tags to be what they are."""
    sources = [f"{tag.opening}{tag.closing or ''}" for tag in tags]
    return {
        "references": {label: {"href": label, "title": ""} for source in sources for label in _labels(source)},
        "footnotes": {"refs": {f":{found[1]}": -1 for source in sources for found in _FOOTNOTE.finditer(source)}},
    }


def _labels(source: str) -> Iterator[str]:
    yield from (normalizeReference(found[1]) for found in _DEFINED.finditer(source))
