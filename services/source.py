"""A page's source: its file's text, the same as the parser sees it, and the way back to offsets in the content."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

LARGEST = 2 * 1024 * 1024  # bytes of a file

# Docusaurus lets a page hide MDX from translation tools in such fences; only three and four backticks count.
_MDX_FENCES = tuple(
    re.compile(
        rf"(?:^|\n)(?P<first>\x20*){ticks}\x20*mdx-code-block\n(?:.*?)\n(?P<last>\x20*){ticks}(?:\n|\Z)", re.DOTALL
    )
    for ticks in ("```", "````")
)
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")


class FileError(Exception):
    """A file whose text cannot be had; `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Prose:
    """The text of a paragraph without container prefixes; `starts` and `offsets` say where each line stands."""

    text: str
    starts: tuple[int, ...]
    offsets: tuple[int, ...]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """A range of the text, which begins and ends with a visible character, as offsets into the content."""
        return self._offset(start), self._offset(end - 1) + 1

    def _offset(self, position: int) -> int:
        line = bisect_right(self.starts, position) - 1
        return self.offsets[line] + position - self.starts[line]


@dataclass(frozen=True, slots=True)
class Source:
    """`content` as it was given; `text` as it is parsed; `starts` and `offsets` of each line in the two."""

    content: str
    text: str
    starts: tuple[int, ...]
    offsets: tuple[int, ...]

    @classmethod
    def read(cls, content: str) -> "Source":
        """Make line ends LF, and take the fence lines around hidden MDX away."""
        lines = [(found.start(), found[1]) for found in _LINE.finditer(content)]
        if "mdx-code-block" in content:
            for fence in _MDX_FENCES:
                lines = _unwrapped(lines, fence)
        starts = [0]
        for _, line in lines[:-1]:
            starts.append(starts[-1] + len(line) + 1)
        text = "\n".join(line for _, line in lines)
        return cls(content, text, tuple(starts), tuple(offset for offset, _ in lines))

    def offset(self, position: int) -> int:
        """Where a position of the parsed text is in the content."""
        line = bisect_right(self.starts, position) - 1
        return self.offsets[line] + position - self.starts[line]

    def trim(self, start: int, end: int) -> tuple[int, int]:
        """The range without blanks at its ends."""
        piece = self.content[start:end]
        return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())

    def prose(self, spans: list[tuple[int, int]]) -> Prose:
        """Join the (start, end) positions of a paragraph's lines."""
        lines = [self.text[start:end] for start, end in spans]
        starts = [0]
        for line in lines[:-1]:
            starts.append(starts[-1] + len(line) + 1)
        return Prose("\n".join(lines), tuple(starts), tuple(self.offset(start) for start, _ in spans))


def cuts_fences(content: str, start: int, end: int) -> bool:
    """Whether a range of a content, read by itself, would not hide the same MDX in fences as the content does."""
    if "mdx-code-block" not in content:
        return False
    alone = [start + offset for offset in Source.read(content[start:end]).offsets]
    return alone != [offset for offset in Source.read(content).offsets if start <= offset <= end]


def read_text(path: Path) -> str:
    """A file's text without byte-order mark, with LF line ends. Raises FileError."""
    try:
        if path.stat().st_size > LARGEST:
            raise FileError(1, "is larger than 2 MiB; split it")
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise FileError(1, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(data.count(b"\n", 0, error.start) + 1, "is not valid UTF-8; save it as UTF-8") from error
    if "\0" in text:
        raise FileError(text.count("\n", 0, text.index("\0")) + 1, "has a NUL character; remove it")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _unwrapped(lines: list[tuple[int, str]], fence: re.Pattern[str]) -> list[tuple[int, str]]:
    text = "\n".join(line for _, line in lines)
    dropped = {text.count("\n", 0, found.start(group)) for found in fence.finditer(text) for group in ("first", "last")}
    return [line for number, line in enumerate(lines) if number not in dropped]
