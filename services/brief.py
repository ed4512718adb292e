"""What a model is told of a chapter and of the form that it is to have: the same for all its sections."""

import html
import importlib.resources
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from markdown_it.utils import EnvType

from services.book import Chapter
from services.forms import Form, english_name, written
from services.glossary import Entry, Glossary
from services.parser import parser
from services.readers import Level
from services.sections import SourceSection
from services.segments import Segment, SegmentSort
from services.source import Source

_VERSION = re.compile(r"version: (\d+)\n+")


@dataclass(frozen=True, slots=True)
class Brief:
    """A chapter, its form, and the rules. `system` is the same for all sections, so that a provider's cache keeps it.

    `paths` says where each section stands, by the headings above it; `new_terms` what is to be defined in each.
    `definitions` are those of the chapter's links and footnotes, for reading one of its sections alone.
    """

    chapter: Chapter
    form: Form
    glossary: Glossary
    system: str
    paths: tuple[str, ...]
    new_terms: tuple[tuple[str, ...], ...]
    definitions: str

    @property
    def translated(self) -> bool:
        """Whether the form has another language than the chapter."""
        return self.form.translated(self.chapter.language)


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of rules. Its number is raised by hand when what it says has changed enough to make chapters anew."""

    name: str
    version: str
    rules: str


def brief(chapter: Chapter, sections: Sequence[SourceSection], form: Form, glossary: Glossary) -> Brief:
    """The brief of a chapter that was taken apart into these sections. Takes some 50 ms for 40 KB."""
    texts = [words_of(section.segments) for section in sections]
    prose = [words_of(prose_of(section.segments)) for section in sections]
    translated, name = form.translated(chapter.language), english_name(form.language)
    rules = "\n".join(part.rules for part in _parts(form, translated=translated))
    entries = glossary.terms_in("\n".join(texts)) if translated else ()
    return Brief(
        chapter=chapter,
        form=form,
        glossary=glossary,
        system="\n".join([rules.replace("{language}", name), *_terms(entries), _outline(chapter, sections)]),
        paths=tuple(_paths(chapter, sections)),
        new_terms=glossary.first_uses(prose) if form.level is Level.BEGINNER else ((),) * len(prose),
        definitions="\n\n".join(_definitions(chapter.content)),
    )


def words_of(segments: Iterable[Segment]) -> str:
    """What some segments say, a line each."""
    return "\n".join(segment.text for segment in segments)


def prose_of(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Those that may grow: definitions have no place in headings and cells."""
    return (segment for segment in segments if segment.sort is SegmentSort.PROSE)


def prompt_version(form: Form, glossary: Glossary, *, translated: bool) -> str:
    """What renderings in a form were made by: the numbers of all that the model is told, apart from the chapter."""
    versions = [f"{part.name}-{part.version}" for part in _parts(form, translated=translated)]
    listed = (translated and glossary.entries) or form.level is Level.BEGINNER
    return " ".join([*versions, *([f"glossary-{glossary.version}"] if listed else [])])


def _parts(form: Form, *, translated: bool) -> Iterator[_Part]:
    """The rules for a form, in the order in which they are told."""
    names = ["", f"_{form.level}" if form.level else None, f"_hardware_{form.hardware}" if form.hardware else None]
    names += ["_translation" if translated else None, f"_{written(form.language)}"]
    names += ["_both" if translated and form.level else None]
    files = (f"variant{name}".lower() for name in names if name is not None)
    return (part for file in files if (part := _read(file)))


@cache
def _read(name: str) -> _Part | None:
    """A file of rules; None where there is none, as for most languages."""
    folder = importlib.resources.files("services").joinpath("prompts")
    if not any(file.name == f"{name}.md" for file in folder.iterdir()):
        return None
    text = folder.joinpath(f"{name}.md").read_text("utf-8")
    version = _VERSION.match(text)
    if not version:
        raise ValueError(f'prompts/{name}.md, line 1: "version: 1" is expected there; raise it with each change.')
    return _Part(name.removeprefix("variant").removeprefix("_") or "rules", version[1], text[version.end() :])


def _terms(entries: Sequence[Entry]) -> Iterator[str]:
    if entries:
        yield f"# The terms of the chapter\n\n{_quoted(map(_term, entries))}\n"


def _term(entry: Entry) -> str:
    note = f" ({entry.note})" if entry.note else ""
    return f"- {entry.term}: {entry.written or 'as it is'}{note}"


def _outline(chapter: Chapter, sections: Sequence[SourceSection]) -> str:
    headings = (f"{'  ' * max(section.level - 2, 0)}- {section.heading}" for section in sections if section.anchor)
    return f"# The chapter\n\nTitle: {_quoted([chapter.title])}\n\nOutline:\n{_quoted(headings)}\n"


def _quoted(lines: Iterable[str]) -> str:
    """Text of the book, in which nothing can be taken for a tag of ours."""
    return html.escape("\n".join(lines), quote=False)


def _paths(chapter: Chapter, sections: Sequence[SourceSection]) -> Iterator[str]:
    above: list[SourceSection] = []
    for section in sections:
        above = [*(one for one in above if one.level < section.level), section]
        headings = [one.heading for one in above if one.heading != chapter.title]
        yield " › ".join([chapter.title, *headings])


def _definitions(content: str) -> Iterator[str]:
    """The shortest that says what labels are defined."""
    env: EnvType = {}
    parser().block.parse(Source.read(content).text, parser(), env, [])
    yield from (f"[{label}]: <{target['href']}>" for label, target in env.get("references", {}).items())
    yield from (f"[^{label.removeprefix(':')}]: x" for label in env.get("footnotes", {}).get("refs", {}))
