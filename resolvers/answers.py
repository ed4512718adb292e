"""What comes in about answers."""

from collections.abc import AsyncIterator

import strawberry
from strawberry import UNSET

from resolvers.context import Info, bad_user_input
from services.admissions import or_unavailable
from services.answer import Answer, AnswerEvent, AnswerNotFound
from services.answers import TurnedAway
from services.asking import Asked, Selection
from services.problems import Busy
from services.readers import Caller


@strawberry.input(description="Text that the reader selected in a chapter.")
class SelectionInput:
    chapter_id: strawberry.ID
    text: str = strawberry.field(description="1 to 4000 characters, as the page shows them or as the source has them.")


@strawberry.input(description="A question to the book.")
class AskInput:
    question: str = strawberry.field(description="1 to 2000 characters.")
    selection: SelectionInput | None = strawberry.field(default=UNSET, description="What the question is about.")
    conversation_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="The conversation that the question goes on with; left out: a new one."
    )

    request_id: strawberry.ID | None = strawberry.field(
        default=UNSET,
        description="A UUID that the client makes: for 24 hours the same id is the same question, answered once.",
    )

    def value(self, caller: Caller) -> Asked:
        """What the services know it as."""
        selection = Selection(self.selection.chapter_id, self.selection.text) if self.selection else None
        conversation = None if self.conversation_id is UNSET else self.conversation_id
        request = None if self.request_id is UNSET else self.request_id
        return Asked(caller, self.question, selection, conversation, request)


async def ask(info: Info, input: AskInput) -> Answer | TurnedAway:
    caller = await or_unavailable(info.context.caller())
    if isinstance(caller, Busy):
        return caller
    return await info.context.services.answers.ask(input.value(caller), info.context.leave)


async def stream(info: Info, input: AskInput) -> AsyncIterator[AnswerEvent | TurnedAway]:
    caller = await or_unavailable(info.context.caller())
    if isinstance(caller, Busy):
        return only(caller)
    return info.context.services.answers.stream(input.value(caller), info.context.leave)


async def only(busy: Busy) -> AsyncIterator[AnswerEvent | TurnedAway]:
    """A stream of this refusal."""
    yield busy


async def follow(info: Info, id: strawberry.ID, after: int = -1) -> AsyncIterator[AnswerEvent | AnswerNotFound]:
    caller = await info.context.caller()
    return info.context.services.answers.follow(id, after, caller.reader_id, info.context.leave)


async def find(info: Info, id: strawberry.ID) -> Answer | None:
    caller = await info.context.caller()
    return await info.context.services.answers.find(id, caller.reader_id)


async def stop(
    info: Info, id: strawberry.ID | None = UNSET, request_id: strawberry.ID | None = UNSET
) -> Answer | AnswerNotFound:
    if bool(id) == bool(request_id):
        raise bad_user_input("Give one of `id` and `requestId`.")
    caller = await info.context.caller()
    if request_id:
        return await info.context.services.answers.stop_request(request_id, caller)
    return await info.context.services.answers.stop(id or "", caller.reader_id)
