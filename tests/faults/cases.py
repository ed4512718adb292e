"""All cases, in the order in which they are played."""

from tests.faults import (
    budget_cases,
    cache_cases,
    clock_cases,
    fallback_times,
    index_cases,
    kill_cases,
    kills,
    leavers,
    model_cases,
    process_cases,
    quota_cases,
    storage_cases,
    storm,
    variant_cases,
)
from tests.faults.case import CASES, Case

GROUPS = (
    *(model_cases, storage_cases, index_cases, cache_cases, clock_cases),
    *(quota_cases, budget_cases, kill_cases, process_cases, variant_cases),
    *(leavers, fallback_times, kills, storm),
)


def named(words: list[str]) -> list[Case]:
    """The cases whose title has one of the words, all of them without any; those that can share a world together."""
    found = [case for case in CASES if not words or any(word.lower() in case.title.lower() for word in words)]
    needs = list(dict.fromkeys(case.needs for case in found))
    return sorted(found, key=lambda case: needs.index(case.needs))
