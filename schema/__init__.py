"""What goes out: the GraphQL schema. Declarations only."""

from collections.abc import Sequence

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension, ValidationCache
from strawberry.scalars import JSON
from strawberry.types import ExecutionContext

import resolvers.accounts
import resolvers.answers
import resolvers.book
import resolvers.quotas
import resolvers.variants
from schema.accounts import DeleteAccountResult, LoginResult, PasswordResult, ProfileResult, SignupResult, User
from schema.answers import Answer, AnswerEvent, AskResult, StopResult
from schema.book import Book, Chapter, Passage
from schema.documents import DocumentCache
from schema.quotas import Quota
from schema.variants import ChapterVariant, MakeVariantResult, VariantEvent


@strawberry.type
class Query:
    book = strawberry.field(resolver=resolvers.book.book, graphql_type=Book)
    chapter = strawberry.field(resolver=resolvers.book.chapter, graphql_type=Chapter | None)
    chapter_variant = strawberry.field(
        resolver=resolvers.variants.find,
        graphql_type=ChapterVariant | None,
        description="A chapter for a level, in a language, or both, if it is stored. It costs nothing.",
    )
    chapter_variants = strawberry.field(
        resolver=resolvers.variants.of_chapter,
        graphql_type=list[ChapterVariant],
        description="All stored variants of a chapter, newest first.",
    )
    search = strawberry.field(
        resolver=resolvers.book.search,
        graphql_type=list[Passage],
        description="The passages nearest to the query. `first` is from 1 to 100.",
    )
    answer = strawberry.field(
        resolver=resolvers.answers.find,
        graphql_type=Answer | None,
        description="A reader's answer is that reader's alone; an anonymous one is whoever's holds its id.",
    )
    me = strawberry.field(resolver=resolvers.accounts.me, graphql_type=User | None, description="Null when signed out.")
    quotas = strawberry.field(
        resolver=resolvers.quotas.quotas, graphql_type=list[Quota], description="Of whoever calls, signed in or not."
    )
    my_data = strawberry.field(
        resolver=resolvers.accounts.my_data,
        graphql_type=JSON | None,
        description="Everything that is kept of the reader who calls.",
    )


@strawberry.type
class Mutation:
    signup = strawberry.mutation(resolver=resolvers.accounts.signup, graphql_type=SignupResult)
    login = strawberry.mutation(resolver=resolvers.accounts.login, graphql_type=LoginResult)
    logout = strawberry.mutation(
        resolver=resolvers.accounts.logout,
        graphql_type=bool,
        description="Ends this session, or all of the reader's. What is open on them closes within a second.",
    )
    update_profile = strawberry.mutation(resolver=resolvers.accounts.update_profile, graphql_type=ProfileResult)
    change_password = strawberry.mutation(
        resolver=resolvers.accounts.change_password,
        graphql_type=PasswordResult,
        description="Ends all other sessions.",
    )
    delete_account = strawberry.mutation(
        resolver=resolvers.accounts.delete_account,
        graphql_type=DeleteAccountResult,
        description="Removes everything of the reader's. Needs the password, unless signed in through Better Auth.",
    )
    ask = strawberry.mutation(
        resolver=resolvers.answers.ask, graphql_type=AskResult, description="Waits for the whole answer."
    )
    stop_answer = strawberry.mutation(
        resolver=resolvers.answers.stop,
        graphql_type=StopResult,
        description="Ends a running answer, by its id or its requestId, at once. What was said stays.",
    )
    make_chapter_variant = strawberry.mutation(
        resolver=resolvers.variants.make,
        graphql_type=MakeVariantResult,
        description="The stored variant if it is of the chapter as it is now, which costs nothing; else makes it, and "
        "waits. That needs a signed-in reader, and takes a place of PERSONALIZATIONS for a level, of TRANSLATIONS for "
        "a language.",
    )


@strawberry.type
class Subscription:
    ask = strawberry.subscription(
        resolver=resolvers.answers.stream,
        graphql_type=AnswerEvent,
        description="The same operation as the mutation, streamed.",
    )
    answer = strawberry.subscription(
        resolver=resolvers.answers.follow,
        graphql_type=AnswerEvent,
        description="Events with `seq` above `after`: resumes a running answer, replays a finished one.",
    )
    chapter_variant = strawberry.subscription(
        resolver=resolvers.variants.stream,
        graphql_type=VariantEvent,
        description="The same as makeChapterVariant, section by section: stored ones at once, others as they are made.",
    )


class Schema(strawberry.Schema):
    """Strawberry's, without its own log: that repeats what masking logs, with tracebacks of callers' typing errors and
    what readers wrote in them."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        pass


def build(extensions: Sequence[type[SchemaExtension]] = ()) -> Schema:
    """The schema, with what the transport adds to each operation. The last 128 documents are read and checked once,
    which is most of what a cheap query costs."""
    added = [*extensions, DocumentCache, ValidationCache]
    return Schema(query=Query, mutation=Mutation, subscription=Subscription, extensions=added)
