"""Papers and pictures beside a case: put there, read, taken away; by whom, and what is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from sqlalchemy import select

from callcenter.cases import tables
from callcenter.cases.attachments.rules import MOST, MOST_BYTES, Kind
from callcenter.db.tables import fact
from tests.rules.cases.test_attachments import FILES
from tests.web.conftest import Browser, House
from tests.web.office import accepted, file_of, intake, kinds

PAPER = FILES[Kind.PDF] + b"Slip gaji Namarahasia Budi"
NAME = "slip gaji Budi – März.pdf"


@pytest.fixture
def flows() -> None:
    """The shipped topics, units and bodies."""


async def attach(
    who: Browser, number: str, content: bytes = PAPER, name: str = NAME
) -> httpx2.Response:
    return await who.http.post(
        f"/api/cases/{number}/attachments",
        content=content,
        headers={"X-CSRF-Token": who.csrf or "", "X-File-Name": quote(name)},
    )


async def one(who: Browser, number: str) -> dict[str, Any]:
    """The only one of the case, as its file shows it."""
    (found,) = (await file_of(who, number))["attachments"]
    attachment: dict[str, Any] = found
    return attachment


def rows(house: House) -> list[Any]:
    found = select(tables.attachment)
    return list(house.app.db.read_sync(lambda conn: conn.execute(found).all()))


async def test_it_is_kept_read_and_removed(desks: House) -> None:
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    number = await accepted(triage, unit)
    answer = await attach(unit, number)
    assert answer.status_code == 200, answer.text
    kept = await one(unit, number)
    assert (kept["name"], kept["kind"], kept["size"], kept["by"]) == (
        NAME, "pdf", len(PAPER), "Barat",
    )  # fmt: skip
    (row,) = rows(desks)
    assert b"Budi" not in row.name + row.content
    path = f"/api/cases/{number}/attachments/{kept['id']}"
    read = await triage.get(path)
    assert (read.status_code, read.content) == (200, PAPER)
    assert read.headers["content-type"] == "application/pdf"
    assert read.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(NAME)}"
    assert read.headers["x-content-type-options"] == "nosniff"
    assert read.headers["cache-control"] == "no-store"
    removed = await triage.post(f"{path}/remove")
    assert removed.json()["attachments"] == []
    assert (await triage.get(path)).status_code == 404
    assert (rows(desks)[0].name, rows(desks)[0].content) == (None, None)
    again = await triage.post(f"{path}/remove")
    assert (again.status_code, again.json()["error"]["fields"]) == (409, {"event": "unknown"})
    told = [(kind, who) for kind, who in kinds(desks, number) if kind.startswith("attachment")]
    ids = desks.ids
    assert told == [
        ("attachment_added", ids["barat"]),
        ("attachment_read", ids["petugas"]),
        ("attachment_removed", ids["petugas"]),
    ]


async def test_who_may_not_know_of_the_case_learns_nothing(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage)
    await attach(triage, number)
    path = f"/api/cases/{number}/attachments/{(await one(triage, number))['id']}"
    other = await desks.signed_in("barat")  # whose unit has not been given it
    assert (await attach(other, number)).status_code == 404
    assert (await other.get(path)).status_code == 404
    assert (await other.post(f"{path}/remove")).status_code == 404
    supervisor = await desks.signed_in("penyelia")  # sees the case, and no papers
    assert "attachments" not in await file_of(supervisor, number)
    assert (await supervisor.get(path)).status_code == 404
    assert (await attach(supervisor, number)).status_code == 409
    nobody = desks.browser()
    assert (await nobody.get(path)).status_code == 401
    assert (await attach(nobody, number)).status_code == 401
    elsewhere = await intake(triage)
    moved = path.replace(number, elsewhere)  # of another case
    assert (await triage.get(moved)).status_code == 404
    assert len(rows(desks)) == 1


@pytest.mark.parametrize(
    "content, status, code",
    [
        (b"", 422, "invalid"),
        (b"MZ\x90\x00 a program", 422, "invalid"),
        (b"<svg onload=alert(1)>", 422, "invalid"),
        (FILES[Kind.PNG] + b"x" * MOST_BYTES, 413, "too_large"),
    ],
)
async def test_what_is_no_paper_and_no_picture_is_refused(
    desks: House, content: bytes, status: int, code: str
) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage)
    answer = await attach(triage, number, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert rows(desks) == []


async def test_other_sites_and_wrong_tokens_send_none(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage)
    path = f"/api/cases/{number}/attachments"
    for headers in (
        {"Origin": "https://evil.example", "X-CSRF-Token": triage.csrf or ""},
        {"X-CSRF-Token": "wrong"},
    ):
        answer = await triage.http.post(path, content=PAPER, headers=headers)
        assert answer.status_code == 403
    assert rows(desks) == []


async def test_a_case_has_room_for_so_many(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage)
    for n in range(MOST):
        assert (await attach(triage, number, name=f"{n}.pdf")).status_code == 200
    full = await attach(triage, number)
    assert (full.status_code, full.json()["error"]["fields"]) == (409, {"content": "too_many"})
    first = (await file_of(triage, number))["attachments"][0]
    assert first["name"] == "0.pdf"
    await triage.post(f"/api/cases/{number}/attachments/{first['id']}/remove")
    assert (await attach(triage, number)).status_code == 200


async def test_papers_name_people_so_an_anonymous_case_keeps_none(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage)
    await attach(triage, number)
    version = (await file_of(triage, number))["version"]
    answer = await triage.put(f"/api/cases/{number}", {"version": version, "anonymous": True})
    assert answer.status_code == 200, answer.text
    assert (await file_of(triage, number))["attachments"] == []
    (row,) = rows(desks)
    assert (row.name, row.content) == (None, None)
    picture = await attach(triage, number, FILES[Kind.PNG], "mesin.png")  # of a machine, say
    assert picture.status_code == 200


async def test_facts_say_nothing_of_what_it_is(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage)
    await attach(triage, number)
    wanted = select(fact.c.text).where(fact.c.kind == "attachment_added")
    (text,) = desks.app.db.read_sync(lambda conn: conn.execute(wanted).scalars().all())
    assert "Budi" not in text
    assert "slip" not in text
