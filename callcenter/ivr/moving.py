"""Nodes that say something, look at something or lead elsewhere."""

from __future__ import annotations

from callcenter import line
from callcenter.ivr import model
from callcenter.ivr.expressions import LARGEST, NoValue
from callcenter.ivr.hours import Opening
from callcenter.ivr.visit import FRAMES, Value
from callcenter.ivr.walk import Outcome, Walk, zone

MovingNode = (
    model.Say
    | model.Hours
    | model.Set
    | model.Branch
    | model.CallFlow
    | model.Return
    | model.Hangup
)


def enter(walk: Walk, node: MovingNode) -> Outcome:
    """Do it, and say where it leads."""
    match node:
        case model.Say():
            walk.say(node.prompt)
            return node.next if node.barge_in else line.PromptsEnd(barge_in=False)
        case model.Hours():
            return _hours(walk, node)
        case model.Set():
            return _set(walk, node)
        case model.Branch():
            return _branch(walk, node)
        case model.CallFlow():
            if len(walk.visit.frames) >= FRAMES:
                return walk.error("frames")
            return walk.enter_flow(node.flow)
        case model.Return():
            return _return(walk, node)
    walk.say(node.prompt)
    return line.Gone()


def heard(node: MovingNode) -> Outcome:
    """A ``say`` that had to be heard was heard."""
    assert isinstance(node, model.Say)
    return node.next


def _hours(walk: Walk, node: model.Hours) -> Outcome:
    if walk.visit.always_open:
        return node.open
    calendar = walk.flows.calendars[node.calendar]
    opening = calendar.opening(walk.now, zone(walk.visit.timezone))
    if opening is Opening.OPEN:
        return node.open
    return node.holiday or node.closed if opening is Opening.HOLIDAY else node.closed


def _set(walk: Walk, node: model.Set) -> Outcome:
    values: dict[str, Value] = {}
    for name, given in node.vars.items():
        if not isinstance(given, str):
            values[name] = given
            continue
        try:
            value = walk.flows.expressions[given].run(walk.value)
        except NoValue:
            value = None
        too_large = isinstance(value, int) and abs(value) > LARGEST
        values[name] = None if too_large else value
    walk.set(values)
    walk.forget(node.forget)
    if node.speaks is not None:
        walk.change(speaks=node.speaks)
    return node.next


def _branch(walk: Walk, node: model.Branch) -> Outcome:
    for case in node.cases:
        try:
            if walk.flows.expressions[case.when].run(walk.value):
                return case.to
        except NoValue:
            return node.otherwise
    return node.otherwise


def _return(walk: Walk, node: model.Return) -> Outcome:
    if not walk.visit.frames:
        return line.Gone()  # a flow that others call was begun by itself, to try it out
    caller = walk.leave_flow()
    assert isinstance(caller, model.CallFlow)
    return caller.next if node.exit is None else caller.exits[node.exit]
