"""Who is calling: a token is worth what its session is worth at this moment."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import db.readers
import db.sessions
from db.postgres import Database
from db.readers import ReaderRow
from services.better_auth import BetterAuth, Identity
from services.emails import EmailAddress, read_email
from services.readers import Hardware, Level, Reader, reader_of
from services.tokens import Tokens

REMEMBERED = timedelta(days=1)  # at least: other tokens may have been made to live longer than the one at hand


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A session that was opened here, and the address of its account."""

    id: str
    email: EmailAddress


@dataclass(frozen=True, slots=True)
class ForeignToken:
    """A token of Better Auth, which is refused once it, or its subject's tokens up to some moment, were given up."""

    subject: str
    digest: bytes
    issued_at: datetime
    expires_at: datetime

    @property
    def subject_digest(self) -> bytes:
        """Stands for all tokens of the subject."""
        return hashlib.sha256(f"subject {self.subject}".encode()).digest()

    @property
    def digests(self) -> list[bytes]:
        """Under which this token may have been given up."""
        return [self.digest, self.subject_digest]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A reader, by what, and for how long at most."""

    reader: Reader
    author: bool
    by: OwnSession | ForeignToken
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """What signing in gives."""

    access_token: str
    expires_at: datetime
    user: Reader
    token_type: str = "Bearer"


class Sessions:
    """Opens, recognises and ends sessions."""

    def __init__(
        self, database: Database, tokens: Tokens, better_auth: BetterAuth | None, authors: frozenset[str]
    ) -> None:
        """`authors` are e-mail addresses in the form in which they are compared."""
        self._database = database
        self._tokens = tokens
        self._better_auth = better_auth
        self._authors = authors

    async def identify(self, token: str) -> SignedIn | None:
        """Whose token this is; None for one that does not hold, or not any more."""
        if claims := self._tokens.read(token):
            row = await db.readers.by_session(self._database, id=claims.reader, session=claims.session)
            if row is None or row.compared_email is None:
                return None
            by = OwnSession(claims.session, EmailAddress(row.email, row.compared_email))
            return SignedIn(reader_of(row), self._is_own_author(row.compared_email), by, claims.expires_at)
        foreign = await self._better_auth.verify(token) if self._better_auth else None
        return await self._identify_foreign(token, foreign) if foreign else None

    async def _identify_foreign(self, token: str, foreign: Identity) -> SignedIn | None:
        by = ForeignToken(
            foreign.subject, hashlib.sha256(token.encode()).digest(), foreign.issued_at, foreign.expires_at
        )
        ended, row = await db.sessions.foreign_reader(
            self._database, subject=by.subject, digests=by.digests, issued_at=by.issued_at
        )
        if not ended and (row is None or row.email != foreign.email):
            row = await self._first_sight(by, foreign)
        if ended or row is None:
            return None
        return SignedIn(reader_of(row), self._is_author(foreign), by, foreign.expires_at)

    async def _first_sight(self, by: ForeignToken, foreign: Identity) -> ReaderRow | None:
        return await db.sessions.first_sight(
            self._database,
            subject=by.subject,
            digests=by.digests,
            issued_at=by.issued_at,
            email=foreign.email,
            name=foreign.name,
            level=Level.BEGINNER,
            hardware=Hardware.NONE,
        )

    def _is_own_author(self, compared_email: str) -> bool:
        """Nobody verified the address; where Better Auth does, its word counts alone."""
        return self._better_auth is None and compared_email in self._authors

    def _is_author(self, foreign: Identity) -> bool:
        email = read_email(foreign.email)
        return foreign.email_verified and isinstance(email, EmailAddress) and email.compared in self._authors

    async def open(self, row: ReaderRow, password_hash: str) -> Session | None:
        """A new session; None if the password that was checked is no longer the account's."""
        expires_at = self._tokens.expiry()
        id = await db.sessions.insert(self._database, reader=row.id, password_hash=password_hash, expires_at=expires_at)
        return self.renewed(row, id, expires_at) if id else None

    def renewed(self, row: ReaderRow, session: str, expires_at: datetime) -> Session:
        """A token for a session that is stored."""
        return Session(self._tokens.sign(row.id, session, expires_at), expires_at, reader_of(row))

    def expiry(self) -> datetime:
        """When a session that begins now will end."""
        return self._tokens.expiry()

    async def end(self, signed_in: SignedIn, *, everywhere: bool) -> None:
        """Sign out: this token, or all of the reader's."""
        match signed_in.by:
            case OwnSession() if everywhere:
                await db.sessions.end_all(self._database, reader=signed_in.reader.id)
            case OwnSession(id):
                await db.sessions.end(self._database, id=id)
            case ForeignToken() as token:
                digest = token.subject_digest if everywhere else token.digest
                await db.sessions.end_tokens(self._database, digest=digest, **until(token))

    async def delete_foreign(self, token: ForeignToken) -> None:
        """Remove an account of Better Auth's, so that the tokens it has now do not open it again."""
        await db.sessions.delete_subject(
            self._database, subject=token.subject, digest=token.subject_digest, **until(token)
        )


def until(token: ForeignToken) -> dict[str, datetime]:
    """What of the tokens issued so far is given up, and how long that has to be remembered: for the life of one.

    Where their clock is ahead of ours, what they issued in the last seconds bears a later time, and goes on holding.
    """
    now = max(datetime.now(UTC), token.issued_at)
    return {"issued_until": now, "expires_at": now + max(REMEMBERED, token.expires_at - token.issued_at)}
