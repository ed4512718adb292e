"""Stored variants nearer than Postgres: in memory or in Redis, and as well without either."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.variants import PartRow, VariantRow
from services.variant_cache import open_variant_cache
from tests.claude import ScriptedClaude
from tests.claude.translating import translating
from tests.conftest import MakeSettings
from tests.readers import sign_up
from tests.redis import Redis, redis_server
from tests.serving import serving
from tests.variants import URDU, find, make


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[Redis]:
    async with redis_server(tmp_path, "a p@ssword") as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Where a cache is."""
    if request.param == "memory":
        yield ""
        return
    async with redis_server(tmp_path, "secret") as running:
        yield running.url


def variant() -> VariantRow:
    parts = (PartRow("روبوٹ", "00ff", 5, untranslated=False), PartRow("Fog", "11ee", 4, untranslated=True))
    made_at = datetime(2026, 11, 21, 4, 5, 6, 789, UTC)
    return VariantRow(str(uuid.uuid4()), "lamp", "BEGINNER", "ur", "NONE", "روبوٹ Fog", parts, "claude", made_at)


async def test_what_was_never_kept_is_not_found(url: str) -> None:
    async with open_variant_cache(url) as cache:
        assert await cache.find(str(uuid.uuid4())) is None


async def test_a_variant_comes_back_as_it_was_kept(url: str) -> None:
    kept = variant()
    async with open_variant_cache(url) as cache:
        await cache.keep(kept)
        assert await cache.find(kept.id) == kept


async def test_replicas_share_what_is_in_redis(redis: Redis) -> None:
    kept = variant()
    async with open_variant_cache(redis.url) as one, open_variant_cache(redis.url) as other:
        await one.keep(kept)
        assert await other.find(kept.id) == kept


@pytest.mark.parametrize("wrong", ["redis://:wrong@127.0.0.1:{port}/0", "redis://127.0.0.1:{port}/0"])
async def test_a_redis_that_refuses_is_as_good_as_none(redis: Redis, wrong: str) -> None:
    port = redis.url.rpartition(":")[2].partition("/")[0]
    async with open_variant_cache(wrong.format(port=port)) as cache:
        await cache.keep(variant())
        assert await cache.find(str(uuid.uuid4())) is None


async def test_variants_are_read_and_made_while_redis_is_killed(
    new_settings: MakeSettings, database_url: str, claude: ScriptedClaude, redis: Redis
) -> None:
    claude.always(translating())
    given = {"anthropic_api_key": "key", "anthropic_base_url": claude.url, "redis_url": redis.url}
    async with serving(new_settings(database_url=database_url, **given)) as served:
        reader = await sign_up(served.url)
        made = await make(served.url, "lamp", reader.token, **URDU)
        assert await find(served.url, "lamp", **URDU)
        redis.process.kill()
        await redis.process.wait()
        found = await find(served.url, "lamp", **URDU)
        assert (found or {})["content"] == made["content"]
        assert (await make(served.url, "fog", reader.token, **URDU))["__typename"] == "ChapterVariant"
