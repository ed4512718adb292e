"""Readers of a served book, as front ends sign them up."""

import uuid
from dataclasses import dataclass
from typing import Any

from tests.client import Data, ask, post

USER = "user { id email name level hardware createdAt }"
PROBLEM = "... on Problem { message } ... on TooManyAttempts { retryAt } ... on Busy { retryAt }"
SESSION = f"__typename ... on Session {{ accessToken tokenType expiresAt {USER} }} {PROBLEM}"
SIGN_UP = f"""
    mutation ($email: String!, $password: String!, $name: String) {{
        signup(input: {{email: $email, password: $password, name: $name}}) {{
            {SESSION} ... on InvalidInput {{ field }} ... on WeakPassword {{ minimumLength }}
        }}
    }}
"""
LOG_IN = f"""
    mutation ($email: String!, $password: String!) {{
        login(input: {{email: $email, password: $password}}) {{ {SESSION} }}
    }}
"""
CHANGE_PASSWORD = f"""
    mutation ($current: String!, $new: String!) {{
        changePassword(currentPassword: $current, newPassword: $new) {{
            {SESSION} ... on WeakPassword {{ minimumLength }}
        }}
    }}
"""
DELETE = f"""
    mutation ($password: String) {{
        deleteAccount(password: $password) {{ __typename ... on AccountDeleted {{ email }} {PROBLEM} }}
    }}
"""
LOG_OUT = "mutation ($everywhere: Boolean! = false) { logout(everywhere: $everywhere) }"
ME = "{ me { id email name level hardware createdAt } }"
PASSWORD = "a lamp for every ship"


@dataclass(frozen=True, slots=True)
class Account:
    """A reader who is signed in."""

    url: str
    email: str
    token: str
    id: str

    async def ask(self, document: str, /, **variables: object) -> Data:
        """The data of an operation of this reader's that succeeds."""
        return await ask(self.url, document, token=self.token, **variables)

    async def post(self, document: str, /, **variables: object) -> Data:
        """The whole response to an operation of this reader's."""
        return await post(self.url, document, token=self.token, **variables)

    async def is_signed_in(self) -> bool:
        """Whether the token still holds."""
        return (await self.ask(ME))["me"] is not None


def new_email() -> str:
    """An address that nobody else has."""
    return f"reader-{uuid.uuid4().hex}@example.com"


async def sign_up(url: str, email: str | None = None, name: str | None = None) -> Account:
    """A new reader."""
    email = email or new_email()
    session = (await ask(url, SIGN_UP, email=email, password=PASSWORD, name=name))["signup"]
    assert session["__typename"] == "Session", session
    return Account(url, email, session["accessToken"], session["user"]["id"])


async def log_in(account: Account, password: str = PASSWORD) -> Account:
    """The same reader on another device."""
    session: dict[str, Any] = (await ask(account.url, LOG_IN, email=account.email, password=password))["login"]
    assert session["__typename"] == "Session", session
    return Account(account.url, account.email, session["accessToken"], account.id)
