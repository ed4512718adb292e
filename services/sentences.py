"""Where sentences begin and end in a paragraph of Markdown."""

import re

# What must not be cut is replaced, length for length, by a character that can open a sentence and never ends one.
_FILLER = "\ufffc"
_UNCUT = re.compile(
    r"(?P<tick>(?<!`)`+(?!`)).+?(?<!`)(?P=tick)(?!`)"
    r"|\$\$.+?\$\$|(?<![\\\w$])\$(?=\S)[^$\n]*?(?<=\S)\$(?![\w$])"
    r"|!?\[(?:[^\[\]\\]|\\.|\[[^\[\]]*\])*\](?:\((?:[^()\\]|\\.|\([^()]*\))*\)|\[[^\[\]]*\])"
    r"|<!--.*?-->|</?[A-Za-z][^<>]*>|<https?://[^<>\s]+>"
    r"|\{[^{}]*\}"
    r"|https?://[^\s<>)\]]*[^\s<>)\].,;:!?'\"*_]",
    re.DOTALL,
)
_CLOSERS = "\"'”’»)\\]*_~」』）】》〉"
_END = re.compile(
    rf"(?:[.!?…]+[{_CLOSERS}]*(?=\s)"  # needs white space after it: 3.5, file.py
    rf"|[۔؟।॥][{_CLOSERS}]*"
    rf"|[。！？｡]+[{_CLOSERS}]*)"
)
_OPENERS = re.compile(r"[\s\"'“‘«(\[*_~「『（]*")
_WORD = re.compile(r"[^\s(\[\"'“‘*_]*$")
_INITIAL = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")

_ABBREVIATION = re.compile(
    "al|approx|ca|cf|col|dept|dr|e[.]g|eg|est|figs?|gen|gov|i[.]e|ie|jr|lt|mrs?|ms|mt|prof|resp|rev|sr|st|viz|vs", re.I
)
_BEFORE_NUMBER = re.compile("art|ch|chap|eqs?|figs?|nos?|nr|par|pp?|refs?|sect?|tab|vol", re.I)


def split(text: str) -> list[tuple[int, int]]:
    """The ranges of the sentences of `text`, in order, without blanks at their ends.

    Every character that is not a blank is in exactly one range; code, links and math are never cut.
    """
    masked = _UNCUT.sub(lambda found: _FILLER * len(found[0]), text)
    ranges: list[tuple[int, int]] = []
    start = 0
    for end in _ends(masked):
        _add(ranges, text, start, end)
        start = end
    _add(ranges, text, start, len(text))
    return ranges


def _ends(masked: str) -> list[int]:
    ends: list[int] = []
    for found in _END.finditer(masked):
        start = ends[-1] if ends else 0
        if _ends_sentence(masked, start, found):
            ends.append(found.end())
    return ends


def _ends_sentence(masked: str, start: int, found: re.Match[str]) -> bool:
    mark = found[0][0]
    opener = _OPENERS.match(masked, found.end())
    after = masked[opener.end() : opener.end() + 1] if opener else ""
    if mark not in ".!?…":
        return not (mark == "۔" and after.isdigit() and opener is not None and opener.end() == found.end())
    if after.islower():
        return False
    return mark != "." or found[0].startswith("..") or not _is_abbreviation(masked, start, found.start(), after)


def _is_abbreviation(masked: str, start: int, stop: int, after: str) -> bool:
    word = _WORD.search(masked, start, stop)
    last = word[0] if word else ""
    if last.isdigit() and not masked[start : stop - len(last)].strip():
        return True  # "1. First": the number belongs to what follows
    if _ABBREVIATION.fullmatch(last) or (after.isdigit() and _BEFORE_NUMBER.fullmatch(last)):
        return True
    return bool(_INITIAL.fullmatch(last)) and last.isupper() and last.isascii() and last != "I"


def _add(ranges: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if piece.strip():
        ranges.append((start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())))
