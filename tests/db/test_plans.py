"""No statement of a call becomes slower with every call that there ever was."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event

from callcenter.cases.facts import NoteKind
from callcenter.cases.service import CaseForm
from callcenter.db import Database
from callcenter.db.keys import Keys
from callcenter.stats import service as stats
from tests.db.test_cases import DAY_MS
from tests.db.test_post import Office, followed_up
from tests.db.test_search import AGENT, PHONE, TRIAGE, WEST_JAVA, Finder
from tests.db.work import routed
from tests.hotline import Hotline

#: What a statement is run with.
Given = Sequence[Any] | Mapping[str, Any] | None

#: Tables that keep a row of every call.
GROWING = (
    "call|leg|entry|offer|fact|case_record|call_case|recording|pin_attempt|message|"
    "case_word|case_note|case_topic|case_version|reporter|reporter_phone|assignment|escalation|"
    "reminder|timer"
)
#: Indexes that hold open things only, or are left after a few rows.
SHORT = ("ix_entry_waiting", "uq_entry_open_call", "ix_call_live", "ix_leg_live", "ix_call_started")
#: SQLite says so when it looks at a whole table, or at all of an index.
SCAN = re.compile(rf"SCAN ({GROWING})\b(?: USING (?:COVERING )?INDEX (\w+))?")


async def test_no_statement_looks_at_every_call(
    sqlite_url: str, keys: Keys, tmp_path: Path
) -> None:
    database = Database(sqlite_url)
    seen = _listen(database)
    async with Hotline(database, keys, tmp_path) as hotline:
        agent = await hotline.agent("sari")
        await _a_call(hotline, agent)
        shown = await hotline.console(agent)
        assert shown.today.answered == 1
        await hotline.facts()
    found = await database.read(lambda connection: list(slow(connection, seen)))
    await database.close()
    assert len(seen) > 40
    assert found == []


async def test_no_search_looks_at_every_case(sqlite_url: str, keys: Keys) -> None:
    database = Database(sqlite_url)
    finder = Finder(database, keys)
    case = finder.told()
    finder.route(case)
    seen = _listen(database)
    for person in (TRIAGE, WEST_JAVA, AGENT):
        for text in ("dipotong sepihak", "upah jawa barat", finder.row(case)["number"]):
            assert finder.find_for(person, text, PHONE) == [case]
        finder.find_for(person, "siti aminah")
    finder.note(case, NoteKind.PUBLIC, "Pengawas berkunjung")
    found = await database.read(lambda connection: list(slow(connection, seen)))
    await database.close()
    assert len(seen) > 10
    assert found == []


async def test_nobody_is_told_by_looking_at_every_case(sqlite_url: str, keys: Keys) -> None:
    database = Database(sqlite_url)
    seen = _listen(database)
    office = Office(database, keys)
    case = followed_up(office)
    office.until(office.now + 30 * DAY_MS)
    assert office.sms()
    waits = routed(office)
    office.until(office.now + 10 * DAY_MS)
    assert office.mail()
    assert [one.case for one in office.to_phone(office.now)] == [waits]
    assert office.row(case)["status"] == "closed"
    found = await database.read(lambda connection: list(slow(connection, seen)))
    await database.close()
    assert len(seen) > 40
    assert found == []


async def test_a_month_is_counted_along_its_ids(sqlite_url: str, keys: Keys) -> None:
    database = Database(sqlite_url)
    Finder(database, keys).told()
    seen = _listen(database)
    await database.read(lambda connection: stats.complaints(connection, 0, 2**40))
    found = await database.read(lambda connection: list(slow(connection, seen)))
    await database.close()
    assert any("GROUP BY" in text for text in seen)
    assert found == []


def _listen(database: Database) -> dict[str, Given]:
    """Every statement that is run from now on, with what it was first run with."""
    seen: dict[str, Given] = {}

    def note(
        _connection: Connection, _cursor: object, text: str, given: Given, _: object, many: bool
    ) -> None:
        seen.setdefault(text, given[0] if many and isinstance(given, list) else given)

    for engine in (database._write_engine, database._read_engine):
        event.listen(engine, "before_cursor_execute", note)
    return seen


async def _a_call(hotline: Hotline, agent: str) -> None:
    """A complaint, told to an agent; then its status is asked for."""
    caller = await hotline.dial()
    await hotline.press(caller, "1", "1")
    await hotline.desk.accept(agent, await hotline.offered(agent))
    await hotline.settle()
    call = (await hotline.console(agent)).call
    assert call is not None
    assert call.case is not None
    await hotline.desk.save_case(agent, call.id, CaseForm(call.case.version, narrative="Upah."))
    number, pin = call.case.number, call.case.pin
    assert pin is not None
    await hotline.hang_up(caller)
    await hotline.desk.wrap_up_done(agent, "complaint")
    again = await hotline.dial()
    await hotline.press(again, "2", number, pin)
    await hotline.hang_up(again)


def slow(
    connection: Connection, statements: Mapping[str, Given], also: Sequence[str] = ()
) -> list[str]:
    """Those that look at a whole growing table. ``also``: indexes that may be walked up to a
    limit, "" the table itself."""
    found = []
    for text, given in statements.items():
        if not text.startswith(("SELECT", "UPDATE", "DELETE")):
            continue
        cursor = connection.connection.cursor()
        plan = cursor.execute(f"EXPLAIN QUERY PLAN {text}", given or ()).fetchall()
        for step in plan:
            scan = SCAN.match(step[3])
            walked = scan is not None and (scan.group(2) or "") in also and " LIMIT " in text
            if scan and scan.group(2) not in SHORT and not walked:
                found.append(f"{step[3]}: {text}")
    return found
