"""An answer that nobody has begun to write."""

import time
from datetime import UTC, datetime

from db.admissions import Admission, Admitted, admit
from db.postgres import Database
from services.answer import Answer, AnswerStatus
from services.draft import Draft
from services.journal import Journal, encode
from services.models import Usage

ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
CONVERSATION = "11111111-8b86-4011-b42d-00c04fc964ff"


def new_draft() -> Draft:
    """A draft of it."""
    return Draft(
        Answer(
            id=ID,
            request_id=None,
            conversation_id=CONVERSATION,
            question="How high?",
            searched_for="How high?",
            text="",
            status=AnswerStatus.STREAMING,
            decline_reason=None,
            source=None,
            model=None,
            degraded=(),
            citations=(),
            passages=(),
            usage=Usage(),
            response_time=0,
            created_at=datetime.now(UTC),
        ),
        asked_at=time.monotonic(),
    )


async def let_in(database: Database, draft: Draft, reader: str | None = None) -> bool:
    """Store it as a question that takes no place of a quota and calls no model."""
    answer = draft.start
    admission = Admission(answer.id, answer.conversation_id, reader, encode(answer), None, None, (), 3)
    return isinstance(await admit(database, admission), Admitted)


async def begin(journal: Journal, database: Database, draft: Draft, reader: str | None = None) -> bool:
    """Let it in, and store from now on what its log gains."""
    admitted = await let_in(database, draft, reader)
    if admitted:
        journal.begin(draft)
    return admitted
