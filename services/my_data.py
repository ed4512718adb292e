"""Everything that is kept of a reader, for that reader, in one document."""

from dataclasses import asdict
from typing import Any

import orjson

import db.my_data
from db.postgres import Database
from services.sessions import SignedIn


class MyData:
    """Exports what is stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def export(self, signed_in: SignedIn) -> dict[str, Any] | None:
        """As JSON: `reader`, `sessions`, `conversations` with their answers, `quota_places`, when they
        were taken, and `kept_for_others`, the answers that are given again to those who ask the same. Times are
        RFC 3339, of the server's clock. None if the account is gone."""
        kept = await db.my_data.read(self._database, reader=signed_in.reader.id)
        if kept is None:
            return None
        found: dict[str, Any] = orjson.loads(orjson.dumps(asdict(signed_in.reader)))
        return {"reader": found, **orjson.loads(kept)}
