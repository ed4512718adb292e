"""What comes in about answers."""

from collections.abc import AsyncIterator

import strawberry

from resolvers.context import Info, bad_user_input
from services.answer import Answer, AnswerEvent, AnswerNotFound, InvalidInput


@strawberry.input(description="A question to the book.")
class AskInput:
    question: str = strawberry.field(description="1 to 2000 characters.")


async def ask(info: Info, input: AskInput) -> Answer | InvalidInput:
    return await info.context.services.answers.ask(input.question, info.context.leave)


async def stream(info: Info, input: AskInput) -> AsyncIterator[AnswerEvent | InvalidInput]:
    return info.context.services.answers.stream(input.question, info.context.leave)


async def follow(info: Info, id: strawberry.ID, after: int = -1) -> AsyncIterator[AnswerEvent | AnswerNotFound]:
    return info.context.services.answers.follow(id, after, info.context.leave)


async def find(info: Info, id: strawberry.ID) -> Answer | None:
    return await info.context.services.answers.find(id)


async def stop(info: Info, id: strawberry.ID | None = None) -> Answer | AnswerNotFound:
    if id is None:
        raise bad_user_input("`id` is missing.")
    return await info.context.services.answers.stop(id)
