"""Units and reporters are told, on both databases: what is written, to whom, and who is phoned."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from callcenter.cases import tables
from callcenter.cases.post import service as post
from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.db import Database
from callcenter.db.keys import Keys
from tests.db.work import Desk

E, A = CaseEvent, Actor


@pytest.fixture
def desk(database: Database, keys: Keys) -> Desk:
    return Desk(database, keys)


def routed(desk: Desk, unit: str = "P32") -> str:
    case = desk.filed()
    desk.move(case, E.VERIFY, A.TRIAGE, "tri")
    desk.move(case, E.ROUTE, A.TRIAGE, "tri", unit=unit)
    return case


# --- who is phoned --------------------------------------------------------------------------------


def test_a_unit_that_does_not_accept_is_on_the_list_of_those_to_phone(desk: Desk) -> None:
    first = routed(desk)
    desk.now += 1
    second = routed(desk)
    (row,) = desk.all(tables.assignment, first)
    due = row["phone_from"]
    assert [one.case for one in desk.to_phone(due - 1)] == []
    assert [one.case for one in desk.to_phone(due)] == [first, second]
    found = desk.to_phone(due)[0]
    assert (found.unit, found.sent_at, found.since) == ("P32", row["sent_at"], due)
    assert found.number == desk.row(first)["number"]
    assert [one.case for one in desk.to_phone(due, most=1)] == [first]
    desk.move(first, E.ACCEPT, A.OFFICER, "officer")
    desk.move(second, E.RECALL, A.TRIAGE, "tri", reason="not_ours")
    assert desk.to_phone(due) == []


def test_the_list_is_read_from_its_index(sqlite_url: str, keys: Keys) -> None:
    database = Database(sqlite_url)
    seen: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, text: str, given: Any, *_: object) -> None:
        seen.append((text, given))

    event.listen(database._read_engine, "before_cursor_execute", note)
    database.read_sync(lambda conn: post.to_phone(conn, 1, 50))
    text, given = seen[-1]
    plan = database.read_sync(
        lambda conn: [row[-1] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given)]
    )
    database.close_sync()
    assert "USING INDEX ix_assignment_phone" in plan[0]
    assert not any(line.startswith("SCAN") for line in plan)
