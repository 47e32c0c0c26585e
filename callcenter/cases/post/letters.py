"""Which text goes to whom, when again, and what is over before it was sent. Pure.

Nothing of a case is filled into a text but its number, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from callcenter.cases import clocks
from callcenter.cases.clocks import Clock, Counting
from callcenter.cases.deadlines import Code
from callcenter.cases.numbers import groups
from callcenter.cases.statuses import FINAL, CaseEvent, CaseStatus
from callcenter.cases.units import Level, Unit, Units
from callcenter.cases.work.telling import OPENED, Tell, Whom
from callcenter.messages.model import Channel
from callcenter.messages.rules import Allowed
from callcenter.messages.texts import Texts
from callcenter.topics import Compartment, Track

_E, _S = CaseEvent, CaseStatus


class Writing(msgspec.Struct, frozen=True):
    """What there is to write with. ``pages``: the address of the desk's pages, without a slash at
    its end."""

    texts: Texts
    allowed: Allowed
    pages: str


WAITING: Final = "unit_waiting"
STILL_WAITING: Final = "unit_still_waiting"
WAITINGS: Final = frozenset({WAITING, STILL_WAITING})
CLOSING: Final = "case_closing"
LATE: Final = "head_late"  #: to the head of a unit
#: What a caller is sent during the call; see ``calls/telling.py``.
NUMBER: Final = "case_number"
#: What a reporter who lost the PIN reads out to the agent.
CODE: Final = "pin_code"
_GONE: Final = "unit_gone"
#: To the desk of a unit, by what has happened.
_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        _E.ROUTE: WAITING,
        _E.FORWARD: WAITING,
        _E.OBJECT: "unit_news",
        _E.REPLY: "unit_news",
        _E.RECALL: _GONE,
        _E.WITHDRAW: _GONE,
        "reminded": "unit_pressed",
    }
)
#: To others in the ministry.
_OTHERS: Final[Mapping[Whom, str]] = MappingProxyType(
    {
        Whom.ASSIGNEE: "unit_due",
        Whom.HEAD: LATE,
        Whom.DIRECTORATE: "directorate_late",
        Whom.INSPECTORATE: "inspectorate_review",
        Whom.ON_CALL: "on_call",
    }
)
#: To reporters.
_NEWS, _QUESTION = "case_news", "case_question"
TO_REPORTERS: Final = frozenset({_NEWS, _QUESTION, CLOSING})
#: Of these the newest says it all: what still waits is not sent. Nobody gets three at once in the
#: morning, or ten when the mail server is back.
REPLACED: Final = TO_REPORTERS | {STILL_WAITING, "on_call"}
#: What is true in some statuses only.
_TRUE_IN: Final[Mapping[str, frozenset[CaseStatus]]] = MappingProxyType(
    {
        WAITING: frozenset({_S.ROUTED}),
        STILL_WAITING: frozenset({_S.ROUTED}),
        "unit_due": frozenset(_S) - FINAL,
        "unit_pressed": frozenset(_S) - FINAL,
        "on_call": frozenset(_S) - FINAL,
        _QUESTION: frozenset({_S.NEEDS_INFO, _S.WAITING}),
        CLOSING: frozenset({_S.NEEDS_INFO, _S.FOLLOWED_UP, _S.ANSWERED}),
    }
)


def true_in(template: str, status: CaseStatus) -> bool:
    """Whether ``template`` says something true of a case in ``status``."""
    return status in _TRUE_IN.get(template, _S)


def over(status: CaseStatus) -> list[str]:
    """The templates that say nothing true of a case that has come to ``status``."""
    return [template for template in _TRUE_IN if not true_in(template, status)]


def template(tell: Tell) -> str:
    """The text for ``tell``."""
    if tell.whom is Whom.REPORTER:
        return _QUESTION if tell.what == _S.NEEDS_INFO else _NEWS
    if tell.whom is Whom.UNIT:
        return _UNITS[tell.what]
    if tell.what == OPENED:
        return "head_opened"
    return _OTHERS[tell.whom]


def to_reporter(number: str) -> dict[str, str]:
    """What is filled in for a reporter."""
    return {"number": groups(number).replace(" ", "-")}


def to_unit(number: str, pages: str) -> dict[str, str]:
    """What is filled in for a unit."""
    return to_reporter(number) | {"link": f"{pages}/cases/{number}"}


# --- to whom --------------------------------------------------------------------------------------


class Addressee(msgspec.Struct, frozen=True):
    """``address``: None where the unit has none."""

    unit: str
    address: str | None
    language: str


def addressee(
    tell: Tell, units: Units, *, home: str, responsible: str, compartment: Compartment
) -> Addressee | None:
    """The unit that ``tell`` goes to, None: to none. ``home``: who acts while no unit has the case;
    ``responsible``: the unit of its topic.

    A complaint about officials is told of to whoever looks at such complaints, and to nobody else:
    but a unit that had it by mistake hears that it has it no more.
    """
    match tell.whom:
        case Whom.DIRECTORATE:
            code = _directorate(units, tell.unit or home, responsible)
        case Whom.INSPECTORATE:
            code = units.tracks[Track.INTEGRITAS]
        case Whom.ON_CALL:
            code = home
        case _:
            code = tell.unit or home
    if compartment is Compartment.INTEGRITY and template(tell) != _GONE:
        code = home
    unit = units.units.get(code)
    if unit is None or unit.external:
        return None
    return Addressee(code, _address(unit, tell.whom), unit.language)


def _address(unit: Unit, whom: Whom) -> str | None:
    if whom in (Whom.HEAD, Whom.DIRECTORATE, Whom.INSPECTORATE):
        return unit.head or unit.email
    return unit.email


def _directorate(units: Units, unit: str, responsible: str) -> str:
    """The part of the ministry itself that answers for ``unit``: the topic's, or else the highest
    that the unit belongs to."""
    known = units.units
    if responsible in known and known[responsible].level is Level.PUSAT:
        return responsible
    while unit in known and (parent := known[unit].parent) is not None:
        unit = parent
    return unit


def addresses(units: Units) -> frozenset[str]:
    """All that mail may go to."""
    found = (one for unit in units.units.values() for one in (unit.email, unit.head))
    return frozenset(one for one in found if one is not None)


def without_address(units: Units) -> list[str]:
    """The units of ours that can't be written to, in the order of their file."""
    return [one.code for one in units.units.values() if not one.external and one.email is None]


def channel(writing: Writing, name: str, language: str, wish: Channel | None) -> Channel | None:
    """How a reporter is written to: by SMS, or by WhatsApp if it has approved the text; where there
    are both, as they wish (that is how they were sent the number). None: by neither."""
    approved = writing.texts.content(name, language) is not None
    ours = [one for one in (Channel.SMS, Channel.WHATSAPP) if one in writing.allowed.channels]
    ways = [one for one in ours if one is Channel.SMS or approved]
    return wish if wish in ways else next(iter(ways), None)


# --- when again -----------------------------------------------------------------------------------


def again_at(accept: Clock, told_at: int, counting: Counting) -> int:
    """When a unit that has not accepted a case is told again: so much of its own working time after
    ``told_at``, when it was told last."""
    repeat = counting.deadlines[Code.REPEAT]
    return max(clocks.due(repeat, counting.of(accept.unit), told_at), told_at + 1)


def warned_at(window: Clock, counting: Counting) -> int:
    """When the reporter is told that their silence will close the case."""
    return window.marks[counting.deadlines[Code.WARN_REPORTER].value]
