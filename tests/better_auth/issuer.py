"""Who signs what the real Better Auth never would, and shows keys over real HTTP as it does."""

import asyncio
import json
import time
from types import TracebackType
from typing import Any, Self

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.utils import base64url_encode


class Issuer:
    """Shows the public halves of `keys`, or `shows` instead, in a trickle of `seconds`; counts `fetches`."""

    def __init__(self) -> None:
        self.keys = {"first": Ed25519PrivateKey.generate()}
        self.shows: bytes | None = None
        self.status = 200
        self.seconds = 0.0
        self.fetches = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def go_away(self) -> None:
        """Refuse all connections."""
        self._server.close()
        await self._server.wait_closed()

    async def come_back(self) -> None:
        """Listen again, at the same address."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._port)

    def claims(self, **changed: object) -> dict[str, Any]:
        """What Better Auth says of a reader. What is changed to None is left out."""
        now = int(time.time())
        claims = {
            "sub": "fHtyPjZ4mSEVeqbGH5bJuPDnz3nUlZdp",
            "email": "ada@example.com",
            "emailVerified": True,
            "name": "Ada",
            "iat": now,
            "exp": now + 900,
            "iss": self.url,
            "aud": self.url,
        }
        return {claim: value for claim, value in {**claims, **changed}.items() if value is not None}

    def token(self, kid: str = "first", /, **changed: object) -> str:
        """Signed by a key of ours, or by one that nobody has if we have none of this name."""
        key = self.keys.get(kid) or Ed25519PrivateKey.generate()
        payload = json.dumps(self.claims(**changed)).encode()  # jwt.encode() would refuse some of what is changed
        return jwt.PyJWS().encode(payload, key, "EdDSA", {"kid": kid})

    def jwks(self) -> dict[str, Any]:
        """What is shown."""
        return {"keys": [{**public_jwk(key), "alg": "EdDSA", "kid": kid} for kid, key in self.keys.items()]}

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        self.fetches += 1
        body = orjson.dumps(self.jwks()) if self.shows is None else self.shows
        status = self.status if asked.startswith(b"GET /api/auth/jwks ") else 404
        spaces = round(self.seconds * 10)
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {spaces + len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        for _ in range(spaces):
            writer.write(b" ")
            await asyncio.sleep(0.1)
        writer.write(body)
        writer.close()


def public_jwk(key: Ed25519PrivateKey) -> dict[str, Any]:
    """The public half as RFC 8037 writes it."""
    return jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)


def segment(content: object) -> str:
    """A part of a token."""
    return base64url(orjson.dumps(content))


def base64url(content: bytes) -> str:
    """As tokens write bytes."""
    return base64url_encode(content).decode()
