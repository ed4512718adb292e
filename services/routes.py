"""The ids and URL paths that Docusaurus gives to the files of a docs folder."""

import re
from pathlib import PurePosixPath

from services.frontmatter import FrontMatter

# Dates and versions are not number prefixes: 2024-01-05-note, 7.0-release, 1-2-mixed.
_NO_PREFIX = re.compile(r"[0-9]+[-_.][0-9]+")
_PREFIX = re.compile(r"([0-9]+)\s*[-_.]+\s*([^-_.\s].*)")


def number_prefix(name: str) -> tuple[str, int | None]:
    """Split ``02-name``, ``02.name``, ``02 - name`` or ``02_name`` into name and number."""
    found = None if _NO_PREFIX.match(name) else _PREFIX.fullmatch(name)
    return (found[2], int(found[1])) if found else (name, None)


def base_id(file: PurePosixPath, front: FrontMatter) -> str:
    """The last part of a page's id."""
    return front.id or (number_prefix(file.stem)[0] if front.parse_number_prefixes else file.stem)


def doc_id(file: PurePosixPath, front: FrontMatter) -> str:
    """The id of a page: its folders without number prefixes, then its base id."""
    return "/".join([*_folders(file, front), base_id(file, front)])


def is_index(file: PurePosixPath) -> bool:
    """Whether the page stands for its folder: index, readme, or a file named like the folder."""
    return file.stem.lower() in ("index", "readme", file.parent.name.lower() or ".")


def url_path(file: PurePosixPath, front: FrontMatter) -> str:
    """The page's URL below the docs route, not percent-encoded; an index page's ends in a slash."""
    folder = "/".join(["", *_folders(file, front), ""])
    if front.slug and front.slug.startswith("/"):
        path = front.slug
    elif not front.slug and is_index(file):
        path = folder
    else:
        path = _resolve(front.slug or base_id(file, front), folder)
    return re.sub(r"//+", "/", path)


def sidebar_position(file: PurePosixPath, front: FrontMatter) -> float | None:
    """The place that the page asks for among its neighbours."""
    if front.sidebar_position is not None:
        return front.sidebar_position
    return number_prefix(file.stem)[1] if front.parse_number_prefixes else None


def _folders(file: PurePosixPath, front: FrontMatter) -> list[str]:
    folders = file.parent.parts
    return [number_prefix(name)[0] for name in folders] if front.parse_number_prefixes else list(folders)


def _resolve(slug: str, folder: str) -> str:
    """A relative slug from a folder, as resolve-pathname does: ``.`` and ``..`` at the end leave a slash."""
    parts: list[str] = []
    for part in (folder + slug).split("/")[1:]:
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    trailing = "/" if parts and slug.rpartition("/")[2] in (".", "..") else ""
    return "/" + "/".join(parts) + trailing
