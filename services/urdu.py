"""One way of writing Urdu: one code point for each letter, digits 0 to 9, Urdu punctuation."""

import re
import unicodedata

from services.tags import TAG

_LETTER = r"[\u0620-\u063f\u0641-\u064a\u066e\u066f\u0671-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06fc]"
_MARK = r"[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]"
_NOT_JOINED = "ءآأؤإاةدذرزوٱٲٳٵٶٷڈډڊڋڌڍڎڏڐڑڒړڔڕږڗژڙۀۃۄۅۆۇۈۉۊۋۍۏےۓە"  # to the letter after it

# Drawn or invisible, never spelt: stretching, what joins or parts nothing, and what turns the direction.
_DROPPED = re.compile(
    "[\u0640\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
    "|\u200d(?![\u2640\u2642\u2695-\u27bf\U0001f300-\U0001faff])"  # where it does not join two emoji into one
)
# A word is parted without a blank only where its letters would join: فیصل‌آباد, not کمپیوٹرز.
_NON_JOINER = re.compile(rf"(?<!{_LETTER})(?<!{_MARK})\u200c+|(?<=[{_NOT_JOINED}])\u200c+|\u200c+(?!{_LETTER})")
_SHAPES = re.compile("[\ufb50-\ufdff\ufe70-\ufefc]")
# What Arabic, Persian and Kurdish keyboards put in place of an Urdu letter. A ة is ۃ, as it ends words only; ۓ is what
# some keyboards write for ئے (گۓ). ھ is a letter of its own (بھ, تھ) that no word begins with.
_SPELLINGS = str.maketrans(
    {"ي": "ی", "ى": "ی", "ك": "ک", "ه": "ہ", "ە": "ہ", "ة": "ۃ", "ۀ": "ۂ", "ۓ": "ے\u0654"},
)
_HAMZA = re.compile(rf"([یے])({_MARK}*\u0654{_MARK}*)")
_FIRST_HEH = re.compile(rf"(?<!{_LETTER})(?<!{_MARK})ھ(?={_LETTER})")

_DIGITS = str.maketrans(
    {chr(zero + digit): str(digit) for zero in (0x660, 0x6F0) for digit in range(10)} | {"٪": "%"},
)
_DECIMAL = re.compile(r"(?<=\d)[٫۔](?=\d)", re.ASCII)
_THOUSANDS = re.compile(r"(?<=\d)[٬،](?=\d{3}(?!\d))", re.ASCII)

_CLOSED = r"(?:[*_~\"'“”’»›]|</g\d+>)"  # may stand between a word and its punctuation
_WORD_END = rf"({_LETTER}(?:{_MARK}|{_CLOSED}|[)\]}}])*)"
_PAUSE = re.compile(rf"{_WORD_END}([,;?])")
_STOP = re.compile(rf"{_WORD_END}\.(?![^\W_]|\.)")
_LAST = re.compile(rf"(?<![.…])(?<!\.\w)([.?])(?={_CLOSED}*\s*\Z)")
_MARKS = {",": "،", ";": "؛", "?": "؟", ".": "۔"}


def normalised(text: str) -> str:
    """A segment in Urdu as it is written by these rules. Its tags stay as they are.

    - Unicode: NFC. The shapes of letters (U+FB50 to U+FDFF, U+FE70 to U+FEFC) become letters; signs that stand for
      whole phrases (ﷺ) stay.
    - Letters: Urdu's own ی ک ہ ۃ; ئ and ئے with their hamza in them; ہ and not ھ where a word begins.
    - What is not seen is not kept: stretching, zero-width characters, direction marks. A non-joiner stays between two
      letters that would join without it.
    - Numbers: 0 to 9, a point for decimals, a comma for thousands, %.
    - Punctuation: , ; ? after an Urdu letter become ، ؛ ؟, and so does . become ۔ unless a letter, digit or point
      follows at once. Quotation marks, brackets, marks of emphasis and </gN> may stand between. After Latin words,
      numbers and what an <xN/> stands for they stay, as they may be a part of it. Only the . or ? at the very end of a
      segment with Urdu letters becomes ۔ or ؟ there too, unless it ends initials (R.U.R.).
    """
    parts = re.split(f"({TAG.pattern})", text.translate(_DIGITS))
    text = "".join(part if TAG.fullmatch(part) else _spelt(part) for part in parts)
    return _punctuated(_THOUSANDS.sub(",", _DECIMAL.sub(".", text)))


def _spelt(text: str) -> str:
    text = _SHAPES.sub(_shapeless, _DROPPED.sub("", text)).translate(_SPELLINGS)
    text = _HAMZA.sub(_seated, _NON_JOINER.sub("", text))
    return _FIRST_HEH.sub("ہ", unicodedata.normalize("NFC", text))


def _shapeless(shape: re.Match[str]) -> str:
    letters = unicodedata.normalize("NFKC", shape[0]).lstrip(" ")  # a vowel sign by itself is shown over a blank
    return shape[0] if " " in letters else letters


def _seated(found: re.Match[str]) -> str:
    others = found[2].replace("\u0654", "")
    return f"ئ{others}" if found[1] == "ی" else f"ئے{others}"


def _punctuated(text: str) -> str:
    text = _PAUSE.sub(lambda found: found[1] + _MARKS[found[2]], text)
    text = _STOP.sub(r"\1۔", text)
    return _LAST.sub(lambda found: _MARKS[found[1]], text) if re.search(_LETTER, text) else text
