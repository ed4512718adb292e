"""Places and dollars are given once, to several processes too: a small `python -m tests.faults.races`."""

from decimal import Decimal

from tests.faults.races import Counted, measure


async def test_nobody_is_let_in_beyond_what_there_is(database_url: str) -> None:
    assert await measure(database_url, 3) == Counted(over=0, under=0, money=Decimal(0))
