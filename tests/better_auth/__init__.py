"""A real Better Auth server, as a site beside Footnote runs it, in a process of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from tests.processes import NODE, environment

SERVER = Path(__file__).parent / "server.mjs"
PASSWORD = "correct horse battery"


class BetterAuthServer:
    """A running server. It keeps accounts and keys while it is away, and loses them at its end."""

    def __init__(self, url: str, process: asyncio.subprocess.Process, http: httpx.AsyncClient) -> None:
        self.url = url
        self._process = process
        self._http = http
        self._cookies: dict[str, str] = {}

    async def sign_up(self, email: str, name: str = "Ada") -> None:
        """Open an account whose e-mail is not verified, and sign in to it."""
        asked = {"email": email, "name": name, "password": PASSWORD}
        answer = await self._http.post("/api/auth/sign-up/email", json=asked)
        self._cookies[email] = answer.raise_for_status().headers["set-cookie"].partition(";")[0]

    async def verify(self, email: str) -> None:
        """What the link in the mail does."""
        await self._command(f"verify {email}")

    async def token(self, email: str) -> str:
        """A new JWT of who signed up."""
        answer = await self._http.get("/api/auth/token", headers={"cookie": self._cookies[email]})
        return str(answer.raise_for_status().json()["token"])

    async def go_away(self) -> None:
        """Refuse all connections."""
        await self._command("away")

    async def come_back(self) -> None:
        """Listen again, at the same address."""
        await self._command("back")

    async def _command(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n".encode())
        assert await read_line(self._process) == line


@asynccontextmanager
async def better_auth(**jwt_options: object) -> AsyncIterator[BetterAuthServer]:
    """Better Auth on a free port. `jwt_options` are those of its jwt plugin: `jwt={"expirationTime": "2s"}`."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        SERVER,
        json.dumps(jwt_options),
        env=environment({}),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        url = await read_line(process)
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # each call says whose it is
        async with httpx.AsyncClient(base_url=url, cookies=no_cookies) as http:
            yield BetterAuthServer(url, process, http)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def read_line(process: asyncio.subprocess.Process) -> str:
    """What it says next."""
    assert process.stdout
    line = (await process.stdout.readline()).decode().strip()
    assert line, "Better Auth ended. Was `make test` run, which installs it? What it said is above."
    return line
