"""The whole hotline in this process, on the simulator line, with a stopwatch at every door.

It is what ``callcenter serve`` assembles, without the HTTP server. Callers and agents are
coroutines that press keys and click; each waits for what it would wait for in front of a telephone
or a page, not for a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sqlalchemy import insert

from callcenter import app as application
from callcenter import line, settings
from callcenter.calls.service import Done
from callcenter.cases.service import CaseForm
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.facts import SealedFact
from callcenter.people.tables import account
from callcenter.queue import service as queue
from callcenter.topics import uppers

T = TypeVar("T")

NUMBER = "1500630"
#: A new complaint, wages.
KEYS = "11"
#: Nothing in a call may keep anybody waiting longer.
PATIENCE_S = 20.0

#: What can go wrong with one call without ending the run; it is counted.
_WRONG = (TimeoutError, LookupError, AssertionError)


@dataclass
class Times:
    """What the stopwatches showed; times in seconds."""

    written: list[float] = field(default_factory=list)  #: transactions, with their wait in line
    sealings: int = 0
    reads: int = 0
    kinds: Counter[str] = field(default_factory=Counter)  #: transactions by what they were about
    sealed: list[float] = field(default_factory=list)
    key_to_prompt: list[float] = field(default_factory=list)
    ready_to_ring: list[float] = field(default_factory=list)
    ended: int = 0
    failed: list[str] = field(default_factory=list)


@dataclass
class _Room:
    """Where a caller and an agent meet."""

    together: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Center:
    """The hotline, its phones and its people.

    Args:
        think_s: how long people think before they press a key, answer, or are done with a case.
        talk_s: how long they talk.
        agent_ends: the agent hangs up, and the caller hears number and PIN; else the caller does.
    """

    def __init__(
        self,
        app: application.App,
        *,
        think_s: float = 0.0,
        talk_s: float = 0.0,
        agent_ends: bool = False,
    ) -> None:
        assert app.simulator is not None
        self.app = app
        self.phones = app.simulator
        self.times = Times()
        self._think_s = think_s
        self._talk_s = talk_s
        self._agent_ends = agent_ends
        self._turns: dict[str, asyncio.Queue[tuple[float, line.Turn]]] = {}
        self._rings: dict[str, asyncio.Queue[tuple[float, str]]] = {}
        self._rooms: dict[str, _Room] = {}
        self._wrap_ups: dict[str, asyncio.Event] = {}
        self._at_work: list[asyncio.Task[None]] = []
        self._callers: set[asyncio.Task[None]] = set()
        self._busy: set[str] = set()  #: agents with a call or its wrap-up
        self._idle = asyncio.Event()  #: nobody is
        self._idle.set()
        _watch(self)

    # --- what the stopwatches tell --------------------------------------------------------------

    def performed(self, at: float, turn: line.Turn) -> None:
        """The line began ``turn`` at ``at``."""
        self._turns.setdefault(turn.leg, asyncio.Queue()).put_nowait((at, turn))

    def rang(self, at: float, agent: str, leg: str) -> None:
        """The agent's phone rings as ``leg``."""
        self._rings[agent].put_nowait((at, leg))

    def told(self, batch: Sequence[SealedFact]) -> None:
        """Sealed Facts have reached a subscriber."""
        now = time.time()
        self.times.sealed.extend(now - one.fact.at / 1000 for one in batch)
        for one in batch:
            if one.fact.agent in self._wrap_ups and one.fact.data.get("state") == "wrap_up":
                self._wrap_ups.pop(one.fact.agent).set()

    # --- people ---------------------------------------------------------------------------------

    async def agents(self, count: int) -> None:
        """``count`` agents who know everything come to work."""
        names = [f"agent{n:03}" for n in range(count)]

        def add(connection: Connection) -> None:
            for name in names:
                add_agent(connection, name)
                queue.set_topics(connection, name, uppers(self.app.calls.topics))

        await self.app.db.write(add)
        for name in names:
            self._rings[name] = asyncio.Queue()
            await self.app.desk.sign_on(name, line.Device(line.DeviceKind.SIMULATED, name))
        self._at_work += [asyncio.create_task(self._agent(name), name=name) for name in names]

    async def go_home(self) -> None:
        """End the agents' day, after the callers have gone and every case is wrapped up."""
        await asyncio.gather(*self._callers)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await self._idle.wait()
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    async def one_after_the_other(self, callers: int, until: float) -> None:
        """``callers`` at a time who call again and again, until ``until`` (perf_counter)."""

        async def again() -> None:
            while time.perf_counter() < until:
                await self._caller()

        await asyncio.gather(*(again() for _ in range(callers)))

    async def one_caller(self) -> None:
        """One call, to its end."""
        await self._caller()

    async def evenly(self, per_s: float, seconds: float) -> None:
        """New callers at a steady rate, however many are there already."""
        began = time.perf_counter()
        for number in range(round(per_s * seconds)):
            await asyncio.sleep(began + number / per_s - time.perf_counter())
            task = asyncio.create_task(self._caller())
            self._callers.add(task)
            task.add_done_callback(self._callers.discard)

    async def _caller(self) -> None:
        """Call, choose, wait, talk, and hear the number where the agent ends the talk."""
        try:
            leg = await self.phones.call(f"+62811{random.randrange(10**7):07}", NUMBER)
            _, turn = await self._turn(leg)
            for key in KEYS:
                await asyncio.sleep(self._think_s)
                pressed = time.perf_counter()
                await self.phones.keys(leg, key)
                at, turn = await self._turn(leg)
                self.times.key_to_prompt.append(at - pressed)
            while not isinstance(turn.wait, line.Room):
                _, turn = await self._turn(leg)
            met = self._rooms.setdefault(turn.wait.room, _Room())
            met.together.set()
            async with asyncio.timeout(PATIENCE_S + self._talk_s):
                await met.over.wait()
            if self._agent_ends:
                await self._turn(leg)
                await self.phones.keys(leg, "1")
                await self._turn(leg)
            else:
                await self.phones.hang_up(leg)
            del self._turns[leg]
            self.times.ended += 1
        except _WRONG as error:
            self.times.failed.append(f"caller: {type(error).__name__} {error}")

    async def _agent(self, name: str) -> None:
        """Be ready, take calls, write each down, wrap up; until cancelled."""
        ready_at, ready = self.app.clock.now(), time.perf_counter()
        await self.app.desk.set_agent_state(name, "ready")
        while True:
            rang, leg = await self._rings[name].get()
            self._busy.add(name)
            self._idle.clear()
            try:
                waited_since = await self._answer(name, leg)
            except _WRONG as error:
                self.times.failed.append(f"agent: {type(error).__name__} {error}")
                return
            if waited_since < ready_at:  # else it was the agent who waited
                self.times.ready_to_ring.append(rang - ready)
            await asyncio.sleep(self._think_s)
            ready_at, ready = self.app.clock.now(), time.perf_counter()
            await self.app.desk.wrap_up_done(name, "complaint")
            self._busy.discard(name)
            if not self._busy:
                self._idle.set()

    async def _answer(self, name: str, leg: str) -> int:
        """One call; gives since when the caller had waited (epoch milliseconds)."""
        desk = self.app.desk
        await asyncio.sleep(self._think_s)
        now = self.app.clock.now()
        offer = (await self.app.db.read(lambda connection: desk.console(connection, name))).offer
        assert offer is not None, "the offer was gone"
        await desk.accept(name, offer.id)
        _, turn = await self._turn(leg)
        assert isinstance(turn.wait, line.Room), "the agent was not led into a room"
        room = turn.wait.room
        met = self._rooms.setdefault(room, _Room())
        async with asyncio.timeout(PATIENCE_S):
            await met.together.wait()
        shown = (await self.app.db.read(lambda connection: desk.console(connection, name))).call
        assert shown is not None, "the call was gone"
        assert shown.case is not None, "there was no case"
        form = CaseForm(version=shown.case.version, narrative="Upah tiga bulan ditahan.")
        await desk.save_case(name, shown.id, form)
        await asyncio.sleep(self._talk_s)
        if self._agent_ends:
            await desk.hang_up(name, shown.id)
            met.over.set()
        else:
            wrap_up = self._wrap_ups[name] = asyncio.Event()
            met.over.set()
            async with asyncio.timeout(PATIENCE_S):
                await wrap_up.wait()
        del self._rooms[room], self._turns[leg]
        return now - offer.waited_ms

    async def _turn(self, leg: str) -> tuple[float, line.Turn]:
        async with asyncio.timeout(PATIENCE_S):
            return await self._turns.setdefault(leg, asyncio.Queue()).get()


def add_agent(connection: Connection, name: str, device: line.Device | None = None) -> None:
    """An account of an agent with whose password nobody can sign in."""
    connection.execute(
        insert(account).values(
            id=name,
            username=name,
            name=name,
            role="agent",
            language="id",
            password_hash="-",
            device_kind=device.kind.value if device else None,
            device_address=device.address if device else None,
            active=True,
            head=False,
            named=False,
            created_at=0,
        )
    )


def _watch(center: Center) -> None:
    """Put a stopwatch at the doors of the database, the calls and the line."""
    db, calls, phones = center.app.db, center.app.calls, center.phones
    write, read, commit = db.write, db.read, calls.commit
    perform, do = phones.perform, phones.do

    async def timed_write(fn: Callable[[Connection], T]) -> T:
        began = time.perf_counter()
        done = await write(fn)
        if getattr(getattr(fn, "func", fn), "__name__", "") == "_seal":
            center.times.sealings += 1
        else:
            center.times.written.append(time.perf_counter() - began)
        return done

    async def counted_read(fn: Callable[[Connection], T]) -> T:
        center.times.reads += 1
        return await read(fn)

    async def named_commit(decide: Callable[[Connection, Given], Done]) -> Done:
        center.times.kinds[_about(decide)] += 1
        return await commit(decide)

    async def watched_perform(turn: line.Turn) -> None:
        at = time.perf_counter()
        await perform(turn)
        center.performed(at, turn)

    async def watched_do(command: line.Command) -> None:
        if isinstance(command, line.RingLeg):
            center.rang(time.perf_counter(), command.device.address, command.leg)
        await do(command)

    for where, name, what in (
        (db, "write", timed_write),
        (db, "read", counted_read),
        (calls, "commit", named_commit),
        (phones, "perform", watched_perform),
        (phones, "do", watched_do),
    ):
        setattr(where, name, what)
    center.app.sealer.subscribe(center.told)


def _about(decide: Callable[[Connection, Given], Done]) -> str:
    """What a transaction is about: the kind of Signal, or the click's function."""
    words = getattr(decide, "keywords", {})
    about = words.get("signal") or words.get("timer")
    if about is not None:
        kind: str = getattr(about, "kind", "") or type(about).__name__
        return kind
    name: str = getattr(decide, "func", decide).__qualname__
    if name.endswith("<lambda>"):
        return "outbox"  # what has been performed is removed
    return name.replace(".<locals>.decide", "").rpartition(".")[2].strip("_")


@contextlib.asynccontextmanager
async def running_center(
    url: str, folder: Path, *, think_s: float = 0.0, talk_s: float = 0.0, agent_ends: bool = False
) -> AsyncIterator[Center]:
    """A center on the empty database ``url``, at work inside the block; ``folder``: its own."""
    environment = {
        "CALLCENTER_VAR": str(folder),
        "DATABASE_URL": url,
        "SIMULATOR": "on",
        "CALLCENTER_SECRET": "00" * 32,
    }
    app = await asyncio.to_thread(application.assemble, settings.load(environment), paced=False)
    center = Center(app, think_s=think_s, talk_s=talk_s, agent_ends=agent_ends)
    async with application.running(app):
        yield center
