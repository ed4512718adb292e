"""Footnote in a world that breaks on purpose: the same cases as `python -m tests.faults`."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.case import Case
from tests.faults.cases import named
from tests.faults.stage import Stage, open_stage


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as stage:
        yield stage


@pytest.mark.parametrize("case", named([]), ids=lambda case: case.title)
async def test_it_survives(stage: Stage, case: Case) -> None:
    outcome = await stage.play(case)
    assert outcome.broken == ()
