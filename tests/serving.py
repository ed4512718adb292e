"""A whole server in this process, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from app import create_app
from bootstrap import House, open_house
from settings import Settings


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. `url` is that of GraphQL."""

    url: str
    house: House
    settings: Settings


@asynccontextmanager
async def serving(settings: Settings, *, ingest: bool = True) -> AsyncIterator[Served]:
    """Ingest the settings' book, or take the one that is there, and serve it on a free port until the block ends."""
    async with open_house(settings) as house:
        if ingest:
            await house.stores.ingestion.ingest(settings.book_path, lambda *_: None)
        config = uvicorn.Config(
            create_app(house, settings),
            port=0,
            log_config=None,
            lifespan="off",
            ws="websockets-sansio",
            proxy_headers=False,
        )
        server = uvicorn.Server(config)
        config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()  # not serve(), which takes over the signals of the whole process
        ticking = asyncio.create_task(server.main_loop())
        try:
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Served(f"http://127.0.0.1:{port}/graphql", house, settings)
        finally:
            server.should_exit = True
            await ticking
            await server.shutdown()
