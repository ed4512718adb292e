"""What holds for every page of every book at hand when all its words are others: nothing else is."""

import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from services.book import Section
from services.docusaurus import Page
from services.manuscript import book, sections
from services.markdown import Kind, parse
from services.sections import SourceSection, assemble, take_apart
from services.segments import Fault, restored
from services.structure import differences
from tests.test_books import BOOKS

LETTERS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ابچدےفگہیجکلمنوپقرستعوطشیز")
TAG = re.compile(r"(</?[xg]\d+/?>)")
# What models add where it does not belong, between bars: the start of blocks, syntax, addresses, tags, marks.
ADDED = r"""
Here it is:\n\n|# |## |- |1. |> |```|```py\nx\n```|`x`|~~~|$$|$x$|$5|:::note |:::|\n\n|\n---|\n- |import a from 'b'
[a](b)|![a](b)|[a]|[^1]|[a]: b|](u)|[|]|(|!|https://evil.example|www.evil.example|me@evil.example|::name[x]{y}|:name[x]
<b>|</b>|<br/>|<Quiz />|<div dir="rtl">|</div>|<x1/>|<x9/>|<g1>|</g1>|</x1>|<|>|{|}|{x}|{#id}|{/* c */}|<!-- c -->
&|&lt;|&#123;|\\|\\`|*|**|_|~~| #|5|\u06d4|\u060c|\u2028|\u202e
"""
BITS = ["|", *(bit.encode().decode("unicode_escape") for bit in re.split(r"[|\n]", ADDED.strip()))]

Words = Callable[[str], str]


@cache
def pages(folder: Path) -> list[tuple[Page, tuple[SourceSection, ...]]]:
    found = book(folder, "/docs").pages
    return [(page, take_apart(page.content, [Section(*row, "") for row in sections(page)])) for page in found]


def in_urdu_letters(text: str) -> str:
    """Every Latin word outside of tags spelt in Urdu letters."""
    parts = TAG.split(text)
    return "".join(part if TAG.fullmatch(part) else part.lower().translate(LETTERS) for part in parts)


def misbehaving(chance: random.Random) -> Words:
    """Changes a text as a model does that does not do as it is told."""

    def change(text: str) -> str:
        tags = [found.span() for found in TAG.finditer(text)]
        first, last = sorted(chance.choices(range(len(text) + 1), k=2))
        tag = chance.choice(tags) if tags else (first, last)
        bit = chance.choice(BITS)
        return chance.choice(
            [
                text[: tag[0]] + text[tag[1] :],
                text[: tag[1]] + text[tag[0] :],
                text[: tag[1]] + bit + text[tag[1] :],
                text[: tags[0][0]] + text[slice(*tag)] + text[tags[0][1] :] if tags else text,
                re.sub(r"\s*(</?[xg]\d+/?>)\s*", r"\1", text),
                " ".join(chance.sample(text.split(), len(text.split()))),
                text[:first],
                text + text,
                bit + text,
                text + bit,
                text[:first] + bit + text[first:],
            ]
        )

    return lambda text: change(change(text)) if chance.random() < 0.3 else change(text)


def renderings(folder: Path, words: Words) -> Iterator[tuple[Page, str, list[Fault]]]:
    """Each page with other words, where they can take their places."""
    for page, parts in pages(folder):
        faults: list[Fault] = []
        content = ""
        for part in parts:
            said = {index: restored(segment, words(segment.text)) for index, segment in enumerate(part.segments)}
            faults += [text for text in said.values() if isinstance(text, Fault)]
            texts = {index: text for index, text in said.items() if isinstance(text, str)}
            content += assemble(page.content, part, texts, ids=True, rtl=True)
        yield page, content, faults


def named(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


books = pytest.mark.parametrize("folder", BOOKS, ids=named)
# One is as long as all others together.
short_books = pytest.mark.parametrize("folder", [folder for folder in BOOKS if folder.name != "redux-docs"], ids=named)


@books
def test_the_sections_of_a_page_are_its_content_and_no_segments_share_a_word(folder: Path) -> None:
    for page, parts in pages(folder):
        assert "".join(page.content[part.start : part.end] for part in parts) == page.content
        places = [(segment.start, segment.end) for part in parts for segment in part.segments]
        assert all(first[1] <= second[0] for first, second in pairwise(places)), page.file


@books
def test_nearly_all_words_of_a_book_are_in_its_segments(folder: Path) -> None:
    letters = lost = 0
    for page, parts in pages(folder):
        kept = [False] * len(page.content)
        for segment in (segment for part in parts for segment in part.segments):
            kept[segment.start : segment.end] = [True] * (segment.end - segment.start)
        units = [
            unit for block in page.outline.blocks if block.kind in (Kind.PROSE, Kind.TABLE) for unit in block.units
        ]
        places = [place for unit in units for place in range(unit.start, unit.end) if page.content[place].isalpha()]
        letters += len(places)
        lost += sum(not kept[place] for place in places)
    assert lost <= 0.002 * letters  # paragraphs and cells that are nothing but code, formulas or addresses


@short_books
def test_a_page_with_its_own_words_is_the_same_page(folder: Path) -> None:
    for page, content, faults in renderings(folder, lambda text: text):
        assert (faults, differences(page.content, content)) == ([], []), page.file


@books
def test_a_page_in_other_words_has_the_same_blocks_and_anchors(folder: Path) -> None:
    for page, content, faults in renderings(folder, in_urdu_letters):
        assert (faults, differences(page.content, content)) == ([], []), page.file
        anchors = [heading.anchor for heading in page.outline.headings]
        assert [heading.anchor for heading in parse(content).headings] == anchors, page.file


@short_books
def test_what_a_misbehaving_model_says_is_refused_or_does_no_harm(folder: Path) -> None:
    refused = 0
    for page, content, faults in renderings(folder, misbehaving(random.Random(7))):
        assert differences(page.content, content) == [], page.file
        refused += len(faults)
    assert refused
