"""Group "Storage", kept answers: told again as they were, and only whole ones."""

import asyncio
from functools import partial

from anthropic.types import StopReason

from tests.claude import Cite, End, Say, Stall
from tests.client import Data
from tests.faults.case import case
from tests.faults.history import Asking
from tests.faults.proxy import Hold
from tests.faults.world import World, eventually

LENS = "How often does the lens turn?"
OIL = "Which oil does the lamp burn?"
SAND = "What should the prisms never be wiped with?"
REASONS: tuple[StopReason, ...] = ("max_tokens", "refusal")
kept = partial(case, "storage", replicas=2, answer_cache_days=30)


def told(asking: Asking) -> list[Data]:
    """What was said and cited, without what is of this one answer."""
    return [{**event, "seq": 0} for event in asking.events if event["__typename"] == "AnswerCited"] + [
        {"text": asking.answer["text"], "citations": asking.answer["citations"]}
    ]


@kept("a kept answer is told again by another process")
async def _(world: World) -> None:
    first, again = await world.ask(LENS), await world.ask(LENS, at=world.replicas[1])
    assert (first.answer["source"], again.answer["source"]) == ("MODEL", "CACHE"), again.answer["source"]
    assert len(world.claude.calls) == 1, f"{len(world.claude.calls)} calls were made"
    assert told(first) == told(again), "it says something else"


@kept("answers that are not whole are not kept")
async def _(world: World) -> None:
    for reason in REASONS:
        world.claude.script(Say("Colza oil.", (Cite(0),)), End(reason))
        await world.ask(OIL)
    world.claude.script(Say("Colza oil.", (Cite(0),)), Stall())
    async with world.reader(OIL) as reader:
        await reader.until("AnswerDelta")
        await reader.complete()
    await eventually(lambda: not world.claude.open_streams, 2, "the model's stream is closed")
    assert (await world.ask(OIL)).answer["source"] == "MODEL", "one that was not whole was kept"


@kept("kill -9 when an answer is kept and nobody was told")
async def _(world: World) -> None:
    async with (
        world.database.when("INSERT INTO answer_cache", hold=Hold.AFTER) as keeping,
        world.reader(SAND) as reader,
    ):
        await keeping.wait()
        await world.kill()
        await reader.rest()
    await asyncio.sleep(0.1)
    assert (await world.ask(SAND, at=world.replicas[1])).answer["source"] in ("MODEL", "CACHE")
