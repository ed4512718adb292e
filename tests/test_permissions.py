"""Who may do what: every operation called as nobody, as its reader, as another reader and as an author.

A new field of a root type without a row here fails.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from graphql import GraphQLObjectType

import schema
from tests.claude import ScriptedClaude
from tests.claude.translating import translating
from tests.client import Data, event_stream, events, post
from tests.conftest import MakeSettings
from tests.readers import LOG_IN, PASSWORD, SIGN_UP, Account, new_email, sign_up
from tests.serving import Served, serving

CALLERS = ("nobody", "reader", "other", "author")
AUTHOR = "author@example.com"
WICK = "How often is the wick trimmed?"


@dataclass(frozen=True, slots=True)
class Row:
    """An operation and what each caller gets: "yes", null ("none"), or the type or code of a refusal."""

    document: str
    nobody: str
    reader: str
    other: str
    author: str


ASKING = f'(input: {{question: "{WICK}"}}) {{ __typename }}'
ALL = ("yes", "yes", "yes", "yes")
NONE_YET = ("none", "none", "none", "none")
SIGNED_IN = ("UNAUTHENTICATED", "yes", "yes", "yes")
# `$answer` is an answer of the reader's; `$email` is new; `$reader_email` the reader's.
TABLE = {
    "Query.book": Row("{ book { title } }", *ALL),
    "Query.chapter": Row('{ chapter(id: "lamp") { title content } }', *ALL),
    "Query.chapterVariant": Row('{ chapterVariant(chapterId: "fog", language: "ur") { id } }', *NONE_YET),
    "Query.chapterVariants": Row('{ chapterVariants(chapterId: "fog") { id } }', *ALL),
    "Query.search": Row('{ search(query: "wick") { text } }', *ALL),
    "Query.answer": Row('{ answer(id: "$answer") { text } }', "none", "yes", "none", "none"),
    "Query.me": Row("{ me { id } }", "none", "yes", "yes", "yes"),
    "Query.quotas": Row("{ quotas { used } }", *ALL),
    "Query.myData": Row("{ myData }", *SIGNED_IN),
    "Mutation.ask": Row(f"mutation {{ ask{ASKING} }}", *ALL),
    "Mutation.stopAnswer": Row(
        'mutation { stopAnswer(id: "$answer") { __typename } }',
        "AnswerNotFound",
        "yes",
        "AnswerNotFound",
        "AnswerNotFound",
    ),
    "Mutation.signup": Row(
        f'mutation {{ signup(input: {{email: "$email", password: "{PASSWORD}"}}) {{ __typename }} }}', *ALL
    ),
    "Mutation.login": Row(
        f'mutation {{ login(input: {{email: "$reader_email", password: "{PASSWORD}"}}) {{ __typename }} }}', *ALL
    ),
    "Mutation.logout": Row("mutation { logout }", *SIGNED_IN),
    "Mutation.updateProfile": Row('mutation { updateProfile(input: {name: "N"}) { __typename } }', *SIGNED_IN),
    "Mutation.changePassword": Row(
        f'mutation {{ changePassword(currentPassword: "{PASSWORD}", newPassword: "{PASSWORD}") {{ __typename }} }}',
        *SIGNED_IN,
    ),
    "Mutation.deleteAccount": Row(f'mutation {{ deleteAccount(password: "{PASSWORD}") {{ __typename }} }}', *SIGNED_IN),
    "Mutation.makeChapterVariant": Row(
        'mutation { makeChapterVariant(chapterId: "lamp", language: "ur") { __typename } }', *SIGNED_IN
    ),
    "Subscription.ask": Row(f"subscription {{ ask{ASKING} }}", *ALL),
    "Subscription.chapterVariant": Row(
        'subscription { chapterVariant(chapterId: "intro", language: "ur") { __typename } }', *SIGNED_IN
    ),
    "Subscription.answer": Row(
        'subscription { answer(id: "$answer") { __typename } }',
        "AnswerNotFound",
        "yes",
        "AnswerNotFound",
        "AnswerNotFound",
    ),
}
TYPES = schema.build()._schema.type_map
REFUSALS = {
    name for name, kind in TYPES.items() if "Problem" in {each.name for each in getattr(kind, "interfaces", ())}
}


@pytest.fixture(scope="module")
async def library(new_settings: MakeSettings, shared_claude: ScriptedClaude, fresh_url: str) -> AsyncIterator[Served]:
    """A server with an author."""
    settings = new_settings(
        database_url=fresh_url,
        anthropic_api_key="key",
        anthropic_base_url=shared_claude.url,
        author_emails=f"somebody@example.com, {AUTHOR.upper()}",
        signups_per_address_per_hour=1000,
    )
    async with serving(settings) as served:
        yield served


def root_fields() -> set[str]:
    return {
        f"{name}.{field}"
        for name in ("Query", "Mutation", "Subscription")
        if isinstance(root := TYPES[name], GraphQLObjectType)
        for field in root.fields
    }


def test_every_operation_has_a_row() -> None:
    assert {"InvalidCredentials", "TooManyAttempts", "AnswerNotFound"} <= REFUSALS
    assert root_fields() == set(TABLE)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", TABLE)
async def test_each_caller_may_do_what_the_table_says_and_no_more(
    library: Served, claude: ScriptedClaude, operation: str, caller: str
) -> None:
    reader = await sign_up(library.url)
    id = (await events(library.url, WICK, reader.token))[0]["answerId"]
    if operation.endswith("hapterVariant"):
        claude.always(translating())
    document = TABLE[operation].document.replace("$answer", id).replace("$email", new_email())
    document = document.replace("$reader_email", reader.email)
    response = await call(library.url, document, await token_of(caller, library, reader))
    assert told(response) == getattr(TABLE[operation], caller)


async def token_of(caller: str, served: Served, reader: Account) -> str | None:
    """What a caller signs in with."""
    if caller == "author":
        return await author(served)
    known = {"nobody": None, "reader": reader.token}
    return known[caller] if caller in known else (await sign_up(served.url)).token


async def author(served: Served) -> str:
    """The author's token, who may have been deleted by an earlier row."""
    answer = await post(served.url, LOG_IN, email=AUTHOR, password=PASSWORD)
    if answer["data"]["login"]["__typename"] != "Session":
        answer = await post(served.url, SIGN_UP, email=AUTHOR, password=PASSWORD)
    (session,) = answer["data"].values()
    token: str = session["accessToken"]
    return token


async def call(url: str, document: str, token: str | None) -> Data:
    """The whole response, of a subscription the last one."""
    if not document.startswith("subscription"):
        return await post(url, document, token=token)
    async with event_stream(url, document, token=token) as results:
        *_, last = [result async for result in results]
    return last


def told(response: Data) -> str:
    """What a response comes to."""
    if "errors" in response:
        code: str = response["errors"][0]["extensions"]["code"]
        return code
    (value,) = response["data"].values()
    if isinstance(value, dict) and value.get("__typename") in REFUSALS:
        return str(value["__typename"])
    return "none" if value is None else "yes"
