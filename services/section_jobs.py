"""Sections on their way into another form whose replies may come hours later, in another process."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from db.variant_batches import Reply
from db.variants import FormKey, RenderingRow
from services.rendition import Ask, Rendering
from services.section_writer import Assignment
from services.sections import SourceSection

Key = tuple[FormKey, str, bytes]


@dataclass(slots=True, eq=False)
class Job:
    """A section that is to be made. `asks` wait for a reply; without any it is done. `replies` are all that it had, in
    their order: from them it comes to the same state again. `failures` counts asks to which there was none."""

    assignment: Assignment
    section: SourceSection
    rendering: Rendering
    asks: list[Ask]
    replies: list[Reply] = field(default_factory=list)
    failures: int = 0
    given_up: str | None = None

    @property
    def key(self) -> Key:
        """What is made once: a source, in a form, by one version of the rules."""
        return self.assignment.form, self.assignment.prompt, self.section.hash

    def ask(self, ids: tuple[int, ...]) -> Ask | None:
        """What waits for a reply on these segments."""
        return next((ask for ask in self.asks if ask.ids == ids), None)

    def hear(self, reply: Reply) -> None:
        """Take in a reply, unless the section is asked for otherwise by now. Takes some milliseconds of a core."""
        if ask := self.ask(reply.ids):
            self.rendering.take(ask, reply.text)
            self.replies.append(reply)
            self.asks.remove(ask)
            self.asks = self.asks or self.rendering.asks()

    def row(self, model: str) -> RenderingRow:
        """What became of it, by a model, or by none where nothing in it is to be written."""
        made = self.rendering.result()
        return RenderingRow(self.section.hash, made.content, made.untranslated, made.texts, model)


def begun(assignment: Assignment, section: SourceSection, replies: Sequence[Reply] = ()) -> Job:
    """A section that had these replies. Where they leave nothing to ask, it is begun anew: they were not enough."""
    rendering = Rendering(assignment.brief, section)
    job = Job(assignment, section, rendering, rendering.asks())
    for reply in replies:
        job.hear(reply)
    return job if job.asks or not replies else begun(assignment, section)
