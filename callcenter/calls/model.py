"""A call as the rules see it: its legs, its place in the queue, the agent it concerns."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from callcenter.ivr.visit import Visit
from callcenter.line import Command, DeviceKind, Turn
from callcenter.queue.agents import Agent
from callcenter.queue.entries import Entry, Offer


class CallState(StrEnum):
    IVR = "ivr"
    CALLBACK = "callback"  #: the caller's place is kept; nobody is on the line, or they are asked
    WAITING = "waiting"
    TALKING = "talking"
    PASSED = "passed"  #: the agent has left, and the caller talks with a body of the directory
    ENDED = "ended"


class LegRole(StrEnum):
    CALLER = "caller"
    AGENT = "agent"
    BODY = "body"  #: a body of the directory, which the agent brought into the talk


class LegState(StrEnum):
    ASKED = "asked"  #: we asked for it to be rung
    QUEUED = "queued"  #: its line has not asked the network yet
    RINGING = "ringing"
    UP = "up"
    GONE = "gone"


class Leg(msgspec.Struct, frozen=True):
    """One phone in a call. ``rev`` is that of its newest Turn; 0 means that it has none yet."""

    id: str
    call: str
    role: LegRole
    line: str
    state: LegState
    started_at: int
    rev: int = 0
    in_room: bool = False
    agent: str | None = None
    body: str | None = None  #: its code in the directory
    offer: str | None = None
    device_kind: DeviceKind | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    cause: str | None = None


class Call(msgspec.Struct, frozen=True):
    """A conversation with a citizen, and everything that one step may change.

    ``entry`` and ``offer`` are the open ones (or the answered ones while talking); ``agent`` is
    the one whom the offer asks, or with whom the caller talks.
    """

    id: str
    line: str
    state: CallState
    started_at: int
    legs: tuple[Leg, ...] = ()
    visit: Visit | None = None
    topic: str | None = None
    language: str | None = None
    case: str | None = None
    entry: Entry | None = None
    offer: Offer | None = None
    agent: Agent | None = None
    answered_at: int | None = None
    ended_at: int | None = None
    stage: str | None = None
    cause: str | None = None

    @property
    def caller(self) -> Leg:
        """The caller's newest leg: whoever is called back may have had several."""
        return next(leg for leg in reversed(self.legs) if leg.role is LegRole.CALLER)

    @property
    def dialled(self) -> Leg | None:
        """The caller's leg, as long as it is there."""
        callers = (leg for leg in self.legs if leg.role is LegRole.CALLER)
        return next((leg for leg in callers if leg.state is not LegState.GONE), None)

    @property
    def agent_leg(self) -> Leg | None:
        """The leg of the open offer's agent, as long as it is there."""
        if self.offer is None:
            return None
        for leg in self.legs:
            if leg.id == self.offer.leg and leg.state is not LegState.GONE:
                return leg
        return None

    @property
    def body_leg(self) -> Leg | None:
        """The leg of the body that was brought into the talk, as long as it is there."""
        bodies = (leg for leg in self.legs if leg.role is LegRole.BODY)
        return next((leg for leg in bodies if leg.state is not LegState.GONE), None)

    @property
    def room(self) -> str | None:
        """Where the caller and the agent of the open (or answered) offer talk; once they were
        passed on, where the body is."""
        if self.offer is not None:
            return room_of(self.offer.id)
        leg = self.body_leg if self.state is CallState.PASSED else None
        return None if leg is None or leg.offer is None else room_of(leg.offer)


def room_of(offer: str) -> str:
    """The room of an offer. Each has its own: one that is being removed is nobody's next one."""
    return f"room-{offer}"


class TimerKind(StrEnum):
    """What a timer is about; its ``ref`` is the id of that."""

    MATCH = "match"  #: somebody entered, left or became ready (ref: entry or agent)
    UNRUNG = "unrung"  #: offer: the phone has not begun to ring
    RING = "ring"  #: offer: nobody came
    JOIN = "join"  #: offer: accepted, and the two are still not together
    BODY = "body"  #: call: nothing was heard of the body that was to be rung
    WRAP_UP = "wrap_up"  #: agent
    CALL_LIMIT = "call_limit"  #: call
    CASE = "case"  #: the next moment that a case's clocks name
    RECORDING = "recording"  #: a recording waits to be fetched from its line


# --- what happens to a call besides the line's Signals ----------------------------------------


class Offered(msgspec.Struct, frozen=True, tag="offered"):
    """The matcher gives the waiting entry to ``agent``."""

    agent: Agent
    offer: str
    leg: str


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    offer: str


class Declined(msgspec.Struct, frozen=True, tag="declined"):
    offer: str


class HungUp(msgspec.Struct, frozen=True, tag="hung_up"):
    """The agent ends the talk by a click."""

    agent: str


class BroughtIn(msgspec.Struct, frozen=True, tag="brought_in"):
    """The agent has ``body``, a code of the directory, rung and brought into the talk."""

    agent: str
    body: str


class LetGo(msgspec.Struct, frozen=True, tag="let_go"):
    """The agent ends the leg of the body."""

    agent: str


class TimerDue(msgspec.Struct, frozen=True, tag="timer_due"):
    kind: TimerKind
    ref: str


Click = Offered | Accepted | Declined | HungUp | BroughtIn | LetGo


class FactDraft(msgspec.Struct, frozen=True):
    """A Fact before the moment and the call are written on it."""

    kind: str
    entry: str | None = None
    offer: str | None = None
    agent: str | None = None
    case: str | None = None
    data: dict[str, str | int | bool] = {}


class Timing(msgspec.Struct, frozen=True):
    """Set a timer, or cancel it (``due_at`` None)."""

    kind: TimerKind
    ref: str
    due_at: int | None


class Outcome(msgspec.Struct, frozen=True):
    """What a step decided: the call as it is now, and what follows from it.

    ``rows`` are the legs, entries, offers and agents that changed, each in its last version.
    ``refused`` says why nothing changed; everything else is then empty.
    """

    call: Call
    rows: tuple[Leg | Entry | Offer | Agent, ...] = ()
    turns: tuple[Turn, ...] = ()
    commands: tuple[Command, ...] = ()
    facts: tuple[FactDraft, ...] = ()
    timers: tuple[Timing, ...] = ()
    refused: str | None = None
