"""One history: some callers, some agents, a wild network, and everything that can happen.

``History(seed).run()`` plays it and raises when something that must always be true is not; the
same seed is the same history. ``shrink`` looks for a smaller one that fails too:

    .venv/bin/python -m tests.rules.histories 4711
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

from callcenter import line, resources
from callcenter.calls.model import Accepted, CallState, Declined
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.loader import load
from callcenter.line import DeviceKind
from callcenter.queue.agents import AgentEvent, AgentState
from callcenter.queue.entries import EntryState, OfferState
from callcenter.queue.topics import Topic
from callcenter.queue.topics import load as load_topics
from tests.rules.center import Center
from tests.rules.invariants import need
from tests.rules.network import Luck, Network, Phone, Schedule

#: Tuesday, 24 November 2026, 10:00 in Jakarta: the office is open.
OPEN = 1_795_489_200_000
#: The history: people act for so long, then the network and the timers come to rest, then it ends.
PEOPLE_MS = 90_000
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


@lru_cache(maxsize=1)
def shipped() -> tuple[FlowSet, dict[str, Topic]]:
    """The hotline's own flows."""
    folder = resources.flows()
    topics = load_topics((folder / "topics.yaml").read_text(encoding="utf-8"))
    return load(folder, frozenset(topics)), topics


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
    )


class History:
    """A center, its network, and the people on both sides."""

    def __init__(self, seed: int, knobs: Knobs | None = None) -> None:
        self.seed = seed
        self.knobs = knobs if knobs is not None else knobs_of(seed)
        self.rng = random.Random(seed)
        start = OPEN + (12 * 3_600_000 if self.knobs.closed else 0)
        self.schedule = Schedule(start)
        self.end = start + PEOPLE_MS
        flows, topics = shipped()
        self.center = Center(self.rng, self.schedule, flows, topics, LINES)
        self.network = Network(
            self.rng, self.schedule, self.center.handle, replace(self.knobs.luck), self._click
        )
        self.center.network = self.network
        self.center.offered = self._offered
        self.center.limit_ms = self.knobs.limit_ms
        self.events = 0

    # --- the whole of it ------------------------------------------------------------------------

    def run(self) -> None:
        """Play it to its end."""
        start = self.schedule.now
        for number in range(self.knobs.agents):
            self._agent(f"agent-{number}", self.center.topics)
        for number in range(self.knobs.callers):
            when = start + self.rng.randrange(0, PEOPLE_MS // 2)
            name = self.rng.choice(LINES)
            leg = f"caller-{number}"
            self.schedule.at(when, partial(self.network.call, leg, name))
        for _ in range(self.knobs.breaks):
            self.schedule.at(start + self.rng.randrange(5_000, PEOPLE_MS), self._break)
        self._play(self.end)
        self.network.people = False
        self._play(self.end + REST_MS)
        self._rest()
        self._end()

    def _play(self, until: int) -> None:
        while (at := self.schedule.next_at()) is not None and at <= until:
            self._event()
            if self.network.under_way == 0 and not self.center.down and not self._due():
                self.at_rest()

    def _event(self) -> None:
        self.events += 1
        need(self.events < MOST_EVENTS, "a history ends")
        self.schedule.pop()()

    def _rest(self) -> None:
        """Go on until nothing is under way and no timer is due."""
        while self.network.under_way or self.center.down or self._due():
            self._event()
        self.at_rest()

    def _due(self) -> bool:
        return any(due <= self.schedule.now for due in self.center.timers.values())

    def _end(self) -> None:
        """Let everything come to its end: callers stay until they are let go, or hang up."""
        for phone in self.network.phones.values():
            if phone.room is not None or not self.knobs.patient:
                self._leaves(phone)
        self.network.giving_up = not self.knobs.patient
        while self.schedule.next_at() is not None:
            self._event()
            if self.knobs.patient and self.network.under_way == 0:
                for phone in self.network.phones.values():
                    if phone.room is not None:
                        self._leaves(phone)
        center = self.center
        for call in center.calls.values():
            need(call.state is CallState.ENDED, "every call ends", call)
        up = [phone for phone in self.network.phones.values() if phone.state != "gone"]
        need(not up, "no leg is left over", up)
        rooms = self.network.rooms.keys() - self.network.unknown_rooms
        need(not rooms, "no room is left over", rooms)
        need(not center.timers, "no timer is left over", center.timers)
        need(not center.outbox, "no command is left over", center.outbox)

    def _leaves(self, phone: Phone) -> None:
        if phone.inbound and phone.state == "up" and not phone.leaving:
            phone.leaving = True
            self.schedule.after(self.rng.randrange(1, 5_000), lambda: self.network.hang_up(phone))

    # --- what must be true when nothing is under way ----------------------------------------------

    def at_rest(self) -> None:
        """What the network does is what we believe."""
        center, network = self.center, self.network
        inside: dict[str, list[str]] = {}
        for phone in network.phones.values():
            if phone.room is not None:
                inside.setdefault(phone.room, []).append(phone.leg)
            if phone.state != "gone" and phone.leg in center.call_of:
                self._at_rest(phone)
            else:
                need(phone.state == "gone", "a phone that nobody knows", phone)
        for room in network.rooms:
            rooms = [call.room for call in center.calls.values() if call.ended_at is None]
            known = room not in network.unknown_rooms
            need(room in rooms or not known, "a room that nobody needs", room)
        for call_id in center.calls:
            call = center.load(call_id)
            legs = [leg for leg in call.legs if leg.in_room]
            told = not any(network.phones[leg.id].untold for leg in legs)
            if call.state is CallState.TALKING and told:
                here = sorted(inside.get(call.room or "", []))
                need(here == sorted(leg.id for leg in legs), "both are in the room", here, call)
                need(len(here) == 2, "two talk", here, call)
        found = center.matches()
        need(not found.pairs, "nobody waits while an agent is free", found.pairs)
        waits = any(entry.state is EntryState.WAITING for entry in center.entries.values())
        if waits and found.again_at is not None:
            timed = center.timers.get(("match", "again"))
            need(timed is not None and timed <= found.again_at, "the matcher looks again", timed)

    def _at_rest(self, phone: Phone) -> None:
        """A phone that is there does what its leg was last told, and is needed."""
        center = self.center
        call = center.load(center.call_of[phone.leg])
        leg = next(leg for leg in call.legs if leg.id == phone.leg)
        if not phone.inbound:
            current = call.agent_leg is not None and call.agent_leg.id == phone.leg
            need(current, "an agent's leg that nobody needs", phone, call)
            return
        need(call.state is not CallState.ENDED, "a caller whose call is over", phone, call)
        need(phone.rev == leg.rev, "the caller does what is newest", phone, leg)
        if phone.lost_input:
            return
        alone = call.state in (CallState.IVR, CallState.WAITING) and call.offer is None
        need(not alone or (phone.room is None and not phone.silent), "in silence", phone, call)

    # --- people -----------------------------------------------------------------------------------

    def _agent(self, name: str, topics: dict[str, Topic]) -> None:
        kind = self.rng.choice(tuple(DeviceKind))
        known = frozenset(topic for topic in topics if self.rng.random() < 0.8)
        self.center.sign_on(name, line.Device(kind, name), known)
        self._later(0, 20_000, lambda: self.center.agent_event(name, AgentEvent.READY))
        self._later(1_000, 30_000, lambda: self._whim(name))

    def _later(self, least: int, most: int, what: object) -> None:
        def then() -> None:
            if self.schedule.now < self.end and callable(what):
                what()

        self.schedule.after(self.rng.randrange(least, most), then)

    def _whim(self, name: str) -> None:
        """Now and then an agent does something; most often gets ready again."""
        agent = self.center.agents[name]
        chance = self.rng.random()
        if agent.state is AgentState.OFFLINE:
            self.center.agent_event(name, AgentEvent.SIGN_ON)
        elif agent.state is AgentState.WRAP_UP and chance < 0.7:
            self.center.agent_event(name, AgentEvent.WRAPPED)
        elif agent.state is AgentState.PAUSED and chance < 0.8:
            self.center.agent_event(name, AgentEvent.READY)
        elif chance < 0.1:
            self.center.agent_event(name, AgentEvent.PAUSE, "break")
        elif chance < 0.15:
            self.center.agent_event(name, AgentEvent.READY)
        elif chance < 0.2:
            self.center.agent_event(name, AgentEvent.SIGN_OFF)
        elif chance < 0.4 and agent.device.kind is DeviceKind.BROWSER:
            self.network.tell(line.DeviceChanged(name, self.rng.random() < 0.7))
        self._later(1_000, 30_000, lambda: self._whim(name))

    def _offered(self, agent: str, offer: str) -> None:
        """The console shows an offer: the agent clicks, or does not."""
        chance = self.rng.random()
        if chance < 0.5:
            self._later(300, 17_000, lambda: self._accepts(agent, offer))
        elif chance < 0.6:
            self._later(300, 17_000, lambda: self.center.click(agent, offer, Declined(offer)))

    def _accepts(self, agent: str, offer: str) -> None:
        """Two clicks when the mouse is bad; the console's softphone is picked up as well."""
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            self.center.click(agent, offer, Accepted(offer))
        asked = self.center.offers[offer]
        phone = self.network.phones.get(asked.leg)
        if phone is not None and phone.kind is DeviceKind.BROWSER and asked.state in OfferState:
            self.network.answer(phone)

    def _click(self, leg: str, _what: str) -> None:
        self.center.hangs_up(leg)

    # --- the connection breaks --------------------------------------------------------------------

    def _break(self) -> None:
        """Our process dies, or the network is out of reach; a while later we are in touch again."""
        if self.center.down:
            return
        new_process = self.rng.random() < 0.5
        self.network.disconnect()
        self.center.down = True
        self.schedule.after(self.rng.randrange(200, 25_000), lambda: self._in_touch(new_process))

    def _in_touch(self, new_process: bool) -> None:
        self.center.down = False
        for name in LINES:
            self.center.handle(self.network.resumed(name))
        if new_process:
            self.center.left_over()
        else:
            self.center.outbox.clear()


# --- failures -----------------------------------------------------------------------------------


def failure(seed: int, knobs: Knobs | None = None) -> tuple[History, Exception] | None:
    """The history and what was wrong in it; None when all is well."""
    history = History(seed, knobs)
    try:
        history.run()
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
