"""How much of a text is in the letters that its language is written in."""

import unicodedata
from functools import lru_cache

from services.forms import written
from services.tags import untagged

# Letters by how their names in Unicode begin, and the languages usually written in them. All others are written in
# Latin letters, or taken to be.
_LANGUAGES = {
    "ARABIC": "ar arz azb bal ckb fa ks pnb prs ps sd skr ug ur",
    "ARMENIAN": "hy",
    "BENGALI": "as bn",
    "CJK": "zh",
    "CJK HANGUL": "ko",
    "CJK HIRAGANA KATAKANA": "ja",
    "CYRILLIC": "be bg kk ky mk mn ru sr tg uk",
    "DEVANAGARI": "hi mai mr ne sa",
    "ETHIOPIC": "am ti",
    "GEORGIAN": "ka",
    "GREEK": "el",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HEBREW": "he yi",
    "KANNADA": "kn",
    "KHMER": "km",
    "LAO": "lo",
    "MALAYALAM": "ml",
    "MYANMAR": "my",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAANA": "dv",
    "THAI": "th",
}
_BY_LANGUAGE = {tag: frozenset(begin.split()) for begin, tags in _LANGUAGES.items() for tag in tags.split()}
_BY_SCRIPT = {
    script: _BY_LANGUAGE[language]
    for script, language in {
        "arab": "ur",
        "aran": "ur",
        "cyrl": "ru",
        "deva": "hi",
        "guru": "pa",
        "hans": "zh",
        "hant": "zh",
        "hebr": "he",
    }.items()
}


def own_letters(language: str) -> frozenset[str] | None:
    """How the Unicode names of a language's letters begin; None for Latin letters, which tell no language."""
    primary, _, script = written(language).partition("-")
    return _BY_SCRIPT.get(script) if script else _BY_LANGUAGE.get(primary)


def counted(text: str, own: frozenset[str]) -> tuple[int, int]:
    """How many letters of a text are a language's own, and how many there are, outside of tags.

    Vowel signs and other marks are not counted: a text with many would seem to be more in the language than it is.
    """
    letters = [letter for letter in untagged(text) if letter.isalpha()]
    return sum(_begins(letter) in own for letter in letters), len(letters)


@lru_cache(maxsize=1 << 12)
def _begins(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
