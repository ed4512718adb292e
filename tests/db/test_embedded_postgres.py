"""The embedded server: started once, shared by processes however they end, stopped by the last one out."""

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from db.embedded_postgres import EmbeddedPostgresFailed, embedded_postgres

ROOT = Path(__file__).parents[2]
USER = """
import asyncio, sys
from pathlib import Path
from db.embedded_postgres import embedded_postgres

async def main():
    async with embedded_postgres(Path(sys.argv[1])) as dsn:
        print(dsn, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up")


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose database exists; its server is stopped before and after each test."""
    directory = tmp_path_factory.mktemp("embedded") / 'it\'s a "$HOME" directory'
    async with embedded_postgres(directory) as dsn:
        await value(dsn, "CREATE TABLE notes AS SELECT 7 AS n")
    return directory


@asynccontextmanager
async def another_process(directory: Path) -> AsyncIterator[tuple[Process, str]]:
    """Another process that uses the server until the block ends, and the DSN that it got."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USER, directory, cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def value(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def is_up(dsn: str) -> bool:
    try:
        return await value(dsn, "SELECT true") is True
    except (OSError, asyncpg.PostgresConnectionError):
        return False


def postmaster(directory: Path) -> int:
    return int((directory / "data" / "postmaster.pid").read_text().split()[0])


def process_status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def kill_server(directory: Path) -> None:
    """Kill the postmaster, and wait until the kernel has done so."""
    os.kill(postmaster(directory), signal.SIGKILL)
    address = ("127.0.0.1", int((directory / "port").read_text()))
    with suppress(OSError):
        while True:
            socket.create_connection(address).close()
            time.sleep(0.01)


async def test_a_directory_that_cannot_be_made_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedPostgresFailed, match=re.compile(r"Not a directory.*Set DATABASE_URL", re.DOTALL)):
        await embedded_postgres(tmp_path / "file" / "postgres").__aenter__()


async def test_a_server_that_cannot_start_shows_the_end_of_its_log(cluster: Path, tmp_path: Path) -> None:
    shutil.copytree(cluster, tmp_path / "copy")
    (tmp_path / "copy" / "data" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedPostgresFailed, match="pg_control"):
        await embedded_postgres(tmp_path / "copy").__aenter__()


@needs_root
async def test_without_setpriv_a_closed_directory_is_refused_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "closed").mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresFailed, match="do not run as root"):
        await embedded_postgres(tmp_path / "closed" / "postgres").__aenter__()


@needs_root
async def test_root_gives_up_its_privileges_but_for_reading(cluster: Path) -> None:
    async with embedded_postgres(cluster):
        status = process_status(postmaster(cluster))
    assert re.search(r"Uid:\t(\d+)\t\1\t\1\t\1", status)
    assert "Uid:\t0" not in status
    assert re.search(r"CapPrm:\t0{15}[24]\n", status)
    assert (cluster / "data").stat().st_uid != 0


async def test_the_password_is_needed_and_only_for_us(cluster: Path) -> None:
    assert (cluster / "password").stat().st_mode & 0o777 == 0o600
    async with embedded_postgres(cluster) as dsn:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await value(re.sub(r":[^:@]+@", ":guess@", dsn), "SELECT 1")


async def test_processes_share_one_server_and_the_last_one_out_stops_it(cluster: Path) -> None:
    async with another_process(cluster) as (_, theirs):
        async with embedded_postgres(cluster) as ours:
            assert ours == theirs
        assert await is_up(theirs)
    assert not await is_up(theirs)


async def test_the_one_who_started_may_leave_first(cluster: Path) -> None:
    async with another_process(cluster) as (process, theirs):
        async with embedded_postgres(cluster):
            assert process.stdin
            process.stdin.close()
            await process.wait()
            assert await is_up(theirs)
        assert not await is_up(theirs)


async def test_many_starting_at_once_find_one_server(cluster: Path) -> None:
    async def use() -> str:
        async with another_process(cluster) as (_, dsn), embedded_postgres(cluster) as ours:
            return f"{dsn == ours} {await value(dsn, 'SELECT n FROM notes')}"

    assert await asyncio.gather(*(use() for _ in range(4))) == ["True 7"] * 4
    assert not (cluster / "data" / "postmaster.pid").exists()


async def test_a_killed_user_leaves_a_server_that_the_next_one_takes_over(cluster: Path) -> None:
    async with another_process(cluster) as (process, theirs):
        process.kill()
        await process.wait()
        assert await is_up(theirs)
    async with embedded_postgres(cluster) as ours:
        assert ours == theirs
    assert not await is_up(theirs)


async def test_a_killed_server_is_started_again_by_the_next_one(cluster: Path) -> None:
    async with another_process(cluster):
        kill_server(cluster)
        async with embedded_postgres(cluster) as dsn:
            assert await value(dsn, "SELECT n FROM notes") == 7


async def test_a_crash_of_everything_does_not_prevent_a_start(cluster: Path) -> None:
    async with another_process(cluster) as (process, _):
        process.kill()
        await process.wait()
        kill_server(cluster)
    assert (cluster / "data" / "postmaster.pid").exists()
    async with embedded_postgres(cluster) as dsn:
        assert await value(dsn, "SELECT n FROM notes") == 7


@pytest.mark.parametrize("pid", ["", f"{os.getpid()}\n", "1\n"])
async def test_a_pid_file_that_misleads_does_not_prevent_a_start(cluster: Path, pid: str) -> None:
    (cluster / "data" / "postmaster.pid").write_text(pid)
    async with embedded_postgres(cluster) as dsn:
        assert await value(dsn, "SELECT n FROM notes") == 7


async def test_an_interrupted_initdb_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "data.new" / "base").mkdir(parents=True)
    (tmp_path / "password").touch()
    async with embedded_postgres(tmp_path) as dsn:
        assert await is_up(dsn)


async def test_a_cancelled_start_leaves_no_server(tmp_path: Path) -> None:
    starting = asyncio.create_task(embedded_postgres(tmp_path / "postgres").__aenter__())
    await asyncio.sleep(0.2)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (tmp_path / "postgres" / "data").exists()
    assert not (tmp_path / "postgres" / "data" / "postmaster.pid").exists()


async def test_control_c_in_the_terminal_does_not_reach_the_server(cluster: Path) -> None:
    async with embedded_postgres(cluster):
        assert os.getsid(postmaster(cluster)) != os.getsid(0)


async def test_no_row_is_written_to_the_log(cluster: Path) -> None:
    async with embedded_postgres(cluster) as dsn:
        with pytest.raises(asyncpg.DataError):
            await value(dsn, "SELECT 'ada@example.org'::integer")
    assert "ada@example.org" not in (cluster / "server.log").read_text()
