"""A call to a model while it runs: what its provider counted, and what it comes to if that is never told."""

import math
from dataclasses import dataclass
from typing import Protocol

from services.ledger import Settled
from services.models import Tokens

# The 5.x tokenizer has about 2.7 characters of English in a token and fewer of Urdu, where each has two bytes: what
# this estimates is high for both, as it has to be for a budget to hold.
BYTES_PER_TOKEN = 2
CITATION_BYTES = 40  # of the marks that the model itself writes around what it cites
MOST_COUNTED = 10_000_000  # more is a fault, and would not fit into its column


class Counts(Protocol):
    """The provider's usage, as it comes at the start of a message and at its end."""

    @property
    def input_tokens(self) -> int | None: ...

    @property
    def output_tokens(self) -> int: ...

    @property
    def cache_creation_input_tokens(self) -> int | None: ...

    @property
    def cache_read_input_tokens(self) -> int | None: ...


@dataclass(slots=True)
class Call:
    """One call by `model`, which may say `most` tokens. `thinks`: part of them may never be shown.

    `tokens` are the provider's count so far, `final` if nothing was said after it; `said` is in bytes. `unbilled`:
    refused before it began, or never sent. `stopped`: the message is complete, and `reason` tells why it ended.
    """

    model: str
    most: int
    thinks: bool = False
    tokens: Tokens | None = None
    final: bool = False
    unbilled: bool = False
    stopped: bool = False
    reason: str | None = None
    said: int = 0

    def count(self, usage: Counts, *, final: bool) -> None:
        """Take over what the provider counted; what it leaves out stays."""
        before = self.tokens or Tokens()
        self.tokens = Tokens(
            input=number(usage.input_tokens, before.input),
            output=number(usage.output_tokens, before.output),
            cache_write=number(usage.cache_creation_input_tokens, before.cache_write),
            cache_read=number(usage.cache_read_input_tokens, before.cache_read),
        )
        self.final = final

    def say(self, text: str) -> None:
        """Something was said, or thought, since the last count."""
        self.said += len(text.encode("utf-8", "replace"))
        self.final = False

    def cite(self) -> None:
        """Something was cited since the last count."""
        self.said += CITATION_BYTES
        self.final = False

    @property
    def settlement(self) -> tuple[Settled, Tokens | None]:
        """Who says what the call comes to, and what that is; None: as it was reserved.

        Without input there is no count to trust: some providers send one only at the end, and zeros before it.
        """
        tokens = self.tokens
        if self.unbilled:
            return Settled.UNUSED, None
        if not tokens or not tokens.input + tokens.cache_write + tokens.cache_read:
            return Settled.UNKNOWN, None
        if self.final:
            return Settled.REPORTED, tokens
        said = self.most if self.thinks else min(math.ceil(self.said / BYTES_PER_TOKEN), self.most)
        output = max(tokens.output, said)
        return Settled.ESTIMATED, Tokens(tokens.input, output, tokens.cache_write, tokens.cache_read)


def number(counted: object, before: int) -> int:
    """A count as it can be kept. The SDK does not check what providers send."""
    return min(max(counted, 0), MOST_COUNTED) if isinstance(counted, int) else before
