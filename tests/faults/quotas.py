"""Invariant 2: a quota's places are the questions that were let in and not given back, never over its limit."""

from tests.client import Data
from tests.faults.world import World

# Given back: what ended before its first text, and what turned out to be kept from before.
# The window is an hour, and a case is over in less.
HELD = """
    SELECT asker, reader IS NOT NULL AS reader, cardinality(times) AS places, operations::text[] AS operations
    FROM quota_places WHERE kind = 'QUESTIONS'
"""
ADMITTED = """
    SELECT id::text, quota_asker AS asker FROM answers
    WHERE quota_asker IS NOT NULL AND created_at > now() - interval '1 hour'
        AND NOT (status = 'INTERRUPTED' AND snapshot->>'text' = '') AND snapshot->>'source' IS DISTINCT FROM 'CACHE'
"""


async def broken(world: World) -> list[str]:
    """What of it does not hold."""
    admitted = await world.fetch(ADMITTED)
    held = {row["asker"]: row for row in await world.fetch(HELD)}
    strays = {row["asker"] for row in admitted} - held.keys()
    return [
        *(f"{asker[:8]} was let in, and holds no place" for asker in strays),
        *(what for asker, row in held.items() for what in of_one(world, row, ids_of(admitted, asker))),
    ]


def of_one(world: World, held: Data, admitted: set[str]) -> list[str]:
    """The same of one asker."""
    limit, places = limit_of(world, reader=held["reader"]), set(held["operations"])
    broken = []
    if held["places"] > limit:
        broken.append(f"{held['places']} places of {limit} are taken")
    if held["places"] != len(places):
        broken.append(f"{held['places']} places are taken by {len(places)} questions")
    if places != admitted:
        lost, extra = len(admitted - places), len(places - admitted)
        broken.append(
            f"{len(admitted)} questions were let in; {lost} of them hold no place, {extra} places are of none"
        )
    return broken


def ids_of(admitted: list[Data], asker: str) -> set[str]:
    """The answers that an asker was let in for."""
    return {row["id"] for row in admitted if row["asker"] == asker}


def limit_of(world: World, *, reader: bool) -> int:
    """Questions an hour, by the world's own settings."""
    return int(str(world.setting("QUESTIONS_PER_HOUR" if reader else "ANONYMOUS_QUESTIONS_PER_HOUR")))
