"""Golden transcripts: what a caller does, and which prompts are heard. ``docs/flows.md`` has the
format.

Every event goes through the visit's JSON, as it would between two processes. A scenario fails on
the first difference, on prompts that nobody expected, and on anything given that was never used.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, TypeAdapter, ValidationError

from callcenter import line
from callcenter.ivr import flowset, graph, needs
from callcenter.ivr.engine import Event, Step, begin, step
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.model import Id, Record, Text, Word
from callcenter.ivr.play import spoken
from callcenter.ivr.pretend import Pretend, PretendCase, settle
from callcenter.ivr.source import read
from callcenter.ivr.visit import Visit, decode_visit

Edge = tuple[str, str, str]  #: flow, from node, to node
_LEG, _REV = "caller", 0


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Keys = Annotated[tuple[str, ...], BeforeValidator(_several)]


class GivenStaff(Record):
    signed_in: StrictInt = 1
    ready: StrictInt = 0
    waiting: StrictInt = 0
    wait_s: StrictInt | None = None


class GivenCase(Record):
    """A case in the store; ``due`` is a date. See :class:`callcenter.ivr.pretend.PretendCase`."""

    number: Text
    pin: Text
    status: Word
    topic: Word
    unit: Text | None = None
    due: Text | None = None
    locked: StrictBool = False
    wait: Word | None = None
    late_days: StrictInt = 0
    head_told: StrictBool = False
    note: Text | None = None
    can: tuple[Word, ...] = ()
    phone: StrictBool = False
    draft: StrictBool = False
    openings: tuple[Text, ...] = ()


class Given(Record):
    """What is so before the call. ``fail`` lists Needs that the store can't answer; ``withheld``:
    the caller's number, so they can't be called back."""

    staff: GivenStaff = GivenStaff()
    cases: tuple[GivenCase, ...] = ()
    fail: tuple[Word, ...] = ()
    withheld: StrictBool = False


class Expected(Record):
    """What must be true at this point; only what is written is looked at. ``asked``: the Needs
    since the last time, ``noted``: the kinds of notes, ``acted``: what was done to cases."""

    language: Text | None = None
    topic: Word | None = None
    case: Text | None = None
    node: Id | None = None
    wait: Text | None = None
    queueing: StrictBool | None = None
    finished: StrictBool | None = None
    asked: tuple[Word, ...] | None = None
    noted: tuple[Word, ...] | None = None
    messages: StrictInt | None = None
    acted: tuple[Word, ...] | None = None


class Does(Record):
    """One line of a transcript: exactly one of these."""

    hears: Keys | None = None
    says: Text | None = None
    keys: Text | None = None
    silence: Literal[True] | None = None
    speaks: StrictInt | None = None
    listens: Literal[True] | None = None
    hangs_up: Literal[True] | None = None
    talks: Literal["agent", "caller"] | None = None
    agent_lost: Literal[True] | None = None
    called_back: Literal[True] | None = None
    passes_s: StrictInt | None = None
    refused: Literal["keys", "silence", "recording"] | None = None
    expect: Expected | None = None


class Scenario(Record):
    """A whole call; ``now`` is its first moment, with an offset."""

    scenario: Text
    note: Text | None = None
    flow: Id = "main"
    now: Text
    always_open: StrictBool = False
    given: Given = Given()
    steps: Annotated[tuple[Does, ...], Field(min_length=1)]


_SCENARIO: TypeAdapter[Scenario] = TypeAdapter(Scenario)


class ScenarioFailed(Exception):
    """The call went another way; the message says where and how."""


@dataclass
class Run:
    """What became of a scenario: the ``edges`` that were walked, and the whole ``transcript``."""

    edges: set[Edge] = field(default_factory=set)
    transcript: list[str] = field(default_factory=list)


def parse_scenario(file: str, text: str) -> Scenario:
    """A scenario file.

    Raises:
        ScenarioFailed: it is not one; every mistake with its line.
    """
    document, errors = read(file, text)
    try:
        found = _SCENARIO.validate_python(document.data)
    except ValidationError as bad:
        errors += [
            document.error(details["loc"], details["msg"])
            for details in bad.errors(include_url=False)
        ]
        found = None
    if found is None or errors:
        raise ScenarioFailed("\n".join(map(str, errors)))
    return found


def run_scenario(flows: FlowSet, scenario: Scenario) -> Run:
    """Walk the scenario.

    Raises:
        ScenarioFailed: it went another way.
    """
    return _Player(flows, scenario).play()


class _Player:
    def __init__(self, flows: FlowSet, scenario: Scenario) -> None:
        self.flows, self.scenario = flows, scenario
        self.now = _moment(scenario.now)
        cases = {case.number: _case(case) for case in scenario.given.cases}
        staff = needs.Staff(**scenario.given.staff.model_dump())
        self.pretend = Pretend(staff, cases, frozenset(scenario.given.fail))
        if scenario.given.withheld:
            self.pretend.no_callback = "withheld"
        self.kept: Visit | None = None  #: of whom a callback keeps the place
        self.run = Run()
        self.unheard: list[str] = []
        self.text: list[str] = []
        self.noted: list[str] = []
        self.asked = 0
        self.last: dict[str, str] = {}
        self.edges = all_edges(flows)
        self.found = self.heard(
            begin(flows, flow=scenario.flow, now=self.now, always_open=scenario.always_open)
        )

    def play(self) -> Run:
        for index, does in enumerate(self.scenario.steps, 1):
            given = does.model_dump(exclude_none=True)
            if len(given) != 1:
                raise ScenarioFailed(f"step {index}: exactly one thing a step, not {list(given)}")
            try:
                self.do(does)
            except ScenarioFailed as bad:
                shown = "\n  ".join(self.run.transcript)
                raise ScenarioFailed(
                    f"{self.scenario.scenario}\nstep {index} ({next(iter(given))}): {bad}\n"
                    f"so far:\n  {shown}"
                ) from None
        self.check_used()
        return self.run

    def heard(self, found: Step) -> Step:
        """Keep what a step said, and go on to the caller's next turn."""
        settled = settle(self.flows, found, self.pretend, self.now)
        self.kept = self.pretend.kept or self.kept
        self.unheard += [key for key in settled.said if key != flowset.OPTION]
        self.text += spoken(settled.steps)
        self.run.transcript += [f"hears: {text}" for text in spoken(settled.steps)]
        self.noted += [note.kind for note in settled.notes]
        for flow, node in settled.path:
            edge = (flow, self.last.get(flow, ""), node)
            if edge in self.edges:
                self.run.edges.add(edge)
            self.last[flow] = node
        return settled

    def do(self, does: Does) -> None:
        if does.hears is not None:
            self.hears(does.hears)
        elif does.says is not None:
            if not any(does.says in text for text in self.text):
                raise ScenarioFailed(f"never heard '{does.says}'")
        elif does.passes_s is not None:
            self.now += does.passes_s * 1000
        elif does.expect is not None:
            self.expect(does.expect)
        elif does.refused is not None:
            self.refused(does.refused)
        else:
            self.happens(self.event(does))

    def hears(self, keys: tuple[str, ...]) -> None:
        if list(keys) != self.unheard:
            raise ScenarioFailed(f"heard {self.unheard}, not {list(keys)}")
        self.unheard = []

    def event(self, does: Does) -> Event:
        if does.keys is not None:
            return line.DigitsEntered(_LEG, _REV, does.keys)
        if does.silence:
            return line.Silence(_LEG, _REV)
        if does.speaks is not None:
            return line.RecordingMade(_LEG, _REV, "recording", does.speaks)
        if does.listens:
            return line.PromptsEnded(_LEG, _REV)
        if does.talks is not None:
            return needs.TalkEnded(does.talks)
        if does.agent_lost:
            return needs.Resumed()
        if does.called_back:
            return needs.CalledBack()
        return line.LegGone(_LEG, line.Cause.HUNG_UP)

    def happens(self, event: Event) -> None:
        name = type(event).__name__
        self.run.transcript.append(f"-- {name} {getattr(event, 'digits', '')}".rstrip())
        if isinstance(event, line.Silence) and isinstance(self.found.wait, line.Music):
            self.now += (self.found.wait.seconds or 0) * 1000
        self.text = []
        visit = self.found.visit
        if isinstance(event, needs.CalledBack):
            if self.kept is None:
                raise ScenarioFailed("nobody was promised to be called back")
            visit = self.kept
            self.last = {frame.flow: frame.node for frame in visit.frames}
        visit = decode_visit(visit.encode())
        found = step(self.flows, visit, event, self.now)
        if found.refused:
            raise ScenarioFailed(f"{name} does not fit here ({visit.node}, {visit.expects})")
        self.found = self.heard(found)

    def refused(self, what: str) -> None:
        event: Event = line.Silence(_LEG, _REV)
        if what == "keys":
            event = line.DigitsEntered(_LEG, _REV, "1")
        elif what == "recording":
            event = line.RecordingMade(_LEG, _REV, "recording", 5)
        before = self.found.visit
        found = step(self.flows, before, event, self.now)
        if not found.refused or found.visit != before:
            raise ScenarioFailed(f"{what} was accepted")

    def expect(self, expected: Expected) -> None:
        visit = self.found.visit
        asked, noted = tuple(self.pretend.asked[self.asked :]), tuple(self.noted)
        actual: dict[str, object] = {
            "language": visit.language,
            "topic": visit.topic,
            "case": visit.case_number,
            "node": visit.stage,
            "wait": visit.expects or "nothing",
            "queueing": visit.queueing,
            "finished": visit.finished,
            "asked": asked,
            "noted": noted,
            "messages": len(self.pretend.appended),
            "acted": tuple(act.event for act in self.pretend.acted),
        }
        for name, value in expected.model_dump(exclude_none=True).items():
            if actual[name] != value:
                raise ScenarioFailed(f"{name} is {actual[name]!r}, not {value!r}")
        if expected.asked is not None:
            self.asked = len(self.pretend.asked)
        if expected.noted is not None:
            self.noted = []

    def check_used(self) -> None:
        name = self.scenario.scenario
        if self.unheard:
            raise ScenarioFailed(f"{name}\nheard at the end, and not expected: {self.unheard}")
        unused = set(self.pretend.cases) - set(self.pretend.looked_up)
        if unused:
            raise ScenarioFailed(f"{name}\ncases that nobody looked up: {sorted(unused)}")
        if idle := self.pretend.fail - set(self.pretend.asked):
            raise ScenarioFailed(f"{name}\nnever asked, so never failed: {sorted(idle)}")


def all_edges(flows: FlowSet) -> frozenset[Edge]:
    """Every way from node to node, of every flow."""
    return frozenset(
        (flow_name, name, way.to)
        for flow_name, flow in flows.flows.items()
        for name, node in flow.nodes.items()
        for way in graph.exits(flow, node)
    )


def coverage(flows: FlowSet, runs: Iterable[Run]) -> tuple[int, int, list[Edge]]:
    """How many ways were walked, how many there are, and those that were not."""
    every = all_edges(flows)
    walked = {edge for run in runs for edge in run.edges}
    return len(walked), len(every), sorted(every - walked)


def _moment(text: str) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ScenarioFailed(
            f"now: '{text}' is no moment such as 2026-11-24T09:10:00+07:00"
        ) from None
    if moment.tzinfo is None:
        raise ScenarioFailed(f"now: '{text}' has no offset such as +07:00")
    return int(moment.timestamp() * 1000)


def _case(case: GivenCase) -> PretendCase:
    given = case.model_dump()
    if case.due:
        given["due"] = _moment(f"{case.due}T12:00:00+07:00")
    return PretendCase(**given)
