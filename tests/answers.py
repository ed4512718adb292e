"""An answer that nobody has begun to write."""

import time
from datetime import UTC, datetime

from services.answer import Answer, AnswerStatus
from services.draft import Draft
from services.models import Usage

ID = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
CONVERSATION = "11111111-8b86-4011-b42d-00c04fc964ff"


def new_draft() -> Draft:
    """A draft of it."""
    return Draft(
        Answer(
            id=ID,
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
