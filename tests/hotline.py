"""The whole hotline without its web, for stories: a database, the simulator, a clock that jumps."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from sqlalchemy import insert

from callcenter import resources
from callcenter.calls.console import ConsoleView
from callcenter.calls.desk import Desk
from callcenter.calls.outgoing import Outgoing
from callcenter.calls.service import Calls, Send
from callcenter.cases.desk import service as desk_lists
from callcenter.cases.desk.service import CaseRow, List, Search
from callcenter.cases.secrecy import Person
from callcenter.cases.service import CaseView, RecordingRow, by_number, calls_of, recordings_of
from callcenter.clock import JumpClock
from callcenter.db import Connection, Database
from callcenter.db.facts import Fact, Sealer, sealed
from callcenter.db.keys import Keys
from callcenter.ivr import loader
from callcenter.line import Device, DeviceKind, Line, Signal
from callcenter.people.permissions import Role
from callcenter.people.tables import account
from callcenter.queue import service as queue
from callcenter.telephony.performer import Performer, numbers
from callcenter.telephony.recordings import Recordings
from callcenter.telephony.simulator.line import SimulatorLine
from callcenter.topics import uppers
from tests.rules.cases.kit import shipped_rules

#: A Tuesday, 10.00 in Jakarta: the hotline is open.
OPEN = 1_795_489_200_000
#: The Sunday before, 21.00 in Jakarta.
CLOSED = 1_795_356_000_000


class Hotline:
    """Everything that one process has, and the hands of the story."""

    def __init__(self, database: Database, keys: Keys, folder: Path, now: int = OPEN) -> None:
        self.database = database
        self.keys = keys
        self.folder = folder
        self.clock = JumpClock(now)
        self.simulator = SimulatorLine(self.clock, paced=False)
        flows = resources.flows()
        self.rules = shipped_rules()
        self.topics = self.rules.topics
        self.sealer = Sealer(database, keys)
        lines: dict[str, Line] = {self.simulator.name: self.simulator}
        self.calls = Calls(
            database,
            keys,
            flows=loader.load(flows, frozenset(self.topics)),
            rules=self.rules,
            clock=self.clock,
            timezone="Asia/Jakarta",
            lines=lines,
            outgoing=Outgoing(frozenset(lines), ("+62",), 500),
            sealer=self.sealer,
            process="test",
            perform=self._perform,
        )
        self.performer = Performer(lines, self.calls.performed, numbers(database, keys))
        self.desk = Desk(self.calls)
        self.recordings = Recordings(
            database, keys, self.clock, folder=folder / "recordings", lines=lines, calls=self.calls
        )
        self.calls.fetch = self.recordings.fetch
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Hotline:
        await self.calls.start()
        await self.simulator.start(self._emit)
        self._tasks = [asyncio.create_task(self.calls.run_timers())]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def kill(self) -> None:
        """End at once, as kill -9 would; what is in the database stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.performer.stop()
        await self.simulator.stop()

    def _perform(self, send: Send) -> None:
        self.performer.post(send)

    async def _emit(self, signal: Signal) -> None:
        await self.calls.handle(signal)

    # --- time -----------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Until everything that happens at this moment has happened."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.002)
            busy = self.performer.busy or self.calls.fetching or await self._due()
            quiet = 0 if busy else quiet + 1

    async def pass_time(self, seconds: float) -> None:
        """Let ``seconds`` go by, from one timer to the next."""
        until_at = self.clock.now() + round(seconds * 1000)
        await self.settle()
        while (at := self.clock.next_at()) is not None and at <= until_at:
            self.clock.jump()
            await self.settle()
        self.clock.set(until_at)
        await self.settle()

    async def _due(self) -> bool:
        from callcenter.db import timers

        return bool(await self.database.read(partial(timers.due, now=self.clock.now())))

    # --- people ---------------------------------------------------------------------------------

    async def agent(self, name: str, *knows: str, ready: bool = True) -> str:
        """An agent who is signed on and knows these topics (all, when none is named)."""

        def add(connection: Connection) -> None:
            connection.execute(
                insert(account).values(
                    id=name,
                    username=name,
                    name=name.title(),
                    role="agent",
                    language="id",
                    password_hash="-",
                    active=True,
                    head=False,
                    named=False,
                    created_at=0,
                )
            )
            queue.set_topics(connection, name, knows or uppers(self.topics))

        await self.database.write(add)
        await self.desk.sign_on(name, Device(DeviceKind.SIMULATED, name))
        if ready:
            await self.desk.set_agent_state(name, "ready")
        await self.settle()
        return name

    async def console(self, agent: str) -> ConsoleView:
        return await self.database.read(lambda connection: self.desk.console(connection, agent))

    async def offered(self, agent: str) -> str:
        """The id of the offer that this agent has now."""
        await self.settle()
        shown = await self.console(agent)
        assert shown.offer is not None, f"{agent} is {shown.agent.state}"
        return shown.offer.id

    # --- the caller -----------------------------------------------------------------------------

    async def dial(self, caller: str | None = "+628111234567") -> str:
        leg = await self.simulator.call(caller, "1500630")
        await self.settle()
        return leg

    async def press(self, leg: str, *keys: str) -> None:
        """Answer one prompt after another."""
        for each in keys:
            await self.simulator.keys(leg, each)
            await self.settle()

    async def hang_up(self, leg: str) -> None:
        await self.simulator.hang_up(leg)
        await self.settle()

    def heard(self, leg: str) -> str:
        """All that the caller has heard, as one text."""
        shown = self.simulator.view(leg)["heard"]
        assert isinstance(shown, list)
        return " ".join(str(one["text"]) for one in shown)

    def state(self, leg: str) -> tuple[str, str | None]:
        """Of the caller's phone: its state, and what it waits for."""
        shown = self.simulator.view(leg)
        wait = shown["wait"]
        return str(shown["state"]), None if wait is None else str(wait)

    # --- what is kept ---------------------------------------------------------------------------

    async def case(self, number: str) -> CaseView:
        return await self.database.read(lambda conn: by_number(conn, self.keys, number))

    async def cases(self) -> tuple[list[CaseRow], int]:
        """All cases, as an officer of triage sees them who is named for sensitive ones."""
        rules, now = self.calls.rules, self.clock.now()
        reader = Person("reader", Role.OFFICER, rules.units.triage, named=True)
        found = await self.database.read(
            lambda conn: desk_lists.page(conn, self.keys, rules, reader, List.ALL, Search(), now)
        )
        return found.cases, found.total

    async def recordings_of(self, case: str) -> list[RecordingRow]:
        return await self.database.read(lambda connection: recordings_of(connection, case))

    async def calls_about(self, case: str) -> list[tuple[str, str]]:
        links = await self.database.read(lambda connection: calls_of(connection, case))
        return [(link.call, link.role) for link in links]

    async def facts(self) -> list[Fact]:
        """Every Fact so far, in the order in which they were sealed."""
        while await self.sealer.seal():
            pass
        found = await self.database.read(lambda connection: sealed(connection, 0, 100_000))
        return [one.fact for one in found]

    async def kinds(self) -> list[str]:
        return [fact.kind for fact in await self.facts()]


def words(digits: str) -> str:
    """``digits`` as they are heard in Indonesian, one by one."""
    names = ("nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan")
    return " ".join(names[int(digit)] for digit in digits)
