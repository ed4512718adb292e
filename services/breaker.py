"""Keeps questions away from a provider that failed several in a row, until one of them finds it working again.

Own code, since a stream is neither a call to decorate nor a failure where its reader leaves: purgatory counts every
exception, cancellation too, and lets everybody through to probe; pybreaker does asyncio only through Tornado.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Breaker:
    """Closed, until `most` questions in a row failed; then open for `rest` seconds; then half-open: one question at a
    time probes, and the others go elsewhere at once."""

    def __init__(self, *, most: int = 3, rest: float = 15.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    @property
    def open(self) -> bool:
        """True from when it opened until a question found the provider working."""
        return self._opened is not None

    @contextmanager
    def asked(self) -> Iterator[bool]:
        """Whether a question may be put to the provider. It tells how that goes by the methods below; one that leaves
        without having found out anything lets another probe."""
        if self._opened is None:
            yield True
        elif self._probing or self._clock() < self._opened + self._rest:
            yield False
        else:
            self._probing = True
            try:
                yield True
            finally:
                self._probing = False

    def began(self) -> None:
        """The provider begins to answer: nobody has to wait for it in vain. The next failure still opens it again, so
        that one whose answers all break off is given up too."""
        self._opened = None

    def worked(self) -> None:
        """The provider answered to the end."""
        self._failures, self._opened = 0, None

    def failed(self) -> None:
        """The provider failed a question."""
        self._failures += 1
        if self._failures >= self._most:
            self._opened = self._clock()
