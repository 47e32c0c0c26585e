"""Who is to be told of what was done to a case. Nobody is told of the case itself in what is sent:
no name, topic or employer; a number at most, and where to ask."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from callcenter.cases.escalation import Escalation
from callcenter.cases.statuses import Actor, CaseEvent, CaseStatus, WaitReason


class Whom(StrEnum):
    UNIT = "unit"  #: the desk of ``unit``
    REPORTER = "reporter"
    ASSIGNEE = "assignee"
    HEAD = "head"
    DIRECTORATE = "directorate"
    INSPECTORATE = "inspectorate"
    ON_CALL = "on_call"


#: Somebody looks where they may not, with a reason.
OPENED: Final = "opened"


class Tell(msgspec.Struct, frozen=True):
    """``what`` is a code: an event, a status, a clock, ``reminded`` or ``opened``."""

    whom: Whom
    what: str
    unit: str | None = None


_E, _S = CaseEvent, CaseStatus

#: A unit finds work on its desk, or hears that it is there no more.
_UNITS = frozenset({_E.ROUTE, _E.FORWARD, _E.RECALL, _E.OBJECT, _E.WITHDRAW, _E.REPLY})
#: What a reporter waits for, or must answer. What they did themselves they know, and an agent does
#: nothing but what they want while both talk.
_REPORTERS = frozenset(
    {
        _S.NEEDS_INFO,
        _S.ROUTED,
        _S.FOLLOWED_UP,
        _S.ANSWERED,
        _S.CLOSED,
        _S.REJECTED,
        _S.REFERRED_OUT,
        _S.MERGED,
        _S.REOPENED,
    }
)


def of_move(
    event: CaseEvent,
    actor: Actor,
    status: CaseStatus,
    wait: WaitReason | None = None,
    *,
    held_by: str,
    held_before: str,
) -> tuple[Tell, ...]:
    """Whom a move concerns. ``held_by``: the unit that must act now; ``held_before``: before."""
    told = []
    if event in _UNITS:
        unit = held_before if event is _E.RECALL else held_by
        told.append(Tell(Whom.UNIT, event.value, unit))
    theirs = actor in (Actor.REPORTER, Actor.AGENT)
    if wait is WaitReason.REPORTER:  # the unit has asked something
        told.append(Tell(Whom.REPORTER, _S.NEEDS_INFO.value))
    elif status in _REPORTERS and not theirs and event is not _E.FORWARD:
        told.append(Tell(Whom.REPORTER, status.value))
    return tuple(told)


def of_escalation(one: Escalation) -> Tell:
    what = one.kind.value if one.kind is not None else "reopened"
    return Tell(Whom(one.level.value), what, one.unit)


def of_reminder(unit: str) -> Tell:
    """The reporter presses for an answer."""
    return Tell(Whom.UNIT, "reminded", unit)


def of_opening(triage: str) -> Tell:
    """Somebody looks where they may not: the head of ``triage`` is told."""
    return Tell(Whom.HEAD, OPENED, triage)
