"""Imports point one way, and each vendor has its place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"app", "bootstrap", "cli", "db", "evals", "resolvers", "schema", "services", "settings", "transport"}
MAY_IMPORT = {
    "settings": set(),
    "db": {"db"},
    "services": {"services", "db"},
    "resolvers": {"resolvers", "services"},
    "schema": {"schema", "resolvers", "services"},
    "transport": {"transport", "schema", "resolvers"},
    "bootstrap": {"settings", "services", "db"},
    "app": {"bootstrap", "transport", "resolvers", "schema", "services", "settings"},
    "evals": {"evals", "services", "db", "bootstrap", "settings"},
    "cli": {"cli", "settings", "bootstrap", "app", "schema", "evals", "services", "db"},
}
FENCED = {
    "anthropic": ["services/claude.py", "services/claude_batches.py"],
    "argon2": ["services/hashing.py"],
    "asyncpg": ["db/"],
    "cohere": ["services/cohere_api.py"],
    "jwt": ["services/better_auth.py", "services/tokens.py"],
    "qdrant_client": ["db/vectors_server.py"],
    "qdrant_edge": ["db/vectors.py"],
    "starlette": ["app.py", "transport/", "resolvers/context.py"],
    "strawberry": ["schema/", "resolvers/", "transport/"],
    "graphql": ["schema/", "resolvers/", "transport/"],
    "torch": ["services/model_export.py"],
    "sentence_transformers": ["services/model_export.py"],
    "uvicorn": ["cli/serving.py"],
}


def source_files() -> Iterator[Path]:
    for name in sorted(OURS):
        yield from sorted((ROOT / name).rglob("*.py")) if (ROOT / name).is_dir() else [ROOT / f"{name}.py"]


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("file", list(source_files()), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_one_way(file: Path) -> None:
    place = file.relative_to(ROOT).parts[0].removesuffix(".py")
    tops = {name.split(".")[0] for name in imported(file)}
    assert tops & OURS <= MAY_IMPORT[place]


@pytest.mark.parametrize("vendor", list(FENCED))
def test_a_vendor_is_imported_only_where_it_has_its_place(vendor: str) -> None:
    importing = [
        str(file.relative_to(ROOT))
        for file in source_files()
        if vendor in {name.split(".")[0] for name in imported(file)}
    ]
    strays = [file for file in importing if not any(file.startswith(place) for place in FENCED[vendor])]
    assert importing
    assert not strays


def test_no_module_is_called_after_nothing_in_particular() -> None:
    names = {file.stem for file in source_files()}
    assert not names & {"utils", "util", "helpers", "base", "common", "misc"}
