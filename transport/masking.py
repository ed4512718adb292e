"""What a caller sees of an accident: nothing but that it happened."""

import structlog
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import MaskErrors
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

ON_PURPOSE = (GraphQLError, CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError)
log = structlog.get_logger()


def is_accident(error: GraphQLError) -> bool:
    """True for what no code raised on purpose. Refusals are GraphQL errors, as are those of parsing and validation."""
    return error.original_error is not None and not isinstance(error.original_error, ON_PURPOSE)


class Masking(MaskErrors):
    """Logs an accident once, and answers "Unexpected error." with the code INTERNAL."""

    def __init__(self) -> None:
        super().__init__(should_mask_error=is_accident)

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        log.error("unexpected error", path=error.path, exc_info=error.original_error)
        masked = super().anonymise_error(error)
        masked.extensions = {"code": "INTERNAL"}
        return masked
