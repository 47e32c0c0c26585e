"""Calls that come back to a case: a draft gone on with, who opened it, when an answer is due."""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, select, update

from callcenter.cases import service as cases
from callcenter.cases import tables
from callcenter.cases.facts import CaseFact
from callcenter.cases.statuses import CallRole
from callcenter.db import Connection, by_key
from callcenter.db.keys import Keys
from callcenter.db.tables import fact
from callcenter.people.permissions import Role
from callcenter.people.tables import account

#: What agents and supervisors are to a reporter, as a code of units is.
HOTLINE: Final = "hotline"
_OPENED: Final = (CaseFact.CASE_READ.value, CaseFact.GLASS_BROKEN.value)

# Made once: to make a statement anew costs several times what it takes to run.
_LINK = tables.call_case.c
_LATEST_CALL = (
    select(tables.call_case.c.call)
    .where(_LINK.case == bindparam("about"), _LINK.call != bindparam("but"))
    .order_by(tables.call_case.c.at.desc())
    .limit(1)
)
_RESUMES = (
    update(tables.call_case)
    .where(_LINK.call == bindparam("of"), _LINK.case == bindparam("about"))
    .values(resumes=bindparam("resumes"))
)
_OPENINGS = (
    select(account.c.role, account.c.unit)
    .select_from(fact.join(account, account.c.id == fact.c.agent))
    .where(fact.c.case == bindparam("about"), fact.c.kind.in_(_OPENED))
    .order_by(fact.c.id)
)
_PRESSED_UNTIL = (
    select(tables.reminder.c.due_at)
    .where(tables.reminder.c.case == bindparam("about"), tables.reminder.c.answered_at.is_(None))
    .order_by(tables.reminder.c.at.desc())
    .limit(1)
)


def resume(connection: Connection, keys: Keys, now: int, *, call: str, case: str) -> None:
    """``call`` goes on with ``case``, a draft that an earlier one left: the newest that was about
    it."""
    before = connection.execute(_LATEST_CALL, {"about": case, "but": call}).scalar_one_or_none()
    cases.link(connection, keys, now, call=call, case=case, role=CallRole.CONTINUED)
    connection.execute(_RESUMES, {"of": call, "about": case, "resumes": before})


def hand_over(
    connection: Connection,
    keys: Keys,
    now: int,
    *,
    call: str,
    call_key: bytes,
    to: str,
    to_key: bytes,
    about: str | None,
) -> None:
    """The caller of ``call`` is called back in the call ``to``: what was opened in the first goes
    on there as if it had been opened there, with its PIN; ``about``: another case that the first
    asked about. The keys are wrapped."""
    opened = cases.opened_in(connection, call)
    for case in opened:
        pin = cases.load(connection, keys, case, call=call, call_key=call_key).pin
        key = keys.open(to_key, f"call:{to}")
        sealed = None if pin is None else key.encrypt(pin.encode(), "call_case.pin")
        role = CallRole.OPENED
        cases.link(connection, keys, now, call=to, case=case, role=role, pin=sealed)
        connection.execute(_RESUMES, {"of": to, "about": case, "resumes": call})
    if about is not None and about not in opened:
        role = CallRole.STATUS_QUERY
        cases.link(connection, keys, now, call=to, case=about, role=role)
        connection.execute(_RESUMES, {"of": to, "about": about, "resumes": call})


def openings(connection: Connection, case: str) -> tuple[int, tuple[str, ...]]:
    """How often the staff opened ``case``, and the codes of the offices that did, first one first.

    An officer whose account names no unit is of the one that has the case.
    """
    rows = connection.execute(_OPENINGS, {"about": case}).all()
    unit = connection.execute(by_key(tables.case), {"key": case}).one().unit
    offices = ((row.unit or unit) if row.role == Role.OFFICER.value else HOTLINE for row in rows)
    return len(rows), tuple(dict.fromkeys(offices))


def pressed_until(connection: Connection, case: str) -> int | None:
    """When the unit must answer who pressed it, None: nobody has."""
    due: int | None = connection.execute(_PRESSED_UNTIL, {"about": case}).scalar_one_or_none()
    return due
