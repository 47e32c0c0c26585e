"""The SQL of lists of cases. Each list is one or more parts, and each part runs along an index."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)

from callcenter.cases import tables
from callcenter.cases.desk.rights import Shapes, Sight
from callcenter.cases.places import OVER
from callcenter.cases.statuses import CaseStatus
from callcenter.topics import Compartment

#: With triage, that has to decide.
_DECIDED_BY_TRIAGE: Final = (
    CaseStatus.NEW,
    CaseStatus.VERIFYING,
    CaseStatus.NEEDS_INFO,
    CaseStatus.REOPENED,
)
_C = tables.case.c


Along = Literal["anywhere", "unit", "custodian", "officer", "triage", "ids"]


class Part(msgspec.Struct, frozen=True):
    """A part of a list. ``along``: the index that it runs along; ``sight``: who looks. ``open``:
    without what is over; ``rest``: without what the part ``anywhere`` holds, so that each case is
    shown and counted once. ``filters``: among status, topic, found."""

    along: Along
    sight: Sight
    open: bool = False
    rest: bool = False
    filters: frozenset[str] = frozenset()


#: What a row of a list shows.
SHOWN: Final = tuple(
    _C[name]
    for name in (
        "id", "number", "topic", "status", "wait_reason", "unit", "officer", "priority",
        "opened_at", "updated_at", "due_at", "compartment", "custodian", "place",
    )
)  # fmt: skip
CALLS: Final = (
    select(tables.call_case.c.case, func.count().label("calls"))
    .where(tables.call_case.c.case.in_(bindparam("of", expanding=True)))
    .group_by(tables.call_case.c.case)
)


@cache
def rows(part: Part) -> Select[Any]:
    """The rows of a part in their order, as many as ``most``."""
    return _chosen(select(*SHOWN), part).order_by(_C.place, _C.id).limit(bindparam("most"))


@cache
def count(part: Part, *, late: bool = False) -> Select[Any]:
    """How many rows a part has, counted up to ``most``; ``late``: those due before ``now``."""
    some = _chosen(select(literal_column("1").label("one")), part)
    if late:
        some = some.where(_C.place < bindparam("now"))
    return select(func.count()).select_from(some.limit(bindparam("most")).subquery())


def _chosen(query: Select[Any], part: Part) -> Select[Any]:
    query = query.select_from(tables.case).where(_along(part), _seen(part))
    if part.open:
        query = query.where(_C.place < OVER)
    for name in ("status", "topic"):
        if name in part.filters:
            column = _C[name] if name in _leading(part) else func.coalesce(_C[name], "")
            query = query.where(column == bindparam(name))
    if "found" in part.filters:
        query = query.where(_C.id.in_(bindparam("found", expanding=True)))
    return query


def _leading(part: Part) -> frozenset[str]:
    """The filters that an index may be chosen by. Others would lead through all the cases of a
    status or a topic to the few that the part is about; so they are written as no index has it."""
    everywhere = any((one, True) in part.sight.anywhere for one in Compartment)
    if part.along == "unit" or (part.along == "anywhere" and everywhere):
        return frozenset({"status", "topic"})
    return frozenset()


def _along(part: Part) -> ColumnElement[bool]:
    match part.along:
        case "anywhere":
            return true()
        case "unit":
            return _C.unit == bindparam("unit")
        case "custodian":
            return _C.custodian == bindparam("me")
        case "officer":
            return _C.officer == bindparam("me")
        case "triage":
            decided = [status.value for status in _DECIDED_BY_TRIAGE]
            return and_(_C.unit == bindparam("unit"), _C.status.in_(decided))
        case "ids":
            return _C.id.in_(bindparam("ids", expanding=True))


def _seen(part: Part) -> ColumnElement[bool]:
    """Only cases that exist for who looks."""
    anywhere = _of(part.sight.anywhere)
    if part.along == "anywhere":
        return anywhere
    seen = [] if part.rest else [anywhere]
    if part.sight.own:
        seen.append(and_(_C.unit == bindparam("unit"), _of(part.sight.own)))
    if part.sight.held:
        seen.append(and_(_C.custodian == bindparam("me"), _of(part.sight.held)))
    return and_(or_(*seen), not_(anywhere)) if part.rest else or_(*seen)


def _of(shapes: Shapes) -> ColumnElement[bool]:
    """Cases of these shapes."""
    whole = [one for one in Compartment if {(one, False), (one, True)} <= shapes]
    if len(whole) == len(Compartment):
        return true()
    conditions: list[ColumnElement[bool]] = []
    if whole:
        conditions.append(_C.compartment.in_([one.value for one in whole]))
    conditions += [
        and_(_C.secret.is_(secret), _C.compartment == compartment.value)
        for compartment, secret in sorted(shapes)
        if compartment not in whole
    ]
    return or_(*conditions) if conditions else false()


def all_of(sight: Sight, filters: frozenset[str]) -> list[Part]:
    """The parts of the list of all cases that exist for somebody."""
    parts = [Part("anywhere", sight, filters=filters)] if sight.anywhere else []
    if sight.own - sight.anywhere:
        parts.append(Part("unit", sight, rest=True, filters=filters))
    if sight.held - sight.anywhere:
        parts.append(Part("custodian", sight, rest=True, filters=filters))
    return parts
