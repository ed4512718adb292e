"""Anchors as github-slugger and Docusaurus make them."""

import pytest

from services.anchors import Slugger, explicit_id, slugify


@pytest.mark.parametrize("heading", ["Plain", "Braces {of #words}", "{1 + 1}", "Comment {/* id */}", "<!-- note -->"])
def test_a_heading_without_an_id_at_its_end_has_none(heading: str) -> None:
    assert explicit_id(heading) == (heading, None)


@pytest.mark.parametrize("spelling", ["{#my-Id}", "{/* #my-Id */}", "<!-- #my-Id -->", "{/* #my-Id more */}"])
def test_an_explicit_id_is_kept_as_written_in_every_spelling(spelling: str) -> None:
    assert explicit_id(f"Sensors {spelling}") == ("Sensors", "my-Id")


def test_punctuation_goes_and_each_space_becomes_a_dash() -> None:
    assert slugify("C++ & Python: which one?") == "c--python-which-one"


def test_letters_of_every_script_stay_and_emoji_go() -> None:
    assert slugify("روبوٹ کیا ہے؟ 你好 🤖 Ⓐ ﷽") == "روبوٹ-کیا-ہے-你好--ⓐ-"


def test_a_repeated_anchor_is_numbered_even_against_a_written_number() -> None:
    slugger = Slugger()
    assert [slugger.slug(text) for text in ("A", "A", "A 1", "A")] == ["a", "a-1", "a-1-1", "a-2"]


def test_a_text_without_a_letter_has_an_empty_anchor_that_is_numbered_too() -> None:
    slugger = Slugger()
    assert [slugger.slug(text) for text in ("?!", "🤖")] == ["", "-1"]
