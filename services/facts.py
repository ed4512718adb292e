"""What a rendering may not lose: the numbers of its source, and the names that every language writes alike."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.languages import listed
from services.tags import untagged

_DIGITS = str.maketrans(
    {chr(zero + digit): str(digit) for zero in (0x660, 0x6F0) for digit in range(10)} | {"٫": ".", "٬": ",", "،": ","}
)
_ABROAD = str.maketrans(".,", ",.")
_THIN_GROUPS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,2}(?:,\d{2})*,\d{3}")  # 1,000,000; in South Asia 10,00,000
# What may stand beside a number and be put into words: units, multiples, the s of 1960s. Only the number is a fact.
_UNIT = (
    r"(?:[pnuµmckMGT]?(?:m|s|g|l|L|b|B|Hz|eV|V|A|Ah|W|Wh|N|Nm|J|Pa|F|H|bit|bps|FLOPS|OPS)|in|ft|lb|oz|min|hr?|sec"
    r"|rad|deg|dB|rpm|RPM|fps|FPS|px|dpi|KB|[kKMBTxCsΩ]|am|pm|AM|PM|USD|PKR|Rs)"
)
_NUMBER = r"(?:\d+(?:[.,]\d+)*|(?<![\w.])\.\d+)"
_TOKEN = re.compile(
    rf"(?:[vV](?=\d+(?:\.\d+)*(?!\w)))?(?P<number>{_NUMBER})"
    rf"(?:[ -]?{_UNIT}(?:[/·]{_UNIT})*(?!\w)|(?P<suffix>[A-Za-z]\w*))?"
    r"|(?P<name>(?<![\w-])--[A-Za-z][\w-]*|[A-Za-z]\w*(?:\.[A-Za-z_]\w*)*)",
    re.ASCII,
)
_PLURAL = re.compile(r"(?<=[A-Z0-9])s\Z")
_IDENTIFIER = re.compile(r"--.+|[A-Za-z]+\d\w*|\w*[A-Za-z0-9]_[A-Za-z0-9]\w*|\w*[a-z][A-Z]\w*", re.ASCII)
_DOTTED = re.compile(r"\w\w+\.[a-z_]\w+|\w\w+(?:\.\w\w+){2,}", re.ASCII)
_ACRONYM = re.compile(r"(?![IVX]+\Z)[A-Z]{2,6}")
_SEAM = re.compile(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])")  # ROS2 may become ROS 2, and 3D 3-D
# What is in capitals to be heard, and is to be translated: a row of words with one of these or a long one in it.
_CAPITALS = re.compile(r"(?<![\w-])[A-Z]{2,}(?:[ /-][A-Z]{2,})*(?![\w-])")
_SHOUTED = listed(
    """
        ALL ALWAYS AND ANY ARE AT BAD BE BEFORE BOTH BUT BY CAN DANGER DATA DO DONT DOWN EACH END EVERY FALSE FAST
    FIRST FOR     FROM GO GOOD HAS HAVE HIGH HINT HOW IF IN INFO INPUT IS IT KEY LAST LEFT LOW MAY MORE MOST MUST
    NEVER NEW NEXT NO NOT     NOTE NOW OF OFF OK OLD ON ONE ONLY OR OUT OUTPUT PLUS READ RIGHT SAFE SAFETY SAME SHOULD
    SLOW STEP STOP TASK THE THEN     THIS TIP TO TODO TRUE TWO UP USE VERY WAIT WAS WHAT WHEN WHY WILL WITH WRITE YES
    YOU YOUR
    """
)
# Nobody writes "20ویں صدی" who can write "بیسویں صدی". Urdu ones as they begin: پہلا, پہلی, پہلے.
_ORDINALS = (
    ("first", "پہل"),
    ("second", "دوسر"),
    ("third", "تیسر"),
    ("fourth", "چوتھ"),
    ("fifth", "پانچو"),
    ("sixth", "چھٹ"),
    ("seventh", "ساتو"),
    ("eighth", "آٹھو"),
    ("ninth", "نوی"),
    ("tenth", "دسو"),
    ("eleventh", "گیارہو"),
    ("twelfth", "بارہو"),
    ("thirteenth", "تیرہو"),
    ("fourteenth", "چودہو"),
    ("fifteenth", "پندرہو"),
    ("sixteenth", "سولہو"),
    ("seventeenth", "سترہو"),
    ("eighteenth", "اٹھارہو"),
    ("nineteenth", "انیسو"),
    ("twentieth", "بیسو"),
    ("twenty-first", "اکیسو"),
)


@dataclass(frozen=True, slots=True)
class _Rendering:
    """A rendering, as facts are looked for in it."""

    text: str
    numbers: frozenset[str]

    def has_number(self, number: str) -> bool:
        return number in self.numbers

    def has_ordinal(self, number: str) -> bool:
        words = _ORDINALS[int(number) - 1] if 0 < int(number) <= len(_ORDINALS) else ()
        return number in self.numbers or any(word in self.text.casefold() for word in words)

    def has_name(self, name: str) -> bool:
        spelt = r"[ -]?".join(map(re.escape, _SEAM.split(name)))
        before, after = (r"\d" if end.isdigit() else "[A-Za-z]" for end in (name[0], name[-1]))
        return re.search(rf"(?<!{before}){spelt}s?(?!{after})", self.text, re.ASCII) is not None


def missing(source: str, rendered: str) -> tuple[str, ...]:
    """The facts of a masked text that its rendering lacks, as the source writes them, each once.

    Facts are numbers, whatever their digits, separators and units; words with digits (3D, ROS2), an inner capital or an
    underscore; dotted names, --flags, and acronyms of two to six capitals. What a tag stands for is none.
    """
    text = _plain(rendered)
    numbers = {number for found in re.finditer(_NUMBER, text, re.ASCII) for number in _readings(found[0])}
    rendering = _Rendering(text, frozenset(numbers))
    lacking = (fact for token in _TOKEN.finditer(_quiet(source)) for fact in _lacking(token, rendering))
    return tuple(dict.fromkeys(lacking))


def acronyms(text: str) -> tuple[str, ...]:
    """The acronyms of a masked text, in the singular, each once, in their order."""
    names = (_PLURAL.sub("", token["name"] or "") for token in _TOKEN.finditer(_quiet(text)))
    return tuple(dict.fromkeys(filter(_ACRONYM.fullmatch, names)))


def identifiers(text: str) -> tuple[str, ...]:
    """The facts of a masked text that are no numbers."""
    return tuple(fact for fact in missing(text, "") if not fact[0].isdigit() or fact[-1].isalpha())


def _plain(text: str) -> str:
    return _THIN_GROUPS.sub(",", untagged(text).translate(_DIGITS))


def _quiet(text: str) -> str:
    return _CAPITALS.sub(lambda row: " " if _is_shouted(row[0]) else row[0], _plain(text))


def _is_shouted(row: str) -> bool:
    return any(word in _SHOUTED or len(word) > 6 for word in re.split("[ /-]", row))


def _lacking(token: re.Match[str], rendering: _Rendering) -> Iterator[str]:
    """What of a token's facts the rendering lacks. Most tokens are plain words, and have none."""
    if token["name"]:
        yield from (name for name in _names(token["name"]) if not rendering.has_name(name))
    elif token["suffix"] in ("st", "nd", "rd", "th"):
        yield from () if rendering.has_ordinal(token["number"]) else (token[0],)
    elif token["suffix"]:
        yield from () if rendering.has_name(token[0]) else (token[0],)
    else:
        yield from (number for number in _numbers(token["number"]) if not rendering.has_number(number))


def _names(word: str) -> list[str]:
    word = _PLURAL.sub("", word)
    if _IDENTIFIER.fullmatch(word) or _DOTTED.fullmatch(word):
        return [word]
    return [part for part in word.split(".") if _IDENTIFIER.fullmatch(part) or _ACRONYM.fullmatch(part)]


def _numbers(written: str) -> list[str]:
    """The numbers of a source: "1,000" is one, "1,2" are two."""
    if _GROUPED.fullmatch(written):
        return [written.replace(",", "")]
    return [f"0{part}" if part.startswith(".") else part for part in written.split(",")]


def _readings(written: str) -> set[str]:
    """What a number of a rendering may mean, as other languages have other signs: 1.000 is 1,000, and 3,5 is 3.5."""
    return {*_numbers(written), *_numbers(written.translate(_ABROAD))}
