"""The whole application for callers' journeys: simulated telephones, and a clock that jumps.

Citizens are moved through the simulator's HTTP doors and agents through theirs, as pages do. Time
goes by only when a journey says so, from one thing that is due to the next. What is asserted is
read from the database and the Facts.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx2
import msgspec
import uvicorn
from sqlalchemy import text as sql_text

from callcenter import settings as settings_module
from callcenter.app import App, assemble, listen, running
from callcenter.cases.clocks import Clock
from callcenter.cases.hand.service import Work
from callcenter.cases.numbers import make_number
from callcenter.cases.reporters import service as reporters
from callcenter.cases.work import service as work
from callcenter.cases.work.service import Standing
from callcenter.clock import Given, JumpClock
from callcenter.db import Connection, timers
from callcenter.db.facts import Fact
from callcenter.people import accounts, passwords
from callcenter.people.accounts import NewAccount
from callcenter.people.permissions import Role
from callcenter.people.sign_ins import IDLE_MS
from callcenter.queue import service as queue
from callcenter.stats import open_data
from callcenter.stats import service as stats
from callcenter.stats.open_data import Counted
from callcenter.telephony.simulator.line import SimulatorLine
from callcenter.topics import uppers
from tests.waiting import LIMIT_S, until

T = TypeVar("T")

ZONE = ZoneInfo("Asia/Jakarta")
#: A Tuesday, 10.00 in Jakarta: the hotline is open.
OPEN = "2026-11-24 10:00"
PASSWORD = "sandi-untuk-uji-coba"
SARI = "+628111234567"
PUBLIC_NOTE = "Perusahaan sudah dipanggil."
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
#: The moment at which nothing happens any more was looked at so often.
QUIET = 3


def at(local: str) -> int:
    """Epoch milliseconds of a moment in Jakarta: ``2026-03-20 21:00``."""
    moment = dt.datetime.fromisoformat(local).replace(tzinfo=ZONE)
    return int(moment.timestamp() * 1000)


def day(at_ms: int) -> str:
    """The day of a moment in Jakarta."""
    return dt.datetime.fromtimestamp(at_ms / 1000, ZONE).date().isoformat()


@cache
def password_hash() -> str:
    return passwords.make_hash(PASSWORD)


class Refused(Exception):
    """The application answered, and it was no."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.code = body.get("error", {}).get("code") if isinstance(body, dict) else None


class Caller:
    """A citizen's telephone."""

    def __init__(self, journey: Journey, phone: str) -> None:
        self._journey = journey
        self.phone = phone

    async def press(self, *keys: str) -> str:
        """Answer one prompt after another; what is heard since."""
        return await self._do(*(("keys", {"keys": each}) for each in keys))

    async def silence(self, times: int = 1) -> str:
        """Press nothing until the line's patience ends."""
        return await self._do(*(("silence", {}) for _ in range(times)))

    async def speak(self, said: str) -> str:
        return await self._do(("speak", {"text": said}))

    async def hang_up(self) -> None:
        await self._do(("hangup", {}))

    async def _do(self, *moves: tuple[str, Mapping[str, object]]) -> str:
        before = len((await self._view())["heard"])
        for what, body in moves:
            await self._journey.door("POST", f"/simulator/calls/{self.phone}/{what}", body)
            await self._journey.settle()
        return " ".join(one["text"] for one in (await self._view())["heard"][before:])

    async def _view(self) -> Any:
        return await self._journey.door("GET", f"/simulator/calls/{self.phone}")

    async def heard(self) -> str:
        """All that was heard, as one text."""
        return " ".join(one["text"] for one in (await self._view())["heard"])

    async def waits_for(self) -> str | None:
        """What the telephone waits for; None when the call is over."""
        shown = await self._view()
        return shown["wait"] if shown["state"] == "up" else None

    @property
    def call(self) -> Any:
        """Its row in the database."""
        (row,) = self._journey.rows(
            "SELECT c.* FROM call c JOIN leg l ON l.call = c.id WHERE l.id = :leg", leg=self.phone
        )
        return row


class Page:
    """A page of somebody who is signed in."""

    def __init__(self, journey: Journey, name: str) -> None:
        self._journey = journey
        self.name = name
        self.id = ""
        self.signed_in_at = 0
        self._http = journey.browser()
        self._csrf = ""

    async def sign_in(self) -> None:
        """Also again, when the sign-in has run out."""
        self._http.cookies.clear()
        self._csrf = ""
        me = await self.ask("POST", "/api/sign-in", {"username": self.name, "password": PASSWORD})
        self._csrf, self.id = me["csrf"], me["account"]["id"]
        self.signed_in_at = self._journey.clock.now()

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """
        Raises:
            Refused: the answer is no.
        """
        headers = {"X-CSRF-Token": self._csrf} if self._csrf else {}
        answer = await self._http.request(method, path, json=body, headers=headers)
        found = answer.json() if answer.content else None
        if answer.status_code >= 400:
            raise Refused(answer.status_code, found)
        if method != "GET" and path.startswith("/api/agent"):
            await self._journey.settle()
        return found

    async def read(self, number: str) -> Any:
        """A case as far as this person may see it."""
        return await self.ask("GET", f"/api/cases/{number}")

    async def save(self, number: str, **fields: object) -> Any:
        version = (await self.read(number))["version"]
        return await self.ask("PUT", f"/api/cases/{number}", {"version": version} | fields)


class Officer(Page):
    """Somebody at the desk of cases."""

    async def finds(self, query: str) -> list[str]:
        """The numbers of the cases that a search shows, and with them how many it counts."""
        page = await self.ask("POST", "/api/desk/search", {"query": query})
        found = [case["number"] for case in page["cases"]]
        assert page["total"] == len(found)
        return found

    async def move(self, number: str, event: str, *, copy: bool = False, **fields: str) -> Any:
        version = (await self.read(number))["version"]
        body = {"event": event, "version": version, "fields": fields, "copy": copy}
        return await self.ask("POST", f"/api/cases/{number}/moves", body)

    async def note(self, number: str, kind: str, text: str, *, copy: bool = False) -> Any:
        body = {"kind": kind, "text": text, "copy": copy}
        return await self.ask("POST", f"/api/cases/{number}/notes", body)


class Agent(Page):
    """An agent at the console."""

    async def ready(self) -> Agent:
        await self.ask("PUT", "/api/agent/state", {"state": "ready"})
        return self

    async def console(self) -> Any:
        return await self.ask("GET", "/api/agent")

    async def offer(self) -> Any:
        """What is offered now, None: nothing."""
        return (await self.console())["offer"]

    async def take(self) -> Any:
        """Take the caller who is offered; the call as the console shows it then."""
        offer = await self.offer()
        assert offer is not None, (await self.console())["agent"]
        await self.ask("POST", f"/api/agent/offers/{offer['id']}/accept")
        call = (await self.console())["call"]
        assert call["state"] == "talking"
        return call

    async def write(self, call: str, **fields: object) -> Any:
        """Write the call's case down, in the version that the console shows."""
        shown = await self.console()
        version = (shown["call"] or shown["wrap_up"])["case"]["version"]
        return await self.ask("PUT", f"/api/agent/calls/{call}/case", {"version": version} | fields)

    async def hang_up(self, call: str) -> None:
        await self.ask("POST", f"/api/agent/calls/{call}/hangup")

    async def wrap_up(self, outcome: str = "complaint") -> None:
        await self.ask("POST", "/api/agent/wrap-up/done", {"outcome": outcome})


class Journey:
    """The application at work, from a given moment on."""

    def __init__(self, app: App, clock: JumpClock, url: str) -> None:
        self.app = app
        self.clock = clock
        self._url = url
        self._desk: tuple[Officer, Officer] | None = None
        self._browsers: list[httpx2.AsyncClient] = []
        self._phone = self.browser()

    def browser(self) -> httpx2.AsyncClient:
        self._browsers.append(
            httpx2.AsyncClient(
                base_url=self._url, headers={"Origin": self._url}, timeout=30, verify=False
            )
        )
        return self._browsers[-1]

    async def close(self) -> None:
        for browser in self._browsers:
            await browser.aclose()

    async def door(self, method: str, path: str, body: object = None) -> Any:
        """Through a door that anybody may use."""
        answer = await self._phone.request(method, path, json=body)
        assert answer.status_code < 400, answer.text
        return answer.json()

    # --- people -------------------------------------------------------------------------------

    async def dial(self, number: str | None = SARI) -> Caller:
        """Somebody calls; ``number`` None: it is withheld."""
        made = await self.door("POST", "/simulator/calls", {"from": number, "to": "1500630"})
        await self.settle()
        return Caller(self, made["call"])

    async def agent(self, name: str, *knows: str, ready: bool = True) -> Agent:
        """An agent who knows these topics (all, when none is named), signed in."""
        await self.account(name, Role.AGENT, *(knows or uppers(self.app.calls.topics)))
        agent = Agent(self, name)
        await agent.sign_in()
        return await agent.ready() if ready else agent

    async def officer(
        self, name: str, unit: str, *, head: bool = False, named: bool = False
    ) -> Officer:
        """An officer of ``unit``, signed in. ``named``: for sensitive cases."""
        await self.account(name, Role.OFFICER, unit=unit, head=head, named=named)
        officer = Officer(self, name)
        await officer.sign_in()
        return officer

    async def account(self, name: str, role: Role, *topics: str, **more: Any) -> str:
        def add(conn: Connection) -> str:
            new = NewAccount(name, name.title(), role, PASSWORD, **more)
            made = accounts.add(conn, Given(self.clock.now()), new, password_hash())
            if topics:
                queue.set_topics(conn, made.id, topics)
            return made.id

        return await self.app.db.write(add)

    async def complain(
        self, agent: Agent, *keys: str, number: str | None = SARI, **fields: object
    ) -> tuple[str, str]:
        """A complaint from the first ring to the end of the wrap-up, by ``keys``; its number and
        PIN."""
        caller = await self.dial(number)
        await caller.press(*keys)
        talk = await agent.take()
        await agent.write(talk["id"], **({"narrative": "Upah tiga bulan ditahan."} | fields))
        await caller.hang_up()
        await agent.wrap_up()
        return talk["case"]["number"], talk["case"]["pin"]

    # --- time ---------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Until everything that happens at this moment has happened; fails after LIMIT_S."""
        quiet, deadline = 0, time.monotonic() + LIMIT_S
        while quiet < QUIET:
            assert time.monotonic() < deadline, "something goes on and on"
            await asyncio.sleep(0.002)
            due = await self.app.db.read(partial(timers.due, now=self.clock.now()))
            busy = self.app.performer.busy or self.app.calls.fetching or due
            quiet = 0 if busy else quiet + 1

    async def pass_time(self, seconds: float) -> None:
        """Let ``seconds`` go by, from one thing that is due to the next."""
        await self.until(self.clock.now() + round(seconds * 1000))

    async def until(self, moment: int | str) -> None:
        """Let the time go by until ``moment``: epoch milliseconds, or as for :func:`at`."""
        goal = at(moment) if isinstance(moment, str) else moment
        await self.settle()
        while (due := await self.app.db.read(timers.next_due)) is not None and due <= goal:
            self.clock.set(due)
            await self.settle()
        self.clock.set(goal)
        await self.settle()

    # --- what becomes of a complaint --------------------------------------------------------------

    async def desk(self) -> tuple[Officer, Officer]:
        """Officers of triage, and of the inspectors of Jawa Barat."""
        if self._desk is None:
            self._desk = await self.officer("tari", "PTSA"), await self.officer("rina", "P32")
        for officer in self._desk:
            if self.clock.now() - officer.signed_in_at > IDLE_MS // 2:
                await officer.sign_in()
        return self._desk

    async def accepted(self, number: str) -> Officer:
        """Triage passes the complaint on to the inspectors of Jawa Barat, one of whom accepts."""
        triage, inspector = await self.desk()
        await triage.save(number, province="32")
        await triage.move(number, "verify")
        await triage.move(number, "route", unit="P32")
        await inspector.move(number, "accept")
        return inspector

    async def followed_up(self, number: str) -> None:
        """... and does their part."""
        inspector = await self.accepted(number)
        await inspector.move(number, "follow_up", public_note=PUBLIC_NOTE)

    def reporter_of(self, number: str) -> reporters.Reporter:
        reporter, keys = self.case(number).reporter, self.app.store.keys
        found = self.app.db.read_sync(lambda conn: reporters.read(conn, keys, reporter))
        assert found is not None
        return found

    def unused_number(self) -> str:
        """A case number that is right and nobody's."""
        taken = {case.number for case in self.cases()}
        made = (make_number(2026, f"{n:07d}") for n in range(100))
        return next(number for number in made if number not in taken)

    # --- what is kept -------------------------------------------------------------------------

    def rows(self, sql: str, **values: object) -> list[Any]:
        """Look into the database."""
        return self.app.db.read_sync(lambda conn: list(conn.execute(sql_text(sql), values)))

    def case(self, number: str) -> Any:
        """The row of a case."""
        (row,) = self.rows("SELECT * FROM case_record WHERE number = :number", number=number)
        return row

    def cases(self) -> list[Any]:
        """The rows of all cases, oldest first."""
        return self.rows("SELECT * FROM case_record ORDER BY opened_at, id")

    def complaints(self, month: str) -> list[Counted]:
        """What came in, as it is counted for the open data."""
        start, end = open_data.span(month, ZONE)
        return self.app.db.read_sync(partial(stats.complaints, start=start, end=end))

    def published(self, counted: list[Counted]) -> dict[tuple[str, str | None], int]:
        """What would be published of that: (topic, province) → cases."""
        rules = self.app.calls.rules
        cells = open_data.release(counted, rules.topics, rules.units.provinces)
        return {(one.topic, one.province): one.cases for one in cells if one.cases is not None}

    def links(self, case: str) -> list[Any]:
        """The calls about a case, oldest first."""
        return self.rows('SELECT * FROM call_case WHERE "case" = :case ORDER BY at', case=case)

    def facts(self, kind: str = "", *, call: str = "", case: str = "") -> list[Fact]:
        """The Facts, in order; of one kind, about a call or a case."""
        rows = self.rows("SELECT text FROM fact ORDER BY id")
        found = [msgspec.json.decode(row.text, type=Fact) for row in rows]
        return [
            one
            for one in found
            if kind in ("", one.kind) and call in ("", one.call) and case in ("", one.case)
        ]

    def kinds(self, **about: str) -> list[str]:
        return [one.kind for one in self.facts(**about)]

    def clocks(self, number: str) -> dict[str, Clock]:
        """The newest clock of each kind."""
        keys, rules = self.app.store.keys, self.app.calls.rules
        row, given = dict(self.case(number)._mapping), Given(self.clock.now())
        found = self.app.db.read_sync(lambda conn: Work(conn, keys, given, rules, row).clocks())
        return {one.kind.value: one for one in found}

    def standing(self, number: str) -> Standing:
        """What the public may be told of a case now."""
        case, now = self.case(number).id, self.clock.now()
        keys, rules = self.app.store.keys, self.app.calls.rules
        return self.app.db.read_sync(lambda conn: work.standing(conn, keys, rules, case, now))


@contextlib.asynccontextmanager
async def journey(folder: Path, when: str = OPEN, **environment: str) -> AsyncIterator[Journey]:
    """The application with the shipped flows at work behind a server on loopback."""
    settings = settings_module.load(
        {
            "CALLCENTER_VAR": str(folder / "var"),
            "DATABASE_URL": f"sqlite:///{folder}/callcenter.db",
            "SIMULATOR": "on",
            "ASTERISK_SOUNDS": str(folder / "sounds"),
            **environment,
        }
    )
    clock = JumpClock(at(when))
    app = assemble(settings, clock=clock, paced=False, speaks=False)
    with listen("127.0.0.1", 0) as listening:
        config = uvicorn.Config(app.web, log_config=None, access_log=False, lifespan="on")
        server = uvicorn.Server(config)
        async with running(app):
            serving = asyncio.create_task(server._serve([listening]))
            await until(lambda: server.started)
            made = Journey(app, clock, f"http://127.0.0.1:{listening.getsockname()[1]}")
            try:
                yield made
            finally:
                await made.close()
                server.should_exit = True
                await serving


def simulated(hotline: Journey) -> SimulatorLine:
    line = hotline.app.lines["simulator"]
    assert isinstance(line, SimulatorLine)
    return line
