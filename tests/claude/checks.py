"""What the real API would refuse in a request: found by the SDK's own types, then by the rules they cannot say."""

import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, ValuesView
from functools import cache
from typing import Annotated, Any, Literal

from anthropic.types import MessageCountTokensParams, SearchResultBlockParam, TextBlockParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import Discriminator, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from tests.claude.script import Body, search_results

CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST_REQUESTS = 100_000
MOST_TOKENS = 128_000
REMOVED = ("temperature", "top_p", "top_k", "tools", "tool_choice")
BREAKPOINTS = 4


class Batched(TypedDict):
    """A request of a batch before its params are looked at: the real API does that later, one by one."""

    custom_id: str
    params: Body


class Creation(TypedDict):
    """The body that makes a batch."""

    requests: list[Batched]


class Turn(TypedDict):
    """A message before its blocks are looked at: they are checked one by one, which words the refusals better."""

    role: Literal["user", "assistant"]
    content: str | list[Body]


UserBlock = Annotated[TextBlockParam | SearchResultBlockParam, Discriminator("type")]


def violations(headers: Mapping[str, str], body: object, *, counting: bool = False) -> list[str]:
    """Every reason to refuse a request to `messages`, or with `counting` to `messages/count_tokens`; empty if none."""
    if not isinstance(body, dict):
        return [*header_violations(headers), "body: should be an object"]
    # The rules read the body without asking for types, so they wait until its shape is known to be right.
    return [*header_violations(headers), *message_violations(body, counting=counting)]


def message_violations(body: Body, *, counting: bool = False) -> list[str]:
    """Every reason to refuse what is asked for, alone or in a batch."""
    return shape_violations(body, counting) or rule_violations(body, counting)


def batch_violations(headers: Mapping[str, str], body: object) -> list[str]:
    """Every reason to refuse to make a batch; what is wrong with one request is the result of that request."""
    if not isinstance(body, dict):
        return [*header_violations(headers), "body: should be an object"]
    found = [*header_violations(headers), *mismatches(Creation, body, "body")]
    return found or list(id_violations([request["custom_id"] for request in body["requests"]]))


def id_violations(ids: list[str]) -> Iterator[str]:
    if not 1 <= len(ids) <= MOST_REQUESTS:
        yield f"requests: should be 1 to {MOST_REQUESTS}, found {len(ids)}"
    yield from (f"custom_id: {id!r} does not match {CUSTOM_ID.pattern}" for id in ids if not CUSTOM_ID.fullmatch(id))
    yield from (f"custom_id: {id!r} is not unique" for id, times in Counter(ids).items() if times > 1)


def header_violations(headers: Mapping[str, str]) -> Iterator[str]:
    yield from key_violations(headers)
    if not headers.get("content-type", "").startswith("application/json"):
        yield "content-type: should be application/json"


def key_violations(headers: Mapping[str, str]) -> Iterator[str]:
    bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not (headers.get("x-api-key") or bearer):
        yield "x-api-key or authorization: header is required"
    if not headers.get("anthropic-version"):
        yield "anthropic-version: header is required"


def shape_violations(body: Body, counting: bool) -> list[str]:
    params = MessageCreateParamsStreaming if body.get("stream") is True else MessageCreateParamsNonStreaming
    rest = {name: value for name, value in body.items() if name not in ("messages", *REMOVED)}
    found = [
        *(f"{name}: not accepted" for name in REMOVED if name in body),
        *mismatches(MessageCountTokensParams if counting else params, rest | {"messages": []}, "body"),
        *mismatches(list[Turn], body.get("messages"), "messages"),
    ]
    # Blocks can only be walked where the messages around them are right.
    return found or [
        fault
        for role, path, block in blocks(body)
        for fault in mismatches(UserBlock if role == "user" else TextBlockParam, block, path)
    ]


def rule_violations(body: Body, counting: bool) -> list[str]:
    return [
        *([] if counting else size_violations(body)),
        *turn_violations(body["messages"]),
        *(fault for role, path, block in blocks(body) for fault in block_violations(role, path, block)),
        *marking_violations(body),
    ]


def size_violations(body: Body) -> Iterator[str]:
    if not body["model"]:
        yield "model: should not be empty"
    if body["max_tokens"] < 1:
        yield "max_tokens: should be at least 1"
    if body["max_tokens"] > MOST_TOKENS:
        yield f"max_tokens: {body['max_tokens']} > {MOST_TOKENS}, the most that this model says"
    thinking = body.get("thinking", {})
    if thinking.get("type") == "enabled" and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        yield "thinking.budget_tokens: should be at least 1024 and below max_tokens"


def turn_violations(messages: list[Body]) -> Iterator[str]:
    for index, message in enumerate(messages):
        expected = "assistant" if index % 2 else "user"
        if message["role"] != expected:
            yield f"messages.{index}.role: should be {expected}: turns alternate and the first is the user's"
        if not message["content"]:
            yield f"messages.{index}.content: should not be empty"
    if not messages:
        yield "messages: at least one message is required"
    elif messages[-1]["role"] != "user":
        yield "messages: the last one should be the user's: this model does not support assistant message prefill"


def block_violations(role: str, path: str, block: Body) -> Iterator[str]:
    if block["type"] == "search_result":
        yield from search_result_violations(role, path, block)
        return
    if not block["text"].strip():
        yield f"{path}.text: text content blocks must contain non-whitespace text"
    if role == "user" and block.get("citations"):
        yield f"{path}.citations: not accepted in what the user sends (since API version 2026-10-21)"


def search_result_violations(role: str, path: str, block: Body) -> Iterator[str]:
    yield from (f"{path}.{name}: should not be empty" for name in ("source", "title") if not block[name].strip())
    if not block["content"]:
        yield f"{path}.content: should not be empty"
    for index, text in enumerate(block["content"]):
        if text.get("cache_control"):
            yield f"{path}.content.{index}.cache_control: only the search result itself may be marked"
        yield from block_violations(role, f"{path}.content.{index}", text)


def marking_violations(body: Body) -> Iterator[str]:
    enabled = {bool(result.get("citations", {}).get("enabled")) for result in search_results(body)}
    if len(enabled) > 1:
        yield "citations.enabled: should be set on all search results or on none"
    if (found := breakpoints(body)) > BREAKPOINTS:
        yield f"cache_control: at most {BREAKPOINTS} blocks may be marked, found {found}"


def blocks(body: Body) -> Iterator[tuple[str, str, Body]]:
    """Role, place and value of every content block; a plain string is one text block."""
    contents = [("system", "system", body.get("system", []))]
    contents += [(turn["role"], f"messages.{i}.content", turn["content"]) for i, turn in enumerate(body["messages"])]
    for role, path, content in contents:
        listed = [{"type": "text", "text": content}] if isinstance(content, str) else content
        yield from ((role, f"{path}.{index}", block) for index, block in enumerate(listed))


def breakpoints(value: object) -> int:
    if isinstance(value, list):
        return sum(map(breakpoints, value))
    if not isinstance(value, dict):
        return 0
    return bool(value.get("cache_control")) + sum(map(breakpoints, value.values()))


@cache
def adapter(shape: Any) -> TypeAdapter[Any]:  # noqa: ANN401 pydantic asks for a TypeForm, the cache for a Hashable
    return TypeAdapter(shape)


def mismatches(shape: Hashable, value: object, path: str) -> list[str]:
    """What a type of the SDK has against a value, three faults at most; keys that the type does not know count too."""
    try:
        exhaust(adapter(shape).validate_python(value, strict=True, extra="forbid"))
    except ValidationError as error:
        return [".".join([path, *map(str, fault["loc"])]) + f": {fault['msg']}" for fault in error.errors()[:3]]
    return []


def exhaust(value: object) -> None:
    """Reads to the end: the SDK declares lists as Iterable, and pydantic checks an Iterable only while it is read."""
    if isinstance(value, dict):
        value = value.values()
    if isinstance(value, Iterator | ValuesView | list):
        for child in value:
            exhaust(child)
