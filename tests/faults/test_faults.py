"""Footnote in a world that breaks on purpose: the same cases as `python -m tests.faults`."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.case import Case
from tests.faults.cases import named
from tests.faults.lanes import Outcomes, open_lanes
from tests.faults.stage import open_stage

LATE = (" took ", "not within ", "not over within ", " cannot be checked: TimeoutError")


@pytest.fixture(scope="module")
async def outcomes(request: pytest.FixtureRequest) -> AsyncIterator[Outcomes]:
    chosen = [item.callspec.params.get("case") for item in request.session.items if hasattr(item, "callspec")]
    async with open_lanes([case for case in chosen if isinstance(case, Case)]) as outcomes:
        yield outcomes


@pytest.mark.parametrize("case", named([]), ids=lambda case: case.title)
async def test_it_survives(outcomes: Outcomes, case: Case) -> None:
    broken = (await outcomes[case]).broken
    if broken and all(any(words in each for words in LATE) for each in broken):
        # Nothing wrong, only late: whatever else this machine does at the moment may be why. Once more, by itself.
        async with open_stage() as stage:
            broken = (await stage.play(case)).broken
    assert broken == ()
