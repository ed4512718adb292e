"""Claude, by its Messages API: a prompt of passages goes out, text and citations stream in.

Request and events: platform.claude.com, "Messages", "Search results", "Citations", "Streaming messages".
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field

import anthropic
import httpx2
from anthropic.types import RawMessageStreamEvent, SearchResultBlockParam, ThinkingConfigParam

from services.models import Prices, Tokens, Usage

FIRST_TOKEN_SECONDS = 4.0
NEXT_TOKEN_SECONDS = 15.0
ANSWER_SECONDS = 120.0
CHARACTERS_PER_TOKEN = (
    3  # of English, with the tokenizer of the 5.x models: the low end, so as not to charge too little
)
NOTHING = Usage()
MAX_TOKENS = 1500  # five times the 250 that an answer takes: an answer cut at this limit counts as interrupted


# The last three are frames that are no JSON, or JSON that lacks what belongs in it.
BROKEN = (anthropic.AnthropicError, httpx2.HTTPError, ValueError, TypeError, AttributeError)
REWORD_SECONDS = 3.0
REWORD_TOKENS = 300


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as it is sent: each unit becomes one text block, the smallest thing Claude can cite."""

    title: str
    url: str
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one call says."""

    system: str
    question: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """Some text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A claim of the model that the text before it rests on units `start` to `end` of a source. Not yet proven."""

    source: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is over. Without a `message_stop` the reason is None, and the answer is not complete."""

    reason: str | None


class ClaudeFailed(Exception):
    """The call failed: refused, unreachable, too slow, or broken in mid-stream. `usage` is what it cost all the same,
    where that is not in a Call."""

    def __init__(self, message: str, usage: Usage = NOTHING) -> None:
        super().__init__(message)
        self.usage = usage


@dataclass(slots=True)
class Call:
    """One call, and what the provider counted for it so far."""

    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    characters: int = 0
    counted: bool = False
    cited: list[Cited] = field(default_factory=list)
    reason: str | None = None
    stopped: bool = False

    @property
    def usage(self) -> Usage:
        """What the call cost so far, by the provider's own count; if the stream ended before that came, by its text."""
        said = math.ceil(self.characters / CHARACTERS_PER_TOKEN)
        output = self.output_tokens if self.counted else max(self.output_tokens, said)
        return Prices().usage(self.model, Tokens(self.input_tokens, output))


class Claude:
    """Writes answers. One instance serves the whole process."""

    def __init__(self, client: anthropic.AsyncAnthropic, model: str) -> None:
        self._client = client
        self.model = model

    def call(self) -> Call:
        """A fresh account of a call about to be made with `write`."""
        return Call(self.model)

    async def write(self, prompt: Prompt, call: Call) -> AsyncGenerator[Said | Cited | Ended, None]:
        """Stream an answer, keeping count in `call`. Closing the iterator closes the connection at once.

        A block's citations follow its text, whichever order Claude sends them in. Raises ClaudeFailed.
        """
        started = asyncio.get_running_loop().time()
        deadline = started + FIRST_TOKEN_SECONDS
        try:
            async with asyncio.timeout_at(deadline):
                stream = await self._open(prompt)
            async with stream:
                events = aiter(stream)
                while True:
                    async with asyncio.timeout_at(min(deadline, started + ANSWER_SECONDS)):
                        event = await anext(events, None)
                    if event is None:
                        break
                    for heard in hear(event, call):
                        yield heard
                        deadline = asyncio.get_running_loop().time() + NEXT_TOKEN_SECONDS
            yield Ended(call.reason if call.stopped else None)
        except TimeoutError:
            raise ClaudeFailed("Claude took too long.") from None
        except BROKEN as error:
            raise ClaudeFailed(f"{type(error).__name__}: {error}") from error

    async def reword(self, rules: str, material: str) -> tuple[str, Usage]:
        """A short reply to a task that is not an answer, whole. Raises ClaudeFailed."""
        try:
            async with asyncio.timeout(REWORD_SECONDS):
                message = await self._client.messages.create(
                    model=self.model,
                    max_tokens=REWORD_TOKENS,
                    system=rules,
                    messages=[{"role": "user", "content": material}],
                    thinking=self._thinking,
                    output_config={"effort": "low"},
                )
            said = "".join(block.text for block in message.content if block.type == "text")
            usage = Prices().usage(self.model, Tokens(message.usage.input_tokens, message.usage.output_tokens))
        except TimeoutError:
            raise ClaudeFailed("Claude took too long to reword a question.") from None
        except BROKEN as error:
            raise ClaudeFailed(f"{type(error).__name__}: {error}") from error
        if message.stop_reason not in ("end_turn", "stop_sequence"):
            raise ClaudeFailed(f"Rewording ended with {message.stop_reason}.", usage)
        return said.replace("\0", "").encode("utf-8", "ignore").decode(), usage

    @property
    def _thinking(self) -> ThinkingConfigParam:
        return {"type": "disabled"} if Prices().model(self.model).thinking_can_be_off else {"type": "adaptive"}

    async def _open(self, prompt: Prompt) -> anthropic.AsyncStream[RawMessageStreamEvent]:
        """Start a call. No sampling parameters and no prefill: the 5.x models refuse them."""
        return await self._client.messages.create(
            model=self.model,
            max_tokens=MAX_TOKENS,
            system=prompt.system,
            messages=[
                {
                    "role": "user",
                    "content": [*map(search_result, prompt.sources), {"type": "text", "text": prompt.question}],
                }
            ],
            thinking=self._thinking,
            output_config={"effort": "low"},
            stream=True,
        )


def search_result(source: Source) -> SearchResultBlockParam:
    """A passage as the block type that Claude cites from."""
    return {
        "type": "search_result",
        "source": source.url,
        "title": source.title,
        "content": [{"type": "text", "text": unit} for unit in source.units],
        "citations": {"enabled": True},
    }


def hear(event: RawMessageStreamEvent, call: Call) -> Sequence[Said | Cited]:
    """What one event of the stream adds to the answer; counts and the stop reason go into the call."""
    match event.type:
        case "message_start":
            usage = event.message.usage
            cached = (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
            call.input_tokens, call.output_tokens = usage.input_tokens + cached, usage.output_tokens
        case "content_block_delta" if event.delta.type == "text_delta":
            # Postgres takes neither NUL nor lone surrogates, and what is streamed must be what is stored.
            text = event.delta.text.replace("\0", "").encode("utf-8", "ignore").decode()
            call.characters += len(text)
            return [Said(text)] if text else []
        case "content_block_delta" if event.delta.type == "citations_delta":
            place = event.delta.citation
            if place.type == "search_result_location":
                call.cited.append(
                    Cited(place.search_result_index, place.start_block_index, place.end_block_index, place.cited_text)
                )
        case "content_block_stop":
            cited, call.cited = call.cited, []
            return cited
        case "message_delta":
            call.reason = event.delta.stop_reason or call.reason
            call.output_tokens, call.counted = event.usage.output_tokens, True
        case "message_stop":
            call.stopped = True
        case _:
            pass
    return []


@contextlib.asynccontextmanager
async def open_claude(*, api_key: str, base_url: str, model: str) -> AsyncIterator[Claude]:
    """Claude behind a connection pool. Retries and deadlines are ours, not the SDK's: it would wait up to 600 s."""
    async with anthropic.AsyncAnthropic(
        api_key=api_key, base_url=base_url, max_retries=0, timeout=httpx2.Timeout(ANSWER_SECONDS, connect=2.0)
    ) as client:
        yield Claude(client, model)
