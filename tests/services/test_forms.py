"""The forms of a chapter: their names, their languages, their direction."""

from dataclasses import fields

import pytest

from services.forms import Form, TextDirection, direction_of, english_name, written
from services.readers import Hardware, Level


def test_hardware_without_a_level_is_no_form() -> None:
    with pytest.raises(ValueError, match="needs a level"):
        Form(None, "ur", Hardware.JETSON)


def test_forms_of_every_kind_have_names_of_their_own() -> None:
    levels, hardware = [None, *Level], [None, *Hardware]
    forms = [Form(one, tag, two) for one in levels for tag in ("en", "ur") for two in hardware if one or not two]
    assert len({str(form) for form in forms}) == len(forms) == 2 + 3 * 2 * 5


def test_a_form_is_called_by_what_it_is() -> None:
    assert [str(Form(None, "ur")), str(Form(Level.ADVANCED, "en", Hardware.GPU))] == ["ur", "en/ADVANCED/GPU"]
    assert [field.name for field in fields(Form)] == ["level", "language", "hardware"]


@pytest.mark.parametrize(("language", "book", "translated"), [("ur", "en", True), ("EN", "en", False)])
def test_a_form_is_translated_where_its_language_is_not_the_books(language: str, book: str, translated: bool) -> None:
    assert Form(Level.BEGINNER, language).translated(book) is translated


@pytest.mark.parametrize("language", ["ur", "ur-PK", "ar", "fa", "he", "ps", "sd", "ug", "yi", "pa-Arab", "ku-Arab-IQ"])
def test_these_are_read_from_right_to_left(language: str) -> None:
    assert direction_of(language) is TextDirection.RTL


@pytest.mark.parametrize("language", ["en", "ur-Latn", "ks-Deva", "pa", "zh-Hant", "tr", "pt-BR", "xx"])
def test_these_are_read_from_left_to_right(language: str) -> None:
    assert direction_of(language) is TextDirection.LTR


def test_a_language_is_written_alike_in_all_countries() -> None:
    assert [written(tag) for tag in ("ur-PK", "ur-Latn-PK", "zh-hant")] == ["ur", "ur-latn", "zh-hant"]


@pytest.mark.parametrize(
    ("language", "name"),
    [("ur-PK", "Urdu"), ("ur-Latn", "Roman Urdu, that is Urdu in Latin letters"), ("tlh", "the language tlh")],
)
def test_a_language_is_told_by_its_english_name_or_else_by_its_tag(language: str, name: str) -> None:
    assert english_name(language) == name
