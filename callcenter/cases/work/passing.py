"""What an event of a case does to its chain of assignments."""

from __future__ import annotations

import msgspec

from callcenter.cases import assignments, clocks
from callcenter.cases.assignments import AssignmentEvent, AssignmentState, Chain, Refusal
from callcenter.cases.deadlines import Code
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import FINAL, CaseEvent, CaseStatus
from callcenter.topics import Track

_E = CaseEvent
_STEPS = {
    _E.ACCEPT: AssignmentEvent.ACCEPT,
    _E.DECLINE: AssignmentEvent.DECLINE,
    _E.RETURN: AssignmentEvent.RETURN,
    _E.RECALL: AssignmentEvent.RECALL,
}


class Passing(msgspec.Struct, frozen=True):
    """What an event carries for the chain. ``head``: the head of triage does it. ``unit``: where
    the case is sent, or the better one that is named."""

    at: int
    track: Track
    province: str | None
    head: bool = False
    officer: str | None = None
    reason: str | None = None
    unit: str | None = None


def passed(
    chain: Chain, event: CaseEvent, to: CaseStatus, carried: Passing, rules: Rules
) -> Chain | Refusal:
    """The chain after ``event`` has led the case ``to`` another status."""
    held = bool(chain) and chain[-1].open
    match event:
        case _E.ROUTE:
            return _sent(chain, carried, rules)
        case _E.FORWARD:
            given_back = _stepped(chain, AssignmentEvent.RETURN, carried, rules) if held else chain
            if isinstance(given_back, Refusal):
                return given_back
            return _sent(given_back, carried, rules)
        case _E.ACCEPT | _E.DECLINE:
            return _stepped(chain, _STEPS[event], carried, rules)
        case _E.RETURN | _E.RECALL:  # what triage has itself was never sent to anybody
            return _stepped(chain, _STEPS[event], carried, rules) if held else chain
    if to in FINAL and held:
        end = (
            AssignmentEvent.RECALL
            if chain[-1].state is AssignmentState.SENT
            else AssignmentEvent.FINISH
        )
        ending = msgspec.structs.replace(carried, reason=carried.reason or event.value)
        return _stepped(chain, end, ending, rules)
    return chain


def _sent(chain: Chain, carried: Passing, rules: Rules) -> Chain | Refusal:
    return assignments.send(
        chain,
        carried.unit or "",
        units=rules.units,
        limits=rules.limits,
        track=carried.track,
        province=carried.province,
        at=carried.at,
        head=carried.head,
    )


def _stepped(
    chain: Chain, event: AssignmentEvent, carried: Passing, rules: Rules
) -> Chain | Refusal:
    return assignments.step(
        chain,
        event,
        units=rules.units,
        limits=rules.limits,
        officer=carried.officer,
        reason=carried.reason,
        better=carried.unit,
    )


def phone_from(unit: str, at: int, rules: Rules) -> int:
    """When the head of triage phones a unit that has not accepted what was sent ``at``."""
    return clocks.due(rules.deadlines[Code.UNACCEPTED], rules.counting.of(unit), at)
