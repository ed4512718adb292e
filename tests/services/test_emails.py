"""E-mail addresses as people type them, and those that imitate others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.emails import EmailAddress, read_email
from services.problems import InvalidInput

ANYTHING = st.text(st.characters())  # NUL and lone surrogates too
IMITATIONS = {
    "a Cyrillic letter among Latin ones": "аdmin@example.com",
    "the same in the domain": "admin@exаmple.com",
    "a domain all of Cyrillic letters": "admin@аррӏе.com",
    "the same as it is sent": "admin@xn--80ak6aa92e.com",
    "a name all of Cyrillic letters": "сара@example.com",
    "a Latin letter that imitates another": "ɡoogle@example.com",
    "an i without its dot": "mıke@example.com",
    "an i with a second dot": "mi\u0307ke@example.com",
    "a capital that becomes one": "MİKE@example.com",
    "double width": "ａdmin@example.com",
    "double width in the domain": "admin@ｅxample.com",
    "a long s": "ſam@example.com",
    "a hyphen that is none": "a‐b@example.com",
    "no width": "ad\u200bmin@example.com",
    "no width in the domain": "admin@exa\u200bmple.com",
    "a soft hyphen": "admin@exa\u00admple.com",
    "a variation selector": "admin\ufe0f@example.com",
    "a letter that is only a filler": "admin\u115f@example.com",
    "the other direction": "admin\u202e@example.com",
    "a digit before Urdu": "1علی@example.com",
    "Greek among Latin": "pαul@example.com",
}


def refused(text: str) -> bool:
    found = read_email(text)
    return isinstance(found, InvalidInput) and found.field == "email"


def compared(text: str) -> str:
    found = read_email(text)
    assert isinstance(found, EmailAddress), found
    return found.compared


@pytest.mark.parametrize("text", ["", "@", "reader", "reader@", "@example.com", "a@b@example.com", "a b@example.com"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("text", ["reader@localhost", "reader@[127.0.0.1]", "reader@printer.local", "reader@a.invalid"])
def test_an_address_that_no_mail_reaches_is_refused(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("text", ["Ali <ali@example.com>", '"a b"@example.com', "ali@example.com, b@example.com"])
def test_more_than_an_address_is_refused(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("text", ["a\0@example.com", "a@exam\0ple.com", "\ud800@example.com", "a@\udfff.com"])
def test_what_is_no_text_is_refused(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("text", ["a" * 65 + "@example.com", "a@" + "b" * 64 + ".com", "a@" + "b." * 130 + "com"])
def test_a_too_long_address_is_refused(text: str) -> None:
    assert refused(text)


@pytest.mark.parametrize("text", IMITATIONS.values(), ids=IMITATIONS.keys())
def test_an_address_that_imitates_another_is_refused(text: str) -> None:
    assert refused(text)


def test_a_refusal_names_the_part_and_says_what_to_do() -> None:
    found = read_email("admin@аррӏе.com")
    assert isinstance(found, InvalidInput)
    assert '"аррӏе"' in found.message
    assert "Type it with the letters a to z." in found.message


@pytest.mark.parametrize(
    "text",
    [
        "علی.رضا@example.com",
        "علی۱۲@مثال.پاکستان",
        "jörg.müller@bücher.de",
        "ışık@example.com",
        "søren@example.dk",
        "æble@example.dk",
        "nguyễn@example.vn",
        "вера@почта.рф",
        "पाठक1@example.com",
        "さくら花@example.jp",
        "김철수@example.kr",
    ],
)
def test_a_name_in_any_language_is_an_address(text: str) -> None:
    assert not refused(text)


@pytest.mark.parametrize(
    "text", ["a@example.com", "a.b+c@sub.example.org", "x@book.test", "x@book.example", "o'neil@x.ie"]
)
def test_a_plain_address_is_kept_as_it_is(text: str) -> None:
    assert read_email(text) == EmailAddress(text, text)


def test_an_address_is_shown_as_it_was_typed_and_compared_without_case() -> None:
    assert read_email(" Reader@Example.COM\n") == EmailAddress("Reader@example.com", "reader@example.com")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MÜLLER@example.com", "mu\u0308ller@example.com"),
        ("a@BÜCHER.de", "a@xn--bcher-kva.de"),
        ("straße@example.com", "STRASSE@example.com"),
    ],
)
def test_two_ways_to_write_one_address_are_one(one: str, other: str) -> None:
    assert compared(one) == compared(other)


@pytest.mark.parametrize("other", ["reader+book@example.com", "rea.der@example.com", "reader@example.org"])
def test_only_the_mail_server_knows_what_else_is_one(other: str) -> None:
    assert compared(other) != compared("reader@example.com")


def test_the_domains_of_two_german_words_stay_two() -> None:
    assert compared("a@faß.de") != compared("a@fass.de")


@given(ANYTHING | st.builds("{}@{}.{}".format, ANYTHING, ANYTHING, ANYTHING))
def test_any_string_is_an_address_or_refused(text: str) -> None:
    assert isinstance(read_email(text), EmailAddress | InvalidInput)


@given(
    st.text("aZ1.+-_äßİıΣςаеш۱علیか花\u0307\u0308", min_size=1, max_size=6), st.text("aZäßΣшع", min_size=1, max_size=4)
)
def test_what_is_shown_and_what_is_compared_are_the_same_address(local: str, label: str) -> None:
    found = read_email(f"{local}@{label}.com")
    if isinstance(found, EmailAddress):
        assert read_email(found.shown) == found
        assert compared(found.compared) == found.compared
