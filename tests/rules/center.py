"""A call center in memory around the pure core, for histories.

It does what ``calls/service.py`` and ``calls/desk.py`` do with a database: load, decide, save,
follow. What it keeps goes through JSON, as rows do. After every step the invariants are checked,
the same thing is told again (nothing may change), and now and then decided again from the same
inputs (the same must come out).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from callcenter import line
from callcenter.calls import life, resync
from callcenter.calls.model import (
    Accepted,
    BroughtIn,
    Call,
    CallState,
    Declined,
    FactDraft,
    HungUp,
    Leg,
    LegRole,
    LegState,
    LetGo,
    Offered,
    Outcome,
    TimerDue,
    TimerKind,
    Timing,
)
from callcenter.calls.moves import Ask, Steps, World, agent_moved
from callcenter.cases import numbers
from callcenter.clock import Given
from callcenter.ivr import needs
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.visit import decode_visit
from callcenter.queue import entries
from callcenter.queue.agents import Agent, AgentEvent, AgentState
from callcenter.queue.entries import OPEN_ENTRIES, Entry, EntryState, Offer
from callcenter.queue.matching import Matches
from callcenter.topics import Topic
from tests.rules.invariants import CODE, Snapshot, check, need
from tests.rules.network import BODY, Network, Schedule
from tests.rules.rest import matches

TIMEZONE = "Asia/Jakarta"
#: How often a decision is made again from the same inputs.
AGAIN = 0.05

_Row = TypeVar("_Row", Leg, Entry, Offer, Agent)
Told = life.Happened | Offered
_ENCODERS = msgspec.json.Encoder()
_DECODERS = {kind: msgspec.json.Decoder(kind) for kind in (Leg, Entry, Offer, Agent)}


def through_json(row: _Row) -> _Row:
    """``row`` as it comes back from where it is kept."""
    kept = _DECODERS[type(row)].decode(_ENCODERS.encode(row))
    need(kept == row, "what is kept comes back", row, kept)
    return kept  # type: ignore[return-value]


class InMemory:
    """Calls, agents, entries, offers and timers, and what happens to them."""

    def __init__(
        self,
        rng: random.Random,
        schedule: Schedule,
        flows: FlowSet,
        topics: dict[str, Topic],
        lines: tuple[str, ...],
    ) -> None:
        self.rng = rng
        self.schedule = schedule
        self.flows = flows
        self.topics = topics
        self.lines = lines
        self.network: Network
        self.offered: Callable[[str, str], None]
        self.calls: dict[str, Call] = {}
        self.legs: dict[str, dict[str, Leg]] = {}
        self.call_of: dict[str, str] = {}
        self.entries: dict[str, Entry] = {}
        self.offers: dict[str, Offer] = {}
        self.agents: dict[str, Agent] = {}
        self.knows: dict[str, frozenset[str]] = {}
        self.timers: dict[tuple[str, str], int] = {}
        self.turns: dict[str, line.Turn] = {}
        self.cases: dict[str, tuple[str, str, str]] = {}  #: id → number, PIN, topic
        self.outbox: list[tuple[str, line.Command]] = []
        self.facts: list[FactDraft] = []
        self.trace: list[tuple[int, object, str]] = []
        self.down = False
        self.limit_ms: int | None = None
        self.store_fails = 0.02  #: how often a store fails at what a flow needs
        self.late_timers = 0.2  #: how often a timer is looked at late
        self.steps = 0
        self._ids = 0

    # --- load and save ------------------------------------------------------------------------

    def given(self) -> Given:
        self._ids += 1
        return Given(self.schedule.now, self._ids.to_bytes(8, "big"))

    def load(self, call_id: str) -> Call:
        """The call with everything that one step may change, each in its stored version."""
        call = self.calls[call_id]
        entry, offer, agent = call.entry, call.offer, call.agent
        return msgspec.structs.replace(
            call,
            legs=tuple(self.legs[call_id].values()),
            entry=entry and self.entries[entry.id],
            offer=offer and self.offers[offer.id],
            agent=agent and self.agents[agent.id],
        )

    def snapshot(self) -> Snapshot:
        calls = {call: self.load(call) for call in self.calls}
        return Snapshot(calls, self.entries, self.offers, self.agents, self.timers)

    def _save(self, outcome: Outcome) -> None:
        call = outcome.call
        if call.visit is not None:
            kept = decode_visit(call.visit.encode())
            need(kept == call.visit, "what is kept comes back", call.visit, kept)
            call = msgspec.structs.replace(call, visit=kept)
        self.calls[call.id] = call
        for row in outcome.rows:
            match row:
                case Leg():
                    self.legs.setdefault(call.id, {})[row.id] = through_json(row)
                    self.call_of[row.id] = call.id
                case Entry():
                    self.entries[row.id] = through_json(row)
                case Offer():
                    self.offers[row.id] = through_json(row)
                case Agent():
                    self.agents[row.id] = through_json(row)

    def _follow(self, facts: Iterable[FactDraft], timings: Iterable[Timing]) -> None:
        for fact in facts:
            words = [fact.kind, fact.entry, fact.offer, fact.agent, fact.case, *fact.data.values()]
            need(
                all(CODE.fullmatch(word) for word in words if isinstance(word, str)),
                "a Fact holds ids and codes",
                fact,
            )
            self.facts.append(fact)
        for timing in timings:
            key = (timing.kind.value, timing.ref)
            if timing.due_at is None:
                self.timers.pop(key, None)
            else:
                due_at = timing.due_at
                if timing.kind is TimerKind.CALL_LIMIT and self.limit_ms is not None:
                    due_at = self.schedule.now + self.limit_ms
                self.timers[key] = due_at
                self._set(key, due_at)

    def _set(self, key: tuple[str, str], due_at: int) -> None:
        """A timer is looked at when it is due, or later."""
        late = self.rng.randrange(0, 3_000) if self.rng.random() < self.late_timers else 0
        self.schedule.at(due_at + late, lambda: self.timer(key, due_at))

    # --- one step -----------------------------------------------------------------------------

    def handle(self, signal: line.Signal) -> None:
        """What a line brings."""
        if self.down:
            return
        match signal:
            case line.LineResumed():
                self._resumed(signal)
            case line.DeviceChanged():
                self._device(signal)
            case line.CallArrived():
                if signal.leg not in self.call_of:
                    self._arrived(signal)
            case _:
                call = self.call_of.get(getattr(signal, "leg", ""))
                if call is not None:
                    self.step(call, signal)

    def _arrived(self, signal: line.CallArrived) -> None:
        given = self.given()
        steps = life.begin(given.id(), signal, World(self.flows, self.topics, given), TIMEZONE)
        self.trace.append((self.schedule.now, signal, ""))
        self._apply(self._run(steps))
        check(self.snapshot())

    def step(self, call_id: str, happened: Told) -> Outcome:
        self.steps += 1
        before, given = self.load(call_id), self.given()
        world = World(self.flows, self.topics, given)
        answers: list[needs.Answer] = []
        outcome = self._run(life.step(before, happened, world), answers)
        self.trace.append((self.schedule.now, happened, outcome.refused or outcome.call.state))
        if self.rng.random() < AGAIN:
            world = World(self.flows, self.topics, given.again())
            same = _replay(life.step(before, happened, world), answers)
            need(same == outcome, "the same inputs have the same outcome", happened)
        if outcome.refused is not None:
            need(outcome == Outcome(before, refused=outcome.refused), "refused: nothing", outcome)
            return outcome
        _check_outcome(before, happened, outcome)
        self._apply(outcome)
        self._tell_again(call_id, happened)
        check(self.snapshot())
        return outcome

    def _apply(self, outcome: Outcome) -> None:
        self._save(outcome)
        self._follow(outcome.facts, outcome.timers)
        for turn in outcome.turns:
            self.turns[turn.leg] = msgspec.json.decode(line.encode(turn), type=line.Turn)
        name = outcome.call.line
        self.outbox += [(name, command) for command in outcome.commands]
        self.network.post(name, outcome.turns, outcome.commands, self._done)

    def _done(self, command: line.Command) -> None:
        self.outbox = [row for row in self.outbox if row[1] is not command]

    def _tell_again(self, call_id: str, happened: Told) -> None:
        """A duplicate changes nothing. (A timer is taken once, whatever happens.)"""
        if isinstance(happened, TimerDue):
            return
        call = self.load(call_id)
        world = World(self.flows, self.topics, self.given())
        again = _replay(life.step(call, happened, world), [])
        if again.refused is None:
            harmless = all(isinstance(one, line.EndLeg | line.EndRoom) for one in again.commands)
            nothing = not (again.rows or again.turns or again.facts or again.timers)
            need(nothing and harmless and again.call == call, "a duplicate", happened, again)

    def _run(self, steps: Steps, answers: list[needs.Answer] | None = None) -> Outcome:
        try:
            ask = next(steps)
            while True:
                answer = self._answer(ask)
                if answers is not None:
                    answers.append(answer)
                ask = steps.send(answer)
        except StopIteration as decided:
            outcome: Outcome = decided.value
            return outcome

    def _answer(self, ask: Ask) -> needs.Answer:
        need_, call = ask.need, ask.call
        if self.rng.random() < self.store_fails:
            return needs.NeedFailed("store")
        match need_:
            case needs.OpenCase():
                given = self.given()
                case, pin = given.id(), given.digits(6)
                number = numbers.make_number(2026, given.digits(7))
                self.cases[case] = (number, pin, need_.topic)
                self.network.known_cases.append((number, pin))
                return needs.CaseOpened(case, number, pin)
            case needs.FindCase():
                for case, (number, pin, topic) in self.cases.items():
                    if number == need_.number and pin == need_.pin:
                        return needs.CaseFound(case, number, "new", topic, can=needs.EVENTS)
                return needs.CaseNotFound() if self.rng.random() < 0.9 else needs.CaseLocked()
            case needs.AppendCase():
                return needs.CaseAppended()
            case needs.AskStaff():
                there = [
                    agent
                    for agent in self.agents.values()
                    if agent.state is not AgentState.OFFLINE and need_.topic in self.knows[agent.id]
                ]
                ready = [agent for agent in there if agent.state is AgentState.READY]
                return needs.Staff(len(there), len(ready), 0)
            case needs.KeepPlace():
                return self._keep_place(call)
            case needs.MayDial() | needs.MayCallBody():
                return self._may_call(need_)
            case needs.AskPosition():
                if call.entry is None:
                    return needs.NeedFailed("not_waiting")
                return needs.Position(1 + sum(self._before(call.entry)))
        return self._follow_up(need_)

    def _may_call(self, asked: needs.MayDial | needs.MayCallBody) -> needs.Answer:
        refused = "cap" if self.rng.random() < 0.1 else None
        if isinstance(asked, needs.MayDial):
            return needs.Dial(refused)
        return needs.BodyNumber(None if refused else BODY, refused)

    def _keep_place(self, call: Call) -> needs.Answer:
        if self.rng.random() < 0.2:
            return needs.PlaceRefused("withheld")
        new = self.given().id()
        self.calls[new] = msgspec.structs.replace(
            call,
            id=new,
            state=CallState.CALLBACK,
            started_at=self.schedule.now,
            legs=(),
            offer=None,
            agent=None,
        )
        self.legs[new] = {}
        return needs.PlaceKept(new)

    def _follow_up(self, asked: needs.Need) -> needs.Answer:
        """What flows may ask about a case that is there."""
        match asked:
            case needs.RecallDraft():
                return needs.DraftKnown() if self._drafts() else needs.CaseNotFound()
            case needs.ResumeCase():
                case = asked.case or next(iter(self._drafts()), None)
                if case is None:
                    return needs.CaseNotFound()
                return needs.CaseResumed(case, self.cases[case][2])
            case needs.AskCustodian():
                drawn = self.rng.choice([None, *self.agents]) if self.store_fails else None
                return needs.Custodian(drawn)
            case needs.AskSpeakers():
                return needs.Speakers(0)
            case needs.ActOnCase():
                if self.rng.random() < 0.5:
                    return needs.CaseRefused("not_now")
                return needs.CaseActed("in_progress", can=needs.EVENTS)
            case needs.ChoosePin():
                return needs.PinSet()
            case needs.TellNote():
                return needs.NoteTold("Sudah diperiksa.")
            case needs.TellOpenings():
                return needs.OpeningsTold(1, ("WAS",))
        raise AssertionError(asked)

    def _drafts(self) -> list[str]:
        return [case for case in self.cases if self.rng.random() < 0.3]

    def _before(self, entry: Entry) -> Iterable[bool]:
        return (
            one.topic == entry.topic and one.rank < entry.rank and one.state in OPEN_ENTRIES
            for one in self.entries.values()
        )

    # --- timers and the matcher ---------------------------------------------------------------

    def timer(self, key: tuple[str, str], due_at: int) -> None:
        """A timer comes due, unless it was moved or cancelled."""
        if self.timers.get(key) != due_at:
            return
        if self.down:
            self.schedule.after(500, lambda: self.timer(key, due_at))
            return
        del self.timers[key]
        kind = TimerKind(key[0])
        match kind:
            case TimerKind.MATCH:
                self.match()
            case TimerKind.WRAP_UP:
                self.desk(key[1], AgentEvent.WRAPPED)
            case TimerKind.CALL_LIMIT | TimerKind.BODY:
                self.step(key[1], TimerDue(kind, key[1]))
            case _:
                self.step(self.offers[key[1]].call, TimerDue(kind, key[1]))

    def matches(self) -> Matches:
        return matches(self.snapshot(), self.knows, self.lines, self.schedule.now)

    def match(self) -> None:
        found = self.matches()
        for entry, agent in found.pairs:
            given = self.given()
            offered = Offered(self.agents[agent], given.id(), given.id())
            outcome = self.step(entry.call, offered)
            need(outcome.refused is None, "who was matched can be offered", entry, agent)
            self.offered(agent, offered.offer)
        if found.again_at is not None:
            self._follow((), [Timing(TimerKind.MATCH, "again", found.again_at)])

    # --- agents -------------------------------------------------------------------------------

    def desk(self, agent: str, event: AgentEvent, reason: str | None = None) -> None:
        """What the agent does at the desk, unless the table refuses it."""
        if self.down:
            return
        before = self.agents[agent]
        after = before.after(event, self.schedule.now, reason=reason)
        self.trace.append((self.schedule.now, (agent, event), "refused" if after is None else ""))
        if after is not None:
            self._agent_moved(before, after)

    def _agent_moved(self, before: Agent, after: Agent) -> None:
        self.agents[after.id] = through_json(after)
        self._follow(*agent_moved(before, after))
        check(self.snapshot())

    def _device(self, signal: line.DeviceChanged) -> None:
        before = self.agents[signal.agent]
        if before.device_up != signal.up:
            self.trace.append((self.schedule.now, signal, ""))
            self._agent_moved(before, msgspec.structs.replace(before, device_up=signal.up))
            if signal.up:
                self._follow((), [Timing(TimerKind.MATCH, before.id, self.schedule.now)])

    def click(self, agent: str, offer: str, click: Accepted | Declined) -> None:
        """The agent clicks in the console."""
        if not self.down:
            self.step(self.offers[offer].call, click)

    def hangs_up(self, leg: str) -> None:
        """The agent whose phone ``leg`` is ends the talk by a click."""
        if self.down or leg not in self.call_of:
            return
        agent = self.legs[self.call_of[leg]][leg].agent
        assert agent is not None
        self.step(self.call_of[leg], HungUp(agent))

    def brings_in(self, leg: str) -> None:
        """So does this one, to bring a body of the directory in."""
        self._in_talk(leg, lambda agent: BroughtIn(agent, "KP2MI"))

    def lets_go(self, leg: str) -> None:
        self._in_talk(leg, LetGo)

    def _in_talk(self, leg: str, click: Callable[[str], BroughtIn | LetGo]) -> None:
        if self.down or leg not in self.call_of:
            return
        agent = self.legs[self.call_of[leg]][leg].agent
        assert agent is not None
        self.step(self.call_of[leg], click(agent))

    # --- in touch again -----------------------------------------------------------------------

    def _resumed(self, resumed: line.LineResumed) -> None:
        self.trace.append((self.schedule.now, resumed, ""))
        live = [
            leg
            for legs in self.legs.values()
            for leg in legs.values()
            if leg.line == resumed.line and leg.state is not LegState.GONE
        ]
        calls = [call for call in self.calls.values() if call.line == resumed.line]
        offers = {
            call.offer.id for call in calls if call.state is not CallState.ENDED and call.offer
        }
        passed = (leg for leg in live if self.calls[leg.call].state is CallState.PASSED)
        offers |= {leg.offer for leg in passed if leg.role is LegRole.BODY and leg.offer}
        plan = resync.plan(live, resumed, offers)
        for signal in plan.signals:
            self.handle(signal)
        turns = [self.turns[leg] for leg in plan.turns if leg in self.turns]
        still = [turn for turn in turns if self._there(turn.leg)]
        self.network.post(resumed.line, still, plan.commands)

    def _there(self, leg: str) -> bool:
        return self.legs[self.call_of[leg]][leg].state is not LegState.GONE

    def dies(self) -> None:
        """The process ends; what it had asked is in the outbox."""

    def resumed(self, lines: Iterable[line.LineResumed], *, new: bool) -> None:
        """In touch again. Another process finds the outbox: a state is set again, a ring is not."""
        for one in lines:
            self.handle(one)
        rows, self.outbox = self.outbox, []
        for name, command in rows:
            if new and not isinstance(command, line.RingLeg):
                self.network.post(name, (), (command,))

    # --- to look at ---------------------------------------------------------------------------

    def agent(self, agent: str) -> Agent:
        return self.agents[agent]

    def offer(self, offer: str) -> Offer:
        return self.offers[offer]

    def due(self) -> bool:
        return any(due <= self.schedule.now for due in self.timers.values())

    def sign_on(self, agent: str, device: line.Device, topics: frozenset[str]) -> None:
        self.knows[agent] = topics
        before = Agent(agent)
        after = before.after(AgentEvent.SIGN_ON, self.schedule.now)
        assert after is not None
        self._agent_moved(before, msgspec.structs.replace(after, device=device))


def _replay(steps: Steps, answers: list[needs.Answer]) -> Outcome:
    """The same step with the answers of the first time."""
    given = iter(answers)
    try:
        next(steps)
        while True:
            steps.send(next(given, needs.NeedFailed("asked again")))
    except StopIteration as decided:
        outcome: Outcome = decided.value
        return outcome


def _check_outcome(before: Call, happened: Told, outcome: Outcome) -> None:
    """One step: Turns for legs that are there, each with the next number; constant ranks."""
    legs = {leg.id: leg for leg in outcome.call.legs}
    for turn in outcome.turns:
        leg = legs[turn.leg]
        need(leg.state is not LegState.GONE, "no Turn for a leg that is gone", turn)
        need(turn.rev == leg.rev, "a Turn has its leg's number", turn, leg)
    for old in before.legs:
        need(legs[old.id].rev >= old.rev, "numbers only grow", old)
        if old.state is LegState.GONE:
            need(legs[old.id] == old, "who is gone stays gone", old)
    asked = {leg.id for leg in before.legs}
    for command in outcome.commands:
        if isinstance(command, line.RingLeg):
            need(command.leg not in asked, "a leg is rung once", command)
    if before.state is CallState.ENDED:
        need(outcome.call.state is CallState.ENDED, "an ended call stays ended", outcome)
        need(not outcome.turns, "an ended call says nothing", outcome)
    old_entry, entry = before.entry, outcome.call.entry
    if old_entry is not None and entry is not None and old_entry.id == entry.id:
        lost = old_entry.state is EntryState.ANSWERED and entry.state is EntryState.WAITING
        rank = entries.front_rank(old_entry.rank) if lost else old_entry.rank
        need(entry.rank == rank, "the rank is constant", old_entry, entry)
        kept = entry.reserved_for in (None, old_entry.reserved_for)
        need(lost or kept, "reserved when lost", entry)
    if isinstance(happened, line.LegGone):
        need(legs[happened.leg].state is LegState.GONE, "gone is gone", happened)
    callers = [leg for leg in legs.values() if leg.role is LegRole.CALLER]
    owed = outcome.call.entry is not None and outcome.call.entry.callback
    need(len(callers) == 1 or owed or before.state is CallState.CALLBACK, "one caller", outcome)
