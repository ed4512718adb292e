"""Takes the picture in docs/variants.md: a chapter in Urdu, in the example site as Docusaurus builds it."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.browser import look_at
from tests.site import URDU, build, pages_of


async def take(picture: Path) -> None:
    """Write the picture. Raises where anything on the page went wrong."""
    site = await build(pages_of(URDU), "picture")
    seen = await look_at(site.folder, f"{site.origin}/docs/software/ros2#frames", picture)
    assert not seen.wrong, seen.wrong


def main(arguments: Sequence[str]) -> None:
    picture = Path(arguments[0])
    picture.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(picture))


if __name__ == "__main__":
    main(sys.argv[1:])
