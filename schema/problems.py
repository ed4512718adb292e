"""Expected outcomes that are not success."""

import strawberry

import services.answer
import services.problems
from schema.shows import shows


@strawberry.interface(description="An expected outcome that is not success.")
class Problem:
    message: str


@strawberry.type(description="An argument that cannot be used.")
@shows(services.problems.InvalidInput)
class InvalidInput(Problem):
    field: str


@strawberry.type(description="No chapter has this id.")
@shows(services.answer.ChapterNotFound)
class ChapterNotFound(Problem):
    chapter_id: strawberry.ID


@strawberry.type(description="The selected text does not stand in the chapter.")
@shows(services.answer.SelectionNotFound)
class SelectionNotFound(Problem):
    chapter_id: strawberry.ID


@strawberry.type(description="No answer has this id.")
@shows(services.answer.AnswerNotFound)
class AnswerNotFound(Problem):
    pass
