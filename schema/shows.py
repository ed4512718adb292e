"""Ties a GraphQL type to the value it declares."""

from collections.abc import Callable
from dataclasses import fields
from typing import TypeVar

Declared = TypeVar("Declared", bound=type)


def shows(value: type) -> Callable[[Declared], Declared]:
    """The type shows fields of `value` by name: what is not declared cannot leak, and what it lacks is refused here.

    Put it under `@strawberry.type`. Fields with a resolver of their own are not the value's. Lets unions and interfaces
    recognise the value. Raises TypeError at import for a field that the value does not have.
    """
    known = {field.name for field in fields(value)} | set(dir(value))

    def declare(declared: Declared) -> Declared:
        annotations = {name for base in declared.__mro__ for name in vars(base).get("__annotations__", {})}
        if missing := sorted(annotations - known):
            raise TypeError(f"{declared.__name__} shows {', '.join(missing)}, which {value.__name__} does not have")
        declared.is_type_of = classmethod(lambda _cls, given, _info: isinstance(given, value))  # type: ignore[attr-defined]  # strawberry's hook
        return declared

    return declare
