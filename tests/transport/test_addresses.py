"""A reader without an account is an address, and cannot choose which."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn import Config, Server
from websockets.asyncio.client import connect

from transport.addresses import MOST_PROXIES, UNKNOWN, Networks, address_of

Headers = Sequence[tuple[str, str]]

NOBODY: Networks = ()
LOOPBACK: Networks = (ip_network("127.0.0.0/8"),)
PROXIES: Networks = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
READER, VICTIM, PROXY = "203.0.113.7", "198.51.100.1", "10.0.0.1"
WRITTEN_BY_READERS = (
    *("x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "via"),
    *("x_forwarded_for", "client-ip", "x-forwarded", "forwarded-for", "x-cluster-client-ip", "fastly-client-ip"),
)


def told(peer: str | None, headers: Headers, trusted: Networks) -> str:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    client = None if peer is None else (peer, 50_000)
    return address_of(HTTPConnection({"type": "http", "client": client, "headers": raw}), trusted)


def forwarded(peer: str | None, *lines: str, trusted: Networks = PROXIES) -> str:
    return told(peer, [("x-forwarded-for", line) for line in lines], trusted)


# What is not believed


@pytest.mark.parametrize("header", WRITTEN_BY_READERS)
@pytest.mark.parametrize("trusted", [NOBODY, PROXIES])
def test_a_reader_who_writes_an_address_keeps_their_own(header: str, trusted: Networks) -> None:
    assert told(READER, [(header, VICTIM), (header, f"for={VICTIM}")], trusted) == READER


@pytest.mark.parametrize("header", sorted({*WRITTEN_BY_READERS} - {"x-forwarded-for"}))
def test_a_header_that_proxies_pass_on_unchanged_is_not_believed_behind_one_either(header: str) -> None:
    assert told(PROXY, [(header, VICTIM), ("x-forwarded-for", READER), (header, f"for={VICTIM}")], PROXIES) == READER


@pytest.mark.parametrize(
    "lines",
    [
        [f"{VICTIM}, {READER}"],
        [VICTIM, READER],
        [f"{VICTIM}, {VICTIM}", f"{PROXY}, {READER}"],
        [f"{VICTIM}, {PROXY}, {READER}, {PROXY}"],
        [f"unknown, {READER}"],
        ["", READER],
        [f",,,{READER}"],
        [f"{VICTIM}," * 10_000 + READER],
        [f"{PROXY}," * 10_000 + READER],
        ["x" * 60_000, READER],
        [VICTIM] * 1_000 + [READER],
    ],
    ids=lambda lines: ";".join(lines)[:40],
)
def test_behind_a_proxy_what_a_reader_wrote_stands_left_of_what_the_proxy_did(lines: list[str]) -> None:
    assert forwarded(PROXY, *lines) == READER


@pytest.mark.parametrize(
    "hop",
    [
        *("", " ", ",", "unknown", "_hidden", "unix:", "example.com", "null", "*", "10.0.0.0/8", "for=203.0.113.7"),
        *("203.0.113", "203.0.113.7.8", "203.0.113.256", "203.0.113.07", "0xcb007107", "3405803783", "203.0.113.²"),
        *("203.0.113.7:", "203.0.113.7:x", "203.0.113.7:80:80", ":80", "203.0.113.7 198.51.100.1", '"203.0.113.7"'),
        *("[", "]", "[]", "[]:80", "[::1", "::1]", "[[::1]]", "[::1]80", "[::1]:", "[:::]", "fe80::1%", "a[::1]:80"),
        *("x" * 60_000, ":" * 60_000, "." * 60_000, "[" * 60_000, "9" * 60_000, "]:1" * 20_000, "\xff\x00\x7f"),
    ],
    ids=lambda hop: hop[:20],
)
def test_a_hop_that_is_no_address_leaves_the_proxy_that_wrote_it(hop: str) -> None:
    assert forwarded(PROXY, VICTIM, hop) == PROXY
    assert forwarded(PROXY, f"{VICTIM}, {hop}, 10.0.0.2") == "10.0.0.2"


@pytest.mark.parametrize("count", [MOST_PROXIES + 1, 10_000])
def test_a_row_of_more_proxies_than_anyone_has_is_not_followed_to_its_end(count: int) -> None:
    assert forwarded(PROXY, ",".join([VICTIM, *["10.0.0.2"] * count])) == "10.0.0.2"


@pytest.mark.parametrize("peer", [None, "", "testclient", "unix:", "/run/footnote.sock"])
@pytest.mark.parametrize("trusted", [NOBODY, PROXIES, (ip_network("0.0.0.0/0"), ip_network("::/0"))])
def test_a_peer_without_an_address_is_unknown_and_not_believed(peer: str | None, trusted: Networks) -> None:
    assert forwarded(peer, VICTIM, trusted=trusted) == UNKNOWN


# What is


@pytest.mark.parametrize(
    ("peer", "lines", "expected"),
    [
        (READER, [], READER),
        (PROXY, [], PROXY),
        (PROXY, [READER], READER),
        (PROXY, [f" {READER}\t"], READER),
        (PROXY, ["0.0.0.0"], "0.0.0.0"),
        (PROXY, [f"{READER}:50000"], READER),
        (PROXY, [f"{READER}, 10.0.0.3, 10.0.0.2"], READER),
        (PROXY, [READER, "10.0.0.3", "10.0.0.2:80"], READER),
        (PROXY, ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (PROXY, [",".join([READER, *["10.0.0.2"] * (MOST_PROXIES - 1)])], READER),
        ("fd00::1", [READER], READER),
        ("fd00::1%eth0", [f"{READER}, [fd00::2]:443, 10.0.0.2"], READER),
        ("::ffff:10.0.0.1", [f"::ffff:{READER}"], READER),
        (f"::ffff:{READER}", [VICTIM], READER),
        (PROXY, [f"{READER}, [::FFFF:0a00:0002]:80"], READER),
        ("2001:db8:1:2:3:4:5:6", [VICTIM], "2001:db8:1:2::/64"),
        ("::1", [VICTIM], "::/64"),
        ("fe80::1%eth0", [VICTIM], "fe80::/64"),
        (PROXY, ["2001:DB8:0001:2::1"], "2001:db8:1:2::/64"),
        (PROXY, ["[2001:db8:1:2::1]"], "2001:db8:1:2::/64"),
        (PROXY, ["[2001:db8:1:2::1%25]:443"], "2001:db8:1:2::/64"),
    ],
)
def test_the_reader_is_the_first_hop_from_the_right_that_is_not_trusted(
    peer: str, lines: list[str], expected: str
) -> None:
    assert forwarded(peer, *lines) == expected


def test_one_household_is_one_reader_and_the_next_is_another() -> None:
    a, b, other = (forwarded(peer) for peer in ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::1"))
    assert a == b != other


# Whatever is written

hops = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from([PROXY, VICTIM, "fd00::1", "127.0.0.1", f"[{VICTIM}]:80", "::ffff:10.0.0.1", "unknown", ""]),
    st.text(st.characters(max_codepoint=255)),
    st.text("0123456789abcdef.:[]%, "),
)
lines = st.lists(st.lists(hops, max_size=30).map(",".join), max_size=5)
headers = st.lists(st.tuples(st.sampled_from(WRITTEN_BY_READERS), lines.map(",".join)), max_size=5)


@given(headers)
def test_whatever_an_untrusted_reader_writes_their_address_stays(written: Headers) -> None:
    assert told(READER, written, PROXIES) == told(READER, written, NOBODY) == READER


@given(headers, st.sampled_from([", ", ","]))
def test_whatever_a_reader_writes_to_a_proxy_that_adds_its_hop_their_address_stays(
    written: Headers, comma: str
) -> None:
    as_a_line = [*written, ("x-forwarded-for", READER)]
    joined = comma.join([*(value for name, value in written if name == "x-forwarded-for"), READER])
    assert told(PROXY, as_a_line, PROXIES) == told(PROXY, [("x-forwarded-for", joined)], PROXIES) == READER


@given(st.one_of(st.none(), hops), lines)
def test_whatever_a_proxy_writes_the_outcome_is_an_address_a_household_or_unknown(
    peer: str | None, written: list[str]
) -> None:
    outcome = forwarded(peer, *written)
    assert outcome == UNKNOWN or (ip_network(outcome).prefixlen == 64 if "/" in outcome else ip_address(outcome))


# On the wire, where uvicorn would put the header's address in the place of the peer's


@asynccontextmanager
async def listening(trusted: Networks) -> AsyncIterator[str]:
    """A server on 127.0.0.1 that answers a request, and a socket, with the reader's address. Yields its host."""

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(address_of(request, trusted))

    async def say(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(address_of(websocket, trusted))
        await websocket.close()

    app = Starlette(routes=[Route("/", answer), WebSocketRoute("/", say)])
    config = Config(app, log_config=None, lifespan="off", ws="websockets-sansio", proxy_headers=False)
    server = Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    taken = socket.create_server(("127.0.0.1", 0))
    await server.startup(sockets=[taken])  # not serve(), which takes over the signals of the whole process
    try:
        yield "{}:{}".format(*taken.getsockname())
    finally:
        await server.shutdown(sockets=[taken])


@pytest.mark.parametrize(
    ("trusted", "lines", "expected"),
    [
        (NOBODY, [VICTIM], "127.0.0.1"),
        (PROXIES, [f"{VICTIM}, 10.0.0.2", "127.0.0.1"], "127.0.0.1"),
        (LOOPBACK, ["unknown"], "127.0.0.1"),
        (LOOPBACK, [f"{VICTIM}, {READER}"], READER),
        (LOOPBACK, [VICTIM, f"{READER}, 127.0.0.2"], READER),
    ],
)
async def test_a_forged_header_changes_nothing_and_behind_a_trusted_proxy_the_right_hop_counts(
    trusted: Networks, lines: list[str], expected: str
) -> None:
    written = [("x-forwarded-for", line) for line in lines]
    async with listening(trusted) as host:
        async with httpx.AsyncClient() as client:
            answered = (await client.get(f"http://{host}/", headers=written)).text
        async with connect(f"ws://{host}/", additional_headers=written) as connection:
            said = await connection.recv()
    assert (answered, said) == (expected, expected)
