"""Accounts: nobody gets in who does not belong, and nobody who belongs is kept out."""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from websockets.exceptions import ConnectionClosed

from bootstrap import signing_secrets
from services.accounts import Accounts, SignUp
from services.attempts import Attempts
from services.hashing import AT_ONCE, open_hashing
from services.problems import Busy
from services.readers import Hardware, Level
from services.sessions import Session
from services.tokens import kept_secret, key_id
from settings import Settings, SettingsInvalid
from tests.claude import Pause, Say, ScriptedClaude
from tests.client import (
    ANSWER,
    ASK,
    FOLLOW,
    STOP,
    Data,
    Socket,
    ask,
    event_stream,
    events,
    events_with,
    post,
    signed_in,
    socket,
)
from tests.conftest import MakeSettings
from tests.readers import (
    CHANGE_PASSWORD,
    DELETE,
    LOG_IN,
    LOG_OUT,
    ME,
    PASSWORD,
    SIGN_UP,
    Account,
    log_in,
    new_email,
    sign_up,
)
from tests.serving import Served, serving

WICK = "How often is the wick trimmed?"


@pytest.fixture
async def strict(new_settings: MakeSettings, database_url: str) -> AsyncIterator[Served]:
    """A server with low limits for addresses, behind a proxy on this machine."""
    settings = new_settings(
        database_url=database_url,
        login_failures_per_address_per_hour=15,
        signups_per_address_per_hour=3,
        trusted_proxies="127.0.0.1",
    )
    async with serving(settings) as served:
        yield served


async def from_address(url: str, address: str, document: str, **variables: object) -> Data:
    """The data of an operation that a proxy passes on."""
    headers = {"x-forwarded-for": address}
    async with httpx.AsyncClient(timeout=30, headers=headers) as client:
        response = await client.post(url, json={"query": document, "variables": variables})
    data: Data = response.json()["data"]
    return data


async def outcome(url: str, document: str, *, email: str, password: str) -> str:
    """Whether signing up or in succeeds, and how it does not."""
    (value,) = (await ask(url, document, email=email, password=password)).values()
    return str(value["__typename"])


def forged(
    served: Served, claims: dict[str, Any], *, key: str | None = None, alg: str = "HS256", kid: str | None = None
) -> str:
    """A token with other claims, or signed otherwise, than those that are given out."""
    secret = kept_secret(served.settings.data_dir / "jwt-secret")
    return jwt.encode(claims, key or secret, alg, headers={"kid": key_id(secret) if kid is None else kid})


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


# Brute force


async def test_brute_force_from_many_addresses_meets_the_accounts_own_limit(strict: Served) -> None:
    account = await sign_up(strict.url)
    guesses = [
        (await from_address(strict.url, f"10.1.0.{n}", LOG_IN, email=account.email, password=f"guess number {n}"))[
            "login"
        ]
        for n in range(12)
    ]
    assert [guess["__typename"] for guess in guesses] == ["InvalidCredentials"] * 10 + ["TooManyAttempts"] * 2
    retry_at = datetime.fromisoformat(guesses[-1]["retryAt"])
    assert timedelta(minutes=14) < retry_at - datetime.now(UTC) <= timedelta(minutes=15)
    right = await from_address(strict.url, "10.2.0.1", LOG_IN, email=account.email, password=PASSWORD)
    assert right["login"]["__typename"] == "TooManyAttempts"
    assert await account.is_signed_in()


async def test_brute_force_at_once_gets_no_guess_more(served: Served) -> None:
    account = await sign_up(served.url)
    guesses = await asyncio.gather(
        *(outcome(served.url, LOG_IN, email=account.email, password=f"guess number {n}") for n in range(30))
    )
    assert guesses.count("InvalidCredentials") == 10
    assert set(guesses) <= {"InvalidCredentials", "TooManyAttempts", "Busy"}
    assert await outcome(served.url, LOG_IN, email=account.email, password=PASSWORD) == "TooManyAttempts"


async def test_right_passwords_at_once_are_no_failures(strict: Served) -> None:
    account = await sign_up(strict.url)
    logins = [
        value["login"]
        for value in await asyncio.gather(
            *(ask(strict.url, LOG_IN, email=account.email, password=PASSWORD) for _ in range(40))
        )
    ]
    assert {login["__typename"] for login in logins} == {"Session", "Busy"}
    soon = datetime.now(UTC) + timedelta(seconds=10)
    assert all(datetime.fromisoformat(login["retryAt"]) < soon for login in logins if "retryAt" in login)
    assert await outcome(strict.url, LOG_IN, email=account.email, password=PASSWORD) == "Session"


async def test_brute_force_on_many_accounts_meets_the_limit_of_the_address(strict: Served) -> None:
    guesses = [
        (await from_address(strict.url, "10.1.0.1", LOG_IN, email=new_email(), password=PASSWORD))["login"]
        for _ in range(16)
    ]
    assert [guess["__typename"] for guess in guesses] == ["InvalidCredentials"] * 15 + ["TooManyAttempts"]
    other = await from_address(strict.url, "10.1.0.2", LOG_IN, email=new_email(), password=PASSWORD)
    assert other["login"]["__typename"] == "InvalidCredentials"


async def test_guesses_at_the_password_of_an_open_session_count_as_well(served: Served) -> None:
    account = await sign_up(served.url)
    for _ in range(5):
        await account.ask(CHANGE_PASSWORD, current="wrong, quite wrong", new="another fine password")
        await account.ask(DELETE, password="wrong, quite wrong")
    assert (await account.ask(DELETE, password=PASSWORD))["deleteAccount"]["__typename"] == "TooManyAttempts"


async def test_counts_are_of_nobody_who_can_be_found_by_trying_all_addresses(served: Served) -> None:
    email = new_email()
    await outcome(served.url, LOG_IN, email=email, password=PASSWORD)
    counted = {row["who"] for row in await served.house.stores.database.fetch("SELECT who FROM attempts")}
    assert counted
    assert not counted & {hashlib.sha256(who.encode()).digest() for who in (email, "127.0.0.1")}


async def test_who_knows_the_password_logs_in_as_often_as_they_like(served: Served) -> None:
    account = await sign_up(served.url)
    assert [await outcome(served.url, LOG_IN, email=account.email, password=PASSWORD) for _ in range(12)] == [
        "Session"
    ] * 12


# Forged forwarding headers


async def test_forged_forwarding_headers_make_no_new_address(strict: Served) -> None:
    outcomes = [
        (await from_address(strict.url, f"10.9.9.{n}, 10.1.0.7", SIGN_UP, email=new_email(), password=PASSWORD))[
            "signup"
        ]
        for n in range(4)
    ]
    assert [signup["__typename"] for signup in outcomes] == ["Session"] * 3 + ["TooManyAttempts"]


# Passwords and e-mail addresses


@pytest.mark.parametrize(
    "password",
    ["", "short pw9", "p" * 129, "password123", "aaaaaaaaaaaaaaa", "a fine\0password", "a fine \ud800 password"],
)
async def test_password_rules_refuse_what_is_short_long_common_or_no_text(served: Served, password: str) -> None:
    signup = (await ask(served.url, SIGN_UP, email=new_email(), password=password))["signup"]
    assert (signup["__typename"], signup["minimumLength"]) == ("WeakPassword", 10)


async def test_password_rules_refuse_the_site_s_and_the_reader_s_own_words(served: Served) -> None:
    email = new_email()
    for password in (email, email.partition("@")[0], "The Lighthouse Handbook"):
        assert await outcome(served.url, SIGN_UP, email=email, password=password) == "WeakPassword"


async def test_password_rules_ask_for_no_composition(served: Served) -> None:
    for password in ("kerosene and rope", "چراغ کی روشنی دور تک جاتی ہے", "kqzvwhjdxb"):
        assert await outcome(served.url, SIGN_UP, email=new_email(), password=password) == "Session"


async def test_a_password_is_the_same_however_its_letters_are_composed(served: Served) -> None:
    email = new_email()
    await ask(served.url, SIGN_UP, email=email, password="caf\u00e9 au lait, s'il")
    assert await outcome(served.url, LOG_IN, email=email, password="cafe\u0301 au lait, s'il") == "Session"


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b@example.com", "a\0@example.com", "\ud800@example.com", "a @example.com"]
)
async def test_what_is_no_email_address_is_refused(served: Served, email: str) -> None:
    signup = (await ask(served.url, SIGN_UP, email=email, password=PASSWORD))["signup"]
    assert (signup["__typename"], signup["field"]) == ("InvalidInput", "email")
    assert await outcome(served.url, LOG_IN, email=email, password=PASSWORD) == "InvalidCredentials"


@pytest.mark.parametrize("name", ["n" * 101, "a\0b", "\ud800"])
async def test_what_is_no_name_is_refused(served: Served, name: str) -> None:
    signup = (await ask(served.url, SIGN_UP, email=new_email(), password=PASSWORD, name=name))["signup"]
    assert (signup["__typename"], signup["field"]) == ("InvalidInput", "name")


async def test_unicode_look_alikes_in_emails_are_no_second_account(served: Served) -> None:
    latin = new_email()
    await sign_up(served.url, latin)
    assert await outcome(served.url, SIGN_UP, email=latin.upper(), password=PASSWORD) == "EmailTaken"
    for twin in (latin.replace("a", "\u0430", 1), latin.replace("r", "\uff52", 1), f"\u200b{latin}"):
        assert await outcome(served.url, SIGN_UP, email=twin, password=PASSWORD) != "Session"


async def test_case_is_no_difference_at_logging_in(served: Served) -> None:
    account = await sign_up(served.url)
    assert await outcome(served.url, LOG_IN, email=account.email.upper(), password=PASSWORD) == "Session"


async def test_many_sign_ups_with_one_email_at_once_make_one_account(served: Served) -> None:
    email = new_email()
    outcomes = await asyncio.gather(*(outcome(served.url, SIGN_UP, email=email, password=PASSWORD) for _ in range(20)))
    assert sorted(outcomes) == ["EmailTaken"] * 19 + ["Session"]


async def test_sign_ups_from_one_address_are_limited(strict: Served) -> None:
    email = new_email()
    outcomes = [await outcome(strict.url, SIGN_UP, email=email, password=PASSWORD) for _ in range(4)]
    assert outcomes == ["Session", "EmailTaken", "EmailTaken", "TooManyAttempts"]


async def test_weak_passwords_are_counted_before_they_are_weighed(strict: Served) -> None:
    outcomes = [await outcome(strict.url, SIGN_UP, email=new_email(), password="password123") for _ in range(4)]
    assert outcomes == ["WeakPassword"] * 3 + ["TooManyAttempts"]


async def test_who_is_sent_away_busy_has_not_tried_to_sign_up(strict: Served) -> None:
    async with open_hashing(waiting=0) as hashing:
        busy = [asyncio.ensure_future(hashing.hash(PASSWORD)) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        accounts = Accounts(
            strict.house.stores.database,
            hashing,
            Attempts(strict.house.stores.database, b"key", failures_per_address=1, sign_ups_per_address=1),
            strict.house.services.sessions,
            strict.house.library,
            [],
        )
        given = SignUp(new_email(), PASSWORD, None, Level.BEGINNER, Hardware.NONE)
        assert isinstance(await accounts.sign_up(given, "10.3.0.1"), Busy)
        await asyncio.gather(*busy)
        assert isinstance(await accounts.sign_up(given, "10.3.0.1"), Session)


# Tokens


async def holds(served: Served, token: str) -> bool:
    """Whether a token signs anybody in, over HTTP and over a socket alike."""
    async with httpx.AsyncClient() as client:
        headers = [(b"authorization", f"Bearer {token}".encode())]
        response = await client.post(served.url, json={"query": ME}, headers=headers)
    assert "errors" not in response.json()
    over_http = response.json()["data"]["me"] is not None
    assert await holds_on_a_socket(served, token) == over_http
    return over_http


async def holds_on_a_socket(served: Served, token: str) -> bool:
    """Whether a token signs anybody in; a socket that is refused is so as the protocol says, not by accident."""
    try:
        async with socket(served.url, token) as opened:
            return (await opened.result(ME))["me"] is not None
    except ConnectionClosed as error:
        refused = error
    assert refused.rcvd
    assert refused.rcvd.code == 4403
    return False


@pytest.mark.parametrize("token", ["x", "a.b.c", "." * 9, "ey" * 5000, "\u00e9.\u00e9.\u00e9", "null", "Bearer"])
async def test_garbage_tokens_are_refused(served: Served, token: str) -> None:
    assert not await holds(served, token)


async def test_algorithm_and_key_confusion_is_refused(served: Served) -> None:
    claims = claims_of((await sign_up(served.url)).token)
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert await holds(served, forged(served, claims))
    for token in (
        f"{header}.{body}.",
        forged(served, claims, alg="HS512"),
        forged(served, claims, key="another secret, of forty bytes or more!"),
        forged(served, claims, kid="unknown"),
        forged(served, claims, kid=""),
    ):
        assert not await holds(served, token)


@pytest.mark.parametrize("claim", ["sub", "sid", "iat", "exp", "iss", "aud"])
async def test_missing_claims_are_refused(served: Served, claim: str) -> None:
    claims = claims_of((await sign_up(served.url)).token)
    del claims[claim]
    assert not await holds(served, forged(served, claims))


async def test_a_token_for_somebody_else_or_of_another_time_is_refused(served: Served) -> None:
    claims, other = claims_of((await sign_up(served.url)).token), claims_of((await sign_up(served.url)).token)
    now = int(datetime.now(UTC).timestamp())
    changes: list[dict[str, Any]] = [
        {"iss": "elsewhere"},
        {"aud": "elsewhere"},
        {"sub": other["sub"]},
        {"sid": other["sid"]},
        {"exp": now - 1},
        {"sub": "no uuid"},
        {"sid": "no uuid"},
    ]
    for change in changes:
        assert not await holds(served, forged(served, claims | change)), change


async def test_a_token_of_a_process_whose_clock_is_ahead_holds(served: Served) -> None:
    claims = claims_of((await sign_up(served.url)).token)
    assert await holds(served, forged(served, claims | {"iat": claims["iat"] + 5}))


async def test_key_rotation_keeps_two_keys_live(new_settings: MakeSettings, database_url: str) -> None:
    first, second, third = (f"{number} secret of at least thirty-two bytes" for number in ("first", "second", "third"))
    tokens = []
    for current, previous in ((first, ""), (second, first), (third, second)):
        settings = new_settings(database_url=database_url, jwt_secret=current, jwt_previous_secret=previous)
        async with serving(settings) as served:
            tokens.append((await sign_up(served.url)).token)
            held = [await holds(served, token) for token in tokens]
    assert held == [False, True, True]


async def test_a_secret_is_made_once_and_only_its_owner_can_read_it(settings: Settings) -> None:
    path = settings.data_dir / "jwt-secret"
    made = await asyncio.gather(*(asyncio.to_thread(kept_secret, path) for _ in range(20)))
    assert len(set(made)) == 1
    assert (len(made[0]) >= 32, path.stat().st_mode & 0o777) == (True, 0o600)
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["jwt-secret"]


@pytest.mark.parametrize("kept", [b"", b"abc", b"\0" * 64])
async def test_a_kept_secret_that_is_none_is_refused_at_the_start(settings: Settings, kept: bytes) -> None:
    (settings.data_dir / "jwt-secret").write_bytes(kept)
    with pytest.raises(SettingsInvalid, match=r"jwt-secret has less than 32 bytes.* Delete it"):
        await signing_secrets(settings)


async def test_a_token_works_with_and_without_the_word_bearer_over_a_socket(served: Served) -> None:
    account = await sign_up(served.url)
    for params in ({"Authorization": account.token}, {"authorization": f"Bearer {account.token}"}):
        async with socket(served.url, params=params) as opened:
            assert (await opened.result(ME))["me"]["id"] == account.id


# Sessions end


async def closed(opened: Socket) -> int | None:
    """The code with which the server closes a socket."""
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(5):
            async for _ in opened.connection:
                pass
    return opened.connection.close_code


@pytest.mark.parametrize("everywhere", [False, True])
async def test_logout_is_effective_within_a_second_on_http_new_and_open_sockets(
    served: Served, claude: ScriptedClaude, everywhere: bool
) -> None:
    account = await sign_up(served.url)
    other = await log_in(account)
    claude.script(Say("Every four hours. "), Pause(30))
    async with socket(served.url, account.token) as streaming, socket(served.url, other.token) as second:
        await streaming.start(ASK, question=WICK)
        assert (await account.ask(LOG_OUT, everywhere=everywhere))["logout"]
        async with asyncio.timeout(1):
            assert await closed(streaming) == 4403
            assert not everywhere or await closed(second) == 4403
    assert not await holds(served, account.token)
    assert await other.is_signed_in() == (not everywhere)


async def test_logout_cuts_an_event_stream_within_a_second(served: Served, claude: ScriptedClaude) -> None:
    account = await sign_up(served.url)
    claude.script(Say("Every four hours. "), Pause(30))
    async with event_stream(served.url, ASK, token=account.token, question=WICK) as told:
        await anext(told)
        await account.ask(LOG_OUT)
        async with asyncio.timeout(1):
            rest = [event async for event in told]
    assert all(event["data"]["ask"]["__typename"] != "AnswerFinished" for event in rest)


async def test_logout_is_effective_in_other_processes(served: Served, new_settings: MakeSettings) -> None:
    account = await sign_up(served.url)
    secret = kept_secret(served.settings.data_dir / "jwt-secret")
    settings = new_settings(database_url=served.settings.database_url, jwt_secret=secret)
    async with serving(settings, ingest=False) as replica, socket(replica.url, account.token) as opened:
        assert (await opened.result(ME))["me"]["id"] == account.id
        await account.ask(LOG_OUT)
        async with asyncio.timeout(1):
            assert await closed(opened) == 4403


async def test_who_signed_out_is_not_taken_for_nobody(served: Served) -> None:
    account = await sign_up(served.url)
    await account.ask(LOG_OUT)
    for document, variables in (
        (ASK_AND_WAIT_FOR_NOTHING, {}),
        (ANSWER, {"id": account.id}),
        (STOP, {"id": account.id}),
    ):
        response = await account.post(document, **variables)
        assert response["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


ASK_AND_WAIT_FOR_NOTHING = 'mutation { ask(input: {question: "How high?"}) { __typename } }'


async def test_changing_the_password_ends_all_other_sessions_and_this_one_goes_on(served: Served) -> None:
    account = await sign_up(served.url)
    other = await log_in(account)
    async with socket(served.url, account.token) as own, socket(served.url, other.token) as lost:
        changed = (await account.ask(CHANGE_PASSWORD, current=PASSWORD, new="another fine password"))["changePassword"]
        async with asyncio.timeout(1):
            assert await closed(lost) == 4403
        assert (await own.result(ME))["me"]["id"] == account.id
    assert (await holds(served, account.token), await holds(served, other.token)) == (True, False)
    assert (changed["__typename"], changed["user"]["id"]) == ("Session", account.id)
    assert await Account(served.url, account.email, changed["accessToken"], account.id).is_signed_in()
    assert await outcome(served.url, LOG_IN, email=account.email, password=PASSWORD) == "InvalidCredentials"
    assert await log_in(account, "another fine password")


async def test_a_new_password_must_be_a_good_one_and_the_old_one_right(served: Served) -> None:
    account = await sign_up(served.url)
    for current, new, expected in (
        ("wrong, quite wrong", "another fine password", "InvalidCredentials"),
        (PASSWORD, "short", "WeakPassword"),
        (PASSWORD, account.email, "WeakPassword"),
    ):
        changed = (await account.ask(CHANGE_PASSWORD, current=current, new=new))["changePassword"]
        assert changed["__typename"] == expected
    assert await account.is_signed_in()


async def test_of_two_changes_of_a_password_at_once_one_is_made(served: Served) -> None:
    account = await sign_up(served.url)
    changes = await asyncio.gather(
        *(account.ask(CHANGE_PASSWORD, current=PASSWORD, new=f"another fine password {n}") for n in range(3))
    )
    outcomes = sorted(change["changePassword"]["__typename"] for change in changes)
    assert outcomes == ["InvalidCredentials", "InvalidCredentials", "Session"]


async def test_no_session_of_an_old_password_outlives_its_change(served: Served) -> None:
    for _ in range(3):
        account = await sign_up(served.url)
        changing = account.ask(CHANGE_PASSWORD, current=PASSWORD, new="another fine password")
        logging_in = [ask(served.url, LOG_IN, email=account.email, password=PASSWORD) for _ in range(4)]
        _, *logged_in = await asyncio.gather(changing, *logging_in)
        tokens = [session["login"]["accessToken"] for session in logged_in if "accessToken" in session["login"]]
        others = [Account(served.url, account.email, token, account.id) for token in tokens]
        assert not any(await asyncio.gather(*(other.is_signed_in() for other in others)))


async def test_hashes_are_made_anew_at_log_in_when_the_parameters_rise(served: Served) -> None:
    account, database = await sign_up(served.url), served.house.stores.database
    stored = "SELECT password_hash FROM readers WHERE id = $1"
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await database.execute("UPDATE readers SET password_hash = $2 WHERE id = $1", account.id, cheap)
    assert (await ask(served.url, LOG_IN, email=account.email, password="wrong"))["login"]["__typename"] != "Session"
    assert await database.fetchval(stored, account.id) == cheap
    await log_in(account)
    upgraded = await database.fetchval(stored, account.id)
    assert "m=65536" in upgraded
    await log_in(account)
    assert await database.fetchval(stored, account.id) == upgraded


async def test_log_ins_at_once_that_make_a_hash_anew_all_succeed(served: Served) -> None:
    account, database = await sign_up(served.url), served.house.stores.database
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    await database.execute("UPDATE readers SET password_hash = $2 WHERE id = $1", account.id, cheap)
    outcomes = await asyncio.gather(
        *(outcome(served.url, LOG_IN, email=account.email, password=PASSWORD) for _ in range(5))
    )
    assert outcomes == ["Session"] * 5


async def test_expiry_in_mid_stream_ends_the_socket(
    new_settings: MakeSettings, database_url: str, claude: ScriptedClaude
) -> None:
    settings = new_settings(
        database_url=database_url,
        access_token_expire_minutes=2 / 60,
        anthropic_api_key="key",
        anthropic_base_url=claude.url,
    )
    claude.script(Say("Every four hours. "), Pause(30))
    async with serving(settings) as served:
        account = await sign_up(served.url)
        async with socket(served.url, account.token) as opened:
            await opened.start(ASK, question=WICK)
            assert await closed(opened) == 4403
        assert not await account.is_signed_in()


# What is whose


async def test_reading_another_readers_answer_is_refused(served: Served) -> None:
    owner, other = await sign_up(served.url), await sign_up(served.url)
    told = await events(served.url, WICK, owner.token)
    id = told[0]["answerId"]
    for token in (None, other.token):
        assert (await ask(served.url, ANSWER, token=token, id=id))["answer"] is None
        assert (await ask(served.url, STOP, token=token, id=id))["stopAnswer"]["__typename"] == "AnswerNotFound"
        async with event_stream(served.url, FOLLOW, token=token, id=id) as followed:
            assert [event["data"]["answer"]["__typename"] async for event in followed] == ["AnswerNotFound"]
    assert (await owner.ask(ANSWER, id=id))["answer"]["id"] == id


async def test_another_reader_cannot_read_or_stop_a_running_answer(served: Served, claude: ScriptedClaude) -> None:
    owner, other = await sign_up(served.url), await sign_up(served.url)
    claude.script(Say("Every four hours. "), Pause(30))
    async with socket(served.url, owner.token) as opened:
        id = (await anext(aiter(opened.results(await opened.start(ASK, question=WICK)))))["data"]["ask"]["answerId"]
        assert (await other.ask(ANSWER, id=id))["answer"] is None
        assert (await other.ask(STOP, id=id))["stopAnswer"]["__typename"] == "AnswerNotFound"
        assert (await owner.ask(STOP, id=id))["stopAnswer"]["status"] == "STOPPED"


async def test_another_readers_conversation_is_unknown(served: Served) -> None:
    owner, other = await sign_up(served.url), await sign_up(served.url)
    conversation = (await events(served.url, WICK, owner.token))[0]["conversationId"]
    for token in (None, other.token):
        (refused,) = await events_with(served.url, token=token, question="And why?", conversationId=conversation)
        assert (refused["__typename"], refused["field"]) == ("InvalidInput", "conversationId")


async def test_who_signs_in_takes_the_conversation_along(served: Served) -> None:
    first = await events(served.url, WICK)
    conversation, id = first[0]["conversationId"], first[0]["answerId"]
    assert (await ask(served.url, ANSWER, id=id))["answer"]
    account = await sign_up(served.url)
    told = await events_with(served.url, token=account.token, question=WICK, conversationId=conversation)
    assert told[0]["conversationId"] == conversation
    assert (await ask(served.url, ANSWER, id=id))["answer"] is None
    assert (await account.ask(ANSWER, id=id))["answer"]["id"] == id


# Profiles


async def test_a_profile_changes_in_what_is_given_and_null_clears(served: Served) -> None:
    account = await sign_up(served.url, name="Ayesha")
    update = "mutation ($input: ProfileInput!) { updateProfile(input: $input) { ... on User { name level hardware } } }"
    shown = [
        (await account.ask(update, input=change))["updateProfile"]
        for change in (
            {"level": "ADVANCED"},
            {"hardware": "JETSON", "name": " Zara "},
            {"name": None},
            {"level": None},
            {},
        )
    ]
    assert [tuple(profile.values()) for profile in shown] == [
        ("Ayesha", "ADVANCED", "NONE"),
        ("Zara", "ADVANCED", "JETSON"),
        (None, "ADVANCED", "JETSON"),
        (None, "BEGINNER", "JETSON"),
        (None, "BEGINNER", "JETSON"),
    ]


async def test_a_session_tells_its_reader_and_its_end(served: Served) -> None:
    email = new_email()
    session = (await ask(served.url, SIGN_UP, email=email, password=PASSWORD, name="Ayesha"))["signup"]
    ends = datetime.fromisoformat(session["expiresAt"])
    assert (session["tokenType"], session["user"]["email"], session["user"]["name"]) == ("Bearer", email, "Ayesha")
    assert timedelta(days=6, hours=23) < ends - datetime.now(UTC) <= timedelta(days=7)
    assert claims_of(session["accessToken"])["exp"] == ends.timestamp()
    assert (await post(served.url, ME, token=session["accessToken"]))["data"]["me"]["email"] == email
    assert signed_in(None) == {}
