"""What a client sends, cut into pieces that have names, so that a tripwire can be laid at one of them."""

from collections.abc import Iterator
from typing import Protocol

CARRIED = 256  # bytes of the last chunk that are looked at again: a pattern may lie across two
STARTUP_VERSION = 3  # of Postgres' protocol: anything else in this place asks for TLS or cancels


class Wire(Protocol):
    """One connection's bytes from client to server."""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, str]]:
        """The pieces that are whole now, in order, each with its name; joined they are all that was fed."""


class Chunks:
    """Any protocol: a piece is whatever arrived together, and its name is its own text."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, str]]:
        """One piece."""
        seen = self._tail + data
        self._tail = seen[-CARRIED:]
        yield data, seen.decode("latin-1")


class Statements:
    """Postgres, version 3: a piece is a message, and those that run SQL are named by it, on one line.

    A prepared statement is sent once and then run by its name: the name of that piece is the SQL it was prepared from,
    so a tripwire catches each run, and not only the first.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._started = False
        self._prepared: dict[bytes, str] = {}

    def feed(self, data: bytes) -> Iterator[tuple[bytes, str]]:
        """The messages that are whole."""
        self._buffer += data
        while (length := self._length()) and len(self._buffer) >= length:
            message, self._buffer = self._buffer[:length], self._buffer[length:]
            yield message, self._name(message)

    def _length(self) -> int:
        """Of the first message in the buffer, 0 while that cannot be told."""
        kind = 1 if self._started else 0
        if len(self._buffer) < kind + 4:
            return 0
        return kind + int.from_bytes(self._buffer[kind : kind + 4])

    def _name(self, message: bytes) -> str:
        if not self._started:
            self._started = int.from_bytes(message[4:6]) == STARTUP_VERSION
            return ""
        kind, body = message[:1], message[5:]
        if kind == b"P":
            statement, sql, _ = body.split(b"\0", 2)
            self._prepared[statement] = one_line(sql)
        if kind == b"B":
            _, statement, _ = body.split(b"\0", 2)
            return self._prepared.get(statement, "")
        return one_line(body.rstrip(b"\0")) if kind == b"Q" else ""


def one_line(sql: bytes) -> str:
    """SQL without its line breaks and indents."""
    return " ".join(sql.decode().split())
