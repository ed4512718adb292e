"""The exported schema is committed, and is part of the contract."""

from pathlib import Path

import schema

ROOT = Path(__file__).parent.parent


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    committed = (ROOT / "schema.graphql").read_text("utf-8")
    assert committed == schema.build().as_str() + "\n", "run `make schema`"
