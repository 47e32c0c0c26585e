"""Lists of cases."""

from __future__ import annotations

import msgspec
from sqlalchemy import and_, func, select

from callcenter.cases import tables
from callcenter.db import Connection

PAGE_ROWS = 50


class CaseRow(msgspec.Struct, frozen=True):
    """A line of a list of cases; ``calls`` counts the conversations about it."""

    number: str
    topic: str
    status: str
    opened_at: int
    updated_at: int
    custodian: str | None
    calls: int


def list_cases(
    connection: Connection,
    *,
    query: str = "",
    status: str | None = None,
    topic: str | None = None,
    page: int = 1,
) -> tuple[list[CaseRow], int]:
    """A page of cases, the latest change first, and how many there are in all.

    ``query`` is the beginning of a number, with or without spaces.
    """
    conditions = []
    digits = "".join(filter(str.isdigit, query))
    if query.strip():
        conditions.append(
            and_(tables.case.c.number >= digits, tables.case.c.number < digits + ":")
            if digits
            else tables.case.c.number == ""
        )
    if status is not None:
        conditions.append(tables.case.c.status == status)
    if topic is not None:
        conditions.append(tables.case.c.topic == topic)
    calls = (
        select(func.count())
        .select_from(tables.call_case)
        .where(tables.call_case.c.case == tables.case.c.id)
        .scalar_subquery()
    )
    shown = (
        tables.case.c.number,
        tables.case.c.topic,
        tables.case.c.status,
        tables.case.c.opened_at,
        tables.case.c.updated_at,
        tables.case.c.custodian,
        calls.label("calls"),
    )
    total: int = connection.execute(
        select(func.count()).select_from(tables.case).where(*conditions)
    ).scalar_one()
    rows = connection.execute(
        select(*shown)
        .where(*conditions)
        .order_by(tables.case.c.updated_at.desc(), tables.case.c.id)
        .limit(PAGE_ROWS)
        .offset((page - 1) * PAGE_ROWS)
    )
    return [CaseRow(*row) for row in rows], total
