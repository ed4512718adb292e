"""What goes out: the GraphQL schema. Declarations only."""

from collections.abc import Sequence

import strawberry
from strawberry.extensions import SchemaExtension

import resolvers.answers
import resolvers.book
from schema.answers import Answer, AnswerEvent, AskResult, StopResult
from schema.book import Book, Chapter, Passage


@strawberry.type
class Query:
    book = strawberry.field(resolver=resolvers.book.book, graphql_type=Book)
    chapter = strawberry.field(resolver=resolvers.book.chapter, graphql_type=Chapter | None)
    search = strawberry.field(
        resolver=resolvers.book.search,
        graphql_type=list[Passage],
        description="The passages nearest to the query. `first` is from 1 to 100.",
    )
    answer = strawberry.field(resolver=resolvers.answers.find, graphql_type=Answer | None)


@strawberry.type
class Mutation:
    ask = strawberry.mutation(
        resolver=resolvers.answers.ask, graphql_type=AskResult, description="Waits for the whole answer."
    )
    stop_answer = strawberry.mutation(
        resolver=resolvers.answers.stop,
        graphql_type=StopResult,
        description="Ends a running answer at once. What was said stays.",
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


def build(extensions: Sequence[type[SchemaExtension]] = ()) -> strawberry.Schema:
    """The schema, with what the transport adds to each operation."""
    return strawberry.Schema(query=Query, mutation=Mutation, subscription=Subscription, extensions=list(extensions))
