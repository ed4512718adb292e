"""Documents that are asked again and again are read once."""

from collections.abc import Iterator
from contextlib import suppress

from graphql import GraphQLError
from strawberry.extensions import ParserCache


class DocumentCache(ParserCache):
    """Strawberry's, which keeps the last 128 documents, without its fault: a wrong syntax that it met ended an
    operation on a socket with a traceback. What cannot be read is left to what reads it otherwise, and says so."""

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if context.query:
            with suppress(GraphQLError, RecursionError):
                context.graphql_document = self.cached_parse_document(context.query, **context.parse_options)
        yield
