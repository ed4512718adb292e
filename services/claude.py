"""Claude, by its Messages API: a prompt goes out, text and citations stream in.

Request and events: platform.claude.com, "Messages", "Search results", "Citations", "Streaming messages".
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from enum import StrEnum

import anthropic
import httpx2
import orjson
from anthropic.types import RawMessageStreamEvent, SearchResultBlockParam, TextBlockParam, ThinkingConfigParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming

from services.calls import Call
from services.heard import Cited, Ended, Heard, Said
from services.ledger import Feature
from services.models import Prices, Tokens
from services.patience import FOR_ANSWERS, FOR_VARIANTS, Patience
from services.prompt import Prompt, Source

REWORD_TOKENS = 300
OVERHEAD_TOKENS = 2000  # what the provider adds to a request: how to cite, and marks between blocks
CLOSING_SECONDS = 0.5  # for the end of the connection after message_stop: one that is read to its end is used again
# The last three are frames that are no JSON, or JSON that lacks what belongs in it.
BROKEN = (TimeoutError, anthropic.AnthropicError, httpx2.HTTPError, ValueError, TypeError, AttributeError)
UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)


class Fault(StrEnum):
    """What a failure says of the provider: the next try may work (PASSING), none will (LASTING), it took too long, or
    nothing, since it is about this one request (OURS)."""

    PASSING = "passing"
    LASTING = "lasting"
    SLOW = "slow"
    OURS = "ours"


class ClaudeFailed(Exception):
    """A call failed: refused, unreachable, too slow, or broken in mid-stream. `wait`: seconds before the next try."""

    def __init__(self, message: str, fault: Fault, wait: float = 0.0) -> None:
        super().__init__(message)
        self.fault = fault
        self.wait = wait


class Claude:
    """One provider of Claude. One instance serves the whole process."""

    def __init__(
        self, client: anthropic.AsyncAnthropic, name: str, prices: Prices, patience: Patience, for_variants: Patience
    ) -> None:
        self._client = client
        self._prices = prices
        self._patience = patience
        self._for_variants = for_variants
        self.name = name

    def patience(self, feature: Feature) -> Patience:
        """How long is waited for what is asked for this."""
        return self._for_variants if feature == Feature.VARIANTS else self._patience

    def call(self, model: str, most: int) -> Call:
        """A fresh account of a call about to be made by this model, which may say so many tokens."""
        return Call(model, most, thinks=not self._prices.model(model).thinking_can_be_off)

    async def write(self, prompt: Prompt, call: Call, deadline: float) -> AsyncGenerator[Heard, None]:
        """Stream a reply, keeping count in `call`. Closing the iterator closes the connection at once.

        `deadline` of the first text is by the loop's clock. A block's citations follow its text, whichever order Claude
        sends them in. Raises ClaudeFailed, also where the stream ends without `message_stop`.
        """
        now, patience = asyncio.get_running_loop().time, self.patience(prompt.feature)
        last = now() + patience.whole
        cited: list[Cited] = []
        try:
            async with asyncio.timeout_at(deadline):
                stream = await self._open(prompt, call)
            async with stream:
                events = aiter(stream)
                while True:
                    async with asyncio.timeout_at(min(deadline, last)):
                        event = await anext(events, None)
                    if event is None:
                        break
                    for heard in hear(event, call, cited):
                        yield heard
                        deadline = now() + patience.next_token
                    deadline = now() + CLOSING_SECONDS if call.stopped else deadline
        except BROKEN as error:
            if not call.stopped:
                call.unbilled = not call.tokens and unmade(error)
                raise failure(error) from error
        if not call.stopped:
            raise ClaudeFailed("The stream ended without message_stop.", Fault.PASSING)
        yield Ended(call.reason)

    async def reword(self, rules: str, material: str, call: Call, deadline: float) -> str:
        """A short reply to a task that is not an answer, whole, keeping count in `call`. Raises ClaudeFailed."""
        try:
            async with asyncio.timeout_at(deadline):
                message = await self._client.messages.create(
                    model=call.model,
                    max_tokens=call.most,
                    system=rules,
                    messages=[{"role": "user", "content": material}],
                    thinking=thinking(call),
                    output_config={"effort": "low"},
                )
            call.count(message.usage, final=True)
            said = "".join(block.text for block in message.content if block.type == "text")
        except BROKEN as error:
            call.unbilled = not call.tokens and unmade(error)
            raise failure(error) from error
        if message.stop_reason in ("end_turn", "stop_sequence"):
            return storable(said)
        raise ClaudeFailed(f"Rewording ended with {message.stop_reason}.", Fault.OURS)

    async def _open(self, prompt: Prompt, call: Call) -> anthropic.AsyncStream[RawMessageStreamEvent]:
        streamed: MessageCreateParamsStreaming = {**params(prompt, call), "stream": True}
        return await self._client.messages.create(**streamed)


def params(prompt: Prompt, call: Call) -> MessageCreateParamsNonStreaming:
    """A prompt as it is sent. No sampling parameters and no prefill: the 5.x models refuse them."""
    return {
        "model": call.model,
        "max_tokens": call.most,
        "system": system(prompt),
        "messages": [{"role": "user", "content": content(prompt)}],
        "thinking": thinking(call),
        "output_config": {"effort": "low"},
    }


def system(prompt: Prompt) -> str | list[TextBlockParam]:
    """The rules. The mark tells that the provider may keep all up to it for five minutes."""
    if not prompt.cached:
        return prompt.system
    return [{"type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"}}]


def content(prompt: Prompt) -> list[SearchResultBlockParam | TextBlockParam]:
    """What the reader's side says: the passages, then the question."""
    return [*map(search_result, prompt.sources), {"type": "text", "text": prompt.question}]


def search_result(source: Source) -> SearchResultBlockParam:
    """A passage as the block type that Claude cites from."""
    return {
        "type": "search_result",
        "source": source.url,
        "title": source.title,
        "content": [{"type": "text", "text": unit} for unit in source.units],
        "citations": {"enabled": True},
    }


def thinking(call: Call) -> ThinkingConfigParam:
    """Off where it can be."""
    return {"type": "adaptive"} if call.thinks else {"type": "disabled"}


def worst_case(prompt: Prompt) -> Tokens:
    """What a call may take at most: byte-level tokenizers make no more tokens than there are bytes.

    What the provider may keep counts as written to its cache, which costs most; what it adds may be on either side.
    """
    rules, rest = len(orjson.dumps(system(prompt))) + OVERHEAD_TOKENS, len(orjson.dumps(content(prompt)))
    if prompt.cached:
        return Tokens(rest, prompt.most, cache_write=rules)
    return Tokens(rules + rest, prompt.most)


def worst_case_of_rewording(rules: str, material: str) -> Tokens:
    """What rewording may take at most, counted like an answer."""
    return Tokens(len(orjson.dumps([rules, material])) + OVERHEAD_TOKENS, REWORD_TOKENS)


def hear(event: RawMessageStreamEvent, call: Call, cited: list[Cited]) -> Sequence[Said | Cited]:
    """What one event of the stream adds to the reply; counts and the stop reason go into the call, and citations wait
    in `cited` until their block ends."""
    match event.type:
        case "message_start":
            call.count(event.message.usage, final=False)
        case "content_block_delta" if event.delta.type == "text_delta":
            call.say(event.delta.text)
            text = storable(event.delta.text)
            return [Said(text)] if text else []
        case "content_block_delta" if event.delta.type == "thinking_delta":
            call.say(event.delta.thinking)
        case "content_block_delta" if event.delta.type == "citations_delta":
            place = event.delta.citation
            if place.type == "search_result_location":
                call.cite()
                cited.append(
                    Cited(place.search_result_index, place.start_block_index, place.end_block_index, place.cited_text)
                )
        case "content_block_stop":
            ended = list(cited)
            cited.clear()
            return ended
        case "message_delta":
            call.reason = event.delta.stop_reason or call.reason
            call.count(event.usage, final=True)
        case "message_stop":
            call.stopped = True
    return []


def storable(text: str) -> str:
    """Without what Postgres refuses, NUL and lone surrogates: what is streamed must be what is stored."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def failure(error: Exception) -> ClaudeFailed:
    """What broke a call, and what that says of the provider."""
    if isinstance(error, TimeoutError):
        return ClaudeFailed("Claude took too long.", Fault.SLOW)
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, anthropic.APIStatusError):
        return ClaudeFailed(message, fault(error), retry_after(error))
    return ClaudeFailed(message, Fault.PASSING)


def unmade(error: Exception) -> bool:
    """True for a call that was refused, or overloaded before it was begun, or never sent: nobody bills it."""
    return isinstance(error, anthropic.APIStatusError) or isinstance(error.__cause__, UNSENT)


def fault(error: anthropic.APIStatusError) -> Fault:
    """What an error in the provider's own words says of it; one in mid-stream has the status 200."""
    match error.status_code:
        case 401 | 402 | 403 | 404:  # the key, the account, the address or the model's name
            return Fault.LASTING
        case 200 if error.type != "invalid_request_error":
            return Fault.PASSING
        case status if status >= 500 or status in (408, 409, 429):
            return Fault.PASSING
    return Fault.OURS


def retry_after(error: anthropic.APIStatusError) -> float:
    """Seconds that the provider asks to wait; 0 where it does not say, or says it as a date."""
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0


@contextlib.asynccontextmanager
async def open_claude(
    *,
    name: str,
    base_url: str,
    prices: Prices,
    api_key: str | None = None,
    auth_token: str | None = None,
    patience: Patience = FOR_ANSWERS,
    for_variants: Patience = FOR_VARIANTS,
) -> AsyncIterator[Claude]:
    """Claude behind a connection pool: with an `api_key` Anthropic's own, with an `auth_token` OpenRouter's.

    Retries and deadlines are ours, not the SDK's: it would wait up to 600 s.
    """
    timeout = httpx2.Timeout(max(patience.whole, for_variants.whole), connect=patience.connection)
    async with anthropic.AsyncAnthropic(
        api_key=api_key, auth_token=auth_token, base_url=base_url, max_retries=0, timeout=timeout
    ) as client:
        yield Claude(client, name, prices, patience, for_variants)
