"""Many messages at half the price, within a day: Claude's Message Batches API, which only Anthropic's own API has.

platform.claude.com, "Batch processing", "Create a Message Batch".
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import anthropic
import orjson
from anthropic.types import Message
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse
from anthropic.types.messages.batch_create_params import Request

from services.calls import Call
from services.claude import BROKEN, ClaudeFailed, Fault, failure, params, storable
from services.models import Prices
from services.patience import FOR_BATCHES, BatchPatience
from services.prompt import Prompt

MOST_REQUESTS = 100_000
MOST_BYTES = 256_000_000
CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
UNBILLED = ("errored", "canceled", "expired")
PAGE = 100


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A message to be made by `model`. Its result is found by `custom_id`, 1 to 64 letters, digits, `_` and `-`."""

    custom_id: str
    prompt: Prompt
    model: str


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What became of a batch's requests. All are `processing` until the last one is done."""

    processing: int
    succeeded: int
    errored: int
    canceled: int
    expired: int

    @property
    def total(self) -> int:
        """How many requests the batch has."""
        return self.processing + self.succeeded + self.errored + self.canceled + self.expired


@dataclass(frozen=True, slots=True)
class BatchState:
    """A batch as it is now. `readable`: its results are there, from its end until 29 days after it was created."""

    id: str
    created: datetime
    ended: bool
    readable: bool
    counts: BatchCounts


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one request: a `text`, with the reason why it ended, or an `error`. `call` tells what it comes to,
    and has no model where none was asked."""

    custom_id: str
    text: str | None
    reason: str | None
    call: Call
    error: str | None


class Batches:
    """The batches of one account, each by its id. Nothing is tried twice here: the caller looks again."""

    def __init__(self, client: anthropic.AsyncAnthropic, prices: Prices, patience: BatchPatience) -> None:
        self._batches = client.messages.batches
        self._prices = prices
        self._patience = patience

    async def submit(self, requests: Sequence[BatchRequest]) -> BatchState:
        """Have these messages made. Raises ClaudeFailed.

        Unless its fault is OURS or LASTING the batch may be there all the same, since nothing tells a repeated request
        from a new one: look for it in `recent` before submitting again.
        """
        check_ids([request.custom_id for request in requests])
        asked = [self._request(request) for request in requests]
        check_size(asked)
        async with within(self._patience.submit):
            return state(await self._batches.create(requests=asked))

    async def look(self, id: str) -> BatchState:
        """How far a batch is. Raises ClaudeFailed."""
        async with within(self._patience.look):
            return state(await self._batches.retrieve(id))

    async def cancel(self, id: str) -> BatchState:
        """Have no more of a batch made; it ends soon, and what was made until then is a result. Raises ClaudeFailed."""
        async with within(self._patience.look):
            return state(await self._batches.cancel(id))

    async def recent(self) -> AsyncGenerator[BatchState, None]:
        """All batches, the newest first. Raises ClaudeFailed."""
        batches = aiter(self._batches.list(limit=PAGE))  # asks for the next page where one ends
        while True:
            async with within(self._patience.look):
                batch = await anext(batches, None)
                if batch is None:
                    return
                found = state(batch)
            yield found

    async def results(self, id: str) -> AsyncGenerator[BatchResult, None]:
        """What became of each request, in any order, one after the other: they may be many megabytes.

        Raises ClaudeFailed, before the first one if the batch has not ended or is too old, and where some are missing.
        """
        batch = await self.look(id)
        if not batch.readable:
            why = "are no longer kept: 29 days have passed" if batch.ended else "are not there yet"
            raise ClaudeFailed(f"The results of batch {id} {why}.", Fault.OURS)
        async with within(self._patience.look):
            lines = await self._batches.results(id)
        try:
            for number in range(batch.counts.total):
                async with within(self._patience.next_result):
                    line = await anext(lines, None)
                    if line is None:
                        why = f"Batch {id} has {batch.counts.total} results, and only {number} came."
                        raise ClaudeFailed(why, Fault.PASSING)
                    found = result(line)
                yield found
        finally:
            await lines.close()

    def _request(self, request: BatchRequest) -> Request:
        thinks = not self._prices.model(request.model).thinking_can_be_off
        call = Call(request.model, request.prompt.most, thinks)
        return {"custom_id": request.custom_id, "params": params(request.prompt, call)}


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Raises ClaudeFailed for whatever breaks in the block, or takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except BROKEN as error:
        raise failure(error) from error


def check_ids(ids: Sequence[str]) -> None:
    """Raises ClaudeFailed for what the API would refuse after all of it was sent."""
    if not 1 <= len(ids) <= MOST_REQUESTS:
        raise ClaudeFailed(f"A batch has 1 to {MOST_REQUESTS:,} requests, not {len(ids):,}.", Fault.OURS)
    if strange := [id for id in ids if not CUSTOM_ID.fullmatch(id)]:
        raise ClaudeFailed(f"{strange[0]!r} is no custom_id: 1 to 64 letters, digits, _ and -.", Fault.OURS)
    if len(set(ids)) < len(ids):
        raise ClaudeFailed("Two requests of a batch have the same custom_id.", Fault.OURS)


def check_size(requests: Sequence[Request]) -> None:
    """Raises ClaudeFailed for more than the API takes."""
    size = sum(len(orjson.dumps(request)) + 1 for request in requests)
    if size > MOST_BYTES:
        raise ClaudeFailed(f"A batch has at most {MOST_BYTES:,} bytes, not {size:,}.", Fault.OURS)


def state(batch: MessageBatch) -> BatchState:
    """A batch as the API tells it."""
    counts = batch.request_counts
    return BatchState(
        batch.id,
        batch.created_at,
        batch.processing_status == "ended",
        batch.results_url is not None,
        BatchCounts(counts.processing, counts.succeeded, counts.errored, counts.canceled, counts.expired),
    )


def result(line: MessageBatchIndividualResponse) -> BatchResult:
    """A result as the API tells it."""
    match line.result.type:
        case "succeeded":
            return succeeded(line.custom_id, line.result.message)
        case "errored":
            told = line.result.error.error
            error = f"{told.type}: {told.message}"
        case other:
            error = f"The request is {other}."
    return BatchResult(line.custom_id, None, None, Call("", 0, unbilled=line.result.type in UNBILLED), error)


def succeeded(custom_id: str, message: Message) -> BatchResult:
    """A message that was made."""
    call = Call(message.model, message.usage.output_tokens, stopped=True, reason=message.stop_reason)
    call.count(message.usage, final=True)
    text = storable("".join(block.text for block in message.content if block.type == "text"))
    return BatchResult(custom_id, text, message.stop_reason, call, None)


@asynccontextmanager
async def open_batches(
    *, base_url: str, api_key: str, prices: Prices, patience: BatchPatience = FOR_BATCHES
) -> AsyncIterator[Batches]:
    """Batches behind a connection pool of their own; retries and deadlines are ours."""
    timeout = anthropic.Timeout(patience.submit, connect=patience.connection)
    async with anthropic.AsyncAnthropic(api_key=api_key, base_url=base_url, max_retries=0, timeout=timeout) as client:
        yield Batches(client, prices, patience)
