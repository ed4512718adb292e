"""Access tokens: HS256 JWTs (RFC 7519) that name a reader and a session."""

import contextlib
import hashlib
import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt

ALGORITHM = "HS256"
NAME = "footnote"  # issuer and audience
LONGEST = 8192  # characters; ours have some 400
CLAIMS = ("sub", "sid", "iat", "exp", "iss", "aud")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of ours says."""

    reader: str
    session: str
    expires_at: datetime


class Tokens:
    """Signs with the first key and accepts all of them, so that keys can be changed without signing anybody out."""

    def __init__(self, keys: Sequence[str], minutes: float) -> None:
        self._keys = {key_id(key): key for key in keys}
        self._signing = key_id(keys[0])
        self._life = timedelta(minutes=minutes)

    def expiry(self) -> datetime:
        """When a token that is made now will end, to the second, as tokens count."""
        return (datetime.now(UTC) + self._life).replace(microsecond=0)

    def sign(self, reader: str, session: str, expires_at: datetime) -> str:
        """A token for a session."""
        claims = {
            "sub": reader,
            "sid": session,
            "iat": datetime.now(UTC),
            "exp": expires_at,
            "iss": NAME,
            "aud": NAME,
        }
        return jwt.encode(claims, self._keys[self._signing], ALGORITHM, headers={"kid": self._signing})

    def read(self, token: str) -> Claims | None:
        """What a token says, if it is one of ours that is whole and has not expired."""
        if len(token) > LONGEST:
            return None
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(token, key, [ALGORITHM], issuer=NAME, audience=NAME, options={"require": list(CLAIMS)})
            return Claims(str(claims["sub"]), str(claims["sid"]), datetime.fromtimestamp(claims["exp"], UTC))
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError):
            return None  # ValueError: among others what cannot be encoded at all, such as half a surrogate pair


def key_id(secret: str) -> str:
    """A name for a key that does not tell the key."""
    return hashlib.sha256(f"footnote {secret}".encode()).hexdigest()[:16]


def kept_secret(path: Path) -> str:
    """The secret in a file that only its owner can read, made first where there is none.

    Of several processes that start together one makes it: a link is made only where there is nothing yet.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
        os.unlink(made)
    return path.read_text()
