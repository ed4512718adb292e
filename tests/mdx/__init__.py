"""What Docusaurus' own MDX compiler makes of texts that stand alone, without the files around them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from tests.processes import NODE
from tests.site import SITE, install

SCRIPT = Path(__file__).with_name("compile.mjs")


@dataclass(frozen=True, slots=True)
class Refused:
    """A text that does not compile. `refused` is the compiler's reason, with line and column where it says them."""

    refused: str


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a compiled page holds, each kind in the order of the page.

    `headings` are level and id; `code` language, the rest of the fence's first line, and text; `jsx` opening tags with
    their attributes, Docusaurus' own `<header>` around a page's title among them; `blocks` the tags of all blocks.
    `titled`: the page begins with a heading that the site takes its title from, where the front matter has none.
    """

    titled: bool
    headings: tuple[tuple[int, str], ...]
    code: tuple[tuple[str, str, str], ...]
    inline_code: tuple[str, ...]
    math: tuple[str, ...]
    links: tuple[str, ...]
    images: tuple[str, ...]
    jsx: tuple[str, ...]
    expressions: tuple[str, ...]
    modules: tuple[str, ...]
    blocks: tuple[str, ...]


Compiled = Fingerprint | Refused
DIRECTION = '<div dir="rtl">'
LINE: TypeAdapter[Compiled] = TypeAdapter(Compiled)


async def compiled(texts: Mapping[str, str], *, formulas: bool = True) -> dict[str, Compiled]:
    """Compile texts, by their file names, as the example site would: `.md` is MDX there, too, as it is by default.

    Without `formulas`, as a site does that has none: dollar signs are before prices there.
    """
    await install()
    process = await asyncio.create_subprocess_exec(
        NODE,
        SCRIPT,
        SITE,
        *([] if formulas else ["--no-formulas"]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    given = b"".join(orjson.dumps({"name": name, "content": content}) + b"\n" for name, content in texts.items())
    told, wrong = await process.communicate(given)
    assert process.returncode == 0, wrong.decode()
    return dict(zip(texts, map(LINE.validate_json, told.splitlines()), strict=True))


def kept(page: Fingerprint) -> Fingerprint:
    """What every rendering of a page must hold, too.

    The order of what stands inside sentences is left out, as another language has its own; so are the blocks that say
    in which direction a rendering runs, and the ids of headings of level 1, which the theme does not show.
    """
    return replace(
        page,
        headings=tuple((level, "" if level == 1 else id) for level, id in page.headings),
        inline_code=tuple(sorted(page.inline_code)),
        math=tuple(sorted(page.math)),
        links=tuple(sorted(page.links)),
        images=tuple(sorted(page.images)),
        jsx=tuple(sorted(tag for tag in page.jsx if tag != DIRECTION)),
        expressions=tuple(sorted(page.expressions)),
        blocks=tuple(tag for tag in page.blocks if tag != DIRECTION),
    )
