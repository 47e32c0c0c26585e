"""No statement of the desk becomes slower with every case that there ever was."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, event

from tests.db.test_plans import Given, slow
from tests.web.conftest import House
from tests.web.test_lost_pin import complained

#: Walked from the beginning for a page of a list or a count that ends at a thousand.
LISTS = ("ix_case_place", "ix_case_open", "")


@pytest.mark.parametrize("username", ["petugas", "penyelia", "agen2"])
async def test_no_statement_of_the_desk_looks_at_every_case(house: House, username: str) -> None:
    agent = await house.signed_in("agen")
    number, _ = await complained(house, agent)
    browser = await house.signed_in(username)
    seen: dict[str, Given] = {}

    def note(
        _connection: Connection, _cursor: object, text: str, given: Given, _: object, many: bool
    ) -> None:
        seen.setdefault(text, given[0] if many and isinstance(given, list) else given)

    engines = (house.app.db._write_engine, house.app.db._read_engine)
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    lists = ("mine", "unit", "triage", "to_phone", "all")
    paths = [f"/api/desk/cases?list={one}" for one in lists]
    paths += [
        f"/api/desk/cases?list={one}&{more}"
        for one in lists
        for more in ("status=new", "topic=upah", "status=new&topic=upah", "page=3")
    ]
    said = ("upah", f"{number[:5]}", "PT Maju Jaya", "Budi Santoso", "+6281112345", "tri")
    for one in said:
        answer = await browser.post("/api/desk/search", {"query": one})
        assert answer.status_code == 200, (one, answer.text)
    for path in ("/api/desk", *paths):
        answer = await browser.get(path)
        assert answer.status_code == 200, (path, answer.text)
    file = await browser.get(f"/api/cases/{number}")
    if file.status_code == 200:
        body = {"version": file.json().get("version", 1), "summary": "Diperiksa."}
        await browser.put(f"/api/cases/{number}", body)
        await browser.post(f"/api/cases/{number}/notes", {"kind": "internal", "text": "Dicek."})
        await browser.get(f"/api/cases/{number}/duplicates")
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    assert len(seen) > 20
    found = await house.app.db.read(lambda conn: list(slow(conn, seen, also=LISTS)))
    assert found == []
