"""Which tokens of Better Auth are believed, what an outage of its keys changes, and how often it is asked for them."""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from services.better_auth import LONGEST, BetterAuth
from tests.better_auth import BetterAuthServer, better_auth
from tests.better_auth.issuer import Issuer, base64url, public_jwk, segment


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with Issuer() as issuer:
        yield issuer


@pytest.fixture
def believer(issuer: Issuer) -> BetterAuth:
    return BetterAuth(issuer.url, "")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[BetterAuthServer]:
    async with better_auth() as server:
        await server.sign_up("ada@example.com")
        yield server


LATER = time.time() + 3600
OTHER_TIMES = [{"exp": time.time() - 1}, {"exp": 10**15}, {"exp": "9999999999"}, {"iat": LATER}, {"nbf": LATER}]
ELSEWHERE = "https://elsewhere.example"
OTHER_PLACES = [{"iss": ELSEWHERE}, {"aud": ELSEWHERE}, {"aud": [ELSEWHERE, 1]}]
NO_SETS_OF_KEYS = [b"", b"<html>", b"[]", b"null", b'{"keys":1}', b'{"keys":null}', b"[" * 9000, b"\xff"]
GARBAGE = ["", ".", "..", "...", "a.b.c", "Bearer a.b.c", "\0", "é.é.é", "\ud800", "a.\udfff.c"]
HEADERS = [b"", b"[]", b"null", b"1" * 5000, b"[" * 5000, b'{"alg":1}', b'{"alg":"EdDSA","kid":"\\ud800"}', b"\xff"]


@pytest.mark.parametrize("token", [*GARBAGE, *(f"{base64url(header)}.e30.AAAA" for header in HEADERS)])
async def test_garbage_is_refused(believer: BetterAuth, token: str) -> None:
    assert await believer.verify(token) is None


@pytest.mark.parametrize("changed", [{"crit": ["b64"]}, {"crit": 1}, {"b64": False}, {"b64": False, "crit": ["b64"]}])
async def test_a_header_with_conditions_is_refused(believer: BetterAuth, changed: dict[str, object]) -> None:
    header = segment({"alg": "EdDSA", "kid": "first", **changed})
    assert [await believer.verify(f"{header}.{payload}.AAAA") for payload in ("e30", "")] == [None, None]


@pytest.mark.parametrize("kid", [None, "", 1, [], {}, ["first"]])
async def test_nobody_is_asked_for_a_key_without_a_name(issuer: Issuer, believer: BetterAuth, kid: object) -> None:
    assert await believer.verify(f"{segment({'alg': 'EdDSA', 'kid': kid})}.e30.AAAA") is None
    assert issuer.fetches == 0


@pytest.mark.parametrize("alg", [None, "", [], "none", "eddsa", "HS256", "ES256", "RS256"])
async def test_nobody_is_asked_about_another_algorithm(issuer: Issuer, believer: BetterAuth, alg: object) -> None:
    assert await believer.verify(f"{segment({'alg': alg, 'kid': 'first'})}.e30.AAAA") is None
    assert issuer.fetches == 0


async def test_a_token_without_a_signature_is_refused(issuer: Issuer, believer: BetterAuth) -> None:
    header, claims, signature = issuer.token().split(".")
    unsigned = segment({"alg": "none", "kid": "first"})
    for token in (f"{header}.{claims}.", f"{unsigned}.{claims}.", f"{unsigned}.{claims}.{signature}"):
        assert await believer.verify(token) is None


@pytest.mark.parametrize("alg", ["HS256", "EdDSA"])
async def test_the_public_key_is_no_secret_of_an_hmac(issuer: Issuer, believer: BetterAuth, alg: str) -> None:
    public = issuer.keys["first"].public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{segment({'alg': alg, 'kid': 'first'})}.{segment(issuer.claims())}"
    for secret in (public.public_bytes_raw(), der, pem):
        signature = base64url(hmac.digest(secret, signed.encode(), "sha256"))
        assert await believer.verify(f"{signed}.{signature}") is None


async def test_a_token_brings_no_key_of_its_own(issuer: Issuer, believer: BetterAuth) -> None:
    key = Ed25519PrivateKey.generate()
    brought = {"kid": "first", "jwk": public_jwk(key), "jku": "http://127.0.0.1:1/jwks"}
    assert await believer.verify(jwt.encode(issuer.claims(), key, "EdDSA", headers=brought)) is None


async def test_a_changed_token_is_refused(issuer: Issuer, believer: BetterAuth) -> None:
    header, _, signature = issuer.token().split(".")
    assert await believer.verify(f"{header}.{segment(issuer.claims(sub='another'))}.{signature}") is None


@pytest.mark.parametrize("claim", ["sub", "email", "iat", "exp", "iss", "aud"])
@pytest.mark.parametrize("value", [None, [], {}, "", "\ud800", "a\0b", float("inf"), float("nan"), -1e300])
async def test_a_claim_that_is_missing_or_strange_is_refused(
    issuer: Issuer, believer: BetterAuth, claim: str, value: object
) -> None:
    assert await believer.verify(issuer.token(**{claim: value})) is None


@pytest.mark.parametrize("changed", [*OTHER_TIMES, *OTHER_PLACES])
async def test_a_claim_of_another_time_place_or_kind_is_refused(
    issuer: Issuer, believer: BetterAuth, changed: dict[str, object]
) -> None:
    assert await believer.verify(issuer.token(**changed)) is None


async def test_a_token_that_is_too_long_is_refused(issuer: Issuer, believer: BetterAuth) -> None:
    assert await believer.verify(issuer.token(image="a" * LONGEST)) is None


async def test_a_url_that_is_none_of_http_is_refused_at_once() -> None:
    with pytest.raises(jwt.PyJWKClientError, match="scheme"):
        BetterAuth("file:///etc", "")


async def test_a_token_of_the_real_server_says_who_its_bearer_is(server: BetterAuthServer) -> None:
    identity = await BetterAuth(f"{server.url}/", "").verify(await server.token("ada@example.com"))
    assert identity
    assert (identity.email, identity.name, len(identity.subject)) == ("ada@example.com", "Ada", 32)
    assert identity.email_verified is False
    assert identity.expires_at - identity.issued_at == timedelta(minutes=15)
    assert abs(datetime.now(UTC) - identity.issued_at) < timedelta(minutes=1)


async def test_a_verified_email_is_told(server: BetterAuthServer) -> None:
    await server.sign_up("eve@example.com")
    await server.verify("eve@example.com")
    identity = await BetterAuth(server.url, "").verify(await server.token("eve@example.com"))
    assert identity
    assert identity.email_verified


async def test_a_name_that_cannot_be_kept_is_left_out(issuer: Issuer, believer: BetterAuth) -> None:
    identities = [await believer.verify(issuer.token(name=name)) for name in ("a\0b", "\ud800", "", 7, None)]
    assert [identity and identity.name for identity in identities] == [None] * 5
    assert all(identities)


async def test_only_true_verifies_an_email(issuer: Issuer, believer: BetterAuth) -> None:
    identities = [await believer.verify(issuer.token(emailVerified=told)) for told in ("true", 1, "false", 0, None)]
    assert [identity and identity.email_verified for identity in identities] == [False] * 5


async def test_the_audience_may_be_another_and_one_of_many(issuer: Issuer) -> None:
    book = BetterAuth(issuer.url, "book")
    assert await book.verify(issuer.token(aud=["site", "book"]))
    assert await book.verify(issuer.token()) is None


async def test_their_clock_may_be_a_little_ahead(issuer: Issuer, believer: BetterAuth) -> None:
    assert await believer.verify(issuer.token(iat=time.time() + 20))


async def test_a_token_of_the_real_server_expires() -> None:
    async with better_auth(jwt={"expirationTime": "2s"}) as server:
        await server.sign_up("ada@example.com")
        believer, token = BetterAuth(server.url, ""), await server.token("ada@example.com")
        assert await believer.verify(token)
        await asyncio.sleep(2.1)
        assert await believer.verify(token) is None


async def test_an_outage_of_the_real_server_locks_nobody_out_whose_key_is_known(server: BetterAuthServer) -> None:
    token = await server.token("ada@example.com")
    knowing, new = BetterAuth(server.url, "", lifespan=0.05, pause=0.05), BetterAuth(server.url, "", pause=0)
    assert await knowing.verify(token)
    await server.go_away()
    await asyncio.sleep(0.1)
    assert await knowing.verify(token)
    assert await new.verify(token) is None
    await server.come_back()
    assert await new.verify(token)


async def test_keys_of_the_real_server_change() -> None:
    async with better_auth(jwks={"rotationInterval": 1, "gracePeriod": 1}) as server:
        await server.sign_up("ada@example.com")
        believer, old = BetterAuth(server.url, "", lifespan=0.5, pause=0.1), await server.token("ada@example.com")
        assert await believer.verify(old)
        await asyncio.sleep(2.2)  # the interval and the grace
        assert await believer.verify(await server.token("ada@example.com"))
        assert await believer.verify(old) is None


async def test_a_key_taken_back_counts_until_its_lifespan_ends(issuer: Issuer) -> None:
    believer, token = BetterAuth(issuer.url, "", lifespan=0.3, pause=0), issuer.token()
    assert await believer.verify(token)
    issuer.keys = {"second": Ed25519PrivateKey.generate()}
    assert await believer.verify(token)
    await asyncio.sleep(0.3)
    assert await believer.verify(token) is None


async def test_a_set_without_keys_takes_all_of_them_back(issuer: Issuer) -> None:
    believer, token = BetterAuth(issuer.url, "", lifespan=0, pause=0), issuer.token()
    assert await believer.verify(token)
    issuer.keys = {}
    with capture_logs() as logged:
        assert await believer.verify(token) is None
    assert [entry["reason"] for entry in logged] == ["it shows none for EdDSA"]


async def test_a_key_taken_back_in_an_outage_ends_with_it(issuer: Issuer) -> None:
    believer, token = BetterAuth(issuer.url, "", lifespan=0.05, pause=0), issuer.token()
    assert await believer.verify(token)
    await issuer.go_away()
    await asyncio.sleep(0.1)
    assert await believer.verify(token)
    issuer.keys = {"second": Ed25519PrivateKey.generate()}
    await issuer.come_back()
    assert await believer.verify(issuer.token("second"))
    assert await believer.verify(token) is None


async def test_a_key_of_another_use_or_kind_is_none(issuer: Issuer, believer: BetterAuth) -> None:
    first = issuer.jwks()["keys"][0]
    odd = [{**first, "use": "enc"}, {**first, "crv": "X25519"}, {**first, "kty": "oct", "k": "AAAA"}, {**first, "x": 1}]
    issuer.shows = orjson.dumps({"keys": [*odd, {**first, "kid": []}, {**first, "x": "AAAA"}, {}, 1, None, "key"]})
    assert await believer.verify(issuer.token()) is None


async def test_a_broken_key_takes_no_other_with_it(issuer: Issuer, believer: BetterAuth) -> None:
    issuer.shows = orjson.dumps({"keys": [None, "key", {"kid": "first", "crv": "Ed25519"}, *issuer.jwks()["keys"]]})
    assert await believer.verify(issuer.token())


@pytest.mark.parametrize("shown", NO_SETS_OF_KEYS)
async def test_what_is_no_set_of_keys_counts_as_an_outage(issuer: Issuer, shown: bytes) -> None:
    believer, token = BetterAuth(issuer.url, "", lifespan=0, pause=0), issuer.token()
    assert await believer.verify(token)
    issuer.shows = shown
    assert await believer.verify(token)
    assert await BetterAuth(issuer.url, "").verify(token) is None
    assert issuer.fetches == 3


async def test_an_outage_is_logged_once_without_the_token(issuer: Issuer) -> None:
    believer, token = BetterAuth(issuer.url, "", lifespan=0, pause=0), issuer.token()
    with capture_logs() as logged:
        for status in (503, 503, 200, 200, 404):
            issuer.status = status
            await believer.verify(token)
    assert [entry["log_level"] for entry in logged] == ["warning", "info", "warning"]
    assert "HTTP Error 503" in logged[0]["reason"]
    assert {entry["url"] for entry in logged} == {f"{issuer.url}/api/auth/jwks"}
    assert not any(part in str(logged) for part in token.split("."))


async def test_a_hundred_unknown_keys_at_once_are_asked_for_once(issuer: Issuer, believer: BetterAuth) -> None:
    issuer.seconds = 0.2
    tokens = [issuer.token(f"random {n}") for n in range(100)]
    assert await asyncio.gather(*map(believer.verify, tokens)) == [None] * 100
    assert await believer.verify(issuer.token())
    assert await asyncio.gather(*map(believer.verify, tokens)) == [None] * 100
    assert issuer.fetches == 1


async def test_unknown_keys_delay_nobody_whose_key_is_known(issuer: Issuer) -> None:
    believer = BetterAuth(issuer.url, "", pause=0)
    assert await believer.verify(issuer.token())
    issuer.seconds = 1.0
    flood = asyncio.gather(*(believer.verify(issuer.token(f"random {n}")) for n in range(100)))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    assert await believer.verify(issuer.token())
    assert time.monotonic() - began < 0.25
    assert await flood == [None] * 100
    assert issuer.fetches == 2


async def test_a_new_key_is_found_after_the_pause(issuer: Issuer) -> None:
    believer = BetterAuth(issuer.url, "", pause=0.2)
    await believer.verify(issuer.token())
    issuer.keys["second"] = Ed25519PrivateKey.generate()
    assert await believer.verify(issuer.token("second")) is None
    await asyncio.sleep(0.2)
    assert await believer.verify(issuer.token("second"))


async def test_a_trickle_is_waited_for_three_seconds_and_by_those_with_a_known_key_once(issuer: Issuer) -> None:
    believer, token = BetterAuth(issuer.url, "", lifespan=0.5, pause=0), issuer.token()
    assert await believer.verify(token)
    issuer.seconds = 5
    await asyncio.sleep(0.5)
    began = time.monotonic()
    new = BetterAuth(issuer.url, "")
    waiting = [believer.verify(issuer.token("second")), believer.verify(token), new.verify(token)]
    assert [bool(found) for found in await asyncio.gather(*waiting)] == [False, True, False]
    assert await believer.verify(token)
    assert 2 < time.monotonic() - began < 4
