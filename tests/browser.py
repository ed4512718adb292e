"""A real browser that looks at pages. It can reach this machine and nothing else."""

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from tests.processes import NODE, ROOT


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page asked for, what went wrong in it, and the last response that it showed."""

    asked: list[str]
    wrong: list[str]
    response: Any


@dataclass(frozen=True, slots=True)
class Part:
    """An element of a page's text.

    `kind` is its tag, or "katex", "tabs" or "theme-admonition"; `around` the direction of the text that it stands in,
    `direction` its own, each "ltr" or "rtl"; `indent` its padding where its lines start, in CSS. `onwards`, for code
    and formulas that are shown: whether the first letter stands left of the last one on its line.
    """

    kind: str
    text: str
    around: str
    direction: str
    indent: str
    onwards: bool | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a table of contents, the fragment that it links to, and the heading that a click brings into view."""

    says: str
    hash: str
    heading: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """A page of a site: its text, the fonts of its first paragraph from right to left, and its table of contents."""

    parts: list[Part]
    fonts: list[str]
    contents: list[Entry]
    wrong: list[str]


async def run_first_example(address: str, picture: Path | None = None) -> Seen:
    """Open GraphiQL and run what is in its first tab, to the end. `picture` is the PNG file to write."""
    return Seen(**json.loads(await run("graphiql.mjs", address, browser(), *([picture] if picture else []))))


async def look_at(folder: Path, address: str, picture: Path | None = None) -> Look:
    """Open a page of the site that was built in `folder`. `picture` is the PNG file to write, of what is in view."""
    told = await run("page.mjs", folder, address, browser(), *([picture] if picture else []))
    return TypeAdapter(Look).validate_json(told)


def browser() -> str:
    """Where the browser is."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    assert found, "There is no browser: install Chromium or Google Chrome, as `chromium` or `google-chrome`."
    return found


async def run(script: str, *arguments: str | Path) -> bytes:
    """What a script that drives the browser prints."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        ROOT / "tests" / "frontend" / script,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    return told
