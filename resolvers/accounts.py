"""What comes in about accounts."""

import strawberry
from strawberry import UNSET

from resolvers.context import SESSION_OVER, Info, refusal
from services.accounts import (
    AccountDeleted,
    EmailTaken,
    InvalidCredentials,
    ProfileChange,
    SignUp,
)
from services.passwords import WeakPassword
from services.problems import Busy, InvalidInput, TooManyAttempts
from services.readers import Hardware, Level, Reader
from services.sessions import Session

strawberry.enum(Level, description="How much a reader knows already.")
strawberry.enum(Hardware, description="What a reader has to try things on.")


@strawberry.input(description="A new reader.")
class SignupInput:
    email: str
    password: str = strawberry.field(description="10 to 128 characters, of any kind.")
    name: str | None = UNSET
    level: Level = Level.BEGINNER
    hardware: Hardware = Hardware.NONE


@strawberry.input(description="What a reader signs in with.")
class LoginInput:
    email: str
    password: str


@strawberry.input(description="What is left out stays as it is; null clears.")
class ProfileInput:
    name: str | None = UNSET
    level: Level | None = UNSET
    hardware: Hardware | None = UNSET

    def value(self) -> ProfileChange:
        """What the services know it as. A level and hardware that are cleared are those of a new reader."""
        return ProfileChange(
            name=None if self.name is UNSET else self.name,
            clear_name=self.name is None,
            level=None if self.level is UNSET else self.level or Level.BEGINNER,
            hardware=None if self.hardware is UNSET else self.hardware or Hardware.NONE,
        )


async def me(info: Info) -> Reader | None:
    signed_in = await info.context.find_reader()
    return signed_in.reader if signed_in else None


async def my_data(info: Info) -> object:
    data = await info.context.services.my_data.export(await info.context.signed_in())
    if data is None:  # the account went after the token was looked at
        raise refusal("UNAUTHENTICATED", SESSION_OVER)
    return data


async def signup(
    info: Info, input: SignupInput
) -> Session | EmailTaken | WeakPassword | InvalidInput | TooManyAttempts | Busy:
    name = None if input.name is UNSET else input.name
    given = SignUp(input.email, input.password, name, input.level, input.hardware)
    return await info.context.services.accounts.sign_up(given, info.context.address)


async def login(info: Info, input: LoginInput) -> Session | InvalidCredentials | TooManyAttempts | Busy:
    return await info.context.services.accounts.log_in(input.email, input.password, info.context.address)


async def logout(info: Info, everywhere: bool = False) -> bool:
    await info.context.services.sessions.end(await info.context.signed_in(), everywhere=everywhere)
    return True


async def update_profile(info: Info, input: ProfileInput) -> Reader | InvalidInput:
    signed_in = await info.context.signed_in()
    updated = await info.context.services.accounts.update_profile(signed_in, input.value())
    if updated is None:
        raise refusal("UNAUTHENTICATED", SESSION_OVER)
    return updated


async def change_password(
    info: Info, current_password: str, new_password: str
) -> Session | InvalidCredentials | WeakPassword | TooManyAttempts | Busy:
    signed_in = await info.context.signed_in()
    return await info.context.services.accounts.change_password(
        signed_in, current_password, new_password, info.context.address
    )


async def delete_account(
    info: Info, password: str | None = UNSET
) -> AccountDeleted | InvalidCredentials | TooManyAttempts | Busy:
    signed_in = await info.context.signed_in()
    return await info.context.services.accounts.delete(signed_in, password or "", info.context.address)
