"""Assignments: a case is handed to a unit, which takes it or names a better one.

The assignments of a case are a chain, oldest first; at most the last of them is open. Whatever
happens, exactly one unit must act: the one with the open assignment, or else the triage unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from callcenter.cases import routing
from callcenter.cases.units import Units
from callcenter.topics import Track


class Limits(msgspec.Struct, frozen=True):
    """Handing on without an end is how complaints are lost: after ``hops`` units, or when
    ``declines`` of them have declined, the triage head decides."""

    hops: int = 3
    declines: int = 2


class AssignmentState(StrEnum):
    SENT = "sent"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    RETURNED = "returned"  #: accepted, and given back
    RECALLED = "recalled"  #: taken back by triage
    DONE = "done"


class AssignmentEvent(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    RETURN = "return"
    RECALL = "recall"
    FINISH = "finish"


_S, _E = AssignmentState, AssignmentEvent

#: (state, event) → state. A pair that is not here is refused without any change.
ASSIGNMENT_TABLE: Final[Mapping[tuple[AssignmentState, AssignmentEvent], AssignmentState]] = (
    MappingProxyType(
        {
            (_S.SENT, _E.ACCEPT): _S.ACCEPTED,
            (_S.SENT, _E.DECLINE): _S.DECLINED,
            (_S.SENT, _E.RECALL): _S.RECALLED,
            (_S.ACCEPTED, _E.RETURN): _S.RETURNED,
            (_S.ACCEPTED, _E.RECALL): _S.RECALLED,
            (_S.ACCEPTED, _E.FINISH): _S.DONE,
        }
    )
)
OPEN: Final = frozenset({_S.SENT, _S.ACCEPTED})


class Assignment(msgspec.Struct, frozen=True):
    """``reason`` is a code; ``better``: the unit that was named instead."""

    unit: str
    sent_at: int
    state: AssignmentState = AssignmentState.SENT
    officer: str | None = None
    reason: str | None = None
    better: str | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN


Chain = tuple[Assignment, ...]


class Refusal(StrEnum):
    """Why nothing was changed."""

    TABLE = "table"  #: not in this state
    OPEN = "open"  #: another unit has it: recall it first
    UNIT = "unit"  #: there is no such unit, or it is a body outside: refer the case
    POWER = "power"  #: this unit may not act on such a case
    DECIDED = "decided"  #: the triage head decided
    HEAD = "head"  #: only the triage head may send it now
    REASON = "reason"  #: a reason is missing
    BETTER = "better"  #: a better unit must be named
    OFFICER = "officer"  #: the officer who accepts is missing


class Owner(msgspec.Struct, frozen=True):
    """Who must act. ``head``: the head of triage, who has to decide, and nobody else."""

    unit: str
    head: bool = False


def owner(chain: Chain, triage: str, limits: Limits) -> Owner:
    """The one unit that must act now."""
    if chain and chain[-1].open:
        return Owner(chain[-1].unit)
    return Owner(triage, head=for_head(chain, limits))


def for_head(chain: Chain, limits: Limits) -> bool:
    """Whether the next unit is the triage head's to decide."""
    declined = sum(one.state is _S.DECLINED for one in chain)
    return declined >= limits.declines or len(chain) >= limits.hops


def send(
    chain: Chain,
    unit: str,
    *,
    units: Units,
    limits: Limits,
    track: Track,
    province: str | None,
    at: int,
    head: bool = False,
) -> Chain | Refusal:
    """Hand the case to ``unit``. ``head``: the triage head does it. A unit that passes a case on
    returns it first."""
    if chain and chain[-1].open:
        return Refusal.OPEN
    if unit not in units.units or units.units[unit].external:
        return Refusal.UNIT
    if not routing.able(units, unit, track, province):
        return Refusal.POWER
    if for_head(chain, limits) and not head:
        return Refusal.HEAD
    return (*chain, Assignment(unit, at))


def step(
    chain: Chain,
    event: AssignmentEvent,
    *,
    units: Units,
    limits: Limits,
    officer: str | None = None,
    reason: str | None = None,
    better: str | None = None,
) -> Chain | Refusal:
    """The last assignment after ``event``. Who accepts is an ``officer``; whoever gives a case
    away says why, and who declines also names a ``better`` unit. What the triage head had to
    decide can't be declined."""
    if not chain:
        return Refusal.TABLE
    last = chain[-1]
    state = ASSIGNMENT_TABLE.get((last.state, event))
    if state is None:
        return Refusal.TABLE
    if event is _E.ACCEPT and not officer:
        return Refusal.OFFICER
    if event in (_E.DECLINE, _E.RETURN, _E.RECALL) and not reason:
        return Refusal.REASON
    if event is _E.DECLINE:
        if for_head(chain[:-1], limits):
            return Refusal.DECIDED
        if better is None or better == last.unit:
            return Refusal.BETTER
        if better not in units.units:
            return Refusal.UNIT
    changed = msgspec.structs.replace(
        last,
        state=state,
        officer=officer if event is _E.ACCEPT else last.officer,
        reason=reason,
        better=better if event is _E.DECLINE else None,
    )
    return (*chain[:-1], changed)
