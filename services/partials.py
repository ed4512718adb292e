"""Markdown that a page imports from other files, put in place of the tags that show it."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from services import mdx
from services.markdown import Kind, parse

LONGEST = 2 * 1024 * 1024  # characters of a page with everything it imports

_IMPORT = re.compile(
    r"^import\s+([A-Za-z_$][\w$]*)\s*(?:,\s*\{[^{}]*\})?\s*from\s*[\"']([^\"']+\.mdx?)[\"'][ \t]*;?", re.M
)
_ANY_IMPORT = re.compile(r"^import\s[^\n]*[\"'][^\"'\n]+[\"'][ \t]*;?[ \t]*(?:\n|\Z)", re.M)
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)|<!--.*?-->", re.DOTALL)
_BEFORE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?[ \t]*")


class PartialError(Exception):
    """A partial that cannot be put in place; `file` and `line` say where it is imported."""

    def __init__(self, file: PurePosixPath, line: int, message: str) -> None:
        super().__init__(message)
        self.file = file
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Inserted:
    """A text with its partials in place, and the ranges where they stand."""

    content: str
    ranges: tuple[tuple[int, int], ...] = ()


# The content of a file and its first line in that file; None when there is no such file. The path begins at the docs
# folder, with ".." where the file is elsewhere in the site.
Reader = Callable[[PurePosixPath], tuple[str, int] | None]


class Partials:
    """Puts partials in place for the pages of one folder of a site, reading each partial once.

    `renamed` has the names of folders at the top of the site that are called otherwise in imports.
    """

    def __init__(self, folder: PurePosixPath, renamed: Mapping[str, str], read: Reader) -> None:
        self._folder = folder
        self._renamed = renamed
        self._read = read
        self._done: dict[PurePosixPath, Inserted] = {}
        self.errors: list[PartialError] = []

    def insert(self, file: PurePosixPath, content: str, first_line: int) -> Inserted:
        """The content of a page with its partials; what cannot be had stays a tag and is added to `errors`.

        Raises PartialError when the result is longer than LONGEST.
        """
        return self._insert(file, content, first_line, (file,))

    def _insert(self, file: PurePosixPath, content: str, first_line: int, above: tuple[PurePosixPath, ...]) -> Inserted:
        if not _IMPORT.search(content):
            return Inserted(content)
        masked = _without_code(content)
        partials: dict[str, Inserted] = {}
        for found in _IMPORT.finditer(masked):
            line = first_line + content.count("\n", 0, found.start())
            if partial := self._partial(file, found[2], line, above):
                partials[found[1]] = partial
        inserted = _put(content, masked, partials)
        if len(inserted.content) > LONGEST:
            raise PartialError(file, first_line, "is longer than 2 MiB with what it imports; split it")
        return inserted

    def _partial(
        self, file: PurePosixPath, written: str, line: int, above: tuple[PurePosixPath, ...]
    ) -> Inserted | None:
        target = self._target(file, written)
        if target in above:
            self.errors.append(PartialError(file, line, f"imports itself through {written}; remove one of the imports"))
            return None
        if target in self._done:
            return self._done[target]
        source = self._read(target) if target else None
        if not target or source is None:
            self.errors.append(PartialError(file, line, f"imports {written}, which is not a readable page of the site"))
            return None
        inserted = self._insert(target, source[0], source[1], (*above, target))
        self._done[target] = inserted
        return inserted

    def _target(self, file: PurePosixPath, written: str) -> PurePosixPath | None:
        """Where an import leads, from the docs folder; None when that is out of the site."""
        if written.startswith("@site/"):
            top, _, rest = written.removeprefix("@site/").partition("/")
            path = posixpath.join(self._renamed.get(top, top), rest)
        else:
            path = posixpath.join(self._folder, file.parent, written)
        path = posixpath.normpath(path)
        return None if path.startswith(("..", "/")) else PurePosixPath(posixpath.relpath(path, self._folder))


def _without_code(content: str) -> str:
    """The same text with blanks for code and comments, where tags and imports mean nothing."""
    masked = list(content)
    ranges = [(block.start, block.end) for block in parse(content).blocks if block.kind is Kind.CODE]
    ranges += [found.span() for found in _CODE_SPAN.finditer(content)]
    for start, end in ranges:
        masked[start:end] = [char if char == "\n" else " " for char in content[start:end]]
    return "".join(masked)


def _put(content: str, masked: str, partials: dict[str, Inserted]) -> Inserted:
    parts: list[str] = []
    ranges: list[tuple[int, int]] = []
    length = done = 0
    for start, end, name in _tags(masked, partials):
        if length > LONGEST:
            break  # the caller refuses it; a page of tags could grow to any size before
        before, indent, after = _surroundings(content, start, end)
        partial = _indented(_without_imports(partials[name]), indent)
        place = length + start - done + len(before)
        ranges += [(place, place + len(partial.content))]
        ranges += [(place + first, place + last) for first, last in partial.ranges]
        parts += [content[done:start], before, partial.content, after]
        length, done = place + len(partial.content) + len(after), end
    return Inserted("".join([*parts, content[done:]]), tuple(ranges))


def _tags(masked: str, names: dict[str, Inserted]) -> Iterator[tuple[int, int, str]]:
    position = 0
    for found in re.finditer(r"<([A-Za-z_$][\w$]*)", masked):
        piece = mdx.piece_at(masked, found.start(), len(masked)) if found[1] in names else None
        if not piece or found.start() < position:
            continue
        position = piece.end
        if piece.sort is mdx.Sort.OPEN:
            closing = re.compile(rf"\s*</{re.escape(piece.name)}\s*>").match(masked, position)
            position = closing.end() if closing else position
        yield found.start(), position, piece.name


def _surroundings(content: str, start: int, end: int) -> tuple[str, str, str]:
    """What goes before a partial, before each of its further lines, and after it, to keep it apart."""
    line_start = content.rfind("\n", 0, start) + 1
    line_end = content.find("\n", end)
    line_end = len(content) if line_end < 0 else line_end
    prefix = content[line_start:start]
    if not _BEFORE.fullmatch(prefix) or content[end:line_end].strip():
        return "\n\n", "", "\n\n"
    indent = re.sub(r"[^>\s]", " ", prefix)
    previous = content[content.rfind("\n", 0, max(line_start - 1, 0)) + 1 : max(line_start - 1, 0)]
    following = content[line_end + 1 :].split("\n", 1)[0]
    before = f"\n{indent}" if prefix == indent and previous.strip("> \t") else ""
    return before, indent, f"\n{indent.rstrip()}" if following.strip("> \t") else ""


def _indented(partial: Inserted, indent: str) -> Inserted:
    def moved(position: int) -> int:
        return position + len(indent) * partial.content.count("\n", 0, position)

    ranges = tuple((moved(start), moved(end)) for start, end in partial.ranges)
    return Inserted(partial.content.replace("\n", f"\n{indent}"), ranges)


def _without_imports(partial: Inserted) -> Inserted:
    """Imports go, since they are read as imports only at the start of a line; so do blank lines at both ends."""
    content, ranges = partial.content, partial.ranges
    masked = _without_code(content) if _ANY_IMPORT.search(content) else ""
    cuts = [found.span() for found in _ANY_IMPORT.finditer(masked)]
    for start, end in reversed(cuts):
        content = content[:start] + content[end:]
        ranges = tuple((_shifted(first, start, end), _shifted(last, start, end)) for first, last in ranges)
    blank = len(content) - len(content.lstrip("\n"))
    stripped = content.strip("\n")
    return Inserted(
        stripped, tuple((max(first - blank, 0), min(last - blank, len(stripped))) for first, last in ranges)
    )


def _shifted(position: int, start: int, end: int) -> int:
    return position - (end - start) if position >= end else min(position, start)
