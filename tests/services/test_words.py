"""One form for each way of writing a word."""

from concurrent.futures import ThreadPoolExecutor
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.words import compared, words


def test_a_text_without_words_has_none() -> None:
    assert words("?! ۔ ؟ … ـــ \u064e\u0651 ء") == []


def test_compatibility_forms_and_case_are_one() -> None:
    assert words("ＬＡＭＰ Straße ﬁre ﺭﻭﺑﻮﭦ") == words("lamp STRASSE fire روبوٹ")


def test_an_english_word_is_its_stem() -> None:
    assert words("Robots walking, robotic localisation") == words("robot walk robotics localised")


@pytest.mark.parametrize("word", ["müsste", "created_nodes", "rs232s", "روبوٹs"])
def test_what_is_not_a_plain_english_word_is_not_stemmed(word: str) -> None:
    assert words(word) == [word]


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("كيا روبوٹ چل سكتے هيں", "کیا روبوٹ چل سکتے ہیں"),
        ("موسى", "موسی"),
        ("لئے گئی", "لیے گیی"),
        ("ھے تھے", "ہے تہے"),
        ("القاهرة مكة", "القاہرہ مکہ"),
        ("شہرۂ آفاق", "شہرہ آفاق"),
        ("أحمد إسلام", "احمد اسلام"),
        ("ﻻہور", "لاہور"),
        ("مؤثر مسٔلہ", "موثر مسلہ"),
    ],
)
def test_urdu_is_found_however_the_keyboard_spells_it(typed: str, spelt: str) -> None:
    assert words(typed) == words(spelt)


def test_vowel_signs_and_stretching_do_not_count() -> None:
    assert words("اُردُو عربــی اعلیٰ زکوٰۃ") == words("اردو عربی اعلی زکوۃ")


def test_a_hamza_may_be_left_out() -> None:
    assert words("علماء 656ء") == words("علما 656")


def test_madda_makes_another_letter() -> None:
    assert words("آب") != words("اب")


def test_composed_and_decomposed_letters_are_one() -> None:
    assert words("ا\u0653ب ی\u0654 و\u0654") == words("آب ئ ؤ")


def test_digits_of_any_script_are_one() -> None:
    assert words("١٩٤٧ ۱۹۴۷") == ["1947", "1947"]


def test_number_and_case_of_an_urdu_word_are_one() -> None:
    assert words("لڑکا پہلا خلیفہ") == words("لڑکے پہلے خلیفے")


def test_a_short_urdu_word_keeps_its_end() -> None:
    assert words("کیا تھا ہے") == ["کیا", "تہا", "ہے"]


def test_a_joiner_parts_words_as_a_space_does() -> None:
    assert words("فیصل\u200cآباد") == words("فیصل آباد")


def test_a_hindi_word_keeps_its_vowel_signs() -> None:
    assert words("रोबोट क्या है।") == ["रोबोट", "क्या", "है"]


@given(st.text())
def test_no_word_is_empty_or_blank(text: str) -> None:
    assert all(word.split() == [word] for word in words(text))


def test_threads_do_not_mix_their_words() -> None:
    texts = [" ".join(f"{a}{b}{c}ations" for b in ascii_lowercase for c in ascii_lowercase) for a in ascii_lowercase]
    alone = [words(text) for text in texts]
    compared.cache_clear()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(words, texts)) == alone
