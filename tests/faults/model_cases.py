"""Group "Model" of what it must survive."""

from tests.claude import Cut, Drop, End, Malformed, More, Overload, Pause, Reset, Say, Stall, Start, Status, Step
from tests.client import ANSWER, socket
from tests.faults.case import case
from tests.faults.history import Asking
from tests.faults.leaving import WAYS, Way
from tests.faults.proxy import Mode
from tests.faults.world import World, eventually

LATEST = 12.0
BEGUN = Say("Trim the wick ")


def answered_by(source: str, asking: Asking) -> None:
    """By something else than the first model, and in time."""
    answer = asking.answer
    assert (answer["status"], answer["source"]) == ("COMPLETE", source), (answer["status"], answer["source"])
    assert source != "PASSAGES" or "PROVIDER" in answer["degraded"], answer["degraded"]
    assert asking.first_text, "nothing was said"
    assert asking.first_text - asking.began < LATEST, f"the first text took {asking.first_text - asking.began:.1f} s"


def before_the_first_token(name: str, *steps: Step) -> None:
    """A case whose model fails in some way before it says anything."""

    @case("model", name)
    async def _(world: World) -> None:
        world.claude.always(*steps)
        answered_by("FALLBACK_MODEL", await world.ask())


def in_mid_stream(name: str, *steps: Step) -> None:
    """A case whose model fails after some words: those stay, and the answer says that it broke off."""

    @case("model", name)
    async def _(world: World) -> None:
        world.claude.script(BEGUN, Pause(0.05), *steps)
        asking = await world.ask()
        assert asking.answer["status"] == "INTERRUPTED", asking.answer
        assert asking.text.startswith("Trim the"), asking.text


before_the_first_token("429 with a retry-after of an hour", Status(429, retry_after=3600))
before_the_first_token("500", Status(500))
before_the_first_token("529", Status(529))
before_the_first_token("a stall before the headers", Stall())
before_the_first_token("a stall before the first token", Start(), Stall())
before_the_first_token("a reset before the first token", Start(), Reset())
in_mid_stream("overload in mid-stream", Overload())
in_mid_stream("a stream cut without an error", Cut())
in_mid_stream("a stream that ends in mid-frame", Drop())
in_mid_stream("a stream that is reset", Reset())
in_mid_stream("a malformed frame", Malformed(), More("the wick. "), End())
in_mid_stream("the answer's limit of tokens", End("max_tokens"))


@case("model", "an outage: nothing listens")
async def _(world: World) -> None:
    await world.primary.proxy.vanish()
    answered_by("FALLBACK_MODEL", await world.ask())


@case("model", "an outage: connections are taken, and nothing else")
async def _(world: World) -> None:
    await world.primary.proxy.switch(Mode.BLACK_HOLE)
    answered_by("FALLBACK_MODEL", await world.ask())


@case("model", "both providers down")
async def _(world: World) -> None:
    world.claude.always(Status(500))
    await world.fallback.proxy.vanish()
    answered_by("PASSAGES", await world.ask())


@case("model", "both providers stall")
async def _(world: World) -> None:
    world.claude.always(Stall())
    world.fallback.model.always(Start(), Stall())
    answered_by("PASSAGES", await world.ask())


@case("model", "a refusal")
async def _(world: World) -> None:
    world.claude.script(BEGUN, End("refusal"))
    answer = (await world.ask()).answer
    assert (answer["status"], answer["declineReason"]) == ("DECLINED", "REFUSED"), answer


@case("model", "a stall in mid-stream")
async def _(world: World) -> None:
    world.claude.script(BEGUN, Stall())
    asking = await world.ask()
    assert asking.answer["status"] == "INTERRUPTED", asking.answer
    assert asking.ended
    assert asking.ended - asking.began < 15 + 2, f"it took {asking.ended - asking.began:.1f} s"


def left(way: Way) -> None:
    """A case whose reader goes away in the middle of the answer."""

    @case("model", f"the reader gone by {way.name}")
    async def _(world: World) -> None:
        world.claude.script(BEGUN, Stall())
        await way.go(world)
        grace = 1 if way.wanted else 0
        await eventually(lambda: not world.claude.open_streams, grace + 1, "the model's stream is closed")


for each in WAYS.values():
    if each.name != "black hole":
        left(each)


@case("model", "the reader gone into a black hole")
async def _(world: World) -> None:
    world.claude.script(BEGUN, Pause(2), More("every four hours. "), End())
    asking = await WAYS["black hole"].go(world)
    # Nothing tells the server, so the answer is written to its end, for a reader who may come back.
    await eventually(lambda: not world.claude.open_streams, 4, "the model's stream is closed")
    async with socket(world.replica.direct) as opened:
        answer = (await opened.result(ANSWER, id=asking.answer_id))["answer"]
    assert "every four hours." in answer["text"], answer
