"""What is due is forgotten, what is held is not; a preview shows the same and changes nothing."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callcenter import resources
from callcenter.calls import tables as call_tables
from callcenter.calls.retention import service as retention
from callcenter.cases import retention as rule_files
from callcenter.cases import tables
from callcenter.cases.retention import Due, Hold, Part
from callcenter.clock import Given
from callcenter.db import Database
from callcenter.db.keys import Keys
from tests.db.test_cases import DAY_MS
from tests.db.test_vault import NUMBER, House

ZONE = ZoneInfo("Asia/Jakarta")
RULES = rule_files.load((resources.flows() / rule_files.FILE).read_text())


@pytest.fixture
def house(database: Database, keys: Keys, tmp_path: Path) -> House:
    return House(database, keys, tmp_path)


def due(house: House, days: int) -> list[Due]:
    now = house.now + days * DAY_MS
    return house.do(lambda conn: retention.find_due(conn, RULES, now, ZONE))


def run(house: House, dues: list[Due]) -> int:
    given = Given(house.now)
    return house.do(lambda conn: len(retention.forget_due(conn, house.keys, given.again(), dues)))


def short(dues: list[Due]) -> set[tuple[Part, str, str]]:
    return {(one.part, one.id, one.rule) for one in dues}


def test_a_call_without_a_case_is_kept_for_thirty_days(house: House) -> None:
    house.call_from("call-1", NUMBER)
    house.complaint("call-2")
    house.call_from("call-3", NUMBER, ended=False)
    assert due(house, 29) == []
    found = due(house, 30)
    assert short(found) == {(Part.CALL, "call-1", "abandoned_call")}
    assert house.row(call_tables.call, "call-1")["number"] is not None
    assert run(house, found) == 1
    assert house.row(call_tables.call, "call-1")["key"] == b""
    assert house.row(call_tables.call, "call-2")["number"] is not None
    assert due(house, 31) == []


def test_an_anonymous_caller_may_come_back_for_a_day(house: House) -> None:
    house.anonymise(house.complaint())
    assert due(house, 0) == []
    found = due(house, 1)
    assert short(found) == {(Part.RECONNECT, "call-1", "reconnect")}
    run(house, found)
    assert house.row(call_tables.call, "call-1")["reconnect"] is None


def test_recordings_then_person_and_case(house: House) -> None:
    case = house.complaint()
    other = house.complaint("call-2")
    assert due(house, 4_000) == []
    house.set(tables.case, case, status="closed", status_at=house.now)
    assert due(house, 89) == []
    found = due(house, 90)
    assert short(found) == {(Part.RECORDINGS, "r-call-1", "recordings")}
    assert run(house, found) == 1
    assert due(house, 5 * 365) == []  # five years have a leap day
    found = due(house, 5 * 365 + 2)
    assert short(found) == {(Part.CASE, case, "person")}
    assert run(house, found) == 3  # with its call and its person
    assert house.row(tables.case, case)["narrative"] is None
    assert house.row(tables.case, other)["narrative"] is not None
    assert {line["reason"] for line in house.ledger.read()} == {"recordings", "person"}


def test_a_draft_that_nobody_came_back_to_is_kept_as_a_call_without_a_case_is(
    house: House,
) -> None:
    """Nearly every caller who hangs up in the menu has one, with their number at its call."""
    house.call_from("call-1", NUMBER)
    case, _, _ = house.open("call-1")
    house.set(tables.case, case, status="abandoned", status_at=house.now)
    kept = house.complaint("call-2")
    house.set(tables.case, kept, status="closed", status_at=house.now)
    assert due(house, 29) == []
    found = due(house, 30)
    assert short(found) == {(Part.CASE, case, "abandoned_draft")}
    assert run(house, found) == 2
    assert house.row(call_tables.call, "call-1")["number"] is None
    assert house.row(tables.case, case)["key"] == b""
    assert due(house, 31) == []


def test_what_is_held_is_shown_and_kept(house: House) -> None:
    case = house.complaint()
    house.set(tables.case, case, status="closed", status_at=house.now, held_at=1)
    found = due(house, 5 * 365 + 2)
    assert {one.part: one.held for one in found if one.part is not Part.PERSON} == {
        Part.RECORDINGS: {Hold.LAW},
        Part.CASE: {Hold.LAW},
    }
    assert run(house, found) == 0
    assert house.row(tables.case, case)["key"] != b""


def test_a_case_that_was_reopened_meanwhile_is_kept(house: House) -> None:
    case = house.complaint()
    house.set(tables.case, case, status="closed", status_at=house.now)
    found = due(house, 5 * 365 + 2)
    house.set(tables.case, case, status="verifying")
    assert run(house, [one for one in found if one.part is Part.CASE]) == 0
    assert house.row(tables.case, case)["key"] != b""
