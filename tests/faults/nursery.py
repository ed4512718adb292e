"""Where processes come from: each is forked from one that has imported what Footnote depends on, and nothing more. That
is most of what a start costs; from there on it is `footnote serve` like any other.

`python -m tests.faults.nursery FD` is that one process; it gets two pipes and an environment for each child.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module

from tests.processes import ROOT, environment

# Nothing of Footnote's own, which a child reads as it is when it starts, and nothing of onnxruntime, which starts a
# thread when it is imported: a fork does not take that along.
AHEAD = (
    *(
        "anthropic",
        "asyncpg",
        "click",
        "httpx",
        "jwt",
        "markdown_it",
        "numpy",
        "qdrant_edge",
        "strawberry",
        "tokenizers",
    ),
    *("uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.websockets_sansio_impl"),
)
LONGEST = 65536  # bytes of an environment


class Child:
    """A forked process: its number, and what it says on both streams."""

    def __init__(self, pid: int, output: asyncio.StreamReader, told: asyncio.StreamReader) -> None:
        self.pid = pid
        self.output = output
        self.returncode: int | None = None
        self._ending = asyncio.create_task(self._end(told))

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing where it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    async def wait(self) -> int:
        """Its exit code, as soon as it has ended; that of a signal is negative."""
        return await asyncio.shield(self._ending)

    async def _end(self, told: asyncio.StreamReader) -> int:
        self.returncode = int(await told.readline())
        return self.returncode


class Nursery:
    """Starts `footnote serve`."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    async def start(self, settings: Mapping[str, object]) -> Child:
        """A new process with these settings as its environment."""
        output, told = os.pipe(), os.pipe()
        asked = json.dumps(environment(dict(settings))).encode()
        socket.send_fds(self._line, [asked], [output[1], told[1]])
        os.close(output[1])
        os.close(told[1])
        said, keeper = await listened(output[0]), await listened(told[0])
        return Child(int(await keeper.readline()), said, keeper)


async def listened(end: int) -> asyncio.StreamReader:
    """The reading end of a pipe as a stream."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(end, "rb", 0))
    return reader


@asynccontextmanager
async def open_nursery() -> AsyncIterator[Nursery]:
    """One process to fork from, until the block ends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.nursery", str(theirs.fileno())),
            env=environment({}),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        try:
            yield Nursery(ours)
        finally:
            ours.close()
            await process.wait()


def bear(line: socket.socket) -> bool:
    """Fork for whoever asks. True in a child; False, in the one they come from, when nobody will ask any more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while True:
        asked, pipes, _, _ = socket.recv_fds(line, LONGEST, 2)
        if not asked:
            return False
        if not os.fork():
            line.close()
            return keep(json.loads(asked), *pipes)
        for pipe in pipes:
            os.close(pipe)


def keep(given: Mapping[str, str], output: int, told: int) -> bool:
    """Be the parent of one child, which is what an exit code needs, and return in the child only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child:
        os.close(output)
        os.write(told, f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    os.close(told)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    os.environ.clear()
    os.environ.update(given)
    return True


if __name__ == "__main__":
    for name in AHEAD:
        import_module(name)
    if bear(socket.socket(fileno=int(sys.argv[1]))):
        sys.argv = ["footnote", "serve"]
        sys.exit(import_module("cli").main())
