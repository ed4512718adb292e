"""Group "Quotas and budget" of what it must survive."""

import asyncio
import uuid

from tests.claude import Cut, End, More, Pause, Say, Stall
from tests.client import FOLLOW, socket
from tests.faults.case import case
from tests.faults.history import Asking
from tests.faults.world import WICK, World, eventually

OTHER = "Why does charred cotton smoke?"
RESERVED_FOR_ONE = 0.00255  # dollars: what a question may cost at most


async def asked_everywhere(world: World, times: int) -> list[Asking]:
    """Many questions at once, over all processes."""
    count = len(world.replicas)
    return await asyncio.gather(*(world.ask(at=world.replicas[number % count]) for number in range(times)))


def refusals(asked: list[Asking]) -> list[str]:
    """What was said to those who got no answer."""
    return [asking.refused["__typename"] for asking in asked if asking.refused]


@case("quotas", "sixty questions at once for twenty places", replicas=2, anonymous_questions_per_hour=20)
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


@case("quotas", "twenty questions at once for the last three calls' money", replicas=2, daily_budget_usd=0.01)
async def _(world: World) -> None:
    world.claude.always(Say("Trim the wick "), Pause(0.5), More("often."), End())
    asked = await asked_everywhere(world, 20)
    plainer = [asking for asking in asked if "BUDGET" in asking.answer["degraded"]]
    assert len(world.claude.calls) <= 3, f"{len(world.claude.calls)} calls were made"
    assert len(plainer) == 20 - len(world.claude.calls), f"{len(plainer)} answers say why they are plain"


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
    async with socket(world.replicas[1].url) as opened:
        events = [e async for e in opened.results(await opened.start(FOLLOW, id=reader.asking.answer_id, after=0))]
    assert "every four hours." in events[-1]["data"]["answer"]["answer"]["text"], events[-1]
