"""The example site: its packages, and what Docusaurus builds of the sample book."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from re import fullmatch
from urllib.parse import unquote, urlsplit

from tests.processes import NODE, ROOT

BOOK = ROOT / "examples" / "book"
SITE = ROOT / "examples" / "site"
URDU = ROOT / "tests" / "books" / "urdu"  # pages of the book, put into Urdu by hand
LOCK = SITE / "package-lock.json"
CONFIG = SITE / "docusaurus.config.js"
NPM = NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


class Ids(HTMLParser):
    """The ids of a page, each with the tag that has it, and its headings: level, and id where they have one."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: dict[str, str] = {}
        self.headings: list[tuple[int, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        self.tags |= {value: tag for name, value in attributes if name == "id" and value}
        if fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), dict(attributes).get("id")))


@dataclass(frozen=True)
class BuiltSite:
    """The pages that a web server would hand out at `origin`."""

    folder: Path
    origin: str = "http://localhost:3000"

    def page(self, path: str) -> Path:
        """The file that shows what is at this path of a URL."""
        return self.folder / unquote(path).strip("/") / "index.html"

    def target(self, url: str) -> str | None:
        """The tag that a browser scrolls to, "html" for a whole page, None where nothing is."""
        parts = urlsplit(url)
        page = self.page(parts.path)
        if f"{parts.scheme}://{parts.netloc}" != self.origin or not page.is_file():
            return None
        return ids(page).tags.get(unquote(parts.fragment)) if parts.fragment else "html"


@cache
def ids(page: Path) -> Ids:
    """What has an id in a page that is built."""
    return Ids(page.read_text("utf-8"))


async def build_book() -> BuiltSite:
    """The example site as it is, built again only where something changed: with installing up to two minutes."""
    await install()
    built = SITE / "build" / ".complete"
    if older(built, LOCK, CONFIG, *SITE.glob("src/**/*"), BOOK, *BOOK.glob("**/*")):
        await npm("run", "build")
        built.touch()  # a build that finds a broken link leaves its pages behind, too
    return BuiltSite(SITE / "build")


async def build(pages: Mapping[str, str], name: str = "pages", language: str = "en") -> BuiltSite:
    """The example site with these pages in the place of the book's: Markdown, by the files' names in the book.

    `language` is the site's own, and says in which direction all of it runs. Docusaurus stops at a link or an anchor
    that leads nowhere, of these pages and to them. What it built is kept under `name`, and built again only where
    something that went into it changed.
    """
    files, folder = site_with(pages, language), ROOT / "build" / "sites" / name
    await install()
    built, sum_of_all = folder / ".complete", digest(files)
    if not built.exists() or built.read_text() != sum_of_all:
        shutil.rmtree(folder, ignore_errors=True)
        for file, content in files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        (folder / "site" / "node_modules").symlink_to(SITE / "node_modules")
        # Docusaurus' cache lies in node_modules and does not tell sites apart: one would show the pages of another.
        await npm("run", "build", folder=folder / "site", DOCUSAURUS_NO_PERSISTENT_CACHE="true")
        built.write_text(sum_of_all)
    return BuiltSite(folder / "site" / "build")


def site_with(pages: Mapping[str, str], language: str) -> dict[str, bytes]:
    """The files of the site and of its book, with these pages, in this language."""
    sources = [CONFIG, LOCK, SITE / "package.json", *SITE.glob("src/**/*"), *BOOK.glob("**/*")]
    files = {str(file.relative_to(SITE.parent)): file.read_bytes() for file in sources if file.is_file()}
    replaced = {f"book/{name}": text.encode() for name, text in pages.items()}
    assert replaced.keys() <= files.keys(), f"The book does not have {replaced.keys() - files.keys()}."
    beginning = "export default {"
    config = CONFIG.read_text("utf-8").replace(
        beginning, f"{beginning} i18n: {{ defaultLocale: '{language}', locales: ['{language}'] }},", 1
    )
    return files | replaced | {"site/docusaurus.config.js": config.encode()}


def pages_of(folder: Path) -> dict[str, str]:
    """The pages of a book as they are, by their names in its folder."""
    return {str(file.relative_to(folder)): file.read_bytes().decode() for file in sorted(folder.rglob("*.md*"))}


def digest(files: Mapping[str, bytes]) -> str:
    """One sum over the names and contents of files."""
    sums = [f"{hashlib.sha256(content).hexdigest()} {file}\n" for file, content in sorted(files.items())]
    return hashlib.sha256("".join(sums).encode()).hexdigest()


async def install() -> None:
    """Install the site's packages where they are not."""
    if older(SITE / "node_modules" / ".package-lock.json", LOCK):
        await npm("ci", "--no-audit", "--no-fund")


async def npm(*arguments: str, folder: Path = SITE, **variables: str) -> None:
    """Run npm in a folder, with Node from PyPI."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        NPM,
        *arguments,
        cwd=folder,
        env={**os.environ, **variables, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()


def older(made: Path, *sources: Path) -> bool:
    """True where a file is not there, or was made before one of its sources changed."""
    return not made.exists() or made.stat().st_mtime <= max(source.stat().st_mtime for source in sources)
