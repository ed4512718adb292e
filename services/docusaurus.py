"""A folder of Docusaurus docs, read into pages."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from services import routes
from services.frontmatter import FrontMatter, FrontMatterError, load
from services.markdown import Outline, parse
from services.partials import PartialError, Partials
from services.sidebar import Category, Entry, order

LARGEST = 2 * 1024 * 1024  # bytes of a file

_EXTENSIONS = (".md", ".mdx")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")  # BCP 47, in the spelling of folders


class BookNotFound(Exception):
    """There is no book at the given path."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the folder that cannot be served; `line` counts from 1."""

    file: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the book; `path` is its URL below the docs route, `position` its place in the sidebar from 0."""

    file: str
    id: str
    title: str
    path: str
    position: int
    content: str
    outline: Outline
    reviewed: bool
    unlisted: bool
    hides_title: bool
    first_line: int
    """Of the content, in the file, from 1."""
    partials: tuple[tuple[int, int], ...]
    """The ranges of the content that stand in other files."""
    language: str | None = None
    """Of a translation; None for the book's own."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The pages of a book in the order of its sidebar, and what could not be read."""

    pages: tuple[Page, ...]
    problems: tuple[Problem, ...]


def read(path: Path) -> Folder:
    """Read the docs folder at `path`. Raises BookNotFound when it is missing or holds no page."""
    if not path.is_dir():
        raise BookNotFound(f"{path} is not a folder: give the docs folder of a Docusaurus site")
    folder = _Reader(_real(path)).folder()
    if not folder.pages and not folder.problems:
        raise BookNotFound(f"{path} has no .md or .mdx pages: give the docs folder of a Docusaurus site")
    return folder


def translations(path: Path) -> Iterator[Folder]:
    """The author's own translations beside the docs folder at `path`, one folder for each language.

    They stand where Docusaurus has them ("Internationalization", "Translate your site"). Ids begin with the language.
    """
    for current in sorted(_real(path).parent.glob("i18n/*/docusaurus-plugin-content-docs/current")):
        language = current.parent.parent.name
        if current.is_dir() and _LANGUAGE.fullmatch(language):
            folder = _Reader(current).folder()
            where = current.relative_to(_real(path).parent)
            yield Folder(
                tuple(
                    replace(page, id=f"{language}/{page.id}", language=language, file=str(where / page.file))
                    for page in folder.pages
                ),
                tuple(replace(problem, file=str(where / problem.file)) for problem in folder.problems),
            )


@dataclass(frozen=True, slots=True)
class _Draft:
    """A page before its place in the sidebar is known."""

    file: PurePosixPath
    front: FrontMatter
    page: Page


class _FileError(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class _Reader:
    """Reads one folder; collects problems on the way."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._problems: list[Problem] = []
        self._partials = Partials(root.name, self._partial)

    def folder(self) -> Folder:
        files = list(self._files(PurePosixPath("."), ()))
        pages = [draft for file in files if (draft := self._draft(file))]
        placed = self._placed(list(self._unique(pages)))
        self._problems += [Problem(str(error.file), error.line, error.message) for error in self._partials.errors]
        problems = sorted(set(self._problems), key=lambda problem: (problem.file, problem.line, problem.message))
        return Folder(tuple(placed), tuple(problems))

    def _files(self, folder: PurePosixPath, above: tuple[Path, ...]) -> Iterator[PurePosixPath]:
        """The pages below a folder, sorted; links out of the book and links to a folder above are not followed."""
        real = _real(self._root / folder)
        try:
            entries = sorted((self._root / folder).iterdir(), key=lambda entry: entry.name)
        except OSError as error:
            self._problem(folder, 1, f"cannot be read: {error.strerror}")
            return
        for entry in entries:
            target = _real(entry)
            if entry.name.startswith((".", "_")) or not target.is_relative_to(self._root):
                continue
            if not _is_text(entry.name):
                self._problem(folder / entry.name, 1, "has a name that is not valid UTF-8; rename it")
            elif target.is_dir() and target not in (*above, real):
                yield from self._files(folder / entry.name, (*above, real))
            elif target.is_file() and entry.suffix in _EXTENSIONS:
                yield folder / entry.name

    def _draft(self, file: PurePosixPath) -> _Draft | None:
        try:
            return self._read(file)
        except Exception as error:  # whatever one page does to the parser, the other pages are served
            self._problem(file, 1, f"cannot be read ({type(error).__name__}: {error}); please report this page")
            return None

    def _read(self, file: PurePosixPath) -> _Draft | None:
        try:
            front, content, first_line = self._content(file)
            if front.draft:
                return None
            inserted = self._partials.insert(file, content, first_line)
        except _FileError as error:
            self._problem(file, error.line, error.message)
            return None
        except PartialError as error:
            self._problem(error.file, error.line, error.message)
            return None
        outline = parse(inserted.content, inserted.ranges)
        page = Page(
            file=str(file),
            id=routes.doc_id(file, front),
            title=_title(front, outline) or routes.base_id(file, front),
            path=routes.url_path(file, front),
            position=0,
            content=inserted.content,
            outline=outline,
            reviewed=front.reviewed,
            unlisted=front.unlisted,
            hides_title=front.hide_title,
            first_line=first_line,
            partials=inserted.ranges,
        )
        return _Draft(file, front, page)

    def _content(self, file: PurePosixPath) -> tuple[FrontMatter, str, int]:
        """The front matter, the content, and the line of the file on which the content begins."""
        text = _text(self._root / file)
        try:
            front, content = FrontMatter.read(text)
        except FrontMatterError as error:
            raise _FileError(error.line, f"The front matter {error.message}") from error
        if front.id and "/" in front.id:
            raise _FileError(1, "The front matter has an id with a slash; use slug for the URL")
        return front, content, 1 + text.count("\n", 0, len(text) - len(content))

    def _partial(self, file: PurePosixPath) -> tuple[str, int] | None:
        path = _real(self._root / file)
        if not path.is_file() or not path.is_relative_to(self._root):
            return None
        try:
            _, content, first_line = self._content(file)
        except _FileError as error:
            self._problem(file, error.line, error.message)
            return None
        return content, first_line

    def _unique(self, drafts: list[_Draft]) -> Iterator[_Draft]:
        """The pages whose id and URL no earlier file has."""
        ids: dict[str, str] = {}
        paths: dict[str, str] = {}
        for draft in drafts:
            page = draft.page
            if page.id in ids:
                self._problem(draft.file, 1, f"has the same id as {ids[page.id]} ({page.id}); change one id")
            elif page.path in paths:
                self._problem(draft.file, 1, f"has the same URL as {paths[page.path]} ({page.path}); change one slug")
            else:
                ids[page.id] = paths[page.path] = page.file
                yield draft

    def _placed(self, drafts: list[_Draft]) -> list[Page]:
        """The pages in the order of the sidebar, unlisted ones last by file."""
        entries = [
            Entry(draft.file, draft.page.id, routes.sidebar_position(draft.file, draft.front)) for draft in drafts
        ]
        folders = {folder for draft in drafts for folder in draft.file.parents}
        ids = order(entries, {folder: self._category(folder) for folder in sorted(folders)})
        places = {id: place for place, id in enumerate(ids)}
        pages = sorted(
            (draft.page for draft in drafts),
            key=lambda page: (page.unlisted, page.file if page.unlisted else "", places[page.id]),
        )
        return [replace(page, position=position) for position, page in enumerate(pages)]

    def _category(self, folder: PurePosixPath) -> Category:
        for extension in ("json", "yml", "yaml"):
            file = folder / f"_category_.{extension}"
            path = _real(self._root / file)
            if path.is_file() and path.is_relative_to(self._root):
                try:
                    return _read_category(_text(path), extension)
                except (FrontMatterError, _FileError) as error:
                    self._problem(file, error.line, f"The category {error.message}")
        return Category()

    def _problem(self, file: PurePosixPath, line: int, message: str) -> None:
        shown = str(file).encode("utf-8", "replace").decode()
        self._problems.append(Problem(shown, line, message))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises on a link to itself


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(path: Path) -> str:
    """A file's text without byte-order mark, with LF line ends. Raises _FileError."""
    try:
        if path.stat().st_size > LARGEST:
            raise _FileError(1, "is larger than 2 MiB; split it")
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise _FileError(1, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _FileError(data.count(b"\n", 0, error.start) + 1, "is not valid UTF-8; save it as UTF-8") from error
    if "\0" in text:
        raise _FileError(text.count("\n", 0, text.index("\0")) + 1, "has a NUL character; remove it")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _title(front: FrontMatter, outline: Outline) -> str:
    return front.title or outline.title or ""


def _read_category(text: str, extension: str) -> Category:
    values: dict[object, object] = _json(text) if extension == "json" else load(text)
    position, link = values.get("position"), values.get("link")
    if position is not None and (not isinstance(position, int | float) or isinstance(position, bool)):
        raise FrontMatterError(1, "has a position that is not a number")
    page = link.get("id") if isinstance(link, dict) and link.get("type") == "doc" else None
    return Category(position, "link" not in values, page if isinstance(page, str) else None)


def _json(text: str) -> dict[object, object]:
    try:
        values = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise FrontMatterError(line, "is not valid JSON") from error
    return values if isinstance(values, dict) else {}
