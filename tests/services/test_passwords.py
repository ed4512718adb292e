"""Passwords that somebody would guess, and those that nobody would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.emails import EmailAddress
from services.passwords import WeakPassword, normal, weakness

READER = EmailAddress("Jane.Reader99@example.com", "jane.reader99@example.com")
SITE = ["Footnote", "Physical AI & Humanoid Robotics"]
GOOD = "seven grey herons"


def refusal(password: str) -> str:
    found = weakness(password, READER, SITE)
    return found.message if found else ""


@pytest.mark.parametrize("password", ["", "xK3$wq9", "xK3$wq9zP"])
def test_a_short_password_is_refused_and_told_the_length(password: str) -> None:
    expected = f"The password has {len(password)} characters; it needs 10 to 128."
    assert weakness(password, READER, SITE) == WeakPassword(expected, 10)


def test_a_password_longer_than_is_hashed_is_refused() -> None:
    assert "129 characters" in refusal(GOOD + "x" * (129 - len(GOOD)))


@pytest.mark.parametrize("password", ["seven\0grey herons", "seven grey \ud83d herons", "\udfff" * 12])
def test_a_password_that_is_no_text_is_refused(password: str) -> None:
    assert "not text" in refusal(password)


@pytest.mark.parametrize(
    "password",
    ["password123", "Password123!", "P@ssw0rd123", "qwertyuiop", "basketball", "iloveyou12", "trustno1trustno1"],
)
def test_a_common_password_is_refused_in_upper_case_and_decorated_too(password: str) -> None:
    assert "easy to guess" in refusal(password)


@pytest.mark.parametrize(
    "password",
    ["a" * 10, " " * 10, "ab" * 64, "1234567890", "0987654321", "abcdefghijkl", "11/11/1999", "password123" * 5],
)
def test_a_repetition_and_a_sequence_are_refused(password: str) -> None:
    assert "easy to guess" in refusal(password)


@pytest.mark.parametrize(
    "password",
    ["jane.reader99@example.com", "JANE.READER99", "janereader2026!", "reader2026", "99readerjane", "example.com1"],
)
def test_a_password_out_of_the_readers_address_is_refused(password: str) -> None:
    assert "e-mail address" in refusal(password)


@pytest.mark.parametrize(
    "password", ["footnote2026", "FOOTNOTE!!", "Humanoid Robotics", "physicalai123", "footnote-jane"]
)
def test_a_password_out_of_the_sites_words_is_refused(password: str) -> None:
    assert "this site's own words" in refusal(password)


@pytest.mark.parametrize("password", ["f00tnote2026", "myfootnote", "rxreader99"])
def test_own_words_in_disguise_are_refused(password: str) -> None:
    assert "easy to guess" in refusal(password)


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "xK3$wq9zPt",
        "correct horse battery staple",
        "my footnote about herons",
        "مجھے کتابیں پسند ہیں",
        "é" * 5 + "ñandú",
    ],
)
def test_a_password_that_is_hard_to_guess_is_taken_whatever_it_is_made_of(password: str) -> None:
    assert refusal(password) == ""


def test_the_longest_password_is_taken() -> None:
    assert refusal("seven grey herons " * 7 + "xy") == refusal("seven grey herons and xK3$wq9zP".ljust(128, "x")) == ""


def test_nothing_is_refused_for_words_that_a_site_does_not_have() -> None:
    assert weakness(GOOD, EmailAddress("1@2.example", "1@2.example"), ["", "&"]) is None


def test_characters_are_counted_as_they_are_hashed() -> None:
    assert "has 9 characters" in refusal("e\u0301" * 9)
    assert normal("e\u0301") == normal("é") == "é"


@given(st.text(st.characters(), max_size=200))
def test_any_string_is_taken_or_refused_with_words(password: str) -> None:
    found = weakness(password, READER, SITE)
    assert found is None or found.message
