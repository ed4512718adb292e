"""Readers whose site has a Better Auth server sign in with its tokens."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.better_auth import BetterAuthServer, better_auth
from tests.client import ask, events, socket
from tests.conftest import MakeSettings
from tests.readers import CHANGE_PASSWORD, DELETE, LOG_IN, LOG_OUT, PASSWORD, Account, new_email, sign_up
from tests.serving import Served, serving
from tests.test_accounts import closed

AUTHOR = "author@example.com"
WICK = "How often is the wick trimmed?"


@dataclass(frozen=True, slots=True)
class Site:
    """A Better Auth server and a Footnote that believes it."""

    accounts: BetterAuthServer
    served: Served

    async def sign_in(self, email: str | None = None) -> Account:
        """A reader with an account there, who comes here for the first time."""
        email = email or new_email()
        await self.accounts.sign_up(email)
        return self.reader(email, await self.accounts.token(email))

    async def again(self, account: Account) -> Account:
        """The same reader with a token that was issued in a later second."""
        await asyncio.sleep(1.1)
        return self.reader(account.email, await self.accounts.token(account.email))

    def reader(self, email: str, token: str) -> Account:
        """A reader with a token of Better Auth's."""
        return Account(self.served.url, email, token, "")

    async def readers(self, email: str) -> int:
        """How many accounts show an address."""
        count: int = await self.served.house.stores.database.fetchval(
            "SELECT count(*) FROM readers WHERE email = $1", email
        )
        return count

    async def is_author(self, account: Account) -> bool:
        """Whether a reader is one of the book's authors."""
        signed_in = await self.served.house.services.sessions.identify(account.token)
        return signed_in is not None and signed_in.author


@pytest.fixture(scope="module")
async def site(new_settings: MakeSettings, fresh_url: str) -> AsyncIterator[Site]:
    async with better_auth() as accounts:
        settings = new_settings(
            database_url=fresh_url,
            better_auth_url=f"{accounts.url}/",
            author_emails=AUTHOR,
            signups_per_address_per_hour=1000,
        )
        async with serving(settings) as served:
            yield Site(accounts, served)


async def test_a_server_that_believes_no_better_auth_refuses_its_tokens(site: Site, served: Served) -> None:
    account = await site.sign_in()
    assert not await Account(served.url, account.email, account.token, "").is_signed_in()


async def test_the_first_sight_of_a_token_creates_its_reader_once(site: Site) -> None:
    account = await site.sign_in()
    assert all(await asyncio.gather(*(account.is_signed_in() for _ in range(10))))
    me = (await account.ask("{ me { id email name level hardware } }"))["me"]
    assert (me["email"], me["name"], me["level"], me["hardware"]) == (account.email, "Ada", "BEGINNER", "NONE")
    assert await site.readers(account.email) == 1


async def test_an_account_of_ours_with_the_same_address_is_another_readers(site: Site) -> None:
    ours = await sign_up(site.served.url)
    theirs = await site.sign_in(ours.email)
    id = (await theirs.ask("{ me { id } }"))["me"]["id"]
    assert id != ours.id
    assert (await ask(ours.url, LOG_IN, email=ours.email, password=PASSWORD))["login"]["user"]["id"] == ours.id


async def test_an_author_needs_a_verified_address(site: Site) -> None:
    account = await site.sign_in(AUTHOR)
    assert not await site.is_author(account)
    await site.accounts.verify(AUTHOR)
    assert await site.is_author(site.reader(AUTHOR, await site.accounts.token(AUTHOR)))


async def test_their_password_is_not_ours_to_change(site: Site) -> None:
    account = await site.sign_in()
    changed = (await account.ask(CHANGE_PASSWORD, current=PASSWORD, new="another fine password"))["changePassword"]
    assert changed["__typename"] == "InvalidCredentials"
    assert (await ask(account.url, LOG_IN, email=account.email, password=""))["login"]["__typename"] == (
        "InvalidCredentials"
    )


async def test_logging_out_ends_this_token_and_what_is_open_on_it_and_no_other(site: Site) -> None:
    account = await site.sign_in()
    later = await site.again(account)
    async with socket(account.url, account.token) as opened:
        assert (await account.ask(LOG_OUT))["logout"]
        async with asyncio.timeout(1):
            assert await closed(opened) == 4403
    assert (await account.is_signed_in(), await later.is_signed_in()) == (False, True)


async def test_logging_out_everywhere_ends_all_tokens_issued_so_far(site: Site) -> None:
    account = await site.sign_in()
    other = await site.again(account)
    async with socket(account.url, other.token) as opened:
        await account.ask(LOG_OUT, everywhere=True)
        async with asyncio.timeout(1):
            assert await closed(opened) == 4403
    assert (await account.is_signed_in(), await other.is_signed_in()) == (False, False)
    assert await (await site.again(account)).is_signed_in()


async def test_deleting_an_account_needs_no_password_and_its_tokens_open_no_new_one(site: Site) -> None:
    account = await site.sign_in()
    unused = site.reader(account.email, await site.accounts.token(account.email))
    await events(account.url, WICK, account.token)
    assert (await account.ask(DELETE))["deleteAccount"] == {"__typename": "AccountDeleted", "email": account.email}
    held = await asyncio.gather(*(reader.is_signed_in() for reader in (account, unused) for _ in range(5)))
    assert (any(held), await site.readers(account.email)) == (False, 0)


async def test_who_comes_back_after_deletion_begins_anew(site: Site) -> None:
    account = await site.sign_in()
    before = (await account.ask("{ me { id } }"))["me"]["id"]
    await account.ask(DELETE)
    again = await site.again(account)
    assert (await again.ask("{ me { id } }"))["me"]["id"] != before
    assert (await again.ask("{ myData }"))["myData"]["conversations"] == []


async def test_an_unreachable_server_locks_nobody_out_who_has_a_known_key(site: Site) -> None:
    account = await site.sign_in()
    assert await account.is_signed_in()
    await site.accounts.go_away()
    try:
        assert await account.is_signed_in()
    finally:
        await site.accounts.come_back()
