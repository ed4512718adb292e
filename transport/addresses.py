"""Who an anonymous reader is: the address that no header of their own can change."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.requests import HTTPConnection

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]

UNKNOWN = "unknown"
READER_BITS = 64  # of IPv6: what one household is given at the least; within it addresses change by the hour
MOST_PROXIES = 20  # in a row: left of them nothing is looked at, so that a header of thousands costs less than 1 ms
PORT = re.compile(r"^\[([^]]*)\](?::[0-9]+)?$|^([^:]*):[0-9]+$")  # some load balancers write 192.0.2.1:80, [::1]:80


def address_of(connection: HTTPConnection, trusted: Networks) -> str:
    """The address that a reader's limits are kept under: an IPv4 address, or the /64 network of an IPv6 address.

    It is the socket's peer. Where that is one of the `trusted` proxies, it is the hop which that proxy wrote last into
    X-Forwarded-For, and so on leftwards until a hop is not trusted. An unreadable hop ends the walk at the proxy which
    wrote it: all whom that proxy does not name share one limit. Never raises.

    The server must leave the peer as it is: `proxy_headers=False` for uvicorn.
    """
    # No peer is known of one that left at once, nor on a UNIX socket. Which of the two it was cannot be told, so the
    # header is not believed; that Footnote listens on TCP only makes it nobody's loss.
    reader = parsed(connection.client.host) if connection.client else None
    if reader is None:
        return UNKNOWN
    # Not RFC 7239's Forwarded, nor X-Real-IP and its like: a proxy passes on unchanged what it does not write itself,
    # so a second header that is believed is one that the reader writes. Every common proxy writes this one.
    hops = ",".join(connection.headers.getlist("x-forwarded-for")).rsplit(",", MOST_PROXIES)
    while is_in(reader, trusted) and hops and (hop := parsed(hops.pop())):
        reader = hop
    return limited(reader)


def parsed(hop: str) -> Address | None:
    """The address in a hop, with or without a port, or None. An IPv4 address mapped into IPv6 is the IPv4 address."""
    # An empty hop is unreadable too: to skip it would be to believe what stands left of it, which its writer did not.
    try:
        address = ip_address(PORT.sub(r"\1\2", hop.strip()))
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def is_in(address: Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


def limited(address: Address) -> str:
    """What one reader has: an IPv4 address, or an IPv6 network. A zone is left out, since it names the proxy's link."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address), READER_BITS), strict=False))
