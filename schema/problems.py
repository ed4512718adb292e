"""Expected outcomes that are not success."""

from datetime import datetime

import strawberry

import services.accounts
import services.answer
import services.passwords
import services.problems
import services.variant
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


@strawberry.type(description="The same requestId, and something else.")
@shows(services.problems.RequestConflict)
class RequestConflict(Problem):
    pass


@strawberry.type(description="The e-mail address has an account.")
@shows(services.accounts.EmailTaken)
class EmailTaken(Problem):
    pass


@strawberry.type(description="A password that others would guess, or that is too short or too long.")
@shows(services.passwords.WeakPassword)
class WeakPassword(Problem):
    minimum_length: int


@strawberry.type(description="E-mail address and password do not belong together.")
@shows(services.accounts.InvalidCredentials)
class InvalidCredentials(Problem):
    pass


@strawberry.type(description="Tried too often.")
@shows(services.problems.TooManyAttempts)
class TooManyAttempts(Problem):
    retry_at: datetime


@strawberry.type(description="More is asked at this moment than can be done.")
@shows(services.problems.Busy)
class Busy(Problem):
    retry_at: datetime


@strawberry.type(description="A language that chapters are not translated into.")
@shows(services.variant.UnsupportedLanguage)
class UnsupportedLanguage(Problem):
    supported: list[str]


@strawberry.type(description="Today's budget has no room for it.")
@shows(services.variant.BudgetExhausted)
class BudgetExhausted(Problem):
    resets_at: datetime


@strawberry.type(description="The chapter could not be made. What was made of it is kept for the next try.")
@shows(services.variant.VariantFailed)
class VariantFailed(Problem):
    pass
