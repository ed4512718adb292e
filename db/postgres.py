"""Connections to PostgreSQL: a bounded pool that survives restarts, idle suspension and poolers.

JSON travels as text in both directions, as asyncpg does by default: stored events go to the wire without being parsed,
and a codec would have to be set up again on every new connection. Use orjson where the value is made or read.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

ACQUIRE_SECONDS = 2.0
STATEMENT_SECONDS = 5.0
IDLE_SECONDS = 60.0  # well under Neon's five minutes, so that it can suspend, and finds nothing open when it does
# What asyncpg and a reader of the URL agree on. asyncpg sends every parameter it does not know to the server as a
# setting, which poolers refuse.
PARAMETERS = {"host", "port", "user", "password", "passfile", "dbname", "database", "sslmode", "target_session_attrs"}
VERIFYING = {"require", "verify-ca", "verify-full"}
ESCAPED = "special characters of a password are written as %23 and the like"
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InternalClientError,  # a statement came between the server's farewell and its hanging up
    asyncpg.InterfaceError,  # also for wrong arguments: only where the connection is closed
    ConnectionError,
)

# A full disk, too many connections, a server that is read-only since another one took over, or is being ended.
REFUSING = (
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.OperatorInterventionError,
)

Connection = PoolConnectionProxy
Result = TypeVar("Result")


class BadDatabaseUrl(ValueError):
    """The address in DATABASE_URL cannot be one of a PostgreSQL database."""


class DatabaseUnavailable(Exception):
    """No connection, a lost one, or no answer in time. A write that raises this may or may not have been stored.

    `lost`: an open connection went away, so another one may well work.
    """

    def __init__(self, message: str, *, lost: bool = False) -> None:
        super().__init__(message)
        self.lost = lost


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, in asyncpg's terms. `pooled`: behind PgBouncer in transaction mode."""

    dsn: str
    ssl: ssl.SSLContext | None
    pooled: bool


def parse_url(url: str, *, variable: str = "DATABASE_URL") -> Address:
    """The address in `url`, without what asyncpg or a pooler would refuse; raises BadDatabaseUrl naming `variable`.

    `sslmode=require` and stricter verify the server's certificate, as libpq does only from `verify-ca` on.
    """
    if not url.startswith(("postgres://", "postgresql://")):
        raise _bad(variable, "it does not begin with postgresql://")
    try:
        parts = urlsplit(url)
        parameters = dict(parse_qsl(parts.query))
        host, _ = parts.hostname or parameters.get("host"), parts.port
    except ValueError:  # whose message may be made of the password
        raise _bad(variable, f"its host or port cannot be read; {ESCAPED}") from None
    if parts.fragment:
        raise _bad(variable, f"it contains a #; {ESCAPED}")
    if not host:
        raise _bad(variable, "it names no host")
    context = _ssl_context(parameters, variable) if parameters.get("sslmode") in VERIFYING else None
    kept = {name: value for name, value in parameters.items() if name in PARAMETERS}
    dsn = url.partition("?")[0] + ("?" + urlencode(kept) if kept else "")
    return Address(dsn, context, pooled=host.split(".")[0].endswith("-pooler"))


def _bad(variable: str, reason: str) -> BadDatabaseUrl:
    # Never the URL itself: it holds the password.
    form = "postgresql://user:password@host:5432/database"
    return BadDatabaseUrl(f"{variable} is not the address of a PostgreSQL database: {reason}. Write it as {form}")


def _ssl_context(parameters: dict[str, str], variable: str) -> ssl.SSLContext:
    authority = parameters.get("sslrootcert", "system")
    try:
        context = ssl.create_default_context(cafile=None if authority == "system" else authority)
    except OSError as error:
        raise _bad(variable, f"sslrootcert={authority} cannot be read ({error})") from None
    context.check_hostname = parameters["sslmode"] != "verify-ca"
    return context


@asynccontextmanager
async def pool(url: str, *, max_size: int = 10) -> AsyncIterator[asyncpg.Pool]:
    """A pool of at most `max_size` connections, opened when first needed; raises BadDatabaseUrl.

    Closing waits 5 s for connections in use.
    """
    address = parse_url(url)
    opened = asyncpg.create_pool(
        address.dsn,
        ssl=address.ssl,
        min_size=0,
        max_size=max_size,
        max_inactive_connection_lifetime=IDLE_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        reset=_nothing_to_reset,
        # A pooler gives every transaction another server connection, which knows nothing of prepared statements.
        statement_cache_size=0 if address.pooled else 100,
    )
    await opened
    try:
        yield opened
    finally:
        try:
            async with asyncio.timeout(5):
                await opened.close()
        except TimeoutError:
            opened.terminate()


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    # asyncpg rolls back an open transaction by itself. We keep no other state in a session, since none survives a
    # pooler, so the usual reset would be one round trip per statement for nothing.
    return None


class Database:
    """Statements over a pool, none of which waits without end: 2 s for a connection, 5 s for an answer.

    Everything raises DatabaseUnavailable, and asyncpg.PostgresError for what the server refuses. A SELECT is tried
    again once when its connection was lost. Anything else is not (nor is what begins with WITH, which may hide a
    write): the first try may have been stored.
    """

    __slots__ = ("_pool",)

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """All rows."""
        return await self._read(sql, lambda connection: connection.fetch(sql, *arguments))

    async def fetchrow(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        """The first row, or None."""
        return await self._read(sql, lambda connection: connection.fetchrow(sql, *arguments))

    async def fetchval(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401 - the column decides
        """The first column of the first row, or None."""
        return await self._read(sql, lambda connection: connection.fetchval(sql, *arguments))

    async def execute(self, sql: str, *arguments: object) -> str:
        """Run a statement; its command tag, such as "UPDATE 1"."""
        async with self._connection() as connection:
            return await connection.execute(sql, *arguments)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction: stored when the block ends, rolled back when it raises."""
        async with self._connection() as connection, connection.transaction():
            yield connection

    async def _read(self, sql: str, query: Callable[[Connection], Awaitable[Result]]) -> Result:
        try:
            return await self._once(query)
        except DatabaseUnavailable as error:
            if not error.lost or not sql.lstrip().upper().startswith("SELECT"):
                raise
        # Where one connection was cut the others usually were too, without anybody having noticed yet.
        await self._pool.expire_connections()
        return await self._once(query)

    async def _once(self, query: Callable[[Connection], Awaitable[Result]]) -> Result:
        async with self._connection() as connection:
            return await query(connection)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        connection = await self._acquire()
        try:
            yield connection
        except TimeoutError as error:
            raise DatabaseUnavailable(f"PostgreSQL did not answer within {STATEMENT_SECONDS:.0f} s") from error
        except LOST as error:
            if not _is_closed(connection):
                if isinstance(error, asyncpg.InterfaceError):
                    raise
                connection.terminate()  # the server's farewell was read, its hanging up was not yet: of no use any more
            raise DatabaseUnavailable(f"The connection to PostgreSQL was lost: {error}", lost=True) from error
        except REFUSING as error:
            raise DatabaseUnavailable(f"PostgreSQL does not take it: {error}") from error
        except asyncpg.PostgresError as error:
            error.detail = None  # it quotes whole rows, and with them what readers wrote, into the log
            raise
        finally:
            await self._pool.release(connection, timeout=ACQUIRE_SECONDS)

    async def _acquire(self) -> Connection:
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS):
                try:
                    return await self._pool.acquire()
                except (OSError, asyncpg.PostgresError):
                    await asyncio.sleep(0.2)  # a server that restarts refuses connections for about as long
                    return await self._pool.acquire()
        except TimeoutError as error:
            reason = f"no free connection within {ACQUIRE_SECONDS:.0f} s"
            raise DatabaseUnavailable(f"PostgreSQL cannot be reached: {reason}") from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise DatabaseUnavailable(f"PostgreSQL cannot be reached: {error}; check DATABASE_URL") from error


async def repeated(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do once more what lost its connection, perhaps after it was stored, or was given up for another transaction: for
    what does no harm when it is done twice."""
    try:
        return await work()
    except asyncpg.DeadlockDetectedError:
        return await work()
    except DatabaseUnavailable as error:
        if not error.lost:
            raise
        return await work()


def _is_closed(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:  # the pool has taken it back already, which it does with closed ones
        return True
