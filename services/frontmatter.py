"""The front matter of a page, read as Docusaurus reads it: YAML 1.2 scalars, numbers allowed where text is meant."""

import math
import re
from dataclasses import dataclass
from typing import NoReturn

import yaml

from services.text import is_text

_CLOSING = "\n---"


class FrontMatterError(Exception):
    """Front matter that cannot be read; `line` counts from 1 at the top of the file."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Loader(yaml.SafeLoader):
    """YAML without the 1.1 surprises (``on``, ``yes``, ``12:30``, dates), which JavaScript's reader does not share."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the type that PyYAML declares
        **{
            char: [("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"))] for char in "tTfF"
        },
        **{char: [("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"))] for char in ("~", "n", "N", "")},
        **{
            char: [
                ("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")),
                ("tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$")),
            ]
            for char in "-+.0123456789"
        },
        "<": [("tag:yaml.org,2002:merge", re.compile(r"^<<$"))],
    }


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a page says about itself; None where it says nothing."""

    id: str | None = None
    title: str | None = None
    slug: str | None = None
    sidebar_position: float | None = None
    draft: bool = False
    hide_title: bool = False
    unlisted: bool = False
    reviewed: bool = True
    parse_number_prefixes: bool = True

    @classmethod
    def read(cls, text: str) -> tuple["FrontMatter", str]:
        """Split a file's text, without byte-order mark and with LF line ends, into front matter and content.

        Raises FrontMatterError.
        """
        source, content = _split(text)
        if source is None:
            return cls(), content
        fields = Fields(source, load(source))
        return cls(
            id=fields.text("id"),
            title=fields.text("title"),
            slug=fields.text("slug"),
            sidebar_position=fields.number("sidebar_position"),
            draft=fields.flag("draft", False),
            hide_title=fields.flag("hide_title", False),
            unlisted=fields.flag("unlisted", False),
            reviewed=fields.flag("reviewed", True),
            parse_number_prefixes=fields.flag("parse_number_prefixes", True),
        ), content


def load(source: str) -> dict[object, object]:
    """A YAML mapping; an empty one for an empty text. Raises FrontMatterError."""
    try:
        value = yaml.load(source, Loader=_Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FrontMatterError((mark.line if mark else 0) + 1, f"is not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FrontMatterError(1, "is not valid YAML") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise FrontMatterError(1, "is not a list of names and values")
    return value


def _split(text: str) -> tuple[str | None, str]:
    """As gray-matter does: without a closing line all of the file is front matter; its YAML keeps its line numbers."""
    if not text.startswith("---") or text.startswith("----"):
        return None, text
    first, _, _ = text[3:].partition("\n")
    language = first.strip()
    if language not in ("", "yaml", "yml"):
        raise FrontMatterError(1, f"is written in {language}; write it in YAML between two --- lines")
    rest = text[3 + len(first) :]
    source, closing, content = rest.partition(_CLOSING)
    return source, content.removeprefix("\n") if closing else ""


class Fields:
    """The fields of one mapping, each checked for its type."""

    def __init__(self, source: str, values: dict[object, object]) -> None:
        self._source = source
        self._values = values

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        if isinstance(value, str) and not is_text(value):
            self._refuse(name, "has characters that are not text; remove them")
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)
        self._refuse(name, "must be text; put it in quotes")

    def number(self, name: str) -> float | None:
        value = self._values.get(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        try:
            number = float(str(value))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self._refuse(name, "must be a number")
        return number

    def flag(self, name: str, default: bool) -> bool:
        value = self._values.get(name, default)
        if isinstance(value, str) and value.strip().lower() in ("true", "false"):
            return value.strip().lower() == "true"
        if isinstance(value, bool):
            return value
        self._refuse(name, "must be true or false")

    def _refuse(self, name: str, must: str) -> NoReturn:
        lines = self._source.split("\n")
        line = next((number for number, line in enumerate(lines, 1) if line.startswith(f"{name}:")), 1)
        raise FrontMatterError(line, f"has a wrong value: {name} {must}")
