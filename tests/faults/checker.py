"""What must hold after every case, against what was seen and what is stored."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.client import ANSWER, FOLLOW, Data, Socket, socket
from tests.faults import money, quotas
from tests.faults.case import Case
from tests.faults.history import Asking
from tests.faults.replica import Replica
from tests.faults.world import World, eventually

POOL = 10  # connections that a process may have open
CHEAP_SECONDS = 0.25
ORDINARY_SECONDS = 5.0
QUIET_SECONDS = 8.0  # an answer whose process died is ended when somebody looks for it: 5 s, and one to be sure
GROWTH_BYTES = 64 * 2**20
STREAMING = "SELECT count(*) AS n FROM answers WHERE status = 'STREAMING' AND seen_at > now() - interval '5 seconds'"

Check = Callable[[World, Case], Awaitable[list[str]]]


async def check(world: World, case: Case) -> list[str]:
    """What does not hold, in sentences. The ordinary question comes first: everything after it sees its traces too."""
    checks: list[Check] = [ordinary, quiet, acknowledged, books, cache, leaks, responses, spoken, cheap]
    return [broken for check in checks for broken in await holds(check, world, case)]


async def holds(check: Check, world: World, case: Case) -> list[str]:
    """What one check finds; a check that cannot be made is a finding too."""
    try:
        return await check(world, case)
    except Exception as error:
        return [f"{check.__name__} cannot be checked: {type(error).__name__}: {error}"]


async def ordinary(world: World, _: Case) -> list[str]:
    """An ordinary question works, on each process, within 5 s."""
    await world.primary.forget()
    await world.fallback.forget()
    return [broken for replica in world.replicas for broken in await ordinary_at(world, replica)]


async def ordinary_at(world: World, replica: Replica) -> list[str]:
    """The same on one of them."""
    began = time.monotonic()
    asking = await world.ask(at=replica)
    taken, answer = time.monotonic() - began, asking.finished
    if answer is None:
        return [f"an ordinary question afterwards got {asking.refused or asking.events[-1:]}"]
    cached = ("CACHE",) if world.setting("ANSWER_CACHE_DAYS") else ()
    if answer["status"] != "COMPLETE" or answer["source"] not in ("MODEL", *cached):
        return [f"an ordinary question afterwards ended {answer['status']} by {answer['source']} {answer['degraded']}"]
    return [f"an ordinary question afterwards took {taken:.1f} s"] if taken > ORDINARY_SECONDS else []


async def quiet(world: World, _: Case) -> list[str]:
    """Nothing is being written any more, and no stream to a model is open."""
    models = (world.primary.model, world.fallback.model)
    try:
        await eventually(lambda: not any(model.open_streams for model in models), QUIET_SECONDS, "no stream is open")
    except AssertionError:
        return [f"{sum(model.open_streams for model in models)} streams to a model are still open"]
    for _attempt in range(20):
        if not (await world.fetch(STREAMING))[0]["n"]:
            return []
        await asyncio.sleep(0.2)
    return ["an answer is still being written"]


async def acknowledged(world: World, _: Case) -> list[str]:
    """1: what readers saw is what is stored."""
    broken = []
    for asking in world.history.askings:
        if asking.answer_id:
            async with socket(world.replicas[-1].direct, asking.token) as opened:
                broken += [f"{asking.answer_id}: {what}" for what in await compared(world, asking, opened)]
    return broken


async def compared(world: World, asking: Asking, opened: Socket) -> list[str]:
    """One answer as it was seen, against `answer(id)` and the replay of its log."""
    following = opened.results(await opened.start(FOLLOW, id=asking.answer_id))
    replayed: list[Data] = [result["data"]["answer"] async for result in following]
    stored = (await opened.result(ANSWER, id=asking.answer_id))["answer"]
    if stored is None or replayed[-1]["__typename"] != "AnswerFinished":
        return ["what was seen of it is not stored"]
    text = "".join(event["text"] for event in replayed if event["__typename"] == "AnswerDelta")
    broken = []
    if stored != replayed[-1]["answer"] or stored["text"] != text:
        broken.append("`answer(id)` is not what its replay gives")
    if asking.finished and asking.finished != stored:
        broken.append(f"AnswerFinished said {differing(asking.finished, stored)}")
    return [*broken, *(compared_events(world, asking, replayed) if asking.streamed else [])]


def compared_events(world: World, asking: Asking, replayed: list[Data]) -> list[str]:
    """The events that were seen are the first of those that are stored. After the death of its process either may be
    the longer, and the answer is INTERRUPTED."""
    seen, stored = asking.events, replayed
    if not asking.finished and world.history.killed(asking.replica, asking.began):
        told = [event for event in stored if event["__typename"] != "AnswerFinished"]
        shorter = min(len(seen), len(told))
        status = stored[-1]["answer"]["status"]
        if seen[:shorter] != told[:shorter]:
            return [f"after its process died, what is stored is not what was seen: {first_difference(seen, told)}"]
        return [] if status == "INTERRUPTED" or len(told) >= len(seen) else [f"its process died, and it is {status}"]
    if seen != stored[: len(seen)]:
        return [f"{len(seen)} events were seen, and they are not the first of the {len(stored)} that are stored"]
    return []


def first_difference(seen: list[Data], stored: list[Data]) -> str:
    """The first event that is another one."""
    number, one, other = next((n, a, b) for n, (a, b) in enumerate(zip(seen, stored, strict=False)) if a != b)
    return f"event {number} was {str(one)[:200]}, stored is {str(other)[:200]}"


def differing(seen: Data, stored: Data) -> str:
    """The fields in which two answers differ."""
    fields = [f"{name} {seen[name]!r}, stored is {stored[name]!r}" for name in seen if seen[name] != stored[name]]
    return "; ".join(fields)


async def books(world: World, _: Case) -> list[str]:
    """2, 3 and 4: places of quotas, dollars, and reservations."""
    return [*await quotas.broken(world), *await money.broken(world)]


async def cache(world: World, _: Case) -> list[str]:
    """5: only whole answers of the model are cached."""
    rows = await world.fetch(
        """
        SELECT answers.id, answers.status FROM answer_cache JOIN answers ON answers.id = answer_cache.answer_id
        WHERE answers.status <> 'COMPLETE' OR answers.snapshot->>'source' <> 'MODEL'
        """
    )
    return [f"cached, and {row['status']}: {row['id']}" for row in rows]


async def leaks(world: World, _: Case) -> list[str]:
    """6: connections to Postgres, and memory."""
    connections = await world.fetch(
        """
        SELECT state, extract(epoch FROM clock_timestamp() - state_change)::float8 AS since FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        """
    )
    broken = [f"{len(connections)} connections to Postgres"] if len(connections) > POOL * len(world.replicas) else []
    forgotten = [c for c in connections if str(c["state"]).startswith("idle in") and c["since"] > 2]
    broken += [f"{len(forgotten)} transactions were left open"] if forgotten else []
    for replica in world.replicas:
        grown = replica.memory() - world.memory[replica.number]
        if grown > GROWTH_BYTES:
            broken.append(f"process {replica.number} has grown by {grown // 2**20} MiB")
    return broken


async def responses(world: World, _: Case) -> list[str]:
    """No HTTP 5xx, and no socket that the server dropped (1006) or gave up with an error (1011)."""
    failed = [f"{what} got {status or 'no answer'}" for what, status in world.history.statuses if not 0 < status < 500]
    dropped = [
        f"a socket ended with {closed.code}"
        for closed in world.history.closed
        if closed.code in (1006, 1011) and not world.history.killed(closed.replica, closed.at - 1)
    ]
    return [f"{len(found)} times: {found[0]}" for found in (failed, dropped) if found]


async def spoken(world: World, case: Case) -> list[str]:
    """No traceback and no error in what the processes said, but those that the case tolerates."""
    said = [
        accident
        for replica in world.replicas
        for accident in replica.accidents(world.lines.get(replica.number, 0))
        if not any(words in accident for words in case.tolerates)
    ]
    violations = [*world.primary.model.violations, *world.fallback.model.violations]
    return [
        *(f"{said.count(accident)} times in the log: {accident}" for accident in dict.fromkeys(said)),
        *(f"a model was asked wrongly: {violation}" for violation in violations),
    ]


async def cheap(world: World, _: Case) -> list[str]:
    """p99 of the cheap query. Three slow ones are forgiven to a case that is too short for a p99: processes that start
    again beside it take the same cores."""
    times = sorted(world.history.cheap)
    slow = [taken for taken in times if taken > CHEAP_SECONDS]
    if len(slow) <= max(3, len(times) // 100):
        return []
    return [f"the cheap query took up to {times[-1]:.2f} s, {len(slow)} of {len(times)} times over {CHEAP_SECONDS} s"]
