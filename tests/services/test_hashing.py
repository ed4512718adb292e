"""Hashing by real argon2: who waits, who is refused, and what is left when callers go."""

import asyncio
import os
import sys
import threading
from argparse import Namespace
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Literal

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.hashing import AT_ONCE, Hashing, Verified, open_hashing
from services.problems import Busy

PASSWORD = "seven grey herons"
WRONG = Verified(matches=False)
WAITING = 2


def cheap() -> PasswordHasher:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Watched(PasswordHasher):
    """Argon2 that counts: how many verifications there were, and how many at once at most."""

    __slots__ = ("began", "counts", "lock")

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Semaphore(0)
        self.lock, self.counts = threading.Lock(), Namespace(running=0, most=0, all=0, priority=0)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        """As argon2 does."""
        with self.lock:
            self.counts.running += 1
            self.counts.all += 1
            self.counts.most = max(self.counts.most, self.counts.running)
            self.counts.priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        self.began.release()
        try:
            return super().verify(hash, password)
        finally:
            with self.lock:
                self.counts.running -= 1


@pytest.fixture
async def watched() -> Watched:
    return Watched()


@pytest.fixture
async def hashing(watched: Watched) -> AsyncIterator[Hashing]:
    async with open_hashing(watched, WAITING) as opened:
        yield opened


def ask(hashing: Hashing, count: int) -> list[asyncio.Task[Verified | Busy]]:
    return [asyncio.create_task(hashing.verify(None, PASSWORD)) for _ in range(count)]


async def begun(watched: Watched, count: int) -> None:
    """Wait until so many verifications have begun."""
    for _ in range(count):
        await asyncio.to_thread(watched.began.acquire)


async def refusals(hashing: Hashing, count: int) -> int:
    return sum(isinstance(answer, Busy) for answer in await asyncio.gather(*ask(hashing, count)))


async def test_a_wrong_password_does_not_match(hashing: Hashing) -> None:
    stored = await hashing.hash(PASSWORD)
    assert isinstance(stored, str)
    assert await hashing.verify(stored, PASSWORD.upper()) == WRONG


async def test_nobodys_password_is_compared_all_the_same(hashing: Hashing, watched: Watched) -> None:
    assert await hashing.verify(None, PASSWORD) == WRONG
    assert watched.counts.all == 1


@pytest.mark.parametrize(
    "stored", ["", "plain", "$argon2id$", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$!", "ہ", "\ud800"]
)
async def test_what_is_no_hash_does_not_match_and_takes_as_long(
    hashing: Hashing, watched: Watched, stored: str
) -> None:
    with capture_logs() as logged:
        assert await hashing.verify(stored, PASSWORD) == WRONG
    assert watched.counts.all == 2
    assert [entry["event"] for entry in logged] == ["a stored password hash cannot be read"]


async def test_neither_password_nor_hash_is_logged(hashing: Hashing) -> None:
    with capture_logs() as logged:
        await hashing.verify("$argon2id$secret", PASSWORD)
    assert "secret" not in repr(logged)
    assert PASSWORD not in repr(logged)


async def test_who_finds_the_line_full_is_told_when_to_come_back(hashing: Hashing) -> None:
    *admitted, refused = await asyncio.gather(*ask(hashing, AT_ONCE + WAITING + 1))
    assert admitted == [WRONG] * (AT_ONCE + WAITING)
    assert isinstance(refused, Busy)
    assert refused.retry_at > datetime.now(UTC)


async def test_no_more_than_three_are_hashed_at_once(hashing: Hashing, watched: Watched) -> None:
    await asyncio.gather(*ask(hashing, AT_ONCE + WAITING))
    assert (watched.counts.all, watched.counts.most) == (AT_ONCE + WAITING, AT_ONCE)


async def test_a_caller_who_leaves_the_line_gives_the_place_back_and_is_never_hashed(
    hashing: Hashing, watched: Watched
) -> None:
    *others, last = ask(hashing, AT_ONCE + WAITING)
    await begun(watched, AT_ONCE)
    last.cancel()
    await asyncio.wait([last])
    assert await refusals(hashing, 2) == 1
    assert await asyncio.gather(*others) == [WRONG] * len(others)
    assert watched.counts.all == AT_ONCE + WAITING


async def test_a_caller_who_leaves_while_hashed_keeps_the_place_until_the_thread_is_done(
    hashing: Hashing, watched: Watched
) -> None:
    callers = ask(hashing, AT_ONCE)
    await begun(watched, AT_ONCE)
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    assert await refusals(hashing, WAITING + 1) == 1
    assert watched.counts.most == AT_ONCE


async def test_all_places_are_free_again_after_any_disorder_and_not_one_more(hashing: Hashing) -> None:
    for delay in (0.0, 0.001, 0.03, 0.1, 0.2):
        callers = ask(hashing, AT_ONCE + WAITING + 3)
        await asyncio.sleep(delay)
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
    for _ in range(100):  # the threads of the last ones may still hash
        if not await refusals(hashing, AT_ONCE + WAITING):
            break
    assert await refusals(hashing, AT_ONCE + WAITING + 1) == 1


async def test_the_loop_goes_on_while_threads_hash(hashing: Hashing) -> None:
    waiting, turns = asyncio.gather(*ask(hashing, AT_ONCE + WAITING)), 0
    while not waiting.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 20


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority of their own")
async def test_threads_that_hash_come_after_the_loop(hashing: Hashing, watched: Watched) -> None:
    await hashing.verify(None, PASSWORD)
    assert watched.counts.priority > os.getpriority(os.PRIO_PROCESS, 0)


async def test_the_right_password_matches_a_hash_that_is_argon2id_with_a_salt(hashing: Hashing) -> None:
    one, other = await hashing.hash(PASSWORD), await hashing.hash(PASSWORD)
    assert isinstance(one, str)
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert one != other
    assert await hashing.verify(one, PASSWORD) == Verified(matches=True)


async def test_a_hash_by_other_parameters_matches_and_is_outdated(hashing: Hashing) -> None:
    assert await hashing.verify(cheap().hash(PASSWORD), PASSWORD) == Verified(matches=True, outdated=True)
    assert await hashing.verify(cheap().hash(PASSWORD), "wrong") == WRONG


async def test_closing_ends_the_line() -> None:
    async with open_hashing() as opened:
        callers = ask(opened, AT_ONCE + 20)
        await asyncio.sleep(0.01)
    await asyncio.wait(callers)
    assert sum(caller.cancelled() for caller in callers) >= 10


@given(st.text(st.characters()), st.text(st.characters()))
async def test_any_string_is_compared(password: str, other: str) -> None:
    async with open_hashing(cheap()) as opened:
        stored = await opened.hash(password)
        assert isinstance(stored, str)
        assert await opened.verify(stored, password) == Verified(matches=True)
        assert await opened.verify(stored, other) == Verified(matches=password == other)
