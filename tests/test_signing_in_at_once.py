"""Many sign-ups and log-ins at once, and what the time of a refusal tells."""

import asyncio
from collections import Counter

from tests import sign_in_load, sign_in_timing
from tests.client import ask
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.processes import server
from tests.readers import PASSWORD, SIGN_UP, new_email
from tests.serving import Served


async def test_timing_does_not_tell_whether_an_email_exists(served: Served) -> None:
    """Of 40 pairs the area is above .7 by chance once in a thousand runs; `python -m tests.sign_in_timing` measures it
    on 200, and without the hash for nobody it is 1."""
    known, unknown = await sign_in_timing.measure(served.url, 40)
    assert sign_in_timing.area(known, unknown) < 0.7


async def test_two_hundred_sign_ups_with_one_email_at_once_make_one_account(served: Served) -> None:
    email = new_email()
    outcomes = await asyncio.gather(*(ask(served.url, SIGN_UP, email=email, password=PASSWORD) for _ in range(200)))
    counted = Counter(outcome["signup"]["__typename"] for outcome in outcomes)
    assert counted["Session"] == 1
    assert counted.keys() <= {"Session", "EmailTaken", "Busy"}
    stored = "SELECT count(*) FROM readers WHERE compared_email = $1"
    assert await served.house.stores.database.fetchval(stored, email) == 1


async def test_sixty_four_log_ins_at_once_leave_memory_and_time_for_readers(new_settings: MakeSettings) -> None:
    """250 ms is what a cheap query may take beside anything; how it compares with its time alone, which no busy machine
    can tell, `python -m tests.sign_in_load` prints."""
    data_dir = new_settings().data_dir
    async with server(DATA_DIR=data_dir, BOOK_PATH=LIGHTHOUSE, SIGNUPS_PER_ADDRESS_PER_HOUR=1000) as running:
        load = await sign_in_load.measure(running, 64)
    assert load.memory < 400
    assert sign_in_load.p99(load.beside) < 250
