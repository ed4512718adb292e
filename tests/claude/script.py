"""What the scripted Claude is told to do: a script is a list of these small steps, or a function of the request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from anthropic.types import StopReason

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens as the provider bills them; `input` leaves out what the cache wrote or read."""

    input: int = 0
    output: int = 0
    cache_write: int = 0
    cache_read: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast Claude speaks: seconds to the first event, then deltas a second (None: as fast as they can be read)."""

    first_token: float = 0.0
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Cite:
    """Cites blocks [start, end) of a sent search result; as a step of its own, into the open block, after its text.

    Without `cited_text` the words are the real ones. A given text (fabricated) is sent as it is, wherever it points.
    """

    source: int
    start_block: int = 0
    end_block: int | None = None
    cited_text: str | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """A new text block: its citations first, as the real API sends them, then a delta per word, or the given deltas."""

    text: str | tuple[str, ...]
    cites: tuple[Cite, ...] = ()


@dataclass(frozen=True, slots=True)
class More:
    """Further deltas in the open text block (after a pause or a ping)."""

    text: str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Thinking:
    """A thinking block with its signature."""

    text: str


@dataclass(frozen=True, slots=True)
class Start:
    """`message_start` now; otherwise it comes with the first step that says something."""


@dataclass(frozen=True, slots=True)
class End:
    """`message_delta` and `message_stop`; `usage` replaces the estimate, in `message_start` too."""

    stop_reason: StopReason = "end_turn"
    stop_sequence: str | None = None
    usage: Tokens | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """`event: ping`."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stall:
    """Silence until the client leaves: as the first step not even the response's headers are sent."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The body ends properly, but without `message_stop`, and the connection is closed."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is closed (FIN) in the middle of the body."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST) in the middle of the body."""


@dataclass(frozen=True, slots=True)
class Overload:
    """`event: error` with `overloaded_error`, then the body ends; HTTP 529 where nothing is streamed."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A frame whose JSON is broken."""


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP error instead of a message; `retry_after` in seconds becomes the header."""

    code: int
    retry_after: float | None = None


Spoken = Say | More | Cite | Thinking | Start | End
Act = Ping | Pause | Stall | Cut | Drop | Reset | Overload | Malformed | Status
Step = Spoken | Act
Answer = Callable[[Body], Sequence[Step]]
LAST = (End, Stall, Cut, Drop, Reset, Overload, Status)


def search_results(body: Body) -> list[Body]:
    """The `search_result` blocks of a request in the order that `search_result_index` counts them."""
    contents = [message["content"] for message in body["messages"] if isinstance(message["content"], list)]
    return [block for content in contents for block in content if block["type"] == "search_result"]


def answering(sources: int = 2) -> Answer:
    """The default answer: for each of the first `sources` search results its first block, quoted and cited."""

    def answer(body: Body) -> list[Step]:
        results = search_results(body)[:sources]
        said = [Say(f"{result['content'][0]['text']} ", (Cite(index),)) for index, result in enumerate(results)]
        return [*(said or [Say("There is nothing to quote from.")]), End()]

    return answer
