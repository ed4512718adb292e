"""Passwords: which are refused, and the form that is hashed."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zxcvbn_rs_py import zxcvbn

from services.emails import EmailAddress
from services.text import is_text

MINIMUM = 10
MAXIMUM = 128
FEWEST_GUESSES = 1_000_000
# Reading costs up to the third power of the length if a password is all signs that stand for letters (p4$$): 30 ms for
# 24 characters, 1 s for 128, on the event loop. What is hard to guess by its first 24 is hard to guess.
READ = 24


@dataclass(frozen=True, slots=True)
class WeakPassword:
    """Somebody would guess it."""

    message: str
    minimum_length: int = MINIMUM


def normal(password: str) -> str:
    """The form that is hashed: the same from every keyboard, whichever way it composes é."""
    return unicodedata.normalize("NFC", password)


def weakness(password: str, email: EmailAddress, site: Sequence[str]) -> WeakPassword | None:
    """Why a new password is refused, or None. `site` are names of this site, of one or more words.

    There are no rules about kinds of characters: they make people write Password1! and attackers know it. Instead the
    guesses are counted of who tries common passwords, words, names, dates, keyboard rows, repetitions, and the words of
    the reader and the site, first (zxcvbn).
    """
    if not is_text(password):
        return WeakPassword("The password has characters that are not text. Type it by keyboard.")
    password = normal(password)
    if not MINIMUM <= len(password) <= MAXIMUM:
        return WeakPassword(f"The password has {len(password)} characters; it needs {MINIMUM} to {MAXIMUM}.")
    if only_of(password, of_email(email)):
        return WeakPassword("The password is your e-mail address, or parts of it. Choose one that has nothing of it.")
    if only_of(password, [*of_email(email), *of_site(site)]):
        return WeakPassword("The password is made of this site's own words. Choose one that has nothing to do with it.")
    if guesses(password, [*of_email(email), *of_site(site)]) < FEWEST_GUESSES:
        return WeakPassword(
            "The password is easy to guess: a common one, a row of keys, a repetition, or words of this site or of your"
            " e-mail address. Take three or four words that have nothing to do with each other."
        )
    return None


def guesses(password: str, own_words: Sequence[str]) -> int:
    """How many tries it takes who knows what people choose, and these words. Repetitions count as nothing."""
    period = (password + password).find(password, 1)
    return zxcvbn(password[: min(period, READ)], list(own_words)).guesses


def only_of(password: str, own_words: Sequence[str]) -> bool:
    """Whether nothing but these words, digits and signs is in it."""
    left = letters = bare(password)
    for word in sorted(filter(None, map(bare, own_words)), key=len, reverse=True):
        left = left.replace(word, "")
    return bool(letters) and not left


def of_email(email: EmailAddress) -> list[str]:
    """The address, what is on both sides of its @-sign, and the words in it."""
    address = email.shown.casefold()
    return [address, *address.split("@"), *words(address)]


def of_site(site: Iterable[str]) -> list[str]:
    """The site's names, also without spaces, and the words in them."""
    names = [normal(name).casefold() for name in site]
    return [each for name in names for each in (name, "".join(words(name)), *words(name))]


def words(text: str) -> list[str]:
    """Runs of letters and digits."""
    return "".join(each if each.isalnum() else " " for each in text).split()


def bare(text: str) -> str:
    """The letters alone: what is left of footnote_2026! is footnote."""
    return "".join(filter(str.isalpha, text.casefold()))
