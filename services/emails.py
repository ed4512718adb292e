"""E-mail addresses: what is shown, what decides whether two are one, and which could be taken for another."""

import re
import unicodedata
from dataclasses import dataclass

import idna
from email_validator import EmailNotValidError, ValidatedEmail, validate_email

from services.problems import InvalidInput
from services.text import is_text

FIELD = "email"
MOST_CHARACTERS = 254  # RFC 5321: a path of 256 with its angle brackets
ASCII_SIGNS = re.compile(r"[^a-zA-Z0-9\x80-\U0010ffff]")
# What is written together in one language: UTS #39 calls it highly restrictive. Any other script stands alone.
TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
OF_NO_SCRIPT = frozenset({"COMMON", "INHERITED"})  # digits, signs, combining marks
DOT_ABOVE = "\u0307"  # after an i it cannot be seen


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """`shown` is kept to show and to send to; two addresses are one account if `compared` is the same."""

    shown: str
    compared: str


def read_email(text: str) -> EmailAddress | InvalidInput:
    """An address as somebody typed it, or what is wrong with it. Nothing is looked up.

    Upper and lower case are one address, since hardly a mail server tells them apart and people do not either; `a+b@`
    and `a@` are two, since only the mail server knows whether they are one.
    """
    given = text.strip()
    if not is_text(given):
        return InvalidInput("The e-mail address has characters that are not text.", FIELD)
    if len(given) > MOST_CHARACTERS:
        return InvalidInput(f"The e-mail address is longer than {MOST_CHARACTERS} characters.", FIELD)
    try:
        # The test environment is the domain .test, which front-end developers sign up with; no mail ever goes there.
        found = validate_email(given, check_deliverability=False, test_environment=True, strict=True)
    except EmailNotValidError as error:
        return InvalidInput(f"This is not an e-mail address. {error}", FIELD)
    folded = unicodedata.normalize("NFC", found.local_part.casefold())
    if misleading := _misleading(given, found, folded):
        return InvalidInput(misleading, FIELD)
    return EmailAddress(found.normalized, f"{folded}@{found.ascii_domain}")


def _misleading(given: str, found: ValidatedEmail, folded: str) -> str | None:
    """Why people could take the address for another one.

    Nobody is kept out for the language: the rules are about letters that imitate letters. They are those of UTS #39,
    by the letters that RFC 5892 lets into domain names, which also says what is invisible and what is a symbol.
    """
    if unicodedata.normalize("NFKC", given) != unicodedata.normalize("NFC", given):
        return "The e-mail address has letters in a special form, such as double width. Type it with ordinary letters."
    if not all(map(_of_letters, ASCII_SIGNS.split(found.local_part))):
        return "The part before the @-sign has signs that cannot be told apart by eye. Use letters, digits and . _ + -"
    parts = [found.local_part, folded, *found.domain.split(".")]
    return next((reason for part in parts if not part.isascii() and (reason := _imitating(part))), None)


def _of_letters(word: str) -> bool:
    if word.isascii():
        return True
    try:
        idna.check_label(unicodedata.normalize("NFC", word.lower()))
    except idna.IDNAError:
        return False
    return True


def _imitating(part: str) -> str | None:
    # Here and not at the top: 30 ms and 15 MiB, for the few addresses that are not plain ASCII.
    from confusable_homoglyphs import categories, confusables

    scripts = categories.unique_aliases(part) - OF_NO_SCRIPT
    if len(scripts) > 1 and not any(scripts <= together for together in TOGETHER):
        return f'"{part}" in the e-mail address mixes letters of several alphabets. Type it with one.'
    found = confusables.is_confusable(part, greedy=True) or []
    imitations = {
        each["character"] for each in found if any(_is_ascii_letter(glyph["c"]) for glyph in each["homoglyphs"])
    }
    # A whole word of imitations is the worst one. One that has a letter of its own, such as ш or ü, deceives nobody.
    if all(letter.isascii() or letter in imitations or letter == DOT_ABOVE for letter in part):
        return f'"{part}" in the e-mail address looks like Latin letters and is not. Type it with the letters a to z.'
    return None


def _is_ascii_letter(glyph: str) -> bool:
    # One letter: æ, which is said to resemble "ae", is a letter of its own.
    return len(glyph) == 1 and glyph.isascii()
