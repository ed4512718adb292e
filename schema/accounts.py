"""Readers' accounts and sessions."""

from datetime import datetime
from typing import Annotated

import strawberry

import services.accounts
import services.readers
import services.sessions
from schema.problems import (
    Busy,
    EmailTaken,
    InvalidCredentials,
    InvalidInput,
    TooManyAttempts,
    WeakPassword,
)
from schema.shows import shows
from services.readers import Hardware, Level


@strawberry.type(description="A reader.")
@shows(services.readers.Reader)
class User:
    id: strawberry.ID
    email: str
    name: str | None
    level: Level
    hardware: Hardware
    created_at: datetime


@strawberry.type(description="What signing in gives: `Authorization: Bearer <accessToken>`.")
@shows(services.sessions.Session)
class Session:
    access_token: str
    token_type: str
    expires_at: datetime
    user: User


@strawberry.type(description="Nothing of this account is left.")
@shows(services.accounts.AccountDeleted)
class AccountDeleted:
    email: str


SignupResult = Annotated[
    Session | EmailTaken | WeakPassword | InvalidInput | TooManyAttempts | Busy, strawberry.union("SignupResult")
]
LoginResult = Annotated[Session | InvalidCredentials | TooManyAttempts | Busy, strawberry.union("LoginResult")]
ProfileResult = Annotated[User | InvalidInput, strawberry.union("ProfileResult")]
PasswordResult = Annotated[
    Session | InvalidCredentials | WeakPassword | TooManyAttempts | Busy, strawberry.union("PasswordResult")
]
DeleteAccountResult = Annotated[
    AccountDeleted | InvalidCredentials | TooManyAttempts | Busy, strawberry.union("DeleteAccountResult")
]
