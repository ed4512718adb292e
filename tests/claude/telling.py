"""A script told as the SDK's own stream events, so that a wrong shape fails where it is made."""

import re
from collections.abc import Iterator, Sequence
from typing import assert_never
from uuid import uuid4

from anthropic.types import (
    CitationsDelta,
    CitationsSearchResultLocation,
    Message,
    MessageDeltaUsage,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawContentBlockStopEvent,
    RawMessageDeltaEvent,
    RawMessageStartEvent,
    RawMessageStopEvent,
    RawMessageStreamEvent,
    RefusalStopDetails,
    SignatureDelta,
    TextBlock,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    Usage,
)
from anthropic.types.raw_content_block_delta import RawContentBlockDelta
from anthropic.types.raw_message_delta_event import Delta

from tests.claude.caching import PromptCache
from tests.claude.script import (
    LAST,
    Act,
    Body,
    Cite,
    End,
    More,
    Say,
    Spoken,
    Start,
    Step,
    Thinking,
    Tokens,
    search_results,
)


class Telling:
    """One script told as stream events, and the message and tokens that they have come to so far.

    Iterating gives the SDK's events, with the acts that are no events (pauses, cuts) at their places between them.
    """

    def __init__(self, steps: Sequence[Step], body: Body, cache: PromptCache) -> None:
        self._steps = steps if any(isinstance(step, LAST) for step in steps) else (*steps, End())
        self._results = search_results(body)
        self._given = next((step.usage for step in self._steps if isinstance(step, End) and step.usage), None)
        self._input = self._given or cache.counted(body)
        self._body, self._cache = body, cache
        self._characters = 0
        self._open = False
        self.started = False
        self.message = Message(
            id=f"msg_{uuid4().hex[:24]}",
            type="message",
            role="assistant",
            model=body["model"],
            content=[],
            stop_reason=None,
            stop_sequence=None,
            usage=self._usage(1),
        )

    @property
    def tokens(self) -> Tokens:
        """What has been used so far: a client that leaves early pays for what was made until then."""
        if not self.started:
            return Tokens()
        if self._given and self.message.stop_reason:
            return self._given
        return Tokens(self._input.input, self._output, self._input.cache_write, self._input.cache_read)

    def __iter__(self) -> Iterator[RawMessageStreamEvent | Act]:
        for step in self._steps:
            if isinstance(step, Act):
                yield step
            else:
                yield from self._start()
                yield from self._tell(step)

    def _tell(self, step: Spoken) -> Iterator[RawMessageStreamEvent]:
        match step:
            case Say():
                yield from self._block(text_block(cited=bool(step.cites)))
                yield from map(self._cite, step.cites)
                yield from map(self._text, deltas(step.text))
            case More():
                yield from map(self._text, deltas(step.text))
            case Cite():
                yield self._cite(step)
            case Thinking():
                yield from self._block(ThinkingBlock(type="thinking", thinking="", signature=""))
                yield from map(self._think, deltas(step.text))
                yield self._delta(SignatureDelta(type="signature_delta", signature="c2NyaXB0ZWQ="))
            case End():
                yield from self._end(step)
            case Start():
                pass
            case _:
                assert_never(step)

    def _start(self) -> Iterator[RawMessageStreamEvent]:
        if not self.started:
            self.started = True
            self._cache.keep(self._body)
            yield RawMessageStartEvent(type="message_start", message=self.message)

    def _end(self, end: End) -> Iterator[RawMessageStreamEvent]:
        yield from self._stop_block()
        self.message.stop_reason, self.message.stop_sequence = end.stop_reason, end.stop_sequence
        if end.stop_reason == "refusal":
            self.message.stop_details = RefusalStopDetails(type="refusal", category=None, explanation=None)
        output = self.tokens.output
        self.message.usage = self._usage(output)
        delta = Delta(
            stop_reason=end.stop_reason, stop_sequence=end.stop_sequence, stop_details=self.message.stop_details
        )
        yield RawMessageDeltaEvent(type="message_delta", delta=delta, usage=MessageDeltaUsage(output_tokens=output))
        yield RawMessageStopEvent(type="message_stop")

    def _block(self, block: TextBlock | ThinkingBlock) -> Iterator[RawMessageStreamEvent]:
        yield from self._stop_block()
        self.message.content.append(block)
        self._open = True
        yield RawContentBlockStartEvent(type="content_block_start", index=self._index, content_block=block)

    def _stop_block(self) -> Iterator[RawMessageStreamEvent]:
        if self._open:
            self._open = False
            yield RawContentBlockStopEvent(type="content_block_stop", index=self._index)

    def _text(self, text: str) -> RawMessageStreamEvent:
        block = self._text_block()
        block.text += text
        self._characters += len(text)
        return self._delta(TextDelta(type="text_delta", text=text))

    def _think(self, text: str) -> RawMessageStreamEvent:
        self._characters += len(text)
        return self._delta(ThinkingDelta(type="thinking_delta", thinking=text))

    def _cite(self, cite: Cite) -> RawMessageStreamEvent:
        block = self._text_block()
        citation = locate(cite, self._results)
        block.citations = [*(block.citations or []), citation]
        return self._delta(CitationsDelta(type="citations_delta", citation=citation))

    def _text_block(self) -> TextBlock:
        block = self.message.content[-1] if self._open else None
        if not isinstance(block, TextBlock):
            raise ValueError("The script cites or says more where no text block is open: begin one with Say.")
        return block

    def _delta(self, delta: RawContentBlockDelta) -> RawMessageStreamEvent:
        return RawContentBlockDeltaEvent(type="content_block_delta", index=self._index, delta=delta)

    def _usage(self, output: int) -> Usage:
        return Usage(
            input_tokens=self._input.input,
            output_tokens=output,
            cache_creation_input_tokens=self._input.cache_write,
            cache_read_input_tokens=self._input.cache_read,
        )

    @property
    def _index(self) -> int:
        return len(self.message.content) - 1

    @property
    def _output(self) -> int:
        return max(1, self._characters // 4)


def text_block(*, cited: bool) -> TextBlock:
    """An empty block: the real API opens one that will be cited with `citations: []`, and others without the key."""
    return TextBlock(type="text", text="", citations=[]) if cited else TextBlock(type="text", text="")


def deltas(text: str | tuple[str, ...]) -> list[str]:
    """Words with the blanks before them, or exactly the given pieces."""
    return list(text) if isinstance(text, tuple) else re.findall(r"\s*\S+|\s+$", text)


def locate(cite: Cite, results: list[Body]) -> CitationsSearchResultLocation:
    """The citation as the API words it; ValueError where its real words are asked for and nothing was sent there."""
    end = cite.start_block + 1 if cite.end_block is None else cite.end_block
    result = results[cite.source] if cite.source < len(results) else {"source": "nowhere", "title": None, "content": []}
    blocks = result["content"][cite.start_block : end]
    if cite.cited_text is None and len(blocks) != end - cite.start_block:
        raise ValueError(f"The script's {cite} points at nothing that was sent: give cited_text if you mean that.")
    return CitationsSearchResultLocation(
        type="search_result_location",
        cited_text="".join(block["text"] for block in blocks) if cite.cited_text is None else cite.cited_text,
        search_result_index=cite.source,
        source=result["source"],
        title=result["title"],
        start_block_index=cite.start_block,
        end_block_index=end,
    )
