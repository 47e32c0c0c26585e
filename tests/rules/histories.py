"""One history: some callers, some agents, a wild network, and everything that can happen.

``play(in_memory(seed))`` plays it and raises when something that must always be true is not; the
same seed is the same history. ``shrink`` looks for a smaller one that fails too:

    .venv/bin/python -m tests.rules.histories 4711
"""

from __future__ import annotations

import random
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from callcenter import line
from callcenter.calls.model import Accepted, Declined
from callcenter.line import DeviceKind
from callcenter.queue.agents import Agent, AgentEvent, AgentState
from callcenter.queue.entries import Offer
from callcenter.queue.matching import Matches
from tests.rules.center import InMemory
from tests.rules.flows import shipped, wild
from tests.rules.invariants import Snapshot, need
from tests.rules.network import Happening, Luck, Network, Phone, Schedule
from tests.rules.rest import check_end, check_rest

#: Tuesday, 24 November 2026, 10:00 in Jakarta: the office is open.
OPEN = 1_795_489_200_000
#: The history: people act for so long, then the network and the timers come to rest, then it ends.
PEOPLE_MS = 90_000
#: From OPEN to an hour when the office is closed.
CLOSED_MS = 12 * 3_600_000
REST_MS = 60_000
LINES = ("asterisk", "simulator")
#: Events of one history; more means that something goes round in circles.
MOST_EVENTS = 30_000


@dataclass(frozen=True)
class Knobs:
    """What a history is made of; :func:`shrink` turns them down."""

    callers: int
    agents: int
    luck: Luck = field(default_factory=Luck)
    breaks: int = 0  #: how often the connection to the network breaks
    patient: bool = False  #: callers stay until the flow lets them go
    closed: bool = False  #: the office is closed
    limit_ms: int | None = None  #: a call's limit, sooner than in life
    wild: bool = False  #: flows that do what the hotline's own do not


def knobs_of(seed: int) -> Knobs:
    """What the history of ``seed`` is made of: mostly small ones, some of them calm."""
    rng = random.Random(f"knobs {seed}")
    calm = rng.random() < 0.25
    return Knobs(
        callers=rng.choice((1, 2, 2, 3, 3, 4)),
        agents=rng.choice((0, 1, 1, 2, 2, 2, 3, 3)),
        luck=Luck(0, 0, 0, 0, 0.03) if calm else Luck(),
        breaks=rng.choice((0, 0, 0, 1, 2)),
        patient=rng.random() < 0.04,
        closed=rng.random() < 0.05,
        limit_ms=rng.randrange(5_000, 90_000) if rng.random() < 0.05 else None,
        wild=rng.random() < 0.4,
    )


class Center(Protocol):
    """What a history is played on: in memory (``center.py``), or a database."""

    network: Network
    trace: list[tuple[int, object, str]]
    down: bool
    #: The console of an agent shows an offer.
    offered: Callable[[str, str], None]

    def handle(self, signal: line.Signal) -> Awaitable[None] | None: ...
    def sign_on(
        self, agent: str, device: line.Device, topics: frozenset[str]
    ) -> Awaitable[None] | None: ...
    def desk(
        self, agent: str, event: AgentEvent, reason: str | None = None
    ) -> Awaitable[None] | None: ...
    def click(
        self, agent: str, offer: str, click: Accepted | Declined
    ) -> Awaitable[None] | None: ...
    def hangs_up(self, leg: str) -> Awaitable[None] | None: ...
    def brings_in(self, leg: str) -> Awaitable[None] | None: ...
    def lets_go(self, leg: str) -> Awaitable[None] | None: ...
    def dies(self) -> None: ...
    def resumed(self, lines: Sequence[line.LineResumed], *, new: bool) -> Awaitable[None] | None:
        """In touch again; ``new``: by another process than before."""

    def agent(self, agent: str) -> Agent: ...
    def offer(self, offer: str) -> Offer: ...
    def due(self) -> bool: ...
    def snapshot(self) -> Snapshot: ...
    def matches(self) -> Matches: ...


class History:
    """A center, its network, and the people on both sides."""

    def __init__(
        self, rng: random.Random, schedule: Schedule, knobs: Knobs, center: Center
    ) -> None:
        self.rng = rng
        self.schedule = schedule
        self.knobs = knobs
        self.center = center
        self.end = schedule.now + PEOPLE_MS
        self.network = Network(
            rng,
            schedule,
            center.handle,
            replace(knobs.luck),
            center.hangs_up,
            center.brings_in,
            center.lets_go,
        )
        center.network = self.network
        center.offered = self._offered
        self.events = 0

    # --- the whole of it ------------------------------------------------------------------------

    async def run(self) -> None:
        """Play it to its end."""
        start = self.schedule.now
        for number in range(self.knobs.agents):
            await self._agent(f"agent-{number}")
        for number in range(self.knobs.callers):
            when = start + self.rng.randrange(0, PEOPLE_MS // 2)
            name = self.rng.choice(LINES)
            self.schedule.at(when, partial(self.network.call, f"caller-{number}", name))
        for _ in range(self.knobs.breaks):
            self.schedule.at(start + self.rng.randrange(5_000, PEOPLE_MS), self._break)
        await self._play(self.end)
        self.network.people = False
        await self._play(self.end + REST_MS)
        while self.network.under_way or self.center.down or self.center.due():
            await self._event()
        self._at_rest()
        await self._end()

    async def _play(self, until: int) -> None:
        while (at := self.schedule.next_at()) is not None and at <= until:
            await self._event()
            if self.network.under_way == 0 and not self.center.down and not self.center.due():
                self._at_rest()

    async def _event(self) -> None:
        self.events += 1
        need(self.events < MOST_EVENTS, "a history ends")
        result = self.schedule.pop()()
        if result is not None:
            await result

    def _at_rest(self) -> None:
        check_rest(self.center.snapshot(), self.network, self.center.matches())

    async def _end(self) -> None:
        """Let everything come to its end: callers stay until they are let go, or hang up."""
        for phone in self.network.phones.values():
            if phone.room is not None or not self.knobs.patient:
                self._leaves(phone)
        self.network.giving_up = not self.knobs.patient
        while self.schedule.next_at() is not None:
            await self._event()
            if self.knobs.patient and self.network.under_way == 0:
                for phone in self.network.phones.values():
                    if phone.room is not None:
                        self._leaves(phone)
        check_end(self.center.snapshot(), self.network)

    def _leaves(self, phone: Phone) -> None:
        if phone.citizen and phone.state == "up" and not phone.leaving:
            phone.leaving = True
            self.schedule.after(self.rng.randrange(1, 5_000), partial(self.network.hang_up, phone))

    # --- people -----------------------------------------------------------------------------------

    async def _agent(self, name: str) -> None:
        kind = self.rng.choice([kind for kind in DeviceKind if kind is not DeviceKind.CALLER])
        topics = shipped()[1]
        known = frozenset(topic for topic in topics if self.rng.random() < 0.8)
        signing_on = self.center.sign_on(name, line.Device(kind, name), known)
        if signing_on is not None:
            await signing_on
        if kind is DeviceKind.BROWSER:
            self.network.tell(line.DeviceChanged(name, up=True))
        self._later(0, 20_000, lambda: self.center.desk(name, AgentEvent.READY))
        self._later(1_000, 30_000, lambda: self._whim(name))

    def _later(self, least: int, most: int, what: Happening) -> None:
        """Do it, if people still act then."""
        self.schedule.after(
            self.rng.randrange(least, most),
            lambda: what() if self.schedule.now < self.end else None,
        )

    def _whim(self, name: str) -> Awaitable[None] | None:
        """Now and then an agent does something; most often gets ready again."""
        self._later(1_000, 30_000, lambda: self._whim(name))
        agent = self.center.agent(name)
        chance = self.rng.random()
        if agent.state is AgentState.OFFLINE:
            return self.center.desk(name, AgentEvent.SIGN_ON)
        if agent.state is AgentState.WRAP_UP and chance < 0.7:
            return self.center.desk(name, AgentEvent.WRAPPED)
        if agent.state is AgentState.PAUSED and chance < 0.8:
            return self.center.desk(name, AgentEvent.READY)
        if chance < 0.1:
            return self.center.desk(name, AgentEvent.PAUSE, "break")
        if chance < 0.15:
            return self.center.desk(name, AgentEvent.READY)
        if chance < 0.2:
            return self.center.desk(name, AgentEvent.SIGN_OFF)
        if chance < 0.4 and agent.device.kind is DeviceKind.BROWSER:
            self.network.tell(line.DeviceChanged(name, up=self.rng.random() < 0.7))
        return None

    def _offered(self, agent: str, offer: str) -> None:
        """The console shows an offer: the agent clicks, or does not."""
        chance = self.rng.random()
        if chance < 0.5:
            self._later(300, 17_000, lambda: self._accepts(agent, offer))
        elif chance < 0.6:
            self._later(300, 17_000, lambda: self.center.click(agent, offer, Declined(offer)))

    def _accepts(self, agent: str, offer: str) -> Awaitable[None] | None:
        """The console's softphone is picked up as well; some mice click twice."""
        if self.rng.random() < 0.25:
            self.schedule.after(100, lambda: self.center.click(agent, offer, Accepted(offer)))
        phone = self.network.phones.get(self.center.offer(offer).leg)
        if phone is not None and phone.kind is DeviceKind.BROWSER:
            self._later(1, 300, partial(self.network.answer, phone))
        return self.center.click(agent, offer, Accepted(offer))

    # --- the connection breaks --------------------------------------------------------------------

    def _break(self) -> None:
        """Our process dies, or the network is out of reach; a while later we are in touch again."""
        if self.center.down:
            return
        new = self.rng.random() < 0.5
        self.network.disconnect()
        self.center.down = True
        if new:
            self.center.dies()
        self.schedule.after(self.rng.randrange(200, 25_000), lambda: self._in_touch(new))

    def _in_touch(self, new: bool) -> Awaitable[None] | None:
        self.center.down = False
        lines = [self.network.resumed(name) for name in LINES]
        return self.center.resumed(lines, new=new)


# --- in memory ------------------------------------------------------------------------------------


def in_memory(seed: int, knobs: Knobs | None = None) -> History:
    """The history of ``seed`` on the pure core."""
    knobs = knobs if knobs is not None else knobs_of(seed)
    rng = random.Random(seed)
    schedule = Schedule(OPEN + (CLOSED_MS if knobs.closed else 0))
    flows, topics = shipped()
    center = InMemory(rng, schedule, wild() if knobs.wild else flows, topics, LINES)
    center.limit_ms = knobs.limit_ms
    return History(rng, schedule, knobs, center)


def play(history: History) -> None:
    """Run a history in which nothing is waited for."""
    try:
        history.run().send(None)
    except StopIteration:
        return
    raise AssertionError("a history in memory waits for nothing")


# --- failures -----------------------------------------------------------------------------------


def failure(seed: int, knobs: Knobs | None = None) -> tuple[History, Exception] | None:
    """The history and what was wrong in it; None when all is well."""
    history = in_memory(seed, knobs)
    try:
        play(history)
    except Exception as error:
        return history, error
    return None


def shrink(seed: int) -> Knobs:
    """Turn the knobs of a failing history down as long as it fails."""
    knobs = knobs_of(seed)
    lower: list[Callable[[Knobs], Knobs]] = [
        lambda now: replace(now, callers=1),
        lambda now: replace(now, callers=2),
        lambda now: replace(now, agents=1),
        lambda now: replace(now, breaks=0),
        lambda now: replace(now, patient=False),
        lambda now: replace(now, limit_ms=None),
        lambda now: replace(now, luck=replace(now.luck, duplicate=0.0)),
        lambda now: replace(now, luck=replace(now.luck, swap=0.0)),
        lambda now: replace(now, luck=replace(now.luck, loss=0.0)),
        lambda now: replace(now, luck=replace(now.luck, refusal=0.0)),
        lambda now: replace(now, luck=replace(now.luck, late=0.0)),
    ]
    for turn_down in lower:
        if failure(seed, turn_down(knobs)) is not None:
            knobs = turn_down(knobs)
    return knobs


def report(seed: int, knobs: Knobs | None = None, last: int = 40) -> str:
    """What happened in a failing history, for a person to read."""
    found = failure(seed, knobs)
    if found is None:
        return f"history {seed}: all is well"
    history, error = found
    start = history.center.trace[0][0] if history.center.trace else 0
    lines = [f"history {seed} with {history.knobs}"]
    lines += [
        f"{(at - start) / 1000:9.3f} {happened} -> {came}"
        for at, happened, came in history.center.trace[-last:]
    ]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])


if __name__ == "__main__":
    wanted = int(sys.argv[1])
    sys.stdout.write(report(wanted, shrink(wanted) if "shrink" in sys.argv else None) + "\n")
