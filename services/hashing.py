"""Hashing of passwords: argon2id in a few threads of low priority, with a bounded line before them."""

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError, VerifyMismatchError

from services.problems import Busy

AT_ONCE = 3
WAITING = 100
LESS_PRIORITY = 10  # of 20 steps
RETRY = timedelta(seconds=5)
log = structlog.get_logger()
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether the password is the stored one, and whether the stored hash should be made anew from it."""

    matches: bool
    outdated: bool = False


NO_MATCH = Verified(matches=False)


class Hashing:
    """Makes and verifies hashes, at most `AT_ONCE` at a time, for one event loop."""

    def __init__(self, hasher: PasswordHasher, threads: ThreadPoolExecutor, dummy: str, waiting: int) -> None:
        """`dummy` is the hash of nobody's password, by the same hasher; `waiting` is how many may wait for a thread."""
        self._hasher = hasher
        self._threads = threads
        self._dummy = dummy
        self._places = threading.BoundedSemaphore(AT_ONCE + waiting)

    async def hash(self, password: str) -> str | Busy:
        """The argon2id hash of a password, in its usual text form with parameters and salt: 64 MiB and 0.1 s."""
        return await self._run(self._hasher.hash, encode(password))

    async def verify(self, stored: str | None, password: str) -> Verified | Busy:
        """Compare a password with a stored hash. None, and what is no hash, take as long as a wrong password."""
        return await self._run(self._verify, stored, encode(password))

    async def _run(self, work: Callable[..., Result], *given: object) -> Result | Busy:
        if not self._places.acquire(blocking=False):
            return Busy("Too many readers are signing in at this moment. Try again in a few seconds.", retry_at())
        # Whatever becomes of the caller, a place is taken until its thread has finished: it is the thread that uses the
        # memory. One that was cancelled in the line never gets a thread, and gives its place back at once.
        future = self._threads.submit(work, *given)
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, future: Future[Result]) -> None:
        self._places.release()

    def _verify(self, stored: str | None, password: bytes) -> Verified:
        if stored is None:
            return self._mismatch(password)
        try:
            self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return NO_MATCH
        except (VerificationError, ValueError) as error:
            log.error("a stored password hash cannot be read", reason=type(error).__name__)
            return self._mismatch(password)
        return Verified(True, self._hasher.check_needs_rehash(stored))

    def _mismatch(self, password: bytes) -> Verified:
        with suppress(VerifyMismatchError):
            self._hasher.verify(self._dummy, password)
        return NO_MATCH


@asynccontextmanager
async def open_hashing(hasher: PasswordHasher | None = None, waiting: int = WAITING) -> AsyncIterator[Hashing]:
    """Start the threads, and end them: what is under way is finished, who waits is cancelled.

    The default hasher has argon2-cffi's own parameters, the second choice of RFC 9106. Hashes of others still verify.
    """
    hasher = hasher or PasswordHasher()
    threads = ThreadPoolExecutor(AT_ONCE, "hashing", give_way)
    try:
        dummy = await asyncio.wrap_future(threads.submit(hasher.hash, secrets.token_bytes()))
        yield Hashing(hasher, threads, dummy, waiting)
    finally:
        await asyncio.to_thread(threads.shutdown, cancel_futures=True)


def give_way() -> None:
    """Lower the priority of this thread, and of those that argon2 starts from it.

    Hashing lets go of the interpreter's lock and still takes every processor there is; the event loop comes first. On
    Linux a thread has a priority of its own; elsewhere its number could be another process'.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # a sandbox that forbids it costs smoothness, not the log-in
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + LESS_PRIORITY)


def encode(password: str) -> bytes:
    """Any string's bytes. A lone surrogate is in no stored password and matches none, but must not be an accident."""
    return password.encode(errors="surrogatepass")


def retry_at() -> datetime:
    """When a full line has moved on."""
    return datetime.now(UTC) + RETRY
