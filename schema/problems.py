"""Expected outcomes that are not success."""

import strawberry

import services.answer
from schema.shows import shows


@strawberry.interface(description="An expected outcome that is not success.")
class Problem:
    message: str


@strawberry.type(description="An argument that cannot be used.")
@shows(services.answer.InvalidInput)
class InvalidInput(Problem):
    field: str


@strawberry.type(description="No answer has this id.")
@shows(services.answer.AnswerNotFound)
class AnswerNotFound(Problem):
    pass
