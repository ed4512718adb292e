"""A real browser that looks at GraphiQL. It can reach this machine and nothing else."""

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.processes import NODE, ROOT


@dataclass(frozen=True, slots=True)
class Seen:
    """What the page asked for, what went wrong in it, and the last response that it showed."""

    asked: list[str]
    wrong: list[str]
    response: Any


async def run_first_example(address: str, picture: Path | None = None) -> Seen:
    """Open GraphiQL and run what is in its first tab, to the end. `picture` is the PNG file to write."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser, "There is no browser: install Chromium or Google Chrome, as `chromium` or `google-chrome`."
    process = await asyncio.create_subprocess_exec(
        NODE,
        ROOT / "tests" / "frontend" / "graphiql.mjs",
        address,
        browser,
        *([picture] if picture else []),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    return Seen(**json.loads(told))
