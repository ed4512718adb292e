"""The command line, run as its users run it."""

import shutil
import signal
import socket
from pathlib import Path

import pytest

from cli.serving import listening
from tests.client import ask, events
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.processes import ROOT, footnote, server

SEARCH = "query ($query: String!) { search(query: $query, first: 1) { text url } book { version title } }"


@pytest.fixture
def data_dir(new_settings: MakeSettings) -> Path:
    """Where a process keeps its things, with the model prepared."""
    return new_settings().data_dir


# Refusals


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"PORT": "eighty"}, "PORT: "),
        ({"DATABASE_URL": "mysql://somewhere"}, "DATABASE_URL is not the address of a PostgreSQL database"),
        ({"DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/none"}, "PostgreSQL cannot be reached"),
        ({"BOOK_PATH": "no/such/folder"}, "no/such/folder"),
        ({"EMBEDDING_MODEL": "no-such/model"}, "EMBEDDING_MODEL=no-such/model"),
    ],
)
async def test_a_wrong_setting_is_told_in_a_line_and_not_as_a_traceback(
    data_dir: Path, settings: dict[str, object], told: str
) -> None:
    ended = await footnote("serve", DATA_DIR=data_dir, **settings)
    assert ended.code == 1
    assert told in ended.told
    assert "Traceback" not in ended.told


async def test_a_port_that_is_taken_is_told_by_its_name(data_dir: Path, new_settings: MakeSettings) -> None:
    async with server(DATA_DIR=data_dir, BOOK_PATH=LIGHTHOUSE) as running:
        port = running.url.split(":")[2].split("/")[0]
        ended = await footnote("serve", DATA_DIR=new_settings().data_dir, BOOK_PATH=LIGHTHOUSE, PORT=port)
    assert (ended.code, f"PORT {port}" in ended.told) == (1, True)


async def test_a_second_server_on_the_same_data_is_told_so(data_dir: Path) -> None:
    async with server(DATA_DIR=data_dir, BOOK_PATH=LIGHTHOUSE):
        ended = await footnote("serve", DATA_DIR=data_dir, PORT=0)
    assert ended.code == 1
    assert "DATA_DIR" in ended.told


async def test_small_messages_are_sent_at_once(new_settings: MakeSettings) -> None:
    with listening(new_settings(port=0)) as taken, socket.create_connection(taken.getsockname()):
        accepted, _ = taken.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_ingesting_an_empty_folder_is_refused(data_dir: Path, tmp_path: Path) -> None:
    ended = await footnote("ingest", tmp_path, DATA_DIR=data_dir)
    assert (ended.code, "no .md or .mdx pages" in ended.told) == (1, True)


async def test_migrating_the_embedded_database_by_hand_is_refused(data_dir: Path) -> None:
    ended = await footnote("migrate", DATA_DIR=data_dir)
    assert (ended.code, "DATABASE_URL is not set" in ended.told) == (1, True)


# Service


async def test_serving_embedded_says_where_it_is_what_it_lacks_and_what_to_try(data_dir: Path) -> None:
    async with server(DATA_DIR=data_dir, BOOK_PATH=LIGHTHOUSE) as running:
        assert "The Lighthouse Handbook, 3 chapters is open at" in running.told
        assert "ANTHROPIC_API_KEY is not set: answers are quoted passages." in running.told
        answer = (await events(running.url, "How often is the wick trimmed?"))[-1]["answer"]
    assert (answer["status"], answer["source"]) == ("COMPLETE", "PASSAGES")
    assert answer["citations"][0]["quote"].startswith("Trim the wick every four hours")
    assert running.process.returncode == 0


async def test_a_server_follows_what_is_ingested_beside_it(data_dir: Path, tmp_path: Path) -> None:
    book = Path(shutil.copytree(LIGHTHOUSE, tmp_path / "book"))
    async with server(DATA_DIR=data_dir, BOOK_PATH=book) as running:
        before = await ask(running.url, SEARCH, query="Where are the spare wicks?")
        (book / "lamp.md").write_text("# The lamp\n\nThe spare wicks hang in the attic.\n", "utf-8")
        ended = await footnote("ingest", book, DATA_DIR=data_dir)
        assert (ended.code, "1 new" in ended.told) == (0, True)
        after = await ask(running.url, SEARCH, query="Where are the spare wicks?")
    assert "tin box" in before["search"][0]["text"]
    assert after["search"][0]["text"] == "The spare wicks hang in the attic."
    assert after["book"]["version"] != before["book"]["version"]


async def test_a_second_process_on_the_database_answers_from_the_same_book(
    database_url: str, new_settings: MakeSettings
) -> None:
    async with (
        server(DATABASE_URL=database_url, DATA_DIR=new_settings().data_dir, BOOK_PATH=LIGHTHOUSE) as first,
        server(DATABASE_URL=database_url, DATA_DIR=new_settings().data_dir) as second,
    ):
        urls = (first.url, second.url)
        told = [(await events(url, "How often is the wick trimmed?"))[-1]["answer"] for url in urls]
        seen = [await ask(url, SEARCH, query="lens") for url in urls]
    assert told[0]["citations"] == told[1]["citations"] != []
    assert seen[0] == seen[1]


async def test_the_book_is_still_there_after_a_kill(data_dir: Path) -> None:
    async with server(DATA_DIR=data_dir, BOOK_PATH=LIGHTHOUSE) as running:
        running.process.send_signal(signal.SIGKILL)
        await running.process.wait()
    async with server(DATA_DIR=data_dir) as running:
        found = await ask(running.url, SEARCH, query="Where are the spare wicks?")
    assert "tin box" in found["search"][0]["text"]


async def test_the_schema_that_is_printed_is_the_committed_one() -> None:
    assert (await footnote("schema")).told == (ROOT / "schema.graphql").read_text("utf-8")
