"""Tokens of a Better Auth server: JWTs that it signs with Ed25519, by keys that it shows as a JWKS (RFC 7517, 8037)."""

import asyncio
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

import jwt
import structlog

from services.text import is_text

ALGORITHM = "EdDSA"
LONGEST = 8192  # characters; theirs have some 600, more with a picture
CLAIMS = ("sub", "iat", "exp", "iss", "aud")
LIFESPAN = 300.0  # seconds that a key counts after it was seen; so long does one count that they took back
PAUSE = 5.0  # seconds between the starts of two fetches: anybody can send a token that names a key there is not
SILENCE = 2.5  # seconds that a fetch may hear nothing
PATIENCE = 3.0  # seconds after its start that a fetch is waited for: names are looked up without any limit
CLOCKS_APART = timedelta(seconds=30)  # how far their clock may be ahead of ours

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token of Better Auth speaks of. `subject` is the id there; an e-mail not verified may be anybody's."""

    subject: str
    email: str
    email_verified: bool
    name: str | None
    issued_at: datetime
    expires_at: datetime


class BetterAuth:
    """Tells tokens of one Better Auth server from all others."""

    def __init__(self, url: str, audience: str, *, lifespan: float = LIFESPAN, pause: float = PAUSE) -> None:
        """`url` is its base URL and the issuer; an empty `audience` is the same; times are seconds. Asks nothing yet.

        Raises jwt.PyJWKClientError or ValueError if the URL is none of HTTP.
        """
        self._issuer = url.rstrip("/")
        self._audience = audience or self._issuer
        self._keys = Keys(f"{self._issuer}/api/auth/jwks", lifespan, pause)

    async def verify(self, token: str) -> Identity | None:
        """Whom the token speaks of; None if it is none of theirs that holds, or its key cannot be had within 3 s."""
        kid = key_id(token)
        key = await self._keys.find(kid) if kid else None
        if key is None:
            return None
        try:
            claims = jwt.decode(
                token,
                key,
                [ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                options={"require": list(CLAIMS), "verify_iat": False},  # PyJWT's check allows no clock to be ahead
            )
        except jwt.PyJWTError:
            return None
        return identity(claims)


class Keys:
    """Their public keys, by id, as they were last seen.

    PyJWKClient only fetches: its own cache makes all wait for a fetch, forgets in an outage, and then asks each time.
    """

    def __init__(self, url: str, lifespan: float, pause: float) -> None:
        self._url = url
        self._lifespan = lifespan
        self._pause = pause
        # Some proxies refuse the name that urllib gives itself.
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, headers={"User-Agent": "footnote"}, timeout=SILENCE)
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetching: asyncio.Task[None] | None = None
        self._started = self._seen = self._failed = -math.inf  # when; failed: unless they were seen since
        self._trouble: str | None = None

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """The key, fetched if it has to be; None if they do not show it or cannot be asked."""
        if kid in self._keys and not self._older(self._seen, self._lifespan):
            return self._keys[kid]
        fetching = self._refresh()
        # In an outage that is known already, whoever has a known key does not wait for its end.
        if fetching and (kid not in self._keys or self._older(self._failed, self._lifespan)):
            await asyncio.wait({fetching}, timeout=max(0.0, self._started + PATIENCE - time.monotonic()))
        return self._keys.get(kid)

    def _older(self, then: float, seconds: float) -> bool:
        return time.monotonic() - then > seconds

    def _refresh(self) -> asyncio.Task[None] | None:
        """The fetch under way, or a new one if it is time."""
        if self._fetching and not self._fetching.done():
            return self._fetching
        if not self._older(self._started, self._pause):
            return None
        self._started = time.monotonic()
        self._fetching = asyncio.create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            self._keys = signing_keys(await asyncio.to_thread(self._client.fetch_data))
        except Exception as error:  # whatever it is, who has a known key shall not suffer from it
            self._tell(f"{type(error).__name__}: {error}")
            return
        self._seen = self._started
        self._tell(None if self._keys else "it shows none for EdDSA")

    def _tell(self, trouble: str | None) -> None:
        """Log the beginning and the end of an outage, and not each fetch of it."""
        if trouble and not self._trouble:
            log.warning("Better Auth's keys cannot be had; is BETTER_AUTH_URL right?", url=self._url, reason=trouble)
        if self._trouble and not trouble:
            log.info("Better Auth's keys can be had again", url=self._url)
        self._trouble = trouble
        self._failed = time.monotonic() if trouble else -math.inf


def key_id(token: str) -> str | None:
    """The name of the key by which a token says to be signed; None if it is none that could be theirs."""
    if len(token) > LONGEST or not token.isascii():  # a lone surrogate would raise
        return None
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        return None
    return header.get("kid") if header.get("alg") == ALGORITHM else None


def signing_keys(jwks: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """The usable keys of a JWKS by their ids; there may be none. Raises KeyError and TypeError if it is no JWKS."""
    keys = {}
    for jwk in jwks["keys"]:
        try:
            if jwk["crv"] == "Ed25519" and jwk.get("use", "sig") == "sig":
                keys[jwk["kid"]] = jwt.PyJWK(jwk, ALGORITHM)
        except (jwt.PyJWTError, KeyError, TypeError):
            continue  # one that is broken takes no other with it
    return keys


def identity(claims: dict[str, Any]) -> Identity | None:
    """What claims that are signed say; None if they lack something or could not be stored."""
    subject, email, name = claims["sub"], claims.get("email"), claims.get("name")
    if not (is_written(subject) and is_written(email)):
        return None
    try:
        issued_at, expires_at = (datetime.fromtimestamp(claims[claim], UTC) for claim in ("iat", "exp"))
    except (TypeError, ValueError, OverflowError):
        return None
    if issued_at > datetime.now(UTC) + CLOCKS_APART:
        return None
    # A name is what its bearer typed, anything at all: a strange one keeps nobody out.
    return Identity(
        subject, email, claims.get("emailVerified") is True, name if is_written(name) else None, issued_at, expires_at
    )


def is_written(claim: object) -> TypeGuard[str]:
    """Whether it is text that can be kept."""
    return isinstance(claim, str) and claim != "" and is_text(claim)
