"""What telephone, desk and clock do to cases: :func:`move` is the one way to another status."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from callcenter.cases import clocks, tables
from callcenter.cases.clocks import Kind
from callcenter.cases.errors import Refused, StaleCase
from callcenter.cases.escalation import Escalation, Level
from callcenter.cases.facts import NoteKind
from callcenter.cases.hand.service import Moved, Work, take
from callcenter.cases.post import service as post
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import Actor, CaseEvent, CaseStatus, WaitReason
from callcenter.clock import Given
from callcenter.db import Connection, by_key
from callcenter.db.keys import Keys

__all__ = ["Moved", "Refused", "StaleCase", "Standing", "move", "note", "remind", "standing"]

#: Until when the reporter may act.
_WINDOWS = (Kind.NO_REPLY, Kind.SILENCE, Kind.REOPEN)


def move(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    case: str,
    event: CaseEvent,
    actor: Actor,
    by: str | None = None,
    call: str | None = None,
    fields: Mapping[str, str] | None = None,
    version: int | None = None,
) -> Moved:
    """``event`` happens to ``case``. ``by``: the account that did it or wrote it down; ``fields``:
    see :class:`~callcenter.cases.statuses.Field`, and ``instruction``, in words, to a unit.

    Raises:
        Refused: it is not possible, not the actor's, or a field is missing or wrong.
        BadForm: a text can't be stored.
        StaleCase: ``version`` is not what the case is in now.
        LookupError: no such case.
    """
    work = take(connection, keys, given, rules, case)
    if version is not None and version != work.version:
        raise StaleCase(case, work.version)
    work.move(event, actor, by=by, call=call, fields=fields)
    return work.keep(by)


def note(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    case: str,
    kind: NoteKind,
    text: str,
    by: str | None,
    call: str | None = None,
) -> Moved:
    """Write something beside ``case``. ``by`` None: the reporter did.

    Raises:
        BadForm: it is empty, too long, or has signs that have no business in it.
        LookupError: no such case.
    """
    work = take(connection, keys, given, rules, case)
    work.note(kind, text, by=by, call=call)
    return work.keep(by)


def remind(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    case: str,
    by: str | None = None,
    call: str | None = None,
) -> Moved:
    """The reporter presses for an answer ("tagih"): the unit owes one in a working day. Pressing
    again before that changes nothing.

    Raises:
        Refused: nobody has to act on the case.
        LookupError: no such case.
    """
    work = take(connection, keys, given, rules, case)
    work.remind(by=by, call=call)
    return work.keep(by)


def look(connection: Connection, keys: Keys, given: Given, rules: Rules, case: str) -> Moved | None:
    """Do what the clocks of ``case`` have made due; None when there is no such case."""
    try:
        return take(connection, keys, given, rules, case).keep()
    except LookupError:
        return None


class Standing(msgspec.Struct, frozen=True):
    """What the telephone, the public page and messages may tell of a case, and no more.

    ``due``: when the unit's next duty is due, None while none runs; ``late_days``: working days;
    ``head_told``: of that one, in writing that did not fail. ``until``: how long the reporter may
    answer, object or reopen. ``can``: what the reporter may do now.
    """

    number: str
    status: CaseStatus
    wait: WaitReason | None
    unit: str
    due: int | None
    late_days: int
    head_told: bool
    until: int | None
    public_note: str | None
    custodian: str | None
    can: frozenset[CaseEvent]


def standing(connection: Connection, keys: Keys, rules: Rules, case: str, now: int) -> Standing:
    """How ``case`` stands at ``now``.

    Raises:
        LookupError: no such case.
    """
    row = connection.execute(by_key(tables.case), {"key": case}).first()
    if row is None:
        raise LookupError(case)
    work = Work(connection, keys, Given(now), rules, dict(row._mapping))
    all_ = work.clocks()
    duties = sorted((one for one in all_ if one.runs), key=lambda one: one.due)
    windows = [one.due for one in all_ if one.kind in _WINDOWS and one.stopped is None]
    first = duties[0] if duties else None
    return Standing(
        number=row.number,
        status=work.status,
        wait=work.wait,
        unit=row.unit,
        due=first.due if first else None,
        late_days=first.late_days if first else 0,
        head_told=first is not None and _head_told(connection, work, first),
        until=max(windows, default=None),
        public_note=row.public_note,
        custodian=row.custodian,
        can=frozenset(work.can((Actor.REPORTER,))),
    )


def _head_told(connection: Connection, work: Work, clock: clocks.Clock) -> bool:
    """Whether the head of the unit has it in writing: that they were to be told is not enough."""
    at = work.told().get(Escalation(Level.HEAD, clock.kind, clock.started, clock.unit))
    return at is not None and post.head_told(connection, work.id, at)
