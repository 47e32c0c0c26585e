"""A believable day at the hotline: citizens who call the simulated telephone, agents who answer.

Everybody takes the real path, on a clock that jumps to the next moment at which anybody does
anything. Their habits (how long they think, wait, talk) are drawn from a seed, so that a day can
be had again. Nothing here decides for the application; it only presses keys and clicks.
"""

# Habits are drawn, not secrets.
# ruff: noqa: S311

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from callcenter.calls import console
from callcenter.calls.console import ConsoleView
from callcenter.calls.desk import Desk
from callcenter.calls.errors import NotNow, NotYours, TooLate
from callcenter.calls.service import Calls
from callcenter.cases.service import BadForm, CaseForm, StaleCase
from callcenter.clock import JumpClock
from callcenter.db import Connection, Database
from callcenter.db.facts import Fact, SealedFact, Sealer
from callcenter.ivr.hours import Calendar, Opening
from callcenter.line import Device, DeviceKind
from callcenter.telephony.simulator import characters
from callcenter.telephony.simulator.line import LETTERS_PER_S, SimulatorLine

T = TypeVar("T")

log = logging.getLogger(__name__)

#: How often a caller listens whether something new is said.
LISTEN_MS: Final = 2_000
#: A call that has not ended by then is hung up by its caller.
MOST_CALL_MS: Final = 45 * 60_000
#: Turns of the event loop without anything under way, until the present moment counts as over.
QUIET_TURNS: Final = 12
BUSY_S: Final = 0.0005

HOUR_MS: Final = 3_600_000
#: A day of fewer hours is not worth playing.
HOURS_LEAST: Final = 3
#: How far back to look for a working day.
DAYS_BACK: Final = 30

#: Calls by hour of the day, relative: two waves with a dip at noon.
WAVES: Final = {8: 8, 9: 14, 10: 15, 11: 11, 12: 6, 13: 10, 14: 12, 15: 8}


class WatchedDatabase(Database):
    """Knows how many transactions are under way: time must not jump while there are any."""

    pending = 0

    async def write(self, fn: Callable[[Connection], T]) -> T:
        self.pending += 1
        try:
            return await super().write(fn)
        finally:
            self.pending -= 1

    async def read(self, fn: Callable[[Connection], T]) -> T:
        self.pending += 1
        try:
            return await super().read(fn)
        finally:
            self.pending -= 1


class Plan(msgspec.Struct, frozen=True):
    """``agents``: id → topics they know; ``opens``, ``closes``: epoch milliseconds."""

    calls: int
    agents: Mapping[str, tuple[str, ...]]
    opens: int
    closes: int
    seed: int
    line_number: str = "1500630"


def working_hours(calendars: Iterable[Calendar], timezone: ZoneInfo, now: int) -> tuple[int, int]:
    """Opening and closing time (epoch ms) of the newest working day that is behind us, or of the
    part of today that is.

    Raises:
        ValueError: the calendars have none.
    """
    calendars = tuple(calendars)
    today = dt.datetime.fromtimestamp(now / 1000, timezone).replace(
        minute=0, second=0, microsecond=0
    )
    for back in range(DAYS_BACK):
        day = today - dt.timedelta(days=back)
        hours = [
            at
            for hour in range(24)
            if (at := int(day.replace(hour=hour).timestamp() * 1000)) + HOUR_MS <= now
            and all(one.opening(at, timezone) is Opening.OPEN for one in calendars)
        ]
        if len(hours) >= HOURS_LEAST:
            return hours[0], hours[-1] + HOUR_MS
    raise ValueError(f"the calendars have no working day in the last {DAYS_BACK} days")


class Day:
    """One day, played."""

    def __init__(
        self,
        plan: Plan,
        *,
        clock: JumpClock,
        line: SimulatorLine,
        calls: Calls,
        desk: Desk,
        database: Database,
        sealer: Sealer,
        busy: Callable[[], bool],
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._line = line
        self._calls = calls
        self._desk = desk
        self._database = database
        self._sealer = sealer
        self._busy = busy
        self._chance = random.Random(plan.seed)
        self._cases: list[tuple[str, str]] = []  #: number and PIN, as callers wrote them down
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed = 0

    async def play(self) -> None:
        """Play the whole day; gives back when everybody has gone home."""
        unsubscribe = self._sealer.subscribe(self._hear)
        self._line.on_called = self._rings
        day = asyncio.create_task(self._all(), name="day")
        try:
            while not day.done():
                await self._settle()
                if not day.done() and not self._clock.jump():
                    await asyncio.sleep(0.001)
            await day
        finally:
            unsubscribe()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _settle(self) -> None:
        """Until nothing more happens at this moment."""
        quiet = 0
        while quiet < QUIET_TURNS:
            if self._busy():
                quiet = 0
                await asyncio.sleep(BUSY_S)  # leaves the processor to the database's threads
            else:
                quiet += 1
                await asyncio.sleep(0)

    async def _all(self) -> None:
        for agent in self._plan.agents:
            self._begin(self._shift(agent))
        callers = [
            self._begin(self._caller(at, random.Random(self._chance.random())))
            for at in self._arrivals()
        ]
        await asyncio.gather(*callers)
        for agent in self._plan.agents:
            await self._go_home(agent)

    def _arrivals(self) -> list[int]:
        """When callers call, in order: by WAVES, as far as they lie within the day."""
        hours = range(self._plan.opens, self._plan.closes, HOUR_MS)
        first = min(WAVES)
        weights = [WAVES.get(first + n, min(WAVES.values())) for n in range(len(hours))]
        span = self._plan.closes - self._plan.opens
        found = []
        for hour in self._chance.choices(hours, weights, k=self._plan.calls):
            at = hour + self._chance.randrange(HOUR_MS)
            found.append(min(at, self._plan.opens + int(span * 0.97)))
        return sorted(found)

    def _begin(self, life: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Let somebody act; what goes wrong in one life is counted, and the day goes on."""

        async def live() -> None:
            try:
                await life
            except (NotNow, NotYours, TooLate, LookupError):
                pass  # the other side was quicker, as in life
            except Exception:
                self.failed += 1
                log.exception("somebody's day went wrong")

        task = asyncio.create_task(live())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _pass(self, seconds: float) -> None:
        await self._clock.sleep_until(self._clock.now() + int(seconds * 1000))

    # --- citizens -----------------------------------------------------------------------------

    async def _caller(self, at: int, chance: random.Random) -> None:
        await self._clock.sleep_until(at)
        call = await self._line.call(characters.number(chance), self._plan.line_number)
        caller = _Caller(chance, characters.intention(chance, self._cases))
        await self._on_the_phone(call, caller)

    def _rings(self, call: str) -> None:
        self._begin(self._called_back(call))

    async def _called_back(self, call: str) -> None:
        """The hotline calls: most are there, some are on the phone or do not hear it."""
        chance = random.Random(f"{self._plan.seed}/{call}")
        mood = chance.random()
        if mood < 0.1:
            return
        await self._pass(chance.uniform(2, 12))
        if mood < 0.2:
            await self._line.busy(call)
            return
        await self._line.pick_up(call)
        await self._on_the_phone(call, _Caller(chance, []))

    async def _on_the_phone(self, call: str, caller: _Caller) -> None:
        """Listen, press keys, wait, talk, until the call is over."""
        chance, at = caller.chance, self._clock.now()
        heard, known = 0, ""
        while self._clock.now() < at + MOST_CALL_MS:
            view = self._line.view(call, heard)
            if view["state"] == "gone":
                return
            new = _texts(view["heard"])
            heard += len(new)
            wait = str(view["wait"])
            if new or wait != known:
                known = wait
                await self._react(call, caller, wait, sum(map(len, new)))
            elif wait == "music" and caller.waited_out(LISTEN_MS):
                await self._lose_patience(call, chance)
            await self._pass(LISTEN_MS / 1000)
        await self._line.hang_up(call)

    async def _react(self, call: str, caller: _Caller, wait: str, letters: int) -> None:
        chance = caller.chance
        spoken_s = letters / LETTERS_PER_S
        if wait == "keys" and caller.said_it:
            await self._pass(chance.uniform(1, 5))
            await self._line.hang_up(call)
        elif wait == "keys":
            await self._pass(spoken_s * chance.uniform(0.5, 1.0) + chance.uniform(0.5, 3))
            await self._line.keys(call, caller.next_keys())
        elif wait == "recording":
            await self._pass(spoken_s + chance.uniform(8, 40))
            await self._line.speak(call, chance.choice(characters.MESSAGES))
            caller.said_it = True

    async def _lose_patience(self, call: str, chance: random.Random) -> None:
        mood = chance.random()
        if mood < 0.3:
            await self._line.keys(call, "2")  # leave a message instead
        elif mood < 0.6:
            await self._line.keys(call, "1")  # be called back
        else:
            await self._line.hang_up(call)

    # --- agents -------------------------------------------------------------------------------

    async def _shift(self, agent: str) -> None:
        chance = random.Random(f"{self._plan.seed}/{agent}")
        await self._clock.sleep_until(self._plan.opens - chance.randrange(1, 10) * 60_000)
        await self._desk.sign_on(agent, Device(DeviceKind.SIMULATED, agent))
        await self._pass(chance.uniform(5, 240))
        await self._desk.set_agent_state(agent, "ready")
        noon = self._plan.opens + 4 * HOUR_MS + chance.randrange(-30, 60) * 60_000
        if noon < self._plan.closes:
            await self._clock.sleep_until(noon)
            await self._desk.set_agent_state(agent, "paused", "break")
            await self._pass(chance.uniform(20 * 60, 40 * 60))
            await self._desk.set_agent_state(agent, "ready")

    async def _go_home(self, agent: str) -> None:
        while True:
            try:
                await self._desk.sign_off(agent)
                return
            except NotNow:
                await self._pass(10)

    def _hear(self, sealed: list[SealedFact]) -> None:
        """What is sealed reaches the agents, as their consoles would show it."""
        for one in sealed:
            fact, agent = one.fact, one.fact.agent
            if agent is None or agent not in self._plan.agents:
                continue
            chance = random.Random(f"{self._plan.seed}/{one.seq}")
            if fact.kind == "offered" and fact.offer is not None:
                self._begin(self._answer(agent, fact.offer, chance))
            elif fact.kind == "answered" and fact.call is not None:
                self._begin(self._talk(agent, fact.call, chance))
            elif fact.kind == "agent_state":
                self._begin(self._after(agent, fact, chance))

    async def _answer(self, agent: str, offer: str, chance: random.Random) -> None:
        mood = chance.random()
        if mood < 0.04:
            return  # not at the desk: it rings in vain
        await self._pass(chance.uniform(1.5, 7))
        if mood < 0.06:
            await self._desk.decline(agent, offer)
        else:
            await self._desk.accept(agent, offer)

    async def _talk(self, agent: str, call: str, chance: random.Random) -> None:
        await self._pass(chance.uniform(25, 60))
        await self._write_down(agent, call, chance)
        await self._pass(min(900, chance.lognormvariate(4.9, 0.6)))
        await self._desk.hang_up(agent, call)

    async def _write_down(self, agent: str, call: str, chance: random.Random) -> None:
        view = await self._console(agent)
        if view.call is None or view.call.id != call or view.call.case is None:
            return
        case = view.call.case
        if case.pin is not None:
            self._cases.append((case.number, case.pin))
        topic = view.call.topic.code if view.call.topic else ""
        form = CaseForm(
            version=case.version,
            narrative=characters.narrative(topic, chance),
            reporter_name=chance.choice(characters.NAMES) if chance.random() < 0.8 else None,
            employer=chance.choice(characters.EMPLOYERS) if chance.random() < 0.7 else None,
        )
        with contextlib.suppress(StaleCase, BadForm):
            await self._desk.save_case(agent, call, form)

    async def _after(self, agent: str, fact: Fact, chance: random.Random) -> None:
        """What an agent does when their state has changed."""
        state, reason = fact.data.get("state"), fact.data.get("reason")
        if state == "wrap_up":
            await self._pass(chance.uniform(10, 80))
            await self._desk.wrap_up_done(agent, characters.outcome(chance))
        elif state == "paused" and reason in ("missed", "unreachable"):
            await self._pass(chance.uniform(60, 300))
            await self._desk.set_agent_state(agent, "ready")

    async def _console(self, agent: str) -> ConsoleView:
        now = self._clock.now()
        return await self._database.read(lambda conn: console.view(conn, self._calls, agent, now))


class _Caller:
    """One caller's habits and what they mean to press next."""

    def __init__(self, chance: random.Random, keys: list[str]) -> None:
        self.chance = chance
        self.said_it = False  #: left a message
        self._keys = keys
        self._patience_ms = int(max(20, chance.expovariate(1 / 420)) * 1000)

    def next_keys(self) -> str:
        """What to press at this question. When the plan is used up: "1"."""
        return self._keys.pop(0) if self._keys else "1"

    def waited_out(self, ms: int) -> bool:
        """Whether patience ends with ``ms`` more of waiting."""
        self._patience_ms -= ms
        return self._patience_ms < 0


def _texts(heard: object) -> list[str]:
    assert isinstance(heard, list)
    return [str(one["text"]) for one in heard]
