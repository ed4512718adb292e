"""One making of each variant, however many ask, in however many processes, and whichever of them is killed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from services.variant_maker import AT_ONCE
from tests.claude import Pace, ScriptedClaude
from tests.claude.translating import translating
from tests.client import Data, ask
from tests.conftest import LIGHTHOUSE, MakeSettings
from tests.processes import Server, server
from tests.readers import sign_up
from tests.variants import BEGINNER, URDU, make, watch

READERS = 10
QUOTAS = "{ quotas { kind used } }"


@pytest.fixture(scope="module")
async def replicas(
    new_settings: MakeSettings, fresh_url: str, shared_claude: ScriptedClaude
) -> AsyncIterator[tuple[Server, Server]]:
    """Two processes that serve the handbook of lighthouses from one database. The last test kills the first of them."""
    given = {
        "DATABASE_URL": fresh_url,
        "ANTHROPIC_API_KEY": "key",
        "ANTHROPIC_BASE_URL": shared_claude.url,
        "JWT_SECRET": "a secret of more than thirty-two bytes",
        "BOOK_PATH": LIGHTHOUSE,
    }
    folders = [new_settings().data_dir for _ in range(2)]
    async with server(**given, DATA_DIR=folders[0]) as one, server(**given, DATA_DIR=folders[1]) as other:
        yield one, other


@pytest.fixture
def translator(claude: ScriptedClaude) -> ScriptedClaude:
    """A model that takes a moment for each section."""
    claude.always(translating())
    claude.pace = Pace(first_token=0.3)
    return claude


def asked(claude: ScriptedClaude) -> Counter[str]:
    """How often the model was asked for each section."""
    return Counter(str(call.body["messages"]) for call in claude.calls)


def by_index(sections: list[Data]) -> list[Data]:
    return sorted(sections, key=lambda section: int(section["index"]))


async def test_fifty_who_ask_at_once_in_two_processes_have_each_section_made_once(
    replicas: tuple[Server, Server], translator: ScriptedClaude
) -> None:
    readers = await asyncio.gather(*(sign_up(replicas[0].url) for _ in range(READERS)))
    asking = (make(replicas[n % 2].url, "lamp", readers[n % READERS].token, **URDU) for n in range(50))
    made = await asyncio.gather(*asking)
    assert {one["__typename"] for one in made} == {"ChapterVariant"}
    assert len({one["id"] for one in made}) == 1
    assert set(asked(translator).values()) == {1}


async def test_a_killed_maker_is_replaced_and_what_it_finished_is_kept(
    replicas: tuple[Server, Server], translator: ScriptedClaude
) -> None:
    reader = await sign_up(replicas[0].url)
    making = asyncio.create_task(watch(replicas[0].url, "lamp", reader.token, **BEGINNER))
    await translator.wait_call(1)
    following = asyncio.create_task(watch(replicas[1].url, "lamp", reader.token, **BEGINNER))
    await translator.wait_call(2)
    replicas[0].process.kill()
    await asyncio.wait([making])
    making.exception()
    *shown, finished = await following
    assert finished["__typename"] == "VariantFinished"
    assert "".join(part["content"] for part in by_index(shown)) == finished["variant"]["content"]
    assert max(asked(translator).values()) <= 2
    assert len(translator.calls) - len(asked(translator)) <= AT_ONCE  # those that were being made when it was killed
    *_, taken = (await ask(replicas[1].url, QUOTAS, token=reader.token))["quotas"]
    assert taken == {"kind": "PERSONALIZATIONS", "used": 1}
