"""Many questions at two processes, while each of them, and Postgres, is ended in one way or another.

python -m tests.faults.storm [SECONDS]
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rich.progress import Progress
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from tests.claude import End, Pace, Say, Step, answering
from tests.claude.script import Body
from tests.client import Socket, signed_in
from tests.faults.case import case
from tests.faults.ending import ENDS
from tests.faults.history import Asking
from tests.faults.long_run import bar, checked, open_world, quantile, question_of, screen, size, table, verdict
from tests.faults.pulse import pulse
from tests.faults.reader import Reader
from tests.faults.storage_cases import AWAY_LONG
from tests.faults.world import WICK, World
from tests.readers import sign_up

A_SECOND = 50
AT_ONCE = 600  # more are not asked: whoever cannot follow must not grow
OFF_TOPIC = "Who won the football world cup?"
ADDRESSES = 250
READERS = 5
TOLERATED = (*AWAY_LONG, "could not be let in", "who asks could not be found out", "sessions could not be looked after")
SOCKET = Subprotocol("graphql-transport-ws")


@dataclass(slots=True)
class Storm:
    """What was asked, and what became of it."""

    world: World
    chance: random.Random
    a_second: float = A_SECOND
    phase: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    asked: int = 0
    skipped: int = 0
    took: float = 0.0
    tokens: list[str] = field(default_factory=list)
    running: set[asyncio.Task[None]] = field(default_factory=set)

    async def play(self, seconds: float, progress: Progress | None = None) -> None:
        """Ask for so long, and for as long as it takes to end and start everything."""
        self.world.claude.pace = Pace(0.05, 60)
        self.world.claude.always(answer)
        self.tokens = [(await sign_up(self.world.replica.direct)).token for _ in range(READERS)]
        began = time.monotonic()
        breaking = asyncio.create_task(self._break_all(seconds))
        task = progress.add_task("asking", total=int(seconds)) if progress else None
        while not breaking.done() or time.monotonic() - began < seconds:
            self._ask_one()
            due = began + (self.asked + self.skipped) / self.a_second
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if progress and task is not None:
                progress.update(task, completed=int(time.monotonic() - began))
        self.took = time.monotonic() - began
        await breaking
        if self.running:
            await asyncio.wait(self.running)

    async def _break_all(self, seconds: float) -> None:
        """Everything that ends, one after the other, in about that time."""
        for phase, end in ENDS.items():
            await asyncio.sleep(seconds / (len(ENDS) + 1))
            self.phase = phase
            await end(self.world)
        await asyncio.sleep(seconds / (len(ENDS) + 1))

    def _ask_one(self) -> None:
        if len(self.running) >= AT_ONCE:
            self.skipped += 1
            return
        self.asked += 1
        asking = asyncio.create_task(self._ask(self.asked))
        self.running.add(asking)
        asking.add_done_callback(self.running.discard)

    async def _ask(self, number: int) -> None:
        subject = OFF_TOPIC if self.chance.random() < 0.6 else WICK
        replica = self.chance.choice(self.world.replicas)
        token = self.chance.choice(self.tokens) if self.chance.random() < 0.1 else None
        asking = Asking(f"{subject} ({number})", replica.number, token)
        try:
            async with asyncio.timeout(60), asked_at(self.world, asking, replica.direct, number % ADDRESSES) as reader:
                await reader.rest()
            outcome = told(asking) or f"socket ended with {reader.socket.connection.close_code}{since(self.phase)}"
        except (OSError, EOFError, WebSocketException) as error:
            outcome = f"{met(error, asking)}{since(self.phase)}"
        self.outcomes[outcome] += 1
        if asking.ended:
            self.times.append(asking.ended - asking.began)
        if asking.events:
            self.world.history.askings.append(asking)


@asynccontextmanager
async def asked_at(world: World, asking: Asking, url: str, number: int) -> AsyncIterator[Reader]:
    """A reader who has asked, from an address of their own behind a proxy that is believed."""
    address = {"x-forwarded-for": f"198.51.100.{number}"}
    async with connect(url.replace("http", "ws", 1), subprotocols=[SOCKET], additional_headers=address) as connection:
        opened = Socket(connection)
        await opened.send({"type": "connection_init", "payload": signed_in(asking.token)})
        await opened.receive()
        reader = Reader(opened, asking, world.history)
        await reader.begin(world.input(asking))
        yield reader


def answer(body: Body) -> list[Step]:
    """Most are short; every eighth takes two seconds, so that something always runs."""
    long = sum(map(ord, question_of(body))) % 8 == 0
    quoted = answering()(body)[:-1]
    return [*quoted, *([Say(("often ",) * 100)] if long else []), End()]


def told(asking: Asking) -> str:
    """How it ended, as the table has it."""
    if answer := asking.finished:
        why = answer["declineReason"] or ("passages" if answer["source"] == "PASSAGES" else "")
        return f"{answer['status']} {why}".strip()
    if refused := asking.refused:
        return str(refused.get("__typename") or f"an error: {refused}"[:90])
    return ""


def since(phase: str) -> str:
    """What was the last that was ended."""
    return f", after {phase}" if phase else ""


def met(error: Exception, asking: Asking) -> str:
    """The same of one whose connection failed."""
    if asking.events:
        return "cut off after its first event"
    if isinstance(error, InvalidStatus):
        return f"HTTP {error.response.status_code}"
    return "connection refused" if isinstance(error, ConnectionError) else type(error).__name__


def show(storm: Storm) -> None:
    """What was reached."""
    rate, answered = storm.asked / storm.took, len(storm.times) / storm.took
    screen.print(f"{storm.asked} asked in {storm.took:.0f} s: {rate:.1f} a second of {storm.a_second:g} wanted")
    screen.print(f"{storm.skipped} not asked, as {AT_ONCE} were under way; {answered:.1f} a second answered")
    table("What became of them", ("end", "questions"), storm.outcomes.most_common())
    middle, most, longest = quantile(storm.times, 0.5), quantile(storm.times, 0.95), max(storm.times, default=0.0)
    screen.print(f"seconds to the end: p50 {middle:.2f}, p95 {most:.2f}, max {longest:.2f}")


async def main() -> int:
    """The whole run."""
    seconds = size(__doc__ or "", 90)
    async with open_world(2, trusted_proxies="127.0.0.1") as world:
        storm = Storm(world, random.Random(seconds))
        with bar() as progress:
            async with pulse(world):
                await storm.play(seconds, progress)
        show(storm)
        return verdict(await checked(world, *TOLERATED))


@case("long runs", "a short storm", replicas=2, trusted_proxies="127.0.0.1", tolerates=TOLERATED)
async def _(world: World) -> None:
    storm = Storm(world, random.Random(1), a_second=10)
    await storm.play(4)
    assert storm.outcomes["DECLINED NOT_IN_BOOK"], storm.outcomes
    assert storm.outcomes["COMPLETE"], storm.outcomes


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
