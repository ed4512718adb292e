"""Documents that are asked again and again are read once."""

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

from graphql import DocumentNode, GraphQLError, parse
from strawberry.extensions import SchemaExtension

KEPT = 128  # documents: a front end has a few, and what others send must not fill the memory


@lru_cache(KEPT)
def read(document: str) -> DocumentNode:
    """A document as graphql-core reads it. Raises GraphQLError, and RecursionError for what is nested too deeply."""
    return parse(document)


class DocumentCache(SchemaExtension):
    """Spares an operation the reading of its document. What cannot be read is left to Strawberry, which then says so;
    its own ParserCache ended an operation on a socket with a traceback."""

    def on_parse(self) -> Iterator[None]:
        if self.execution_context.query:
            with suppress(GraphQLError, RecursionError):
                self.execution_context.graphql_document = read(self.execution_context.query)
        yield
