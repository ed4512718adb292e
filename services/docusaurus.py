"""A folder of Docusaurus docs, read into pages."""

import os
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from services import routes
from services.frontmatter import FrontMatter, FrontMatterError
from services.markdown import Outline, parse
from services.partials import PartialError, Partials
from services.sidebar import Category, Entry, indexes, order
from services.source import FileError, read_text

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
    """The pages of a book in the order of its sidebar, and what could not be read.

    `root` is the folder's place in the site; `indexes` are the URLs below the docs route of generated index pages.
    """

    pages: tuple[Page, ...]
    problems: tuple[Problem, ...]
    root: PurePosixPath
    indexes: frozenset[str]


def read(path: Path) -> Folder:
    """Read the docs folder at `path`. Raises BookNotFound when it is missing or holds no page."""
    if not path.is_dir():
        raise BookNotFound(f"{path} is not a folder: give the docs folder of a Docusaurus site")
    root = _real(path)
    folder = _Reader(root.parent, PurePosixPath(root.name), root.name).folder()
    if not folder.pages and not folder.problems:
        raise BookNotFound(f"{path} has no .md or .mdx pages: give the docs folder of a Docusaurus site")
    return folder


def translations(path: Path, own: str) -> Iterator[Folder]:
    """The author's own translations beside the docs folder at `path`, one folder for each language but `own`.

    They stand where Docusaurus has them ("Internationalization", "Translate your site"). Ids begin with the language.
    """
    root = _real(path)
    for place in sorted(root.parent.glob("i18n/*")):
        current = _current(place, root)
        if current and place.name != own and _LANGUAGE.fullmatch(place.name):
            where = PurePosixPath(current.relative_to(root.parent))
            folder = _Reader(root.parent, where, root.name).folder()
            yield replace(
                folder,
                pages=tuple(
                    replace(page, id=f"{place.name}/{page.id}", language=place.name, file=_below(where, page.file))
                    for page in folder.pages
                ),
                problems=tuple(replace(problem, file=_below(where, problem.file)) for problem in folder.problems),
            )


def _current(place: Path, root: Path) -> Path | None:
    """Where the translation of the docs folder `root` is below `place`.

    A site may have several docs folders. The one without a name of its own is called docs, or is the one whose pages
    the translation has.
    """
    named = place / f"docusaurus-plugin-content-docs-{root.name}" / "current"
    if named.is_dir():
        return named
    current = place / "docusaurus-plugin-content-docs" / "current"
    names = {file.relative_to(current) for end in _EXTENSIONS for file in current.glob(f"**/*{end}")}

    def shared(folder: Path) -> int:
        return sum((folder / name).is_file() for name in names)

    is_ours = root.name == "docs" or shared(root) > shared(root.parent / "docs")
    return current if current.is_dir() and is_ours else None


def _below(folder: PurePosixPath, file: str) -> str:
    return posixpath.normpath(folder / file)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A page before its place in the sidebar is known."""

    file: PurePosixPath
    front: FrontMatter
    page: Page


class _Reader:
    """Reads one folder of a site, whose own docs are in the folder named `docs`; collects problems on the way."""

    def __init__(self, site: Path, folder: PurePosixPath, docs: str) -> None:
        self._site = site
        self._folder = folder
        self._root = site / folder
        self._problems: list[Problem] = []
        # A folder of docs that was copied out of its site has another name than its own pages call it by.
        self._partials = Partials(folder, {} if (site / "docs").is_dir() else {"docs": docs}, self._partial)

    def folder(self) -> Folder:
        files = list(self._files(PurePosixPath("."), ()))
        pages = [draft for file in files if (draft := self._draft(file))]
        unique = list(self._unique(pages))
        folders = {folder for draft in unique for folder in draft.file.parents}
        categories = {folder: self._category(folder) for folder in sorted(folders)}
        placed = _placed(unique, categories)
        self._problems += [Problem(str(error.file), error.line, error.message) for error in self._partials.errors]
        problems = sorted(set(self._problems), key=lambda problem: (problem.file, problem.line, problem.message))
        return Folder(tuple(placed), tuple(problems), self._folder, indexes(categories))

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
        except FileError as error:
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
        text = read_text(self._root / file)
        try:
            front, content = FrontMatter.read(text)
        except FrontMatterError as error:
            raise FileError(error.line, f"The front matter {error.message}") from error
        if front.id and "/" in front.id:
            raise FileError(1, "The front matter has an id with a slash; use slug for the URL")
        return front, content, 1 + text.count("\n", 0, len(text) - len(content))

    def _partial(self, file: PurePosixPath) -> tuple[str, int] | None:
        """The content of a file of the site, and its first line. A link may not lead out of the docs, nor the site."""
        bound = self._site if file.parts[0] == ".." else self._root
        path = _real(self._root / file)
        if not path.is_file() or not path.is_relative_to(bound):
            return None
        try:
            _, content, first_line = self._content(file)
        except FileError as error:
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

    def _category(self, folder: PurePosixPath) -> Category:
        for extension in ("json", "yml", "yaml"):
            file = folder / f"_category_.{extension}"
            path = _real(self._root / file)
            if path.is_file() and path.is_relative_to(self._root):
                try:
                    return Category.read(read_text(path))
                except (FrontMatterError, FileError) as error:
                    self._problem(file, error.line, f"The category {error.message}")
        return Category()

    def _problem(self, file: PurePosixPath, line: int, message: str) -> None:
        shown = str(file).encode("utf-8", "replace").decode()
        self._problems.append(Problem(shown, line, message))


def _placed(drafts: list[_Draft], categories: dict[PurePosixPath, Category]) -> list[Page]:
    """The pages in the order of the sidebar, unlisted ones last by file."""
    entries = [Entry(draft.file, draft.page.id, routes.sidebar_position(draft.file, draft.front)) for draft in drafts]
    places = {id: place for place, id in enumerate(order(entries, categories))}
    pages = sorted(
        (draft.page for draft in drafts),
        key=lambda page: (page.unlisted, page.file if page.unlisted else "", places[page.id]),
    )
    return [replace(page, position=position) for position, page in enumerate(pages)]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises on a link to itself


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _title(front: FrontMatter, outline: Outline) -> str:
    return front.title or outline.title or ""
