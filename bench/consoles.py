"""Agents at their pages: each signed in, with its WebSocket open, doing what agents do.

They write the complaint down while they talk and say what came of it afterwards. Their telephones
are SIPp's and answer by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field

import aiohttp
import msgspec

from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.line import Device, DeviceKind
from callcenter.people import accounts, passwords
from callcenter.people.accounts import NewAccount
from callcenter.people.permissions import Role
from callcenter.queue import service as queue
from callcenter.settings import Settings
from callcenter.store import open_store

PASSWORD = "sandi-untuk-mengukur"
#: From the end of a talk until the agent is ready again, seconds.
WRAP_UP_S = 0.3
#: At the same time: as many as passwords are checked at once, so that nothing is timed out.
SIGN_INS_AT_ONCE = 2


class _Case(msgspec.Struct):
    version: int


class _Call(msgspec.Struct):
    id: str
    state: str
    case: _Case | None


class _WrapUp(msgspec.Struct):
    call: str


class _Console(msgspec.Struct):
    call: _Call | None
    wrap_up: _WrapUp | None


class _Message(msgspec.Struct):
    seq: int
    agent: _Console | None = None


_decode = msgspec.json.Decoder(_Message).decode


def add_agents(settings: Settings, addresses: Sequence[str], topics: Sequence[str]) -> list[str]:
    """An account for each address, with a SIP telephone there; gives the usernames. Blocks."""
    hashed = passwords.make_hash(PASSWORD)
    names = [address.removeprefix("sip:").partition("@")[0] for address in addresses]
    store = open_store(settings)
    given = Given(store.clock.now())
    try:
        for name, address in zip(names, addresses, strict=True):
            device = Device(DeviceKind.SIP, address)
            new = NewAccount(name, name, Role.AGENT, PASSWORD, device=device)

            def add(conn: Connection, new: NewAccount = new) -> None:
                if accounts.by_username(conn, new.username) is None:
                    made = accounts.add(conn, given, new, hashed)
                    queue.set_topics(conn, made.id, topics)

            store.db.write_sync(add)
    finally:
        store.close()
    return names


@dataclass
class Consoles:
    """The pages of ``names`` at the application on ``port``."""

    port: int
    names: Sequence[str]
    #: When an agent asked to be ready, seconds since the epoch: (name, time).
    readied: list[tuple[str, float]] = field(default_factory=list)
    #: account id of each name
    ids: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    _pages: list[_Page] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(self, count: int) -> None:
        """Have ``count`` pages open and ready: sign in those that are not there yet."""
        new = [_Page(self, name) for name in self.names[len(self._pages) : count]]
        gate = asyncio.Semaphore(SIGN_INS_AT_ONCE)

        async def begin(page: _Page) -> None:
            async with gate:
                await page.sign_in()

        await asyncio.gather(*(begin(page) for page in new))
        self._pages += new
        self._tasks += [asyncio.create_task(page.run(), name=page.name) for page in new]
        await asyncio.gather(*(page.ready() for page in new))

    async def close(self) -> None:
        """Close the pages."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(page.close() for page in self._pages))


class _Page:
    """One agent's page."""

    def __init__(self, consoles: Consoles, name: str) -> None:
        self.name = name
        self._consoles = consoles
        self._base = f"http://127.0.0.1:{consoles.port}"
        self._csrf = ""
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self._written = ""
        self._wrapped = ""
        self._doing: set[asyncio.Task[None]] = set()

    async def sign_in(self) -> None:
        body = {"username": self.name, "password": PASSWORD}
        async with self._http.post(f"{self._base}/api/sign-in", json=body) as response:
            response.raise_for_status()
            me = await response.json()
        self._csrf = me["csrf"]
        self._consoles.ids[self.name] = me["account"]["id"]

    async def ready(self) -> None:
        self._consoles.readied.append((self.name, time.time()))
        await self._ask("PUT", "/api/agent/state", {"state": "ready"})

    async def run(self) -> None:
        """Look at every document that is sent."""
        address = f"{self._base.replace('http', 'ws', 1)}/api/live?page=agent"
        try:
            async with self._http.ws_connect(address) as socket:
                async for message in socket:
                    shown = _decode(message.data).agent
                    if shown is not None:
                        self._look(shown)
        except (aiohttp.ClientError, msgspec.MsgspecError) as error:
            self._consoles.failed.append(f"{self.name}: page: {error!r}")

    def _look(self, shown: _Console) -> None:
        call = shown.call
        if call is not None and call.state == "talking" and call.case is not None:
            if call.id != self._written:
                self._written = call.id
                self._do(self._write(call.id, call.case.version))
        elif shown.wrap_up is not None and shown.wrap_up.call != self._wrapped:
            self._wrapped = shown.wrap_up.call
            self._do(self._wrap_up())

    async def _write(self, call: str, version: int) -> None:
        body = {"version": version, "narrative": "Upah tiga bulan ditahan."}
        await self._ask("PUT", f"/api/agent/calls/{call}/case", body)

    async def _wrap_up(self) -> None:
        await asyncio.sleep(WRAP_UP_S)
        self._consoles.readied.append((self.name, time.time()))
        await self._ask("POST", "/api/agent/wrap-up/done", {"outcome": "complaint"})

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)

    async def _ask(self, method: str, path: str, body: dict[str, object]) -> None:
        headers = {"X-CSRF-Token": self._csrf}
        try:
            async with self._http.request(
                method, self._base + path, json=body, headers=headers
            ) as response:
                if response.status >= 400:
                    said = (await response.text())[:200]
                    self._consoles.failed.append(f"{self.name}: {path}: {response.status} {said}")
        except (aiohttp.ClientError, TimeoutError) as error:
            self._consoles.failed.append(f"{self.name}: {path}: {error!r}")

    async def close(self) -> None:
        for task in self._doing:
            task.cancel()
        with contextlib.suppress(aiohttp.ClientError):
            await self._http.close()
