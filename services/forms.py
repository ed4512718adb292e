"""The forms that a chapter can take: for a level, in a language, for some hardware."""

from dataclasses import dataclass
from enum import StrEnum

from services.languages import listed
from services.readers import Hardware, Level

_RIGHT_TO_LEFT = listed("ar arc arz azb bal ckb dv fa glk he iw ks lrc mzn nqo ota pnb prs ps sd sdh skr syr ug ur yi")
_RIGHT_TO_LEFT_SCRIPTS = listed("adlm arab aran hebr mand nkoo rohg samr syrc thaa")
_NAMES = {
    "ar": "Arabic",
    "bn": "Bengali",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fr": "French",
    "hi": "Hindi",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "pa": "Punjabi",
    "ps": "Pashto",
    "pt": "Portuguese",
    "ru": "Russian",
    "sd": "Sindhi",
    "tr": "Turkish",
    "ur": "Urdu",
    "ur-latn": "Roman Urdu, that is Urdu in Latin letters",
    "zh": "Chinese",
    "zh-hans": "Chinese in simplified characters",
    "zh-hant": "Chinese in traditional characters",
}


class TextDirection(StrEnum):
    """Where the lines of a text begin."""

    LTR = "LTR"
    RTL = "RTL"


@dataclass(frozen=True, slots=True)
class Form:
    """What a chapter is made into. `language` is a BCP 47 tag, the book's own or another; hardware needs a level."""

    level: Level | None
    language: str
    hardware: Hardware | None = None

    def __post_init__(self) -> None:
        if self.hardware and not self.level:
            raise ValueError(
                f"A form for the hardware {self.hardware} needs a level too: hardware changes no translation."
            )

    def __str__(self) -> str:
        """The form in one word, the same for all time: "ur", "en/BEGINNER", "ur/ADVANCED/JETSON"."""
        return "/".join(part for part in (self.language, self.level, self.hardware) if part)

    def translated(self, book_language: str) -> bool:
        """Whether it is in another language than the book."""
        return self.language.casefold() != book_language.casefold()


def direction_of(language: str) -> TextDirection:
    """Where lines begin in the script that a BCP 47 tag names, or else in that of the language."""
    primary, script = _parts(language)
    rtl = script in _RIGHT_TO_LEFT_SCRIPTS if script else primary in _RIGHT_TO_LEFT
    return TextDirection.RTL if rtl else TextDirection.LTR


def written(language: str) -> str:
    """A language and its script, whatever the country, in small letters: "ur" of ur-PK, "ur-latn" of ur-Latn."""
    return "-".join(filter(None, _parts(language)))


def english_name(language: str) -> str:
    """The English name of a language, for what models are told; of an unknown one, its tag."""
    return _NAMES.get(written(language), f"the language {language}")


def _parts(language: str) -> tuple[str, str | None]:
    primary, *others = language.casefold().split("-")
    return primary, next((tag for tag in others if len(tag) == 4 and tag.isalpha()), None)
