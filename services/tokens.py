"""Access tokens: HS256 JWTs (RFC 7519) that name a reader and a session."""

import contextlib
import hashlib
import os
import secrets
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
from jwt.types import Options

ALGORITHM = "HS256"
NAME = "footnote"  # issuer and audience
SECRET_BYTES = 32  # RFC 7518, section 3.2: a key as long as the hash
LONGEST = 8192  # characters; ours have some 400
# Not when it was issued: another process' clock may be ahead of ours. When it ends, and its session, decide.
OPTIONS: Options = {"require": ["sub", "sid", "iat", "exp", "iss", "aud"], "verify_iat": False}


class SecretUnusable(ValueError):
    """The file of the kept secret has none that could sign."""


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
            claims = jwt.decode(token, key, [ALGORITHM], issuer=NAME, audience=NAME, options=OPTIONS)
            reader, session = (str(uuid.UUID(str(claims[claim]))) for claim in ("sub", "sid"))
            return Claims(reader, session, datetime.fromtimestamp(claims["exp"], UTC))
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError):
            return None  # ValueError: among others what cannot be encoded at all, such as half a surrogate pair


def key_id(secret: str) -> str:
    """A name for a key that does not tell the key."""
    return hashlib.sha256(f"footnote {secret}".encode()).hexdigest()[:16]


def kept_secret(path: Path) -> str:
    """The secret in a file that only its owner can read, made first where there is none. Raises SecretUnusable.

    Of several processes that start together one makes it: a link is made only where there is nothing yet, and to what
    is on the disk already: a power cut must leave no empty file.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(made, path)
        os.unlink(made)
    kept = path.read_bytes()
    if len(kept.strip(b"\0")) < SECRET_BYTES:  # zeros are what some file systems leave of a file after a power cut
        raise SecretUnusable(
            f"{path} has less than {SECRET_BYTES} bytes, and so no secret that signs access tokens. Delete it, and a"
            " new one is made; all readers then have to sign in again."
        )
    return kept.decode(errors="backslashreplace")
