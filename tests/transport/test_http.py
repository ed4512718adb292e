"""GraphQL over HTTP and over server-sent events."""

import json

import httpx
import pytest

from tests.claude import ScriptedClaude
from tests.client import ASK
from tests.serving import Served

BOOK = "{ book { title } }"
JSON = {"content-type": "application/json"}


async def request(served: Served, method: str, **given: object) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.request(method, served.url, **given)  # type: ignore[arg-type]  # passed on as they come


@pytest.mark.parametrize("body", [b"{", b"\xff", b"9" * 5000, b"[" * 100_000, b"[]", b"null", b'{"query": 1}', b"{}"])
async def test_a_body_that_is_no_request_is_refused(served: Served, body: bytes) -> None:
    response = await request(served, "POST", content=body, headers=JSON)
    assert response.status_code == 400


async def test_a_form_is_refused(served: Served) -> None:
    assert (await request(served, "POST", data={"query": BOOK})).status_code == 400


async def test_a_mutation_by_get_is_refused(served: Served) -> None:
    mutation = 'mutation { stopAnswer(id: "1") { __typename } }'
    response = await request(served, "GET", params={"query": mutation})
    assert response.status_code == 400


async def test_a_subscription_by_get_is_refused(served: Served, claude: ScriptedClaude) -> None:
    subscription = 'subscription { ask(input: {question: "How often is the wick trimmed?"}) { __typename } }'
    response = await request(
        served, "GET", params={"query": subscription}, headers={"accept": "text/event-stream", "origin": "http://evil"}
    )
    assert response.status_code == 405
    assert claude.calls == []


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{ book { title } }", "operationName": "\ud800"},
        {"query": "{ book { title } }", "operationName": "other"},
        {"query": 'subscription { ask(input: {question: "a"}) { __typename } }'},
    ],
)
async def test_what_cannot_be_run_is_the_callers_mistake(served: Served, body: dict[str, str]) -> None:
    response = await request(served, "POST", content=json.dumps(body), headers=JSON)
    assert response.status_code == 400


async def test_an_unknown_field_is_told_and_is_no_accident(served: Served) -> None:
    response = await request(served, "POST", json={"query": "{ author }"})
    assert "Cannot query field 'author'" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("first", [0, -1, 101])
async def test_searching_for_too_few_or_too_many_is_bad_user_input(served: Served, first: int) -> None:
    query = f'{{ search(query: "wick", first: {first}) {{ text }} }}'
    (error,) = (await request(served, "POST", json={"query": query})).json()["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_searching_for_nothing_is_bad_user_input(served: Served) -> None:
    (error,) = (await request(served, "POST", json={"query": '{ search(query: " ") { text } }'})).json()["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_searching_for_characters_that_are_not_text_is_bad_user_input(served: Served) -> None:
    body = rb'{"query": "query ($q: String!) { search(query: $q) { text } }", "variables": {"q": "a\ud800"}}'
    (error,) = (await request(served, "POST", content=body, headers=JSON)).json()["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_a_query_goes_by_post_and_by_get(served: Served) -> None:
    by_post = await request(served, "POST", json={"query": BOOK})
    by_get = await request(served, "GET", params={"query": BOOK}, headers={"accept": "application/json"})
    assert by_post.json() == by_get.json() == {"data": {"book": {"title": "The Lighthouse Handbook"}}}


async def test_a_query_that_could_also_take_a_stream_gets_json(served: Served) -> None:
    accept = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"
    response = await request(served, "POST", json={"query": BOOK}, headers={"accept": accept})
    assert response.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json, text/event-stream"])
async def test_a_subscription_is_streamed_as_server_sent_events(served: Served, accept: str) -> None:
    body = {"query": ASK, "variables": {"question": "How often is the wick trimmed?"}}
    response = await request(served, "POST", json=body, headers={"accept": accept})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "\r" not in response.text
    assert response.text.startswith('event: next\ndata: {"data":{"ask":{"__typename":"AnswerStarted"')
    assert response.text.endswith("event: complete\ndata: \n\n")


async def test_a_browser_of_another_origin_is_told_which_origins_may_ask(served: Served) -> None:
    headers = {"origin": "http://localhost:3000", "access-control-request-method": "POST"}
    assert (await request(served, "OPTIONS", headers=headers)).status_code == 200
    assert (await request(served, "OPTIONS", headers={**headers, "origin": "http://evil.example"})).status_code == 400


async def test_health_is_told(served: Served) -> None:
    async with httpx.AsyncClient(base_url=served.url.removesuffix("/graphql")) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
