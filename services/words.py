"""The words of a text as BM25 compares them: one spelling for each letter, one form for each English word."""

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

# Python's \w knows no combining marks: without them a vowel sign would cut an Urdu or a Hindi word in two.
WORD = re.compile(r"[\w\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u0900-\u0963\u0966-\u0dff]+")
KNOWN = 1 << 17  # different words kept with their form: about 30 MB when full, and a book of half a megabyte has 12,000

# Each letter on an Arabic, a Persian or a hurried keyboard beside the one that Urdu spells with. A hamza is as often
# left out as written (علماء, لئے and لیے), and ھ stands for ہ wherever the two are confused (ھے, تہے).
_SPELLINGS = {
    "ا": "أإٱ",
    "ی": "يىئ",
    "ے": "ۓ",
    "ک": "ك",
    "ہ": "هھةۃۀۂە",
    "و": "ؤ",
    "": "ءـ" + "".join(map(chr, (*range(0x610, 0x61B), *range(0x64B, 0x660), 0x670, *range(0x6D6, 0x6DD)))),
    **{str(digit): chr(0x660 + digit) + chr(0x6F0 + digit) for digit in range(10)},
}
_LETTERS = str.maketrans({letter: one for one, others in _SPELLINGS.items() for letter in others})
_INFLECTED = "اہے"  # لڑکا and لڑکے, پہلا and پہلے: endings of one noun or adjective
_STEM = 3  # letters that must remain


def words(text: str) -> list[str]:
    """The words in their order, each as it is compared; white space, punctuation and joiners (U+200C) part them."""
    found = WORD.findall(unicodedata.normalize("NFKC", text))
    return [word for word in map(compared, found) if word]


@lru_cache(maxsize=KNOWN)
def compared(word: str) -> str:
    """The form that a word shares with its other spellings; empty if it was nothing but marks.

    English words are cut to their stem (Snowball's), Urdu words lose the vowel that their number and case change.
    """
    word = word.casefold()
    if word.isascii():
        # A stemmer holds the word that it is working on and threads index books, so each call makes its own: 0.5 µs.
        return str(snowballstemmer.stemmer("english").stemWord(word)) if word.isalpha() else word
    word = word.translate(_LETTERS)
    return word[:-1] if len(word) > _STEM and word[-1] in _INFLECTED else word
