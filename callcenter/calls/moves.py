"""The small moves that the steps of a call's life are made of. Pure.

A :class:`Life` is one step in the making. Its methods change the call as it becomes and note what
follows; :mod:`callcenter.calls.life` says which of them belongs to what happened.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TypeVar

import msgspec

from callcenter import line
from callcenter.calls.facts import CallFact
from callcenter.calls.model import (
    Call,
    CallState,
    FactDraft,
    Leg,
    LegRole,
    LegState,
    Outcome,
    TimerKind,
    Timing,
    room_of,
)
from callcenter.clock import Given
from callcenter.ivr import engine, needs
from callcenter.ivr.flowset import FlowSet
from callcenter.line import Cause, DeviceKind
from callcenter.queue import agents, entries
from callcenter.queue.agents import Agent, AgentEvent, AgentState
from callcenter.queue.entries import Entry, Offer
from callcenter.queue.facts import QueueFact
from callcenter.topics import Topic

#: (state, what the network reports) → state of a leg. What is not here changes nothing.
LEG_TABLE: dict[tuple[LegState, str], LegState] = {
    (LegState.ASKED, "queued"): LegState.QUEUED,
    (LegState.ASKED, "ringing"): LegState.RINGING,
    (LegState.ASKED, "answered"): LegState.UP,
    (LegState.ASKED, "gone"): LegState.GONE,
    (LegState.QUEUED, "ringing"): LegState.RINGING,
    (LegState.QUEUED, "answered"): LegState.UP,
    (LegState.QUEUED, "gone"): LegState.GONE,
    (LegState.RINGING, "answered"): LegState.UP,
    (LegState.RINGING, "gone"): LegState.GONE,
    (LegState.UP, "gone"): LegState.GONE,
}


class Ask(msgspec.Struct, frozen=True):
    """``need`` of the call as it is in the middle of the step."""

    call: Call
    need: needs.Need


class World(msgspec.Struct, frozen=True):
    """What a step is given besides the call: the flows that its visit began in, the topics, and
    the moment with its ids."""

    flows: FlowSet
    topics: Mapping[str, Topic]
    given: Given


#: A call that nobody has answered by then ends; talking has no limit.
CALL_LIMIT_S = 3600
#: Whoever is kept for an agent is not, once that agent said so or let it ring.
_NOT_COMING = (AgentEvent.SKIP, AgentEvent.MISS)

Steps = Generator[Ask, needs.Answer, Outcome]
Doing = Generator[Ask, needs.Answer, None]
_Row = TypeVar("_Row", Leg, Entry, Offer, Agent)


def agent_moved(before: Agent, after: Agent) -> tuple[list[FactDraft], list[Timing]]:
    """The Facts and timers that follow from an agent's change of state, or of what is booked."""
    facts, timers = [], []
    if _shown(before) != _shown(after):
        facts.append(
            FactDraft(
                QueueFact.AGENT_STATE,
                agent=after.id,
                data={
                    "state": after.state.value,
                    "was": before.state.value,
                    "reason": after.reason or "",
                },
            )
        )
    if before.state is not after.state:
        if after.state is AgentState.READY:
            timers.append(Timing(TimerKind.MATCH, after.id, after.since))
        if after.state is AgentState.WRAP_UP:
            due = after.since + agents.WRAP_UP_S * 1000
            timers.append(Timing(TimerKind.WRAP_UP, after.id, due))
        elif before.state is AgentState.WRAP_UP:
            timers.append(Timing(TimerKind.WRAP_UP, after.id, None))
    return facts, timers


def _shown(agent: Agent) -> tuple[AgentState, str | None, bool]:
    return agent.state, agent.reason, agent.pause_after


def leg_of(call: Call, leg_id: str) -> Leg | None:
    return next((leg for leg in call.legs if leg.id == leg_id), None)


class Life:
    """One step in the making: the call as it becomes, and what follows."""

    def __init__(self, call: Call, world: World) -> None:
        self.before = call
        self.call = call
        self.world = world
        self.now = world.given.now
        self.rows: dict[tuple[type, str], Leg | Entry | Offer | Agent] = {}
        self.turns: dict[str, line.Turn] = {}
        self.commands: list[line.Command] = []
        self.facts: list[FactDraft] = []
        self.timers: list[Timing] = []
        self.refused: str | None = None

    def outcome(self) -> Outcome:
        if self.refused is not None:
            return Outcome(self.before, refused=self.refused)
        return Outcome(
            self.call,
            tuple(self.rows.values()),
            tuple(self.turns.values()),
            tuple(self.commands),
            tuple(self.facts),
            tuple(self.timers),
        )

    # --- small steps that the handlers are made of --------------------------------------------

    def set(self, **changes: object) -> None:
        self.call = msgspec.structs.replace(self.call, **changes)

    def put(self, row: _Row) -> _Row:
        self.rows[(type(row), row.id)] = row
        if isinstance(row, Leg):
            legs = {leg.id: leg for leg in self.call.legs} | {row.id: row}
            self.set(legs=tuple(legs.values()))
        return row

    def fact(self, kind: str, **data: str | int | bool) -> None:
        """A Fact about this call, its entry, its offer and its case."""
        call = self.call
        self.facts.append(
            FactDraft(
                kind,
                entry=call.entry.id if call.entry else None,
                offer=call.offer.id if call.offer else None,
                agent=call.agent.id if call.agent else None,
                case=call.case,
                data=data,
            )
        )

    def timer(self, kind: TimerKind, ref: str, after_ms: int | None) -> None:
        due = None if after_ms is None else self.now + after_ms
        self.timers.append(Timing(kind, ref, due))

    def turn(self, leg: Leg, steps: tuple[line.Step, ...], wait: line.Wait) -> None:
        leg = self.put(msgspec.structs.replace(leg, rev=leg.rev + 1, in_room=False))
        if isinstance(wait, line.Recording):
            wait = msgspec.structs.replace(wait, name=f"{self.call.id}-{leg.rev}")
        self.turns[leg.id] = line.Turn(leg.id, leg.rev, steps, wait)

    def leg_becomes(self, leg: Leg, what: str, cause: Cause | None = None) -> bool:
        """Move the leg along its table; False, with the step refused, when it can't."""
        state = LEG_TABLE.get((leg.state, what))
        if state is None:
            self.refused = f"the leg is {leg.state.value}"
            return False
        if leg.role is LegRole.BODY and state in (LegState.UP, LegState.GONE):
            self.timer(TimerKind.BODY, self.call.id, None)
        if state is LegState.UP:
            leg = msgspec.structs.replace(leg, answered_at=self.now)
        if state is LegState.GONE:
            leg = msgspec.structs.replace(leg, ended_at=self.now, cause=cause, in_room=False)
            if leg.role is LegRole.BODY:
                talked_ms = 0 if leg.answered_at is None else self.now - leg.answered_at
                left = {"body": leg.body or "", "cause": (cause or Cause.FAILED).value}
                self.fact(CallFact.BODY_LEFT, talked_ms=talked_ms, **left)
            if leg.offer is not None and leg.rev > 0 and not self._others_in_room(leg):
                # Not sooner: an agent's phone that is late would make the room anew.
                self.commands.append(line.EndRoom(room_of(leg.offer)))
        self.put(msgspec.structs.replace(leg, state=state))
        return True

    def _others_in_room(self, leg: Leg) -> bool:
        """Whether another phone than the caller's was sent to the room of ``leg``, and is there."""
        return any(
            other.offer == leg.offer and other.rev > 0 and other.state is not LegState.GONE
            for other in self.call.legs
            if other.id != leg.id
        )

    def agent(self, event: AgentEvent, *, reason: str | None = None, lost: bool = False) -> None:
        """``lost``: their phone has vanished, although the event does not say so."""
        before = self.call.agent
        after = before.after(event, self.now, reason=reason, call=self.call.id) if before else None
        if before is None or after is None:
            return
        if (lost or event is AgentEvent.LOST) and after.device.kind is DeviceKind.BROWSER:
            after = msgspec.structs.replace(after, device_up=False)
        self.put(after)
        self.set(agent=after)
        facts, timers = agent_moved(before, after)
        self.facts += facts
        self.timers += timers

    def entry(self, event: str) -> Entry | None:
        before = self.call.entry
        after = before.after(event) if before else None
        if after is not None:
            self.set(entry=self.put(after))
        return after

    def offer(self, event: str) -> Offer | None:
        before = self.call.offer
        after = before.after(event, self.now) if before else None
        if after is not None:
            self.set(offer=self.put(after))
        return after

    def callback(self) -> dict[str, bool]:
        """For the Facts of an entry whose caller was called back: they waited elsewhere."""
        return {"callback": True} if self.call.entry and self.call.entry.callback else {}

    def waited_ms(self) -> int:
        return self.now - self.call.entry.entered_at if self.call.entry else 0

    # --- the flow ----------------------------------------------------------------------------

    def walk(self, done: engine.Step) -> Doing:
        """Follow the flow to its next wait, answering what it needs on the way."""
        said: tuple[line.Step, ...] = ()
        while True:
            said += done.steps
            self.set(
                visit=done.visit,
                topic=done.visit.topic or self.call.topic,
                language=done.visit.language,
                stage=done.visit.stage,
            )
            for note in done.notes:
                self.fact(note.kind, **note.data)
            if done.wait is not None:
                if self.call.caller.state is not LegState.GONE:
                    self.turn(self.call.caller, said, done.wait)
                return
            if done.need is None:
                return
            answer = yield from self.answer(done.need)
            done = engine.step(self.world.flows, done.visit, answer, self.now)

    def answer(self, need: needs.Need) -> Generator[Ask, needs.Answer, needs.Answer]:
        """The queue's part is decided here; the rest is asked of the stores."""
        if isinstance(need, needs.JoinQueue):
            return (yield from self.join(need))
        if isinstance(need, needs.LeaveQueue):
            self.leave(need.reason)
            return needs.QueueLeft()
        if isinstance(need, needs.KeepPlace):
            return (yield from self.keep_place("asked"))
        if isinstance(need, needs.Rejoin):
            return self.rejoin()
        answer = yield Ask(self.call, need)
        if isinstance(answer, needs.CaseOpened | needs.CaseFound | needs.CaseResumed):
            self.set(case=answer.case)
        return answer

    def flow(self, event: engine.Event) -> Doing:
        if self.call.visit is None:
            return
        done = engine.step(self.world.flows, self.call.visit, event, self.now)
        if done.refused:
            self.refused = "the flow does not wait for that"
            return
        yield from self.walk(done)

    def talk_ended(self) -> Doing:
        """Whom the caller talked with has left: the flow goes on, and without one it is over."""
        self.timer(TimerKind.CALL_LIMIT, self.call.id, CALL_LIMIT_S * 1000)
        yield from self.flow(needs.TalkEnded("agent"))
        if self.refused is not None:
            self.refused = None
            self.turn(self.call.caller, (), line.Gone())

    def join(self, need: needs.JoinQueue) -> Generator[Ask, needs.Answer, needs.Answer]:
        # A caller in an older version of the flows may ask for a topic that is no more.
        topic = self.world.topics.get(need.topic)
        head_start = topic.head_start_s if topic else 0
        head_start += need.priority * entries.PRIORITY_S
        custodian = yield from self.custodian(need)
        spoken = yield from self.spoken(need)
        entry = Entry(
            self.world.given.id(),
            self.call.id,
            self.call.line,
            need.topic,
            entries.rank(self.now, head_start),
            self.now,
            reserved_for=custodian,
            reserved_until=self.now + entries.RESERVED_S * 1000 if custodian else 0,
            language=need.language,
            language_until=self.now + entries.LANGUAGE_S * 1000 if spoken else 0,
        )
        self.set(entry=self.put(entry), topic=need.topic, state=CallState.WAITING)
        self.fact(QueueFact.QUEUED, topic=entry.topic)
        self.timer(TimerKind.MATCH, entry.id, 0)
        place = yield Ask(self.call, needs.AskPosition())
        position = place.position if isinstance(place, needs.Position) else 1
        return needs.QueueJoined(entry.id, position)

    def custodian(self, need: needs.JoinQueue) -> Generator[Ask, needs.Answer, str | None]:
        """Who has the call's case in hand and could take the call at once."""
        if not need.custodian or self.call.case is None:
            return None
        answer = yield Ask(self.call, needs.AskCustodian(self.call.case, need.topic))
        return answer.agent if isinstance(answer, needs.Custodian) else None

    def spoken(self, need: needs.JoinQueue) -> Generator[Ask, needs.Answer, bool]:
        """Whether it is worth waiting for somebody who speaks the caller's language."""
        if need.language is None:
            return False
        answer = yield Ask(self.call, needs.AskSpeakers(need.topic, need.language))
        return isinstance(answer, needs.Speakers) and answer.signed_in > 0

    def keep_place(self, reason: str) -> Generator[Ask, needs.Answer, needs.Answer]:
        """The entry goes on without the caller on the line, in a call of its own."""
        answer = yield Ask(self.call, needs.KeepPlace())
        if not isinstance(answer, needs.PlaceKept) or self.call.entry is None:
            return answer
        if answer.known:
            self.leave("callback")
            return answer
        self.end_offer("withdraw", AgentEvent.RELEASE, QueueFact.OFFER_WITHDRAWN, reason=reason)
        self.entry("offer_over")
        topic, waited_ms = self.call.entry.topic, self.waited_ms()
        told = {"topic": topic, "reason": reason, "back": answer.call}
        self.fact(QueueFact.PLACE_KEPT, waited_ms=waited_ms, **told)
        call_from = self.now + entries.FIRST_CALL_S * 1000
        self.put(
            msgspec.structs.replace(
                self.call.entry, call=answer.call, callback=True, call_from=call_from
            )
        )
        self.timer(TimerKind.MATCH, self.call.entry.id, entries.FIRST_CALL_S * 1000)
        self.timer(TimerKind.CALL_LIMIT, answer.call, entries.KEPT_S * 1000)
        self.set(entry=None, state=CallState.IVR)
        return answer

    def rejoin(self) -> needs.Answer:
        """Who was called back is on the line, and waits as everybody does."""
        if self.call.entry is None or self.call.state is not CallState.CALLBACK:
            return needs.NeedFailed("not_called_back")
        self.set(state=CallState.WAITING)
        return needs.QueueJoined(self.call.entry.id, 1)

    def leave(self, reason: str) -> None:
        """Out of the queue by a key or a time limit."""
        if self.call.entry is None or self.call.entry.state not in entries.OPEN_ENTRIES:
            return
        self.end_offer("withdraw", AgentEvent.RELEASE, QueueFact.OFFER_WITHDRAWN, reason=reason)
        self.entry("leave")
        self.fact(
            QueueFact.LEFT_QUEUE,
            topic=self.call.entry.topic,
            reason=reason,
            waited_ms=self.waited_ms(),
            **self.callback(),
        )
        self.set(entry=None, state=CallState.IVR)

    # --- the offer ---------------------------------------------------------------------------

    def end_offer(
        self,
        event: str,
        agent_event: AgentEvent,
        kind: QueueFact,
        **data: str | int | bool,
    ) -> bool:
        """The open offer is over, its phone stops, its agent is free. False when there is none."""
        leg = self.call.agent_leg
        if self.offer(event) is None or self.call.offer is None:
            return False
        for timer in (TimerKind.UNRUNG, TimerKind.RING, TimerKind.JOIN):
            self.timer(timer, self.call.offer.id, None)
        if leg is not None:
            self.commands.append(line.EndLeg(leg.id))
        self.fact(kind, **data)
        self.agent(agent_event)
        self.set(offer=None, agent=None)
        return True

    def offer_failed(
        self,
        event: str,
        agent_event: AgentEvent,
        kind: QueueFact,
        **data: str | int | bool,
    ) -> Doing:
        """The offer came to nothing: the entry waits on, in its place."""
        leg = self.before.agent_leg  # in this step it may have gone
        moved = leg is not None and leg.in_room
        if not self.end_offer(event, agent_event, kind, **data):
            self.refused = "that offer is over"
            return
        entry = self.entry("offer_over")
        if entry is not None and agent_event in _NOT_COMING and entry.reserved_for is not None:
            entry = msgspec.structs.replace(entry, reserved_for=None, reserved_until=0)
            self.set(entry=self.put(entry))
        if self.call.entry is not None:
            self.timer(TimerKind.MATCH, self.call.entry.id, 0)
        if moved and self.call.state is CallState.WAITING:
            # The caller was on the way to a room where nobody is any more.
            yield from self.flow(needs.Resumed())

    def meet(self) -> None:
        """The agent's phone goes into the room; the caller follows once it is there."""
        leg, room = self.call.agent_leg, self.call.room
        if leg is None or room is None or self.call.offer is None:
            return
        self.timer(TimerKind.UNRUNG, self.call.offer.id, None)
        self.timer(TimerKind.RING, self.call.offer.id, None)
        self.timer(TimerKind.JOIN, self.call.offer.id, entries.JOIN_S * 1000)
        self.turn(leg, (), line.Room(room))

    def accept(self) -> None:
        if self.offer("accept") is not None:
            self.fact(QueueFact.ACCEPTED)
        self.meet()

    # --- the end -----------------------------------------------------------------------------

    def end(self, cause: Cause) -> None:
        legs = [leg for leg in self.call.legs if leg.state is not LegState.GONE]
        self.commands += [line.EndLeg(leg.id) for leg in legs]
        self.timer(TimerKind.CALL_LIMIT, self.call.id, None)
        self.set(state=CallState.ENDED, ended_at=self.now, cause=cause.value)
        self.fact(
            CallFact.CALL_ENDED,
            stage=self.call.stage or "",
            cause=cause.value,
            lasted_ms=self.now - self.call.started_at,
        )

    def talk_over(self, by: str) -> None:
        since = self.call.answered_at or self.now
        self.fact(CallFact.TALK_ENDED, talked_ms=self.now - since, by=by)
