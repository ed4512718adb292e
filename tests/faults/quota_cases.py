"""Group "Quotas and budget" of what it must survive."""

import asyncio
import time
import uuid
from functools import partial

from tests.claude import Cut, End, More, Pause, Say, Stall
from tests.client import STOP, ask, replayed
from tests.faults.case import case
from tests.faults.history import Asking
from tests.faults.world import WICK, World, eventually
from tests.readers import sign_up

OTHER = "Why does charred cotton smoke?"


async def asked_everywhere(world: World, times: int) -> list[Asking]:
    """Many questions at once, over all processes."""
    count = len(world.replicas)
    return await asyncio.gather(*(world.ask(at=world.replicas[number % count]) for number in range(times)))


def refusals(asked: list[Asking]) -> list[str]:
    """What was said to those who got no answer."""
    return [asking.refused["__typename"] for asking in asked if asking.refused]


limited = partial(case, "quotas", replicas=2, anonymous_questions_per_hour=20, questions_per_hour=6)


@limited("sixty questions at once for twenty places")
async def _(world: World) -> None:
    await world.fetch("DELETE FROM quota_places")
    asked = await asked_everywhere(world, 60)
    assert refusals(asked) == ["QuotaExceeded"] * 40, f"{len(refusals(asked))} were refused: {set(refusals(asked))}"
    await world.kill()
    await world.revive()
    assert refusals([await world.ask()]) == ["QuotaExceeded"], "a restart gave a place away"
    # The window's edge: a moment before it the places are taken, a moment after it they are free.
    await aged(world, "59 minutes 50 seconds")
    assert refusals([await world.ask()]) == ["QuotaExceeded"], "a place was free too early"
    await aged(world, "11 seconds")
    assert refusals([await world.ask()]) == [], "no place was free after the window's end"


async def aged(world: World, by: str) -> None:
    """Everything happened so much earlier."""
    await world.fetch(
        f"UPDATE quota_places SET times = (SELECT array_agg(at - interval '{by}') FROM unnest(times) AS at)"
    )
    await world.fetch(f"UPDATE answers SET created_at = created_at - interval '{by}'")


@limited("a signed-in reader's questions of an hour, the last raced by four")
async def _(world: World) -> None:
    account = await sign_up(world.replica.direct)
    for number in range(5):
        assert (await world.ask(at=world.replicas[number % 2], token=account.token)).answer["source"] == "MODEL"
    asked = await asyncio.gather(*(world.ask(at=world.replicas[n % 2], token=account.token) for n in range(4)))
    assert refusals(asked) == ["QuotaExceeded"] * 3, refusals(asked)


@case("quotas", "a signed-in reader's fourth question while three are answered", replicas=2)
async def _(world: World) -> None:
    account = await sign_up(world.replica.direct)
    world.claude.always(Say("Trim the wick "), Pause(1.5), More("often."), End())
    asked = await asyncio.gather(*(world.ask(at=world.replicas[n % 2], token=account.token) for n in range(6)))
    assert refusals(asked) == ["Busy"] * 3, refusals(asked)
    assert refusals([await world.ask(token=account.token)]) == [], "no place after the others ended"


@case("quotas", "the same request id twice at once", replicas=2)
async def _(world: World) -> None:
    id = str(uuid.uuid4())
    asked = await asyncio.gather(*(asked_as(world, id, number) for number in (0, 1, 0, 1)))
    assert len({asking.answer["id"] for asking in asked}) == 1, "it was answered more than once"
    assert len(world.claude.calls) == 1, f"{len(world.claude.calls)} calls were made"


async def asked_as(world: World, request_id: str, number: int, question: str = WICK) -> Asking:
    """A question under a given request id."""
    async with world.reader(question, at=world.replicas[number], requestId=request_id) as reader:
        return await reader.rest()


@case("quotas", "the same request id for something else", replicas=2)
async def _(world: World) -> None:
    id = str(uuid.uuid4())
    await asked_as(world, id, 0)
    assert refusals([await asked_as(world, id, 1, OTHER)]) == ["RequestConflict"]


@case("quotas", "a killed process's question is asked again under its request id", replicas=2)
async def _(world: World) -> None:
    id = str(uuid.uuid4())
    world.claude.script(Say("Trim the wick "), Stall())
    async with world.reader(requestId=id) as reader:
        await reader.until("AnswerDelta")
        await world.kill()
        await reader.rest()
    again = await asked_as(world, id, 1)
    assert again.answer["status"] == "INTERRUPTED", again.answer["status"]
    assert again.answer["id"] == reader.asking.answer_id


@case("quotas", "usage that the provider never reported", replicas=2)
async def _(world: World) -> None:
    world.claude.script(Say("Trim the wick every four hours, " * 20), Cut())
    asking = await world.ask()
    assert asking.answer["usage"]["costUsd"] > 0


@case("quotas", "what a killed process had reserved is charged", replicas=2)
async def _(world: World) -> None:
    world.claude.script(Say("Trim the wick "), Stall())
    async with world.reader() as reader:
        await reader.until("AnswerDelta")
        await world.kill()
    await world.fetch("UPDATE model_calls SET expires_at = now() - interval '1 second' WHERE cost IS NULL")
    await world.revive()
    await asyncio.sleep(0.5)
    rows = await world.fetch("SELECT settled_as FROM model_calls WHERE answer = $1", uuid.UUID(reader.asking.answer_id))
    assert [row["settled_as"] for row in rows] == ["unknown"], rows


@case("quotas", "a question that ends before its first text gives its place back", replicas=2)
async def _(world: World) -> None:
    world.claude.script(Stall())
    async with world.reader() as reader:
        await world.claude.wait_call()
        await reader.complete()
    await eventually(lambda: not world.claude.open_streams, 2, "the model's stream is closed")


@case("quotas", "a reader comes back to another process", replicas=2)
async def _(world: World) -> None:
    world.claude.script(Say("Trim the wick "), Pause(1.5), More("every four hours."), End())
    async with world.reader() as reader:
        await reader.until("AnswerDelta")
        reader.asking.left = "close frame"
    id = reader.asking.answer_id or ""
    resumed = await replayed(world.replicas[1].url, id, after=0)
    assert "every four hours." in resumed[-1]["answer"]["text"], resumed[-1]
    whole = [await replayed(replica.url, id) for replica in world.replicas]
    assert whole[0] == whole[1], "the two processes tell it otherwise"
    assert resumed == whole[0][1:], "what was resumed is not the rest of it"


@case("quotas", "stopAnswer at another process", replicas=2)
async def _(world: World) -> None:
    world.claude.script(Say("Trim the wick "), Stall())
    async with world.reader() as reader:
        await reader.until("AnswerDelta")
        began = time.monotonic()
        await ask(world.replicas[1].url, STOP, id=reader.asking.answer_id)
        await reader.rest()
    asking = reader.asking
    assert asking.answer["status"] == "STOPPED", asking.answer["status"]
    assert asking.ended
    assert asking.ended - began < 1, f"it took {asking.ended - began:.2f} s"
