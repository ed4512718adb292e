"""A Redis server of a test's own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Redis:
    """A running server; it keeps nothing on disk."""

    url: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def redis_server(folder: Path, password: str) -> AsyncIterator[Redis]:
    """Redis on a free port until the block ends, if it was not killed before."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", folder, "--requirepass", password]
    process = await asyncio.create_subprocess_exec(
        "redis-server", *map(str, options), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.STDOUT
    )
    try:
        await listening(port)
        yield Redis(f"redis://:{password}@127.0.0.1:{port}/0", process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def listening(port: int) -> None:
    """Wait until something listens there."""
    for _ in range(100):
        with suppress(ConnectionRefusedError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return await writer.wait_closed()
        await asyncio.sleep(0.05)
    raise AssertionError("redis-server did not start")
