"""GraphQL clients as front ends have them: HTTP, SSE, and a socket."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

Data = dict[str, Any]

EVENTS = """
    __typename
    ... on AnswerStarted { seq answerId conversationId passages { chapterId section url text similarity } }
    ... on AnswerDelta { seq text }
    ... on AnswerCited { seq citation { ...cited } }
    ... on AnswerFinished { seq answer { ...whole } }
    ... on InvalidInput { message field }
    ... on ChapterNotFound { message chapterId }
    ... on SelectionNotFound { message chapterId }
    ... on AnswerNotFound { message }
    ... on RequestConflict { message }
    ... on Busy { message retryAt }
    ... on QuotaExceeded { message quota { kind limit used remaining resetsAt } }
"""
FRAGMENTS = """
    fragment cited on Citation {
        number offset chapterId chapterTitle section url quote start end similarity reviewed
    }
    fragment whole on Answer {
        id requestId conversationId question searchedFor text status declineReason source model degraded
        citations { ...cited }
        passages { url } usage { inputTokens outputTokens costUsd } responseTime createdAt
    }
"""
ASK = f"subscription ($question: String!) {{ ask(input: {{question: $question}}) {{ {EVENTS} }} }} {FRAGMENTS}"
ASK_WITH = f"subscription ($input: AskInput!) {{ ask(input: $input) {{ {EVENTS} }} }} {FRAGMENTS}"
FOLLOW = f"subscription ($id: ID!, $after: Int! = -1) {{ answer(id: $id, after: $after) {{ {EVENTS} }} }} {FRAGMENTS}"
ASK_AND_WAIT = f"""
    mutation ($question: String!) {{
        ask(input: {{question: $question}}) {{ __typename ...whole ... on InvalidInput {{ message field }} }}
    }} {FRAGMENTS}
"""
ANSWER = f"query ($id: ID!) {{ answer(id: $id) {{ ...whole }} }} {FRAGMENTS}"
STOP = f"""
    mutation ($id: ID!) {{
        stopAnswer(id: $id) {{ __typename ...whole ... on AnswerNotFound {{ message }} }}
    }} {FRAGMENTS}
"""


async def post(url: str, document: str, /, *, token: str | None = None, **variables: object) -> Data:
    """The whole response to one operation."""
    async with httpx.AsyncClient(timeout=60) as client:
        body = json.dumps({"query": document, "variables": variables})  # ASCII, so that any string can be sent
        headers = {"content-type": "application/json", **signed_in(token)}
        response = await client.post(url, content=body, headers=headers)
    result: Data = response.json()
    return result


def signed_in(token: str | None) -> dict[str, str]:
    """The header of a reader."""
    return {"authorization": f"Bearer {token}"} if token else {}


async def ask(url: str, document: str, /, *, token: str | None = None, **variables: object) -> Data:
    """The data of an operation that succeeds."""
    body = await post(url, document, token=token, **variables)
    assert "errors" not in body, body
    data: Data = body["data"]
    return data


@asynccontextmanager
async def event_stream(
    url: str, document: str, /, *, token: str | None = None, **variables: object
) -> AsyncIterator[AsyncIterator[Data]]:
    """The results of a subscription over SSE; leaving the block cuts the connection."""
    body = {"query": document, "variables": variables}
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", url, json=body, headers={"accept": "text/event-stream", **signed_in(token)}) as response,
    ):
        yield _events(response)


async def _events(response: httpx.Response) -> AsyncIterator[Data]:
    event = ""
    async for line in response.aiter_lines():
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: ") and event == "next":
            yield json.loads(line.removeprefix("data: "))
        elif line.startswith("data:") and event == "complete":
            return


class Socket:
    """A graphql-transport-ws connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._ids = (str(number) for number in count(1))

    async def send(self, message: Data) -> None:
        """Send one message."""
        await self.connection.send(json.dumps(message))

    async def receive(self) -> Data:
        """Wait for the next message."""
        message: Data = json.loads(await self.connection.recv())
        return message

    async def start(self, document: str, /, **variables: object) -> str:
        """Begin an operation. Returns its id."""
        id = next(self._ids)
        await self.send({"type": "subscribe", "id": id, "payload": {"query": document, "variables": variables}})
        return id

    async def complete(self, id: str) -> None:
        """Say that no more is wanted of an operation."""
        await self.send({"type": "complete", "id": id})

    async def results(self, id: str) -> AsyncIterator[Data]:
        """The results of an operation, until it is complete. Only for one operation at a time."""
        while (message := await self.receive())["type"] != "complete":
            assert message["type"] == "next", message
            assert message["id"] == id
            yield message["payload"]

    async def result(self, document: str, /, **variables: object) -> Data:
        """The data of an operation that has one result."""
        (only,) = [result["data"] async for result in self.results(await self.start(document, **variables))]
        data: Data = only
        return data

    async def cut(self) -> None:
        """End the connection without a word, as a phone in a tunnel does."""
        self.connection.transport.abort()


@asynccontextmanager
async def socket(url: str, token: str | None = None, *, params: dict[str, str] | None = None) -> AsyncIterator[Socket]:
    """An acknowledged socket, of a reader with a token, or with other parameters."""
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(url.replace("http", "ws", 1), subprotocols=[protocol]) as connection:
        opened = Socket(connection)
        await opened.send({"type": "connection_init", "payload": params or signed_in(token)})
        assert (await opened.receive())["type"] == "connection_ack"
        yield opened


async def events(url: str, question: str, token: str | None = None) -> list[Data]:
    """All events of an answer, asked over a socket."""
    async with socket(url, token) as opened:
        id = await opened.start(ASK, question=question)
        return [result["data"]["ask"] async for result in opened.results(id)]


async def events_with(url: str, *, token: str | None = None, **input: object) -> list[Data]:
    """All events of an answer, asked over a socket with more than a question."""
    async with socket(url, token) as opened:
        id = await opened.start(ASK_WITH, input=input)
        return [result["data"]["ask"] async for result in opened.results(id)]


async def replayed(url: str, id: str, after: int = -1) -> list[Data]:
    """The events of an answer above `after`, over a socket."""
    async with socket(url) as opened:
        operation = await opened.start(FOLLOW, id=id, after=after)
        return [result["data"]["answer"] async for result in opened.results(operation)]
