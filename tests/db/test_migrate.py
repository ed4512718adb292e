"""Migrations: each once, all or none, whoever comes first."""

import asyncio
from importlib import resources
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from db.migrate import MigrationChanged, MigrationFailed, migrate, read
from db.postgres import BadDatabaseUrl, DatabaseUnavailable

ONE = "CREATE TABLE one (n integer);"
TWO = "CREATE TABLE two (n integer);\nINSERT INTO two VALUES (2);"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text(ONE)
    (tmp_path / "0002_two.sql").write_text(TWO)
    return tmp_path


async def value(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_file_changed_after_it_was_applied_is_refused(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder)
    (folder / "0001_one.sql").write_text(ONE + "-- harmless")
    with pytest.raises(MigrationChanged, match=r"0001_one\.sql was changed"):
        await migrate(empty_database_url, folder)


async def test_broken_sql_is_refused_with_its_line_and_leaves_nothing_behind(
    empty_database_url: str, folder: Path
) -> None:
    (folder / "0003_three.sql").write_text("CREATE TABLE three (n integer);\n\nCREATE TABEL four ();")
    with pytest.raises(MigrationFailed, match=r"0003_three\.sql, line 3: syntax error"):
        await migrate(empty_database_url, folder)
    assert await value(empty_database_url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


async def test_a_new_file_below_what_was_applied_is_refused(empty_database_url: str, folder: Path) -> None:
    (folder / "0001_one.sql").rename(folder / "kept")
    await migrate(empty_database_url, folder)
    (folder / "kept").rename(folder / "0001_one.sql")
    with pytest.raises(MigrationFailed, match="already at 0002_two"):
        await migrate(empty_database_url, folder)


@pytest.mark.parametrize("name", ["1_one.sql", "0003-three.sql", "0002_again.sql"])
def test_a_file_without_a_number_of_its_own_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1")
    with pytest.raises(MigrationFailed):
        read(folder)


async def test_a_url_that_is_none_is_refused_by_the_names_of_its_variables(folder: Path) -> None:
    with pytest.raises(BadDatabaseUrl, match="DATABASE_DIRECT_URL"):
        await migrate("localhost:5432", folder)


async def test_a_server_that_is_not_there_is_named_unavailable(folder: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="DATABASE_DIRECT_URL"):
        await migrate("postgresql://reader@127.0.0.1:1/book", folder)


async def test_migrations_are_applied_in_order_and_once(empty_database_url: str, folder: Path) -> None:
    assert await migrate(empty_database_url, folder) == ["0001_one.sql", "0002_two.sql"]
    assert await migrate(empty_database_url, folder) == []
    (folder / "0003_three.sql").write_text("INSERT INTO two VALUES (3)")
    assert await migrate(empty_database_url, folder) == ["0003_three.sql"]
    assert await value(empty_database_url, "SELECT array_agg(n ORDER BY n) FROM two") == [2, 3]


async def test_replicas_booting_together_apply_each_once(empty_database_url: str, folder: Path) -> None:
    (folder / "0001_one.sql").write_text(ONE + "SELECT pg_sleep(0.1);")
    results = await asyncio.gather(*(migrate(empty_database_url, folder) for _ in range(4)))
    assert sorted(results) == [[], [], [], ["0001_one.sql", "0002_two.sql"]]
    assert await value(empty_database_url, "SELECT count(*) FROM two") == 1


async def test_old_code_starts_on_a_newer_schema_and_says_so(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder)
    (folder / "0002_two.sql").unlink()
    with capture_logs() as logs:
        assert await migrate(empty_database_url, folder) == []
    assert [entry["unknown_migrations"] for entry in logs] == [["0002_two.sql"]]


async def test_other_line_ends_are_not_a_change(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder)
    (folder / "0002_two.sql").write_bytes(TWO.replace("\n", "\r\n").encode())
    assert await migrate(empty_database_url, folder) == []


def test_the_packaged_migrations_can_be_read() -> None:
    assert read(resources.files("db") / "migrations")
