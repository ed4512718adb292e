"""Stored variants, kept nearer than Postgres: in memory, or in Redis for all replicas. They are kept by id, under which
nothing ever changes, so that nothing depends on what is kept here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from urllib.parse import unquote, urlsplit

import orjson
import structlog
from aiocache import RedisCache, SimpleMemoryCache
from aiocache.base import BaseCache
from aiocache.serializers import BaseSerializer

from db.variants import VariantRow, part_rows
from services.breaker import Breaker

KEPT_SECONDS = 300  # nothing else bounds what is kept in memory
PATIENCE_SECONDS = 0.1  # Postgres has it too, and says it in a few milliseconds
log = structlog.get_logger()


class VariantCache:
    """Gives back what it was given, or nothing: also while Redis is away."""

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache
        self._breaker = Breaker()

    async def find(self, id: str) -> VariantRow | None:
        """The variant of this id, if it is kept."""
        with self._breaker.asked() as may:
            if not may:
                return None
            try:
                kept = await self._cache.get(id)
            except Exception as away:
                self._failed(away)
                return None
            self._breaker.worked()
        found: VariantRow | None = kept
        return found

    async def keep(self, variant: VariantRow) -> None:
        """Keep it for a while."""
        with self._breaker.asked() as may:
            if not may:
                return
            try:
                await self._cache.set(variant.id, variant, ttl=KEPT_SECONDS)
            except Exception as away:
                self._failed(away)

    def _failed(self, away: Exception) -> None:
        self._breaker.failed()
        log.warning("the cache cannot be used; variants are read from Postgres", reason=repr(away))


class AsText(BaseSerializer):  # type: ignore[misc]  # aiocache has no types
    """Variants as Redis keeps them."""

    DEFAULT_ENCODING = "utf-8"

    def dumps(self, value: VariantRow) -> str:
        """A variant as JSON."""
        return orjson.dumps(value).decode()

    def loads(self, value: str | None) -> VariantRow | None:
        """A variant again."""
        if value is None:
            return None
        fields = orjson.loads(value)
        made_at = datetime.fromisoformat(fields["created_at"])
        return VariantRow(**{**fields, "sections": part_rows(fields["sections"]), "created_at": made_at})


@asynccontextmanager
async def open_variant_cache(redis_url: str) -> AsyncIterator[VariantCache]:
    """In memory, or in the Redis at this address: redis://user:password@host:6379/0, rediss:// with TLS."""
    if not redis_url:
        yield VariantCache(SimpleMemoryCache(timeout=None))
        return
    cache = redis_cache(redis_url)
    try:
        yield VariantCache(cache)
    finally:
        await cache.client.aclose()  # aiocache's own way is by a name that redis-py gave up


def redis_cache(url: str) -> RedisCache:
    """The cache behind an address, in aiocache's terms. A user's name is its only part that aiocache does not take."""
    parts = urlsplit(url)
    return RedisCache(
        endpoint=parts.hostname or "127.0.0.1",
        port=parts.port or 6379,
        db=int(parts.path.strip("/") or 0),
        password=unquote(parts.password) if parts.password else None,
        ssl=parts.scheme == "rediss",
        connection_pool_kwargs={"username": unquote(parts.username)} if parts.username else {},
        create_connection_timeout=PATIENCE_SECONDS,
        serializer=AsText(),
        namespace="footnote:variant",
        timeout=PATIENCE_SECONDS,
    )
