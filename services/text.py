"""What counts as text."""


def is_text(given: str) -> bool:
    """False for what passes GraphQL and fails in Postgres: NUL, and lone surrogates."""
    return "\0" not in given and not any("\ud800" <= character <= "\udfff" for character in given)
