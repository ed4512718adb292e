"""An answer being written in this process, and when it has to end."""

import asyncio
import time
from dataclasses import dataclass, field

from db.answers import FOLLOWER_SECONDS
from services.answer import AnswerStatus
from services.answer_log import Leave
from services.asking import Looked, Prepared
from services.draft import Draft
from services.purse import Purse
from services.writer import Verdict


@dataclass(slots=True)
class Running:
    """Its writing, which is cancelled to end it; its owner never is, so that the end is stored and shown whatever
    happens."""

    draft: Draft
    looked: Looked
    purse: Purse
    grace_seconds: float
    writing: asyncio.Task[Verdict] = field(init=False)
    prepared: Prepared | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    grace: asyncio.TimerHandle | None = None
    followed_at: float = -FOLLOWER_SECONDS
    ending: AnswerStatus = AnswerStatus.INTERRUPTED

    @property
    def reader_id(self) -> str | None:
        """Who asked; None for whoever holds its id, until a reader takes the conversation over."""
        return self.looked.asked.caller.reader_id

    @property
    def followed(self) -> bool:
        """True while somebody listens from another process."""
        return time.monotonic() - self.followed_at < FOLLOWER_SECONDS

    def end(self, ending: AnswerStatus) -> None:
        """End it now, with what was said. Cancelling the writing closes Claude's stream on its way out."""
        self.ending = ending
        self.writing.cancel()

    def came(self) -> None:
        """Somebody listens."""
        if self.grace:
            self.grace.cancel()

    def left(self, leave: Leave) -> None:
        """The last listener here went: at once if it said so, else after the time in which it may come back."""
        if leave.completed and not self.followed:
            self.end(AnswerStatus.STOPPED)
        else:
            self._wait(self.grace_seconds)

    def _wait(self, seconds: float) -> None:
        self.grace = asyncio.get_running_loop().call_later(seconds, self._wait_over)

    def _wait_over(self) -> None:
        """Nobody came back here; whoever listens elsewhere holds it off, and may be cut off as well."""
        heard = self.followed_at + self.grace_seconds - time.monotonic()
        if heard > 0:
            self._wait(heard)
        else:
            self.end(AnswerStatus.STOPPED)
