"""One way of writing Urdu."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tags import TAG
from services.urdu import normalised

LETTERS = "ابتٹہھیےئوۓكيهةىۀە" + "\u0640\u064e\u0651\u0653\u0654\u0670"
SIGNS = "\u200b\u200c\u200d\u200f\u2067\ufeff" + "ﻻﷺﹰﷲ" + "٣۵٫٬٪" + '،؛؟۔,;?.!*_~()”" \n' + "aB1\u0301"
TAGS = st.sampled_from(["<x1/>", "<g2>", "</g2>"])


@pytest.mark.parametrize(
    "text",
    [
        "numpy.array, then ROS 2; why?",
        "یہ ROS 2, Gazebo اور Isaac Sim, تینوں",
        "سینسر.py",
        "سوچیے...",
        "3.5, 1,000 اور 50:1",
        "وہ ڈراما R.U.R.",
        "پیغمبر ﷺ",
        "تھا، بھی، انھیں",
        "آب ئ ؤ ۂ أ",
        "فیصل\u200cآباد",
        "حرف ھ",
        "👨\u200d💻 لکھتا ہے",
    ],
)
def test_what_is_right_stays(text: str) -> None:
    assert normalised(text) == text


@pytest.mark.parametrize("tag", ["<x12/>", "<g2>, word; 5?</g2>"])
def test_no_tag_is_changed_and_nothing_at_its_side(tag: str) -> None:
    assert normalised(f"{tag}, {tag}") == f"{tag}, {tag}"


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("كيا هے", "کیا ہے"),
        ("موسىٰ", "موسیٰ"),
        ("صلوٰة", "صلوٰۃ"),
        ("گۓ لے\u0654", "گئے لئے"),
        ("ک\u0648ی\u0654 آ\u06cc\u0654ں", "کوئ آئں"),
        ("جلوہ\u0654 جلوۀ", "جلوۂ جلوۂ"),
        ("ا\u0653ب", "آب"),
        ("ھے ھوا تھا", "ہے ہوا تھا"),
        ("ﻻﮨﻮﺭ ﮐﮯ ﻟﺌﮯ ﷲ", "لاہور کے لئے اللہ"),
        ("بـــہت\u200b\u2067\ufeff", "بہت"),
        ("کمپیوٹر\u200cز \u200cمیں\u200c", "کمپیوٹرز میں"),
    ],
)
def test_a_letter_has_one_code_point(typed: str, spelt: str) -> None:
    assert normalised(typed) == spelt


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("١٩٤٧ ۱۹۴۷", "1947 1947"),
        ("۳٫۵ ٣۔٥", "3.5 3.5"),
        ("۱٬۰۰۰٬۰۰۰ 1،000", "1,000,000 1,000"),
        ("۱۰٪", "10%"),
        ("1، 2 اور 3", "1، 2 اور 3"),
    ],
)
def test_numbers_are_in_the_digits_that_code_has(typed: str, spelt: str) -> None:
    assert normalised(typed) == spelt


@pytest.mark.parametrize(
    ("typed", "spelt"),
    [
        ("روبوٹ, سینسر; کیا? ہے.", "روبوٹ، سینسر؛ کیا؟ ہے۔"),
        ("ایک. دو.<x1/> تین.</g2>", "ایک۔ دو۔<x1/> تین۔</g2>"),
        ("**روبوٹ**, (سینسر), <g1>موٹر</g1>, ”گیئر“.", "**روبوٹ**، (سینسر)، <g1>موٹر</g1>، ”گیئر“۔"),
        ("یہ ہے ROS 2.", "یہ ہے ROS 2۔"),
        ("اسے <x1/> کہتے ہیں یا <x2/>?", "اسے <x1/> کہتے ہیں یا <x2/>؟"),
    ],
)
def test_punctuation_is_urdu_after_urdu_words(typed: str, spelt: str) -> None:
    assert normalised(typed) == spelt


@given(st.lists(st.text(alphabet=LETTERS + SIGNS, max_size=12) | TAGS, max_size=8).map("".join))
def test_what_is_normal_stays_as_it_is(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once
    assert TAG.findall(once) == TAG.findall(text)


@given(st.text(max_size=60))
def test_any_text_is_normal_after_once(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


@given(st.text(alphabet=LETTERS, max_size=30))
def test_the_result_is_composed(text: str) -> None:
    assert unicodedata.is_normalized("NFC", normalised(text))
