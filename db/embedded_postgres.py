"""The PostgreSQL of the embedded default: the first process that needs it starts it, the last one out stops it."""

import asyncio
import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from db.postgres_programs import Programs, choose

DEADLINE = 60.0  # seconds; recovery after a power cut replays up to max_wal_size
ATTEMPTS = 3
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # asks any PostgreSQL whether it speaks TLS; ours says no
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may have 107 bytes, a reader's home directory has more
    "shared_buffers": "64MB",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "log",  # an ERROR would carry rows ("Key (email)=(…) already exists") into the log file
}


class EmbeddedPostgresFailed(RuntimeError):
    """The embedded server cannot be started; the message has the reason, the log's last lines and what to do."""


@asynccontextmanager
async def embedded_postgres(directory: Path) -> AsyncIterator[str]:
    """The DSN of the PostgreSQL kept in `directory`, started if nobody has, and stopped if nobody else uses it.

    A cold start (initdb) takes about 0.8 s, a warm one 0.03 s, a stop 0.1 s; none of it blocks the loop.
    Raises EmbeddedPostgresFailed.
    """
    membership = Membership(directory)
    # One thread runs both jobs in order, so that leaving comes after entering even when the caller is cancelled
    # while a start is under way; the loop is not blocked by either.
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedded-postgres")
    loop = asyncio.get_running_loop()
    try:
        yield await loop.run_in_executor(thread, membership.enter)
    finally:
        left = loop.run_in_executor(thread, membership.leave)
        thread.shutdown(wait=False)
        await left


class Membership:
    """One process's share in the server of one directory; blocking, for use from one thread.

    Three lock files, all flock, so that the kernel drops them however a process dies:

    - `decision.lock`, exclusive, held while somebody enters or leaves. Every decision below is made under it, so
      nobody can come in between "am I the last?" and the stop, or between "is it running?" and the start.
    - `users.lock`, shared, held by each user for as long as it uses the server. Whoever leaves tries to make its own
      lock exclusive without waiting: that works for the last one only. A killed user's share is gone at once; when it
      was the last, the server stays up and the next one in finds it, the next last one out stops it.
    - `server.lock`, exclusive, inherited by initdb, the postmaster and all its children. It is free only when the last
      of them is gone, which no pid can say: pids are reused, and mean nothing in another container.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._data = self._directory / "data"
        self._log = self._directory / "server.log"
        self._users: int | None = None

    def enter(self) -> str:
        """Join the users, start the server if it is not running, and return its DSN."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with self._decision():
                self._users = _open_lock(self._directory / "users.lock")
                fcntl.flock(self._users, fcntl.LOCK_SH)
                return self._dsn(self._running_port())
        except (OSError, subprocess.SubprocessError) as error:
            raise self._failed(str(error)) from error

    def leave(self) -> None:
        """Leave the users, and stop the server if nobody is left; does nothing for who never entered."""
        if self._users is None:
            return
        try:
            with self._decision():
                if _locks_now(self._users) and self._server_lives():
                    self._stop()
        except (OSError, subprocess.SubprocessError) as error:
            raise self._failed(str(error)) from error
        finally:
            os.close(self._users)
            self._users = None

    @contextmanager
    def _decision(self) -> Iterator[None]:
        lock = _open_lock(self._directory / "decision.lock")
        deadline = time.monotonic() + 2 * DEADLINE  # the other side may be starting the server
        try:
            while not _locks_now(lock):
                if time.monotonic() > deadline:
                    raise self._failed("another process has been starting or stopping it for two minutes")
                time.sleep(0.01)
            yield
        finally:
            os.close(lock)

    def _running_port(self) -> int:
        deadline = time.monotonic() + DEADLINE
        # Again, because somebody may take the free port before the server does, and because a server that looked
        # alive may have been the remains of a killed one.
        for _ in range(ATTEMPTS):
            if not self._server_lives():
                self._launch()
            if port := self._wait_until_ready(deadline):
                return port
        raise self._failed("the server ended while starting")

    def _wait_until_ready(self, deadline: float) -> int | None:
        while self._server_lives():
            port = self._ready_port()
            if port and _answers(port):
                return port
            if time.monotonic() > deadline:
                raise self._failed(f"the server was not ready within {DEADLINE:.0f} s")
            time.sleep(0.01)
        return None

    def _ready_port(self) -> int | None:
        # Both files must agree: a stale postmaster.pid also says "ready", and its port may be anybody's by now.
        try:
            ours = (self._directory / "port").read_text()
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        return int(ours) if len(lines) > 7 and lines[3] == ours and lines[7].strip() == "ready" else None

    def _server_lives(self) -> bool:
        lock = _open_lock(self._directory / "server.lock")
        try:
            return not _locks_now(lock)
        finally:
            os.close(lock)

    def _launch(self) -> None:
        lock = _open_lock(self._directory / "server.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._start(choose(self._data), lock)
        finally:
            os.close(lock)  # the postmaster's copy keeps it locked

    def _start(self, programs: Programs, lock: int) -> None:
        if not self._data.exists():
            self._initialise(programs, lock)
        programs.own(self._data)
        self._drop_misleading_pid()
        settings = SETTINGS | {"port": str(self._choose_port())}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        command = ["pg_ctl", "start", "--silent", "--no-wait", "--pgdata=data", "--options", options]
        self._log.unlink(missing_ok=True)  # it may belong to another user, after one run with sudo
        with self._log.open("wb") as log:
            programs.run(command, self._directory, output=log, lock=lock)

    def _initialise(self, programs: Programs, lock: int) -> None:
        # Made beside its place and renamed: an interrupted initdb is never taken for a database. Whoever sees `data`
        # also has the password, since that is on disk first. With the lock, so that an initdb whose starter was killed
        # is waited for, and not written over.
        fresh = self._directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password = self._directory / "password"
        _write_secret(password, secrets.token_urlsafe(32))
        programs.own(fresh)
        programs.own(password)
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        account = ["--username=postgres", "--auth=scram-sha-256", "--pwfile=password"]
        result = programs.run(["initdb", "--pgdata=data.new", *locale, *account], self._directory, lock=lock)
        if result.returncode:
            raise self._failed(f"initdb ended with code {result.returncode}: {result.stdout.strip()[-2000:]}")
        fresh.rename(self._data)
        _flush(self._directory)

    def _choose_port(self) -> int:
        path = self._directory / "port"
        # The port it had, if that is still free: then whoever used a server that was killed finds the new one.
        before = path.read_text() if path.exists() else ""
        port = _free_port(int(before)) if before.isdigit() else None
        port = port or _free_port(0) or 0
        path.unlink(missing_ok=True)
        path.write_text(str(port))
        return port

    def _drop_misleading_pid(self) -> None:
        # PostgreSQL removes a stale postmaster.pid itself, except an empty one and one whose pid is in use again,
        # which is the rule in a restarted container (or a zombie's, where the first process there does not reap). It
        # is left alone where it may be true: somebody may have started this server by hand, without our locks.
        path = self._data / "postmaster.pid"
        with suppress(FileNotFoundError):
            pid = path.read_text().partition("\n")[0].strip()
            if not pid or self._is_stale(Path("/proc") / pid):
                path.unlink()

    def _is_stale(self, process: Path) -> bool:
        if not Path("/proc/self").exists():  # macOS: PostgreSQL's own check has to do
            return False
        try:
            return (process / "comm").read_text() != "postgres\n" or not (process / "cwd").samefile(self._data)
        except PermissionError:
            return False
        except OSError:  # gone, or a zombie
            return True

    def _stop(self) -> None:
        programs = choose(self._data)
        self._drop_misleading_pid()  # pg_ctl sends its signal to whatever has that pid
        for mode in ("fast", "immediate"):  # immediate is a crash on purpose: safe, and repaired at the next start
            command = ["pg_ctl", "stop", "--silent", f"--mode={mode}", "--timeout=15", "--pgdata=data"]
            if programs.run(command, self._directory).returncode == 0:
                return

    def _dsn(self, port: int) -> str:
        password = (self._directory / "password").read_text()
        return f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres?sslmode=disable"

    def _failed(self, reason: str) -> EmbeddedPostgresFailed:
        advice = "Set DATABASE_URL to a PostgreSQL of your own, or DATA_DIR to another directory"
        if os.geteuid() == 0:
            advice += ", or do not run as root"
        lines = self._log.read_text(errors="replace").splitlines()[-8:] if self._log.exists() else []
        text = "\n".join([f"The embedded PostgreSQL in {self._directory} cannot be used: {reason}", *lines])
        return EmbeddedPostgresFailed(f"{text}\n{advice}.")


def _free_port(wanted: int) -> int | None:
    """The wanted port, or any where that is 0; None where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does: old connections do not count
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return None
        port: int = probe.getsockname()[1]
        return port


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)


def _locks_now(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(port: int) -> bool:
    # A connection alone proves little: the kernel accepts it for a server that has just been killed.
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(SSL_REQUEST)
            return connection.recv(1) == b"N"
    except OSError:
        return False


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    _flush(path)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
