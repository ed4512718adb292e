"""What an author orders, and what there is not."""

from dataclasses import replace

import pytest

from services.book import Chapter
from services.forms import Form
from services.readers import Hardware, Level
from services.variant_orders import BadOrder, Wanted, ordered

INTRO = Chapter("intro", "en", "Introduction", 0, "/intro", "# Introduction\n", (), True)
BOOK = (INTRO, replace(INTRO, id="lamp", title="The lamp"), replace(INTRO, id="ur/lamp", language="ur"))
NOTHING = Wanted((), (), Hardware.NONE, ())


def forms(wanted: Wanted) -> list[str]:
    """The forms of the chapter on the lamp."""
    return [str(form) for chapter, form in ordered(wanted, BOOK, ["ur", "pt-BR"]) if chapter.id == "lamp"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (replace(NOTHING, languages=("fr",)), r"into ur, pt-BR \(TRANSLATION_LANGUAGES\), not into fr"),
        (replace(NOTHING, languages=("en",), chapters=("lamp",)), "have: en. Give a level"),
        (replace(NOTHING, languages=("ur",), chapters=("lmap",)), "no chapter lmap. Is it lamp"),
        (replace(NOTHING, languages=("ur",), chapters=("qqq",)), "no chapter qqq. There are intro, lamp, ur/lamp."),
    ],
)
def test_what_there_is_not_is_told_with_what_there_is(wanted: Wanted, told: str) -> None:
    with pytest.raises(BadOrder, match=told):
        ordered(wanted, BOOK, ["ur", "pt-BR"])


def test_without_translations_there_is_no_language() -> None:
    with pytest.raises(BadOrder, match="into no language"):
        ordered(replace(NOTHING, languages=("ur",)), BOOK[:2], [])


def test_a_language_is_the_chapter_as_it_is_in_another_one() -> None:
    assert forms(replace(NOTHING, languages=("UR", "pt-br"))) == ["ur", "pt-BR"]


def test_a_level_is_in_the_language_of_the_chapter() -> None:
    wanted = replace(NOTHING, levels=(Level.BEGINNER, Level.ADVANCED), hardware=Hardware.GPU)
    assert forms(wanted) == ["en/BEGINNER/GPU", "en/ADVANCED/GPU"]


def test_levels_and_languages_are_made_each_with_each() -> None:
    wanted = replace(NOTHING, levels=(Level.BEGINNER, Level.ADVANCED), languages=("ur", "en"))
    assert forms(wanted) == [f"{language}/{level}/NONE" for language in ("ur", "en") for level in wanted.levels]


def test_what_is_wanted_twice_is_made_once() -> None:
    wanted = Wanted((), ("ur", "ur"), Hardware.NONE, ("lamp", "lamp"))
    assert ordered(wanted, BOOK, ["ur"]) == [(BOOK[1], Form(None, "ur"))]


def test_a_chapter_that_is_in_the_language_already_is_left_out() -> None:
    assert [chapter.id for chapter, _ in ordered(replace(NOTHING, languages=("ur",)), BOOK, ["ur"])] == [
        "intro",
        "lamp",
    ]
