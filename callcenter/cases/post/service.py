"""Which units have to be phoned, because they do not answer or can't be written to."""

from __future__ import annotations

import msgspec
from sqlalchemy import bindparam, literal_column, select

from callcenter.cases import tables
from callcenter.db import Connection

# Made once: to make a statement anew costs several times what it takes to run.
_TO_PHONE = (
    select(
        tables.case.c.id,
        tables.case.c.number,
        tables.assignment.c.unit,
        tables.case.c.compartment,
        tables.assignment.c.sent_at,
        tables.assignment.c.phone_from,
        tables.assignment.c.told_at,
    )
    .join_from(tables.assignment, tables.case, tables.case.c.id == tables.assignment.c.case)
    .where(
        # As it stands in the index, which else is not used.
        tables.assignment.c.state == literal_column("'sent'"),
        tables.assignment.c.phone_from <= bindparam("now"),
    )
    .order_by(tables.assignment.c.phone_from, tables.assignment.c.id)
    .limit(bindparam("most"))
)


class ToPhone(msgspec.Struct, frozen=True):
    """A ``case`` that ``unit`` was sent at ``sent_at`` and has not accepted. ``since``: from when
    on it is to be phoned. ``told_at``: when it was last written to, None: it can't be."""

    case: str
    number: str
    unit: str
    compartment: str
    sent_at: int
    since: int
    told_at: int | None


def to_phone(connection: Connection, now: int, most: int) -> list[ToPhone]:
    """The list of the head of triage: cases whose unit is to be phoned, longest waiting first.

    A unit is phoned when it has not accepted a case in the limit ``unaccepted``, and at once when
    nobody can write to it: it has no address, or there is no mail server. Cases that not everybody
    may know of are among them: who is shown one is the caller's to decide.
    """
    return [ToPhone(*row) for row in connection.execute(_TO_PHONE, {"now": now, "most": most})]
