"""Walk a caller through a flow: ``step(flows, visit, event, now)`` is the whole engine.

An event is first held against what the visit expects; one that does not fit is refused and changes
nothing. Then node after node is walked until one waits for the caller or needs something from
outside. Everything is a function of its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from callcenter import line
from callcenter.ivr import asking, casework, model, moving, needs, waiting
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.needs import Answer, CalledBack, Need, NeedFailed, Resumed, TalkEnded
from callcenter.ivr.visit import INPUTS_AFTER_ERROR, INPUTS_PER_CALL, NODES_PER_STEP, Visit
from callcenter.ivr.walk import Note, Outcome, Walk, zone

__all__ = ["Event", "Note", "Step", "begin", "step"]

Event = (
    line.DigitsEntered
    | line.Silence
    | line.PromptsEnded
    | line.RecordingMade
    | line.LegGone
    | Answer
    | Resumed
    | CalledBack
    | TalkEnded
)


class Step(msgspec.Struct, frozen=True):
    """What came of an event.

    Exactly one of ``wait`` and ``need`` is set; neither when the visit is finished or the event
    was refused. The ``steps`` of a Step with a Need are said before those of the Step that follows
    its answer. ``wait`` has an empty name when it is a :class:`~callcenter.line.Recording`.
    ``refused``: the visit did not accept the event, and nothing changed. ``said`` are the keys of
    the prompts in ``steps``, ``path`` the (flow, node) pairs that were visited.
    """

    visit: Visit
    steps: tuple[line.Step, ...] = ()
    wait: line.Wait | None = None
    need: Need | None = None
    notes: tuple[Note, ...] = ()
    refused: bool = False
    said: tuple[str, ...] = ()
    path: tuple[tuple[str, str], ...] = ()


def begin(
    flows: FlowSet,
    *,
    flow: str,
    now: int,
    timezone: str = "Asia/Jakarta",
    always_open: bool = False,
) -> Step:
    """The first step of a new caller.

    ``timezone`` is used where a calendar names none and for dates that are spoken. With
    ``always_open`` every ``hours`` node takes its ``open`` exit.

    Raises:
        KeyError: there is no such flow.
        zoneinfo.ZoneInfoNotFoundError: there is no such timezone (a KeyError, too).
    """
    first = flows.flows[flow]
    zone(timezone)
    visit = Visit(
        flow_set=flows.hash,
        flow=flow,
        node=first.start,
        language=first.language,
        timezone=timezone,
        always_open=always_open,
        vars=dict(flows.initial()),
    )
    return _run(Walk(flows, visit, now), first.start)


def step(flows: FlowSet, visit: Visit, event: Event, now: int) -> Step:
    """What follows from ``event``; one that does not fit is refused.

    Raises:
        ValueError: ``visit`` began in other flows than these.
    """
    if visit.flow_set != flows.hash:
        raise ValueError("the visit began in another version of the flows")
    if not _accepts(visit, event):
        return Step(visit, refused=True)
    walk = Walk(flows, visit, now)
    return _run(walk, _react(walk, event))


# --- which events fit ---------------------------------------------------------------------------

#: What answers the wait or the Need that a visit expects, by its tag.
ANSWERS: Mapping[str, tuple[type, ...]] = {
    "keys": (line.DigitsEntered, line.Silence),
    "prompts_end": (line.PromptsEnded,),
    "recording": (line.RecordingMade,),
    "music": (line.DigitsEntered, line.Silence),
    "gone": (),
    "open_case": (needs.CaseOpened, NeedFailed),
    "find_case": (needs.CaseFound, needs.CaseNotFound, needs.CaseLocked, NeedFailed),
    "recall_draft": (needs.DraftKnown, needs.CaseNotFound, NeedFailed),
    "resume_case": (needs.CaseResumed, needs.CaseNotFound, NeedFailed),
    "append_case": (needs.CaseAppended, NeedFailed),
    "act_on_case": (needs.CaseActed, needs.CaseRefused, NeedFailed),
    "choose_pin": (needs.PinSet, needs.PinWeak, NeedFailed),
    "tell_note": (needs.NoteTold, NeedFailed),
    "tell_openings": (needs.OpeningsTold, NeedFailed),
    "ask_staff": (needs.Staff, NeedFailed),
    "join_queue": (needs.QueueJoined, NeedFailed),
    "leave_queue": (needs.QueueLeft, NeedFailed),
    "keep_place": (needs.PlaceKept, needs.PlaceRefused, NeedFailed),
    "rejoin": (needs.QueueJoined, NeedFailed),
    "ask_position": (needs.Position, NeedFailed),
}


def _accepts(visit: Visit, event: Event) -> bool:
    if isinstance(event, line.LegGone):
        return not visit.finished and not visit.gone
    if isinstance(event, Resumed | CalledBack | TalkEnded):
        return visit.queueing
    return isinstance(event, ANSWERS.get(visit.expects, ()))


# --- what they lead to --------------------------------------------------------------------------


def _react(walk: Walk, event: Event) -> Outcome:
    match event:
        case line.LegGone() | TalkEnded(by="caller"):
            return _gone(walk)
        case TalkEnded():
            return waiting.out_of_queue(walk).answered
        case Resumed():
            return waiting.resumed(walk)
        case CalledBack():
            return waiting.called_back(walk)
    if walk.visit.expects == "keys":
        walk.change(inputs=walk.visit.inputs + 1)
        most = INPUTS_PER_CALL + (INPUTS_AFTER_ERROR if walk.visit.erred else 0)
        if walk.visit.inputs > most:
            walk.note("limit_crossed", node=walk.visit.node, limit="inputs_per_call")
            return walk.error("limit")
    return _take(walk, event)


def _gone(walk: Walk) -> Outcome:
    """To the ``on_hangup`` of this flow, or of the nearest one around it that has one."""
    walk.change(gone=True, queueing=False, left_at=walk.visit.node, visited=0)
    while walk.flow.on_hangup is None and walk.visit.frames:
        walk.leave_flow()
    return walk.flow.on_hangup


def _take(walk: Walk, event: asking.Event) -> Outcome:
    node = walk.flow.nodes[walk.visit.node]
    match node:
        case model.Menu() | model.LanguageChoice() | model.Collect() | model.RecordMessage():
            return asking.take(walk, node, event)
    if isinstance(node, waiting.WaitingNode):
        return waiting.take(walk, node, event)
    if isinstance(node, casework.CASE_NODES):
        return casework.take(walk, node, event)
    return moving.heard(node)


def _enter(walk: Walk, name: str) -> Outcome:
    walk.at(name)
    node = walk.flow.nodes[name]
    match node:
        case model.Menu() | model.LanguageChoice() | model.Collect() | model.RecordMessage():
            return asking.enter(walk, node)
    if isinstance(node, waiting.WaitingNode):
        return waiting.enter(walk, node)
    if isinstance(node, casework.CASE_NODES):
        return casework.enter(walk, node)
    return moving.enter(walk, node)


# --- the loop -----------------------------------------------------------------------------------


def _run(walk: Walk, outcome: Outcome) -> Step:
    """Walk node after node until one waits or needs something."""
    visited = walk.visit.visited
    while isinstance(outcome, str):
        visited += 1
        if visited > NODES_PER_STEP:
            walk.note("limit_crossed", node=walk.visit.node, limit="nodes_per_step")
            visited = 0
            outcome = walk.error("limit")
        else:
            outcome = _enter(walk, outcome)
    if outcome is None or (walk.visit.gone and isinstance(outcome, line.Wait)):
        return _finish(walk)
    if isinstance(outcome, line.Wait):
        walk.change(expects=_tag(outcome), visited=0)
        return _step(walk, wait=outcome)
    walk.change(expects=_tag(outcome), visited=visited)
    return _step(walk, need=outcome)


def _finish(walk: Walk) -> Step:
    """The end: whatever might be secret is forgotten."""
    walk.change(finished=True, queueing=False, expects="", part="", frames=(), vars={}, pin=None)
    return _step(walk)


def _step(walk: Walk, wait: line.Wait | None = None, need: Need | None = None) -> Step:
    return Step(
        walk.visit,
        tuple(walk.steps),
        wait,
        need,
        tuple(walk.notes),
        said=tuple(walk.said),
        path=tuple(walk.path),
    )


def _tag(word: line.Wait | Need) -> str:
    return str(word.__struct_config__.tag)
