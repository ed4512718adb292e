"""Accounts: signing up and in, changing what is known of oneself, and leaving."""

from collections.abc import Sequence
from dataclasses import dataclass

import db.readers
from db.postgres import Database
from db.readers import ReaderRow
from services.attempts import Attempts
from services.emails import EmailAddress, read_email
from services.hashing import Hashing
from services.library import Library, NoBook
from services.passwords import WeakPassword, normal, weakness
from services.problems import Busy, InvalidInput, TooManyAttempts
from services.readers import Hardware, Level, Reader, reader_of
from services.sessions import ForeignToken, OwnSession, Session, Sessions, SignedIn
from services.text import is_text

NAME_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class EmailTaken:
    """The address has an account."""

    message: str = "There is an account with this e-mail address. Log in instead."


@dataclass(frozen=True, slots=True)
class InvalidCredentials:
    """E-mail address and password do not belong together; which of them is wrong is not said."""

    message: str = "The e-mail address or the password is wrong."


@dataclass(frozen=True, slots=True)
class AccountDeleted:
    """Nothing of this account is left."""

    email: str


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a new reader gives."""

    email: str
    password: str
    name: str | None
    level: Level
    hardware: Hardware


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is None stays as it is; the name can also be cleared."""

    name: str | None = None
    clear_name: bool = False
    level: Level | None = None
    hardware: Hardware | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A password that was right: of which account, by which hash, and whether that should be made anew."""

    row: ReaderRow
    password_hash: str
    outdated: bool = False


Refusal = InvalidCredentials | TooManyAttempts | Busy


class Accounts:
    """Readers who sign in here; those of Better Auth can change their profile and leave."""

    def __init__(
        self,
        database: Database,
        hashing: Hashing,
        attempts: Attempts,
        sessions: Sessions,
        library: Library,
        site: Sequence[str],
    ) -> None:
        """`site` are the site's own names, which make poor passwords; so does the book's title."""
        self._database = database
        self._hashing = hashing
        self._attempts = attempts
        self._sessions = sessions
        self._library = library
        self._site = site

    async def sign_up(
        self, given: SignUp, address: str
    ) -> Session | EmailTaken | WeakPassword | InvalidInput | TooManyAttempts | Busy:
        """Open an account and sign in."""
        email, name = read_email(given.email), read_name(given.name)
        if isinstance(email, InvalidInput):
            return email
        if isinstance(name, InvalidInput):
            return name
        taken = await self._attempts.sign_up(address)
        if not isinstance(taken, list):
            return taken
        opened = await self._open(given, email, name)
        await (self._attempts.give_back if isinstance(opened, Busy) else self._attempts.fail)(taken)
        return opened

    async def _open(
        self, given: SignUp, email: EmailAddress, name: str | None
    ) -> Session | EmailTaken | WeakPassword | Busy:
        if weak := await self._weakness(given.password, email):
            return weak
        if await db.readers.by_email(self._database, compared_email=email.compared):
            return EmailTaken()
        password_hash = await self._hashing.hash(normal(given.password))
        if isinstance(password_hash, Busy):
            return password_hash
        row = await db.readers.insert(
            self._database,
            email=email.shown,
            compared_email=email.compared,
            password_hash=password_hash,
            name=name,
            level=given.level,
            hardware=given.hardware,
        )
        session = await self._sessions.open(row, password_hash) if row else None
        return session or EmailTaken()

    async def log_in(self, email: str, password: str, address: str) -> Session | Refusal:
        """A session for who knows the password."""
        read = read_email(email)
        compared = read.compared if isinstance(read, EmailAddress) else ""
        for _ in range(2):  # a log-in beside this one may make the hash anew; that is no change of the password
            checked = await self._check(compared, password, address)
            if not isinstance(checked, Checked):
                return checked
            if session := await self._sessions.open(checked.row, checked.password_hash):
                return session
        return InvalidCredentials()

    async def _check(self, compared_email: str, password: str, address: str) -> Checked | Refusal:
        """Counted before the hash, so that guessing is bounded whatever happens; an unknown address takes all the steps
        that a known one takes, and as long."""
        taken = await self._attempts.sign_in(compared_email, address)
        if not isinstance(taken, list):
            return taken
        checked = await self._verified(compared_email, password)
        if isinstance(checked, Checked) and checked.outdated:
            checked = await self._upgraded(checked, compared_email, password)
        failed = isinstance(checked, InvalidCredentials)
        await (self._attempts.fail if failed else self._attempts.give_back)(taken)
        return checked

    async def _verified(self, compared_email: str, password: str) -> Checked | InvalidCredentials | Busy:
        row = await db.readers.by_email(self._database, compared_email=compared_email)
        verified = await self._hashing.verify(row.password_hash if row else None, normal(password))
        if isinstance(verified, Busy):
            return verified
        if not row or not row.password_hash or not verified.matches:
            return InvalidCredentials()
        return Checked(row, row.password_hash, verified.outdated)

    async def _upgraded(
        self, checked: Checked, compared_email: str, password: str
    ) -> Checked | InvalidCredentials | Busy:
        """By a newer hash; where another one was stored meanwhile, the password is held against that."""
        upgraded = await self._hashing.hash(normal(password))
        if isinstance(upgraded, Busy):
            return checked
        old = checked.password_hash
        if await db.readers.upgrade_hash(self._database, id=checked.row.id, old=old, new=upgraded):
            return Checked(checked.row, upgraded)
        return await self._verified(compared_email, password)

    async def _weakness(self, password: str, email: EmailAddress) -> WeakPassword | None:
        """After an attempt was counted: on some passwords zxcvbn takes 50 ms, and a thread would help nobody, since it
        keeps the interpreter's lock."""
        try:
            names = [*self._site, (await self._library.edition()).title]
        except NoBook:
            names = [*self._site]
        return weakness(password, email, names)

    async def update_profile(self, signed_in: SignedIn, change: ProfileChange) -> Reader | InvalidInput | None:
        """Change what is given; None if the account is gone."""
        name = read_name(change.name)
        if isinstance(name, InvalidInput):
            return name
        row = await db.readers.update(
            self._database,
            id=signed_in.reader.id,
            name=name,
            level=change.level,
            hardware=change.hardware,
            clear_name=change.clear_name or (change.name is not None and name is None),
        )
        return reader_of(row) if row else None

    async def change_password(
        self, signed_in: SignedIn, current: str, new: str, address: str
    ) -> Session | WeakPassword | Refusal:
        """Replace the password and end all other sessions. This one goes on, with a new token."""
        if not isinstance(signed_in.by, OwnSession):
            return InvalidCredentials("Your password is kept where you signed in. Change it there.")
        checked = await self._check(signed_in.by.email.compared, current, address)
        if not isinstance(checked, Checked):
            return checked
        if weak := await self._weakness(new, signed_in.by.email):
            return weak
        return await self._replace(checked, new, signed_in.by.id)

    async def _replace(self, checked: Checked, new: str, session: str) -> Session | InvalidCredentials | Busy:
        password_hash = await self._hashing.hash(normal(new))
        if isinstance(password_hash, Busy):
            return password_hash
        expires_at = self._sessions.expiry()
        changed = await db.readers.change_password(
            self._database,
            id=checked.row.id,
            old=checked.password_hash,
            new=password_hash,
            session=session,
            expires_at=expires_at,
        )
        return self._sessions.renewed(checked.row, session, expires_at) if changed else InvalidCredentials()

    async def delete(self, signed_in: SignedIn, password: str, address: str) -> AccountDeleted | Refusal:
        """Remove the account and everything of it, a question that is being answered too."""
        if isinstance(signed_in.by, ForeignToken):
            await self._sessions.delete_foreign(signed_in.by)
            return AccountDeleted(signed_in.reader.email)
        email = signed_in.by.email.compared
        checked = await self._check(email, password, address)
        if not isinstance(checked, Checked):
            return checked
        await db.readers.delete(self._database, id=checked.row.id, who=self._attempts.digest(email))
        return AccountDeleted(signed_in.reader.email)


def read_name(name: str | None) -> str | InvalidInput | None:
    """A name without space around it; None for none."""
    if name is None or not name.strip():
        return None
    if len(name) > NAME_CHARACTERS:
        return InvalidInput(f"The name is longer than {NAME_CHARACTERS} characters.", "name")
    return name.strip() if is_text(name) else InvalidInput("The name has characters that are not text.", "name")
