"""A center in memory that a test moves by hand, one Signal or click at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import TypeVar

from callcenter import line
from callcenter.calls.life import Happened
from callcenter.calls.model import (
    Accepted,
    Call,
    CallState,
    Declined,
    HungUp,
    Leg,
    Outcome,
    TimerDue,
    TimerKind,
)
from callcenter.ivr.flowset import FlowSet
from callcenter.line import Cause, DeviceKind
from callcenter.queue.agents import Agent, AgentEvent
from callcenter.queue.entries import Entry, Offer
from tests.rules.center import InMemory
from tests.rules.flows import shipped
from tests.rules.histories import LINES, OPEN
from tests.rules.network import Schedule

_Command = TypeVar("_Command", line.RingLeg, line.EndLeg, line.EndRoom)


class Ear:
    """Hears what is asked of the lines, and does nothing."""

    def __init__(self) -> None:
        self.turns: dict[str, line.Turn] = {}
        self.commands: list[line.Command] = []
        self.known_cases: list[tuple[str, str]] = []

    def post(
        self,
        _line: str,
        turns: Iterable[line.Turn],
        commands: Iterable[line.Command],
        _done: Callable[[line.Command], None] = lambda _command: None,
    ) -> None:
        self.turns |= {turn.leg: turn for turn in turns}
        self.commands += commands


class Story:
    """One caller (leg ``caller``) and some agents, on the hotline's own flows."""

    def __init__(self, flows: FlowSet | None = None) -> None:
        self.schedule = Schedule(OPEN)
        own, topics = shipped()
        self.center = InMemory(random.Random(0), self.schedule, flows or own, topics, LINES)
        self.center.store_fails = 0.0
        self.center.late_timers = 0.0
        self.center.offered = lambda _agent, _offer: None
        self.ear = Ear()
        self.center.network = self.ear  # type: ignore[assignment]

    # --- what is there --------------------------------------------------------------------------

    @property
    def call(self) -> Call:
        """The call of ``caller``."""
        return self.center.load(self.center.call_of["caller"])

    @property
    def entry(self) -> Entry:
        entry = self.call.entry
        assert entry is not None
        return entry

    @property
    def offer(self) -> Offer:
        offer = self.call.offer
        assert offer is not None
        return offer

    @property
    def agent_leg(self) -> Leg:
        leg = self.call.agent_leg
        assert leg is not None
        return leg

    def agent(self, name: str) -> Agent:
        return self.center.agents[name]

    def wait(self, leg: str = "caller") -> line.Wait:
        """What the leg was last told to wait for."""
        return self.ear.turns[leg].wait

    def asked(self, kind: type[_Command]) -> list[_Command]:
        """The Commands of this kind so far."""
        return [one for one in self.ear.commands if isinstance(one, kind)]

    def kinds(self) -> list[str]:
        """The Facts so far, but for the flow's."""
        return [str(fact.kind) for fact in self.center.facts]

    # --- what happens ---------------------------------------------------------------------------

    def agents(self, *names: str, kind: DeviceKind = DeviceKind.SIMULATED) -> None:
        """Agents who know everything, ready one after the other."""
        for name in names:
            topics = frozenset(self.center.topics)
            self.center.sign_on(name, line.Device(kind, name), topics)
            self.center.desk(name, AgentEvent.READY)
            self.passes(1)

    def passes(self, ms: int) -> None:
        """Time passes, and timers come due."""
        until = self.schedule.now + ms
        while (at := self.schedule.next_at()) is not None and at <= until:
            self.schedule.pop()()
        self.schedule.now = until

    def tell(self, signal: Happened) -> Outcome:
        """Something happens to the caller's call; what is due at once happens too."""
        outcome = self.center.step(self.call.id, signal)
        self.passes(0)
        return outcome

    def dials(self, name: str = "simulator") -> None:
        self.center.handle(line.CallArrived("caller", name, "1500630", "+62811"))
        self.passes(0)

    def presses(self, *keys: str, leg: str = "caller") -> None:
        for one in keys:
            self.tell(line.DigitsEntered(leg, self.ear.turns[leg].rev, one))

    def silent(self, leg: str = "caller") -> None:
        self.tell(line.Silence(leg, self.ear.turns[leg].rev))

    def queues(self, name: str = "simulator") -> None:
        """The caller asks for a person about wages, and waits."""
        self.dials(name)
        self.presses("1", "1")
        assert self.call.state is CallState.WAITING

    def rings(self) -> None:
        self.tell(line.LegRinging(self.agent_leg.id))

    def answers(self) -> Outcome:
        return self.tell(line.LegAnswered(self.agent_leg.id))

    def accepts(self) -> Outcome:
        return self.tell(Accepted(self.offer.id))

    def declines(self) -> Outcome:
        return self.tell(Declined(self.offer.id))

    def enters(self, leg: str) -> Outcome:
        """The leg is in the room that its Turn names."""
        turn = self.ear.turns[leg]
        assert isinstance(turn.wait, line.Room)
        return self.tell(line.RoomEntered(leg, turn.rev, turn.wait.room))

    def talks(self) -> None:
        """The agent who is offered the call takes it, and they talk."""
        self.rings()
        self.accepts()
        self.answers()
        self.enters(self.agent_leg.id)
        self.enters("caller")
        assert self.call.state is CallState.TALKING

    def gone(self, leg: str, cause: Cause = Cause.HUNG_UP) -> Outcome:
        return self.tell(line.LegGone(leg, cause))

    def hangs_up(self, agent: str) -> Outcome:
        """By a click; then the phone is gone."""
        leg = self.agent_leg.id
        outcome = self.tell(HungUp(agent))
        if outcome.refused is None:
            self.gone(leg, Cause.ENDED)
        return outcome

    def timer(self, kind: TimerKind, ref: str) -> Outcome:
        """A timer comes due, whether or not it is still set."""
        return self.tell(TimerDue(kind, ref))
