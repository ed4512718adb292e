"""Which letters are a language's own."""

import pytest

from services.scripts import counted, own_letters


@pytest.mark.parametrize("language", ["en", "ur-Latn", "sr-Latn", "de", "xx"])
def test_latin_letters_tell_no_language(language: str) -> None:
    assert own_letters(language) is None


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ur", "روبوٹ"),
        ("pa-Arab", "روبوٹ"),
        ("ar-EG", "روبوت"),
        ("hi", "रबट"),
        ("ja", "ロボットは機械です"),
        ("zh-Hans", "机器人"),
        ("ko", "로봇"),
        ("ru", "робот"),
        ("sr-Cyrl", "робот"),
        ("he", "רובוט"),
    ],
)
def test_a_text_in_a_languages_letters_is_all_its_own(language: str, text: str) -> None:
    own, all = counted(text, own_letters(language) or frozenset())
    assert own == all == len(text)


def test_other_letters_count_and_digits_and_marks_do_not() -> None:
    assert counted("اُردُو text, 100 %", frozenset({"ARABIC"})) == (4, 8)


def test_what_tags_are_called_does_not_count() -> None:
    assert counted("<x1/> <g2>روبوٹ</g2>", frozenset({"ARABIC"})) == (5, 5)
