"""How segments are written to a model, and read from what it replies."""

import html
import re
from collections.abc import Mapping, Sequence

from services.segments import Segment
from services.tags import escaped

_SAID = re.compile(r"<t\b[^<>]*?\bid\s*=\s*[\"']?(\d+)[^<>]*>((?:(?!</?t\b).)*)</t\s*>", re.DOTALL)
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|#39);")
_BEGUN = re.compile(r"<t\b(?!.*</t\s*>)", re.DOTALL)
_LONGEST_LEGEND = 80  # characters of a code or formula, enough to build a sentence around it


def material(
    segments: Sequence[Segment], path: str, new_terms: Sequence[str], wrong: Mapping[int, str], ids: Sequence[int]
) -> str:
    """The message about some segments of a section, which are called by their index. `wrong` says why some are asked
    for again. Nothing that the book says can be taken for markup of the message."""
    lines = [f"<section>{html.escape(path, quote=False)}</section>"]
    if new_terms:
        lines.append(f"<define>{html.escape('; '.join(new_terms), quote=False)}</define>")
    if legend := [line for id in ids if (line := _legend(id, segments[id]))]:
        lines += ["<legend>", *legend, "</legend>"]
    return "\n".join([*lines, "<segments>", *(_segment(id, segments[id], wrong.get(id)) for id in ids), "</segments>"])


def said(reply: str) -> dict[int, str]:
    """The words of each segment that a reply has whole, by its id. Of one that is given twice, the later ones."""
    return {int(found[1]): _words(found[2]) for found in _SAID.finditer(reply)}


def is_cut(reply: str) -> bool:
    """Whether a reply ends within a segment."""
    return _BEGUN.search(reply) is not None


def _segment(id: int, segment: Segment, wrong: str | None) -> str:
    reason = f' wrong="{html.escape(wrong)}"' if wrong else ""
    return f'<t id="{id}" kind="{segment.sort}"{reason}>{escaped(segment.text)}</t>'


def _legend(id: int, segment: Segment) -> str:
    """What the tags of a segment are that stand for code or a formula."""
    codes = ((number, tag.opening) for number, tag in enumerate(segment.tags, start=1) if tag.code)
    meanings = "; ".join(f"<x{number}/> is {html.escape(_short(code), quote=False)}" for number, code in codes)
    return meanings and f"In {id}: {meanings}"


def _short(code: str) -> str:
    line = " ".join(code.split())
    return line if len(line) <= _LONGEST_LEGEND else f"{line[: _LONGEST_LEGEND - 1]}…"


def _words(text: str) -> str:
    lines = "\n".join(" ".join(line.split()) for line in text.strip().splitlines())
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), lines)
