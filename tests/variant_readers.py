"""How long a stored chapter takes to be read by many at once.

    python -m tests.variant_readers [READERS]

Starts a server with a chapter of 40 KB, has it translated, and opens a connection for each reader (200 unless said
otherwise), signed in or not. All of them ask for the translation at the same moment; twenty times. The readers are a
process of their own. Prints the quantiles of their times; ends with exit code 1 where p95 is not under 200 ms.
"""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from tests.claude import ScriptedClaude
from tests.claude.translating import translating
from tests.conftest import ROOT
from tests.processes import Server, server
from tests.readers import sign_up
from tests.variants import FIND, URDU, make

KILOBYTES = 40
ROUNDS = 20
GOAL_SECONDS = 0.2
PAGE = ROOT / "examples" / "book" / "02-motion" / "02-control.md"


def write_book(folder: Path) -> None:
    """A book of one chapter: the sample's on control, again and again."""
    text = PAGE.read_text("utf-8").partition("\n---\n")[2]
    chapter = "\n\n".join([text] * -(-KILOBYTES * 1024 // len(text.encode())))
    (folder / "long.md").write_text(chapter, "utf-8")


async def read_at_once(url: str, readers: int) -> list[float]:
    """The seconds that each of them took, over all rounds."""
    parts = urlsplit(url)
    body = json.dumps({"query": FIND, "variables": {"id": "long", **URDU}}).encode()
    head = f"POST {parts.path} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    connections = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(readers)]
    times: list[float] = []
    for _ in range(ROUNDS):
        times += await asyncio.gather(*(read_one(*connection, request) for connection in connections))
        await asyncio.sleep(0.2)
    for _, writer in connections:
        writer.close()
    return times


async def read_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> float:
    """The seconds until all of one response is there."""
    began = time.monotonic()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = [line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    body = await reader.readexactly(int(length))
    assert head.startswith(b"HTTP/1.1 200"), head
    assert len(body) > KILOBYTES * 1024, body[:200]
    return time.monotonic() - began


async def made(running: Server) -> None:
    """Have the chapter translated."""
    told = await make(running.url, "long", (await sign_up(running.url)).token, **URDU)
    assert told["__typename"] == "ChapterVariant", told


async def main(readers: int) -> int:
    """The whole run."""
    with tempfile.TemporaryDirectory() as folder:
        book, data = Path(folder, "book"), Path(folder, "data")
        for made_folder in (book, data):
            made_folder.mkdir()
        (data / "models").symlink_to(ROOT / ".footnote" / "models")
        write_book(book)
        async with ScriptedClaude() as claude:
            claude.always(translating())
            given = {"ANTHROPIC_API_KEY": "key", "ANTHROPIC_BASE_URL": claude.url, "BOOK_PATH": book}
            async with server(DATA_DIR=data, **given) as running:
                await made(running)
                times = await read_at_once(running.url, readers)
    middle, most, last = np.quantile(times, [0.5, 0.95, 1])
    print(f"{readers} readers at once, {ROUNDS} times: p50 {middle:.3f}, p95 {most:.3f}, max {last:.3f} s")
    return int(most >= GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)))
