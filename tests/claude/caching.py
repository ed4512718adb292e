"""The provider's prompt cache: which part of a request is counted as read, as written, or as neither."""

from collections.abc import Iterator

import orjson

from tests.claude.checks import blocks
from tests.claude.script import Body, Tokens

CHARACTERS_PER_TOKEN = 4


class PromptCache:
    """Keeps what comes before a mark from the first word of the reply on: calls at once all write it.

    What has fewer tokens than `least` is not kept, and nothing tells that: the real API's minimum depends on the model.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets all."""
        self.least = 0
        self._kept: set[bytes] = set()

    def counted(self, body: Body) -> Tokens:
        """A request as it is counted when it comes in."""
        whole, marked = tokens(orjson.dumps(body)), self._marked(body)
        kept = max((tokens(beginning) for beginning in marked if beginning in self._kept), default=0)
        cached = min(max(map(tokens, marked), default=0), whole)
        return Tokens(input=whole - cached, cache_write=cached - kept, cache_read=kept)

    def keep(self, body: Body) -> None:
        """The reply to this request begins."""
        self._kept.update(self._marked(body))

    def _marked(self, body: Body) -> list[bytes]:
        return [beginning for beginning in beginnings(body) if tokens(beginning) >= self.least]


def beginnings(body: Body) -> Iterator[bytes]:
    """What is said up to each mark, the mark itself aside, to this model."""
    said = str(body["model"]).encode()
    for role, _, block in blocks(body):
        said += role.encode() + orjson.dumps({name: value for name, value in block.items() if name != "cache_control"})
        if block.get("cache_control"):
            yield said


def tokens(text: bytes) -> int:
    """How many tokens the scripted Claude counts in what it is sent."""
    return len(text) // CHARACTERS_PER_TOKEN
