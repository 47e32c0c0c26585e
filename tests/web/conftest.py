"""The whole application with the simulator at work behind a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from callcenter import settings as settings_module
from callcenter.app import App, assemble, listen, running
from callcenter.clock import Given, SystemClock
from callcenter.db import Connection
from callcenter.people import accounts, passwords
from callcenter.people.accounts import NewAccount
from callcenter.people.permissions import Role
from callcenter.queue import service as queue
from tests.waiting import LIMIT_S, until

T = TypeVar("T")

FLOWS = Path(__file__).with_name("flows")
PASSWORD = "kata-sandi-uji"
STAFF = {
    "agen": (Role.AGENT, "Sari"),
    "agen2": (Role.AGENT, "Budi"),
    "penyelia": (Role.SUPERVISOR, "Dewi"),
    "petugas": (Role.OFFICER, "Rina"),
    "admin": (Role.ADMIN, "Adi"),
}
#: Whose officers they are; PTSA is triage.
UNITS = {"petugas": "PTSA"}
#: username → unit, head, named; all are officers. P32 is Jawa Barat.
OFFICERS = {
    "kepala": ("PTSA", True, True),
    "barat": ("P32", False, False),
    "barat2": ("P32", False, False),
    "pimpinan": ("P32", True, False),
    "timur": ("P35", False, False),
    "itjen": ("ITJEN", False, False),
}


async def eventually(ask: Callable[[], Awaitable[T | None]]) -> T:
    """What ``ask`` gives as soon as it gives something true; fails after LIMIT_S."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            if found := await ask():
                return found
            await asyncio.sleep(0.01)


class MovedClock(SystemClock):
    """The machine's clock, moved ahead by hand."""

    ahead_ms = 0

    def now(self) -> int:
        return super().now() + self.ahead_ms


class Browser:
    """One browser: its cookies, its CSRF token, and the page that it sends from."""

    def __init__(self, house: House) -> None:
        self.house = house
        # Without `verify=False` each reads the machine's list of authorities, for no use here.
        self.http = httpx2.AsyncClient(
            base_url=house.url, headers={"Origin": house.url}, verify=False
        )
        self.csrf: str | None = None

    async def sign_in(self, username: str, password: str = PASSWORD) -> dict[str, Any]:
        answer = await self.post("/api/sign-in", {"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        me: dict[str, Any] = answer.json()
        self.csrf = me["csrf"]
        return me

    async def get(self, path: str, **more: Any) -> httpx2.Response:
        return await self.http.get(path, **more)

    async def post(self, path: str, body: object = None, **more: Any) -> httpx2.Response:
        return await self.http.post(path, json=body, headers=self._headers(more), **more)

    async def put(self, path: str, body: object, **more: Any) -> httpx2.Response:
        return await self.http.put(path, json=body, headers=self._headers(more), **more)

    def _headers(self, more: dict[str, Any]) -> dict[str, str]:
        headers: dict[str, str] = more.pop("headers", {})
        return ({"X-CSRF-Token": self.csrf} if self.csrf else {}) | headers

    async def agent(self) -> dict[str, Any]:
        """The console's document."""
        document: dict[str, Any] = (await self.get("/api/agent")).json()
        return document

    @contextlib.asynccontextmanager
    async def live(
        self, page: str, after: int = 0, origin: str | None = None
    ) -> AsyncIterator[ClientConnection]:
        """The WebSocket of a page."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        url = f"ws{self.house.url.removeprefix('http')}/api/live?page={page}&after={after}"
        headers = {"Cookie": cookies, "Origin": origin or self.house.url}
        async with connect(url, additional_headers=headers, proxy=None) as socket:
            yield socket


class House:
    """The application at work, and what tests do from outside."""

    def __init__(self, app: App, clock: MovedClock, url: str) -> None:
        self.app = app
        self.clock = clock
        self.url = url
        self.ids: dict[str, str] = {}
        self._browsers: list[Browser] = []

    def browser(self) -> Browser:
        self._browsers.append(Browser(self))
        return self._browsers[-1]

    async def signed_in(self, username: str) -> Browser:
        browser = self.browser()
        await browser.sign_in(username)
        return browser

    async def caller_waits(self, key: str = "1", caller: str | None = "+6281112345") -> str:
        """A simulated citizen calls and chooses a topic; gives the id of the phone."""
        phone = self.browser()
        answer = await phone.post("/simulator/calls", {"from": caller, "to": "1500630"})
        assert answer.status_code == 201, answer.text
        call: str = answer.json()["call"]
        pressed = await phone.post(f"/simulator/calls/{call}/keys", {"keys": key})
        assert pressed.status_code == 200, pressed.text
        return call

    async def close(self) -> None:
        for browser in self._browsers:
            await browser.http.aclose()


@pytest.fixture(scope="session")
def password_hash() -> str:
    return passwords.make_hash(PASSWORD)


@pytest.fixture
def flows() -> Path | None:
    """The flows' folder; None: the shipped one."""
    return FLOWS


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path, flows: Path | None) -> settings_module.Settings:
    return settings_module.load(
        {
            "CALLCENTER_VAR": str(tmp_path / "var"),
            "DATABASE_URL": sqlite_url,
            "SIMULATOR": "on",
            "HOTLINE_NUMBER": "1500-630",
            "ASTERISK_SOUNDS": str(tmp_path / "sounds"),
        }
        | ({} if flows is None else {"CALLCENTER_FLOWS": str(flows)})
    )


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with listen("127.0.0.1", 0) as listening:
        yield listening


@pytest.fixture
async def house(
    settings: settings_module.Settings, listening: socket.socket, password_hash: str
) -> AsyncIterator[House]:
    clock = MovedClock()
    app = assemble(settings, clock=clock, paced=False)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    house = House(app, clock, url)
    house.ids = app.db.write_sync(lambda conn: _staff(conn, app, password_hash))
    config = uvicorn.Config(app.web, log_config=None, access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    async with running(app):
        serving = asyncio.create_task(server._serve([listening]))
        await until(lambda: server.started)
        yield house
        await house.close()
        server.should_exit = True
        await serving


def _staff(conn: Connection, app: App, password_hash: str) -> dict[str, str]:
    ids = {}
    for username, (role, name) in STAFF.items():
        new = NewAccount(username, name, role, PASSWORD, unit=UNITS.get(username))
        made = accounts.add(conn, Given(app.clock.now()), new, password_hash)
        ids[username] = made.id
        if role is Role.AGENT:
            queue.set_topics(conn, made.id, app.calls.topics)
    return ids


@pytest.fixture
def desks(house: House, password_hash: str) -> House:
    """The house with officers of several units."""

    def make(conn: Any) -> None:
        for username, (unit, head, named) in OFFICERS.items():
            new = NewAccount(
                username,
                username.title(),
                Role.OFFICER,
                PASSWORD,
                unit=unit,
                head=head,
                named=named,
            )
            made = accounts.add(conn, Given(house.clock.now()), new, password_hash)
            house.ids[username] = made.id

    house.app.db.write_sync(make)
    return house
