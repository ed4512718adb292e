"""Group "Storage", clocks: what is stored with a time, when that time is suddenly another one."""

import asyncio
import uuid

from tests.claude import Cite, End, More, Pause, Say, Stall
from tests.client import ANSWER, Data, ask, socket
from tests.faults.case import case
from tests.faults.world import World
from tests.readers import sign_up

SLOWLY = (Say("Trim the wick ", (Cite(0),)), Pause(2), More("often."), End())


async def stored(world: World, id: str | None) -> Data:
    """An answer as another process tells it."""
    async with socket(world.replicas[1].direct) as opened:
        answer: Data = (await opened.result(ANSWER, id=id))["answer"]
        return answer


@case("storage", "the clock jumps an hour ahead: a living process' answer looks lost", replicas=2)
async def _(world: World) -> None:
    world.claude.script(*SLOWLY)
    async with world.reader() as reader:
        await reader.until("AnswerDelta")
        await world.fetch("UPDATE answers SET seen_at = seen_at - interval '1 hour' WHERE status = 'STREAMING'")
        seen = await stored(world, reader.asking.answer_id)
        assert seen["status"] == "STREAMING", f"another process ended it {seen['status']}"
        await reader.rest()
    assert reader.asking.answer["status"] == "COMPLETE", reader.asking.answer["status"]


@case("storage", "the clock jumps back two seconds before a process is killed", replicas=2)
async def _(world: World) -> None:
    world.claude.script(Say("Trim the wick "), Stall())
    async with world.reader() as reader:
        await reader.until("AnswerDelta")
        await asyncio.sleep(0.7)
        await world.kill()
    await world.fetch("UPDATE answers SET seen_at = seen_at + interval '2 seconds' WHERE status = 'STREAMING'")
    await asyncio.sleep(7)  # 5 s without a sign of life, and the two
    status = (await stored(world, reader.asking.answer_id))["status"]
    assert status == "INTERRUPTED", f"it is {status}"


@case("storage", "the clock jumps ahead: a reservation runs out while its call goes on", replicas=2)
async def _(world: World) -> None:
    world.claude.script(*SLOWLY)
    async with world.reader() as reader:
        await reader.until("AnswerDelta")
        await world.fetch("UPDATE model_calls SET expires_at = now() - interval '1 hour' WHERE cost IS NULL")
        await world.kill(world.replicas[1])
        await world.revive()  # whoever starts looks for what is lost
        await reader.rest()
    sql = "SELECT settled_as FROM model_calls WHERE answer = $1"
    rows = await world.fetch(sql, uuid.UUID(reader.asking.answer_id))
    assert len(rows) == 1, rows
    assert rows[0]["settled_as"] in ("unknown", "reported"), rows


@case("storage", "the clock jumps back half an hour: places of quotas lie in the future", replicas=2)
async def _(world: World) -> None:
    await world.ask()
    shift = "SELECT array_agg(at {} interval '30 minutes') FROM unnest(times) AS at"
    await world.fetch(f"UPDATE quota_places SET times = ({shift.format('+')})")
    used = (await ask(world.replica.direct, "{ quotas { used } }"))["quotas"][0]["used"]
    assert used > 0, "a place that was taken counts no more"
    assert (await world.ask()).answer["status"] == "COMPLETE"
    await world.fetch(f"UPDATE quota_places SET times = ({shift.format('-')})")


@case("storage", "the clock jumps ahead and back: sessions end, and hold again", replicas=2)
async def _(world: World) -> None:
    account = await sign_up(world.replica.direct)
    asked = await world.ask(token=account.token)
    assert asked.answer["status"] == "COMPLETE"
    await world.fetch("UPDATE sessions SET expires_at = expires_at - interval '1 year'")
    assert not await account.is_signed_in(), "a session that is over still holds"
    await world.fetch("UPDATE sessions SET expires_at = expires_at + interval '1 year'")
    assert await account.is_signed_in(), "a session that is not over does not hold"
