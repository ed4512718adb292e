"""Whoever listens gets every event once, in order, however slow it is."""

import asyncio

from services.answer import AnswerDelta, AnswerEvent, AnswerStatus
from services.answer_log import AnswerLog
from services.draft import Draft
from tests.answers import new_draft


async def listen(log: AnswerLog, after: int = -1, pause: float | None = None) -> list[int]:
    heard: list[AnswerEvent] = []
    async for event in log.follow(after):
        heard.append(event)
        if pause is not None:
            await asyncio.sleep(pause)
    return [event.seq for event in heard]


async def speak(draft: Draft, words: int) -> None:
    for _ in range(words):
        draft.say("word ")
        await asyncio.sleep(0)
    draft.log.append(draft.finished(AnswerStatus.COMPLETE))


async def test_a_slow_listener_misses_nothing() -> None:
    draft = new_draft()
    draft.begin()
    quick, slow, slowest, _ = await asyncio.gather(
        listen(draft.log), listen(draft.log, pause=0), listen(draft.log, pause=0.001), speak(draft, 50)
    )
    assert quick == slow == slowest == list(range(52))


async def test_who_comes_late_gets_all_from_the_place_it_names() -> None:
    draft = new_draft()
    draft.begin()
    await speak(draft, 3)
    assert [await listen(draft.log, after) for after in (-9, -1, 2, 4, 99)] == [[0, 1, 2, 3, 4]] * 2 + [[3, 4], [], []]


async def test_a_place_beyond_what_was_said_is_waited_for() -> None:
    draft = new_draft()
    draft.begin()
    later, _ = await asyncio.gather(listen(draft.log, after=10), speak(draft, 20))
    assert later == list(range(11, 22))


def test_offsets_count_as_javascript_counts() -> None:
    draft = new_draft()
    draft.say("🔥 ünïcode")
    assert (draft.offset, draft.log.events) == (10, [AnswerDelta(0, "🔥 ünïcode")])
