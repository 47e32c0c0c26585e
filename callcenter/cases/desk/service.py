"""Lists of cases: what waits for somebody, and what they may search. A case that does not exist for
them is in no list, in no count and is found by no search."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from callcenter.cases.desk import tables as rows
from callcenter.cases.desk.rights import desk_of, sight
from callcenter.cases.desk.tables import Along, Part
from callcenter.cases.post import service as post
from callcenter.cases.rules import Rules
from callcenter.cases.search import service as search
from callcenter.cases.secrecy import Person
from callcenter.cases.statuses import CaseStatus
from callcenter.db import Connection
from callcenter.db.keys import Keys
from callcenter.people.permissions import Role

PAGE_ROWS: Final = 50
#: Nobody reads further, and nothing is counted further: narrow the search.
MOST_ROWS: Final = 1_000
MOST_PAGES: Final = MOST_ROWS // PAGE_ROWS


class List(StrEnum):
    MINE = "mine"  #: an officer's, or those whose custodian an agent is
    UNIT = "unit"  #: my unit must act
    TRIAGE = "triage"  #: to be looked at and decided
    TO_PHONE = "to_phone"  #: sent to a unit that has not accepted in time
    ALL = "all"


class CaseRow(msgspec.Struct, frozen=True):
    """A line of a list. ``late_days``: working days since the earliest running clock was due;
    ``accepted``: an officer of the unit has it; ``calls``: conversations about it."""

    number: str
    topic: str
    status: str
    wait: str | None
    unit: str
    officer: str | None
    priority: str
    opened_at: int
    updated_at: int
    due_at: int | None
    late_days: int
    accepted: bool
    compartment: str
    custodian: str | None
    calls: int


class Count(msgspec.Struct, frozen=True):
    """Both counted up to :data:`MOST_ROWS`, which stands for that many or more."""

    list: List
    count: int
    late: int


class Page(msgspec.Struct, frozen=True):
    """``total`` as in :class:`Count`; ``more``: a search did not look at all that there may be, so
    that one word more may find others."""

    cases: list[CaseRow]
    total: int
    more: bool


class Search(msgspec.Struct, frozen=True):
    """``query``: see :func:`search.find`; ``phone``: the same as a telephone number."""

    query: str = ""
    phone: str | None = None
    status: CaseStatus | None = None
    topic: str | None = None
    page: int = 1


def lists_of(person: Person, rules: Rules) -> tuple[List, ...]:
    """The lists that somebody has."""
    found = [List.MINE] if person.role in (Role.AGENT, Role.OFFICER) else []
    if person.unit is not None:
        found.append(List.UNIT)
    if desk_of(person, rules.units) is not None:
        found += [List.TRIAGE, List.TO_PHONE]
    return (*found, List.ALL)


def desk(connection: Connection, rules: Rules, person: Person, now: int) -> list[Count]:
    """How much is in each list of ``person``."""
    given = _given(person, now)
    found = []
    for one in lists_of(person, rules):
        if one is List.TO_PHONE:
            given["ids"] = _to_phone(connection, now)
        parts = _parts(one, person, rules, frozenset())
        count, late = (_count(connection, parts, given, late=late) for late in (False, True))
        found.append(Count(one, count, late))
    return found


def page(
    connection: Connection,
    keys: Keys,
    rules: Rules,
    person: Person,
    wanted: List,
    asked: Search,
    now: int,
) -> Page:
    """A page of a list by due time. A list that ``person`` has not is empty."""
    if wanted not in lists_of(person, rules):
        return Page([], 0, False)
    given = _given(person, now)
    more = False
    if asked.status is not None:
        given["status"] = asked.status.value
    if asked.topic is not None:
        given["topic"] = asked.topic
    if asked.query.strip():
        query, named = asked.query, person.named
        hits = search.find(connection, keys, rules, person, query, phone=asked.phone, named=named)
        given["found"], more = list(hits.cases), hits.more
    filters = frozenset({"status", "topic", "found"} & given.keys())
    if wanted is List.TO_PHONE:
        given["ids"] = _to_phone(connection, now)
    parts = _parts(wanted, person, rules, filters)
    end = min(asked.page * PAGE_ROWS, MOST_ROWS)
    begin, given["most"] = end - PAGE_ROWS, end
    found = [connection.execute(rows.rows(part), given).all() for part in parts]
    shown = list(heapq.merge(*found, key=lambda row: (row.place, row.id)))[begin:end]
    calls = _calls(connection, [row.id for row in shown])
    total = _count(connection, parts, given, late=False)
    return Page([_row(row, rules, calls.get(row.id, 0), now) for row in shown], total, more)


def _given(person: Person, now: int) -> dict[str, Any]:
    """What the statements of lists are run with."""
    return {"unit": person.unit or "", "me": person.id, "now": now}


def _to_phone(connection: Connection, now: int) -> list[str]:
    return [one.case for one in post.to_phone(connection, now, MOST_ROWS)]


def _parts(wanted: List, person: Person, rules: Rules, filters: frozenset[str]) -> list[Part]:
    """The parts of a list."""
    seen = sight(person, rules.units)
    match wanted:
        case List.MINE:
            mine: Along = "custodian" if person.role is Role.AGENT else "officer"
            return [Part(mine, seen, open=True, filters=filters)]
        case List.UNIT:
            return [Part("unit", seen, open=True, filters=filters)]
        case List.TRIAGE:
            return [Part("triage", seen, filters=filters)]
        case List.TO_PHONE:
            return [Part("ids", seen, filters=filters)]
        case List.ALL:
            return rows.all_of(seen, filters)


def _count(
    connection: Connection, parts: Sequence[Part], given: Mapping[str, Any], *, late: bool
) -> int:
    found = 0
    for part in parts:
        most = {**given, "most": MOST_ROWS - found}
        found += int(connection.execute(rows.count(part, late=late), most).scalar_one())
    return found


def _calls(connection: Connection, cases: list[str]) -> dict[str, int]:
    found = connection.execute(rows.CALLS, {"of": cases})
    return {row.case: row.calls for row in found}


def _row(row: Any, rules: Rules, calls: int, now: int) -> CaseRow:
    return CaseRow(
        number=row.number,
        topic=row.topic,
        status=row.status,
        wait=row.wait_reason,
        unit=row.unit,
        officer=row.officer,
        priority=row.priority,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        due_at=row.due_at,
        late_days=late_days(rules, row.unit, row.due_at, now),
        accepted=row.officer is not None,
        compartment=row.compartment,
        custodian=row.custodian,
        calls=calls,
    )


def late_days(rules: Rules, unit: str, due_at: int | None, now: int) -> int:
    """Working days of ``unit`` since ``due_at``."""
    if due_at is None or now <= due_at:
        return 0
    calendar = rules.counting.of(unit)
    return calendar.days_between(calendar.day_of(due_at), calendar.day_of(now))
