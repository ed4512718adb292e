"""GraphiQL in a browser, with nothing but this server to load it from."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.responses import PlainTextResponse

from tests.browser import run_first_example
from tests.processes import Server
from tests.serving import Served
from transport.window import FILES, FOLDER, Window

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def get(url: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url, headers=headers)


# Refusals


@pytest.mark.parametrize(("accept", "status"), [("*/*", 404), ("application/json", 400)])
async def test_a_program_that_asks_nothing_gets_no_page(served: Served, accept: str, status: int) -> None:
    response = await get(served.url, {"accept": accept})
    assert (response.status_code, "<html" in response.text) == (status, False)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "page.html",
        "package.json",
        "node_modules",
        "node_modules/react/package.json",
        "%2e%2e/window.py",
        "node_modules/%2e%2e/%2e%2e/window.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "start.js%00",
    ],
)
async def test_other_files_are_not_given_out(served: Served, path: str) -> None:
    assert (await get(f"{served.url}/assets/{path}")).status_code == 404


async def test_where_it_is_not_installed_the_page_says_what_to_run(tmp_path: Path) -> None:
    window = Window(PlainTextResponse("the endpoint"), tmp_path)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(window), base_url="http://footnote") as client:
        page, api = await client.get("/graphql", headers=BROWSER), await client.get("/graphql")
    assert (page.status_code, "npm ci --prefix transport/graphiql" in page.text) == (503, True)
    assert api.text == "the endpoint"


# Service


async def test_a_browser_gets_the_page(served: Served) -> None:
    response = await get(served.url, BROWSER)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Footnote</title>" in response.text


async def test_a_browser_that_asks_a_query_gets_its_answer(served: Served) -> None:
    response = await get(f"{served.url}?query={{book{{title}}}}", BROWSER)
    assert response.json() == {"data": {"book": {"title": "The Lighthouse Handbook"}}}


async def test_the_page_may_load_nothing_from_elsewhere_and_run_no_script_of_its_own(served: Served) -> None:
    response = await get(served.url, BROWSER)
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; ")
    assert "script-src" not in policy
    assert re.findall(r"<script[^>]*>(.+?)</script>", response.text) == []


async def test_caches_keep_the_page_and_the_api_apart(served: Served) -> None:
    assert "accept" in (await get(served.url, BROWSER)).headers["vary"].split(", ")


def test_the_page_asks_for_the_files_that_are_given_out_and_no_others() -> None:
    named = re.findall(r"graphql/assets/([^\"]+)", (FOLDER / "page.html").read_text("utf-8"))
    assert sorted(named) == sorted(FILES)


@pytest.mark.parametrize("file", FILES)
async def test_a_file_is_sent_once_and_again_only_when_it_has_changed(served: Served, file: str) -> None:
    first = await get(f"{served.url}/assets/{file}")
    again = await get(f"{served.url}/assets/{file}", {"if-none-match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("search", "schemes"), [("", {"http", "ws"}), ("?transport=sse", {"http"})], ids=["socket", "events"]
)
async def test_the_first_example_streams_its_answer(sample_book: Server, search: str, schemes: set[str]) -> None:
    seen = await run_first_example(sample_book.url + search)
    answer = seen.response["data"]["ask"]["answer"]
    assert seen.wrong == []
    assert {urlsplit(url).netloc for url in seen.asked} == {urlsplit(sample_book.url).netloc}
    assert {urlsplit(url).scheme for url in seen.asked} == schemes
    assert "stops the robot" in answer["citations"][0]["quote"]


@pytest.mark.parametrize("number", range(4))
async def test_every_example_answers(sample_book: Server, number: int) -> None:
    examples = re.findall(r"^  `(.*?)`,$", (FOLDER / "start.js").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    async with httpx.AsyncClient(timeout=30) as client:
        headers = {"accept": "text/event-stream, application/json"}
        response = await client.post(sample_book.url, json={"query": examples[number]}, headers=headers)
    assert len(examples) == 4
    assert not re.search(r'"errors"|"DECLINED"|"InvalidInput"|: ?null}|"(search|sections)": ?\[\]', response.text)
