"""The ids that Docusaurus gives to headings."""

import re
import unicodedata

# Other_Alphabetic letters whose category is "symbol": circled, squared and negative squared Latin letters.
_LETTER_SYMBOLS = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))

_CLASSIC = re.compile(r"\s*\\?\{#((?:.(?!\{#|\}))*.)\}$")
_COMMENT = re.compile(r"\s*(?:\{/\*((?:(?!\*/).)*)\*/\}|<!--((?:(?!-->).)*)-->)$", re.DOTALL)


class Slugger:
    """Turns heading texts into anchors that are unique within one page, as github-slugger 1.5 does."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def slug(self, text: str) -> str:
        """The anchor of a heading's plain text; empty when no character of it survives."""
        original = slug = slugify(text)
        while slug in self._seen:
            self._seen[original] += 1
            slug = f"{original}-{self._seen[original]}"
        self._seen[slug] = 0
        return slug


def slugify(text: str) -> str:
    """Lower-case text without punctuation, each space a dash; repeated spaces stay repeated dashes."""
    return "".join(filter(_kept, text.lower())).replace(" ", "-")


def explicit_id(heading_source: str) -> tuple[str, str | None]:
    """Split a heading's source into its text and its explicit id.

    The id may be written ``{#id}``, ``{/* #id */}`` or ``<!-- #id -->`` at the very end; None when there is none.
    """
    source = heading_source.rstrip()
    if comment := _COMMENT.search(source):
        word = (comment[1] or comment[2] or "").strip().split(" ")[0]
        if len(word) > 1 and word.startswith("#"):
            return source[: comment.start()].rstrip(), word[1:]
    if classic := _CLASSIC.search(source):
        return source[: classic.start()], classic[1].strip()
    return heading_source, None


def _kept(char: str) -> bool:
    if char in "- ":
        return True
    category = unicodedata.category(char)
    if category[0] in "LM" or category in ("Nd", "Nl", "Pc"):
        return True
    return any(first <= ord(char) <= last for first, last in _LETTER_SYMBOLS)
