"""The desk over HTTP: what each account sees, and what is no case for them."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from sqlalchemy import select

from callcenter import staff
from callcenter.cases import tables
from tests.web.conftest import House
from tests.web.office import (
    EVERYBODY,
    SECRETS,
    WHY,
    accepted,
    counts,
    file_of,
    intake,
    kinds,
    listed,
    move,
    numbers_next,
)


@pytest.fixture
def flows() -> None:
    """The shipped topics, units and bodies."""


# --- who sees what --------------------------------------------------------------------------------


async def test_fields_that_somebody_may_not_see_are_not_there(desks: House) -> None:
    triage, watcher = await desks.signed_in("petugas"), await desks.signed_in("penyelia")
    number = await intake(triage, phones=[{"number": "0812 3456 7890"}])
    seen = await file_of(triage, number)
    assert seen["phones"] == [{"number": "+6281234567890", "shared": False}]
    file = await file_of(watcher, number)
    assert {"name", "phones", "safe_contact", "minor"}.isdisjoint(file)
    assert file["narrative"] == SECRETS["narrative"]
    assert {"name", "phones"}.isdisjoint(file["may"])
    assert SECRETS["name"] not in str(file)
    assert file["can"] == []
    bodies: list[dict[str, Any]] = [{"name": "Lain"}, {"narrative": "Lain"}, {"phones": []}]
    for body in [*bodies, {"topic": "thr"}]:
        refused = await watcher.put(f"/api/cases/{number}", {"version": file["version"], **body})
        assert refused.status_code == 409
        assert refused.json()["error"]["fields"] == {next(iter(body)): "not_yours"}
    refused = await triage.put(
        f"/api/cases/{number}", {"version": seen["version"], "narrative": "Lain"}
    )
    assert refused.json()["error"]["fields"] == {"narrative": "not_yours"}  # a reporter's own words


async def test_a_complaint_about_officials_exists_for_the_inspectorate_alone(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage, "integritas")
    path = f"/api/cases/{number}"
    nobodys = numbers_next(number)
    for username in EVERYBODY:
        if username == "itjen":
            continue
        who = await desks.signed_in(username)
        assert number not in await listed(who), username
        assert await listed(who, query=number) == set(), username
        assert await listed(who, query="Perusahaanrahasia") == set(), username
        assert set((await counts(who)).values()) <= {0}, username
        tried: tuple[tuple[str, str, object], ...] = (
            ("get", "", None),
            ("put", "", {"version": 1, "summary": "x"}),
            ("post", "/moves", {"event": "verify", "version": 1}),
            ("post", "/notes", {"kind": "internal", "text": "x"}),
            ("post", "/remind", None),
            ("get", "/duplicates", None),
            ("post", "/merge", {"into": number, "version": 1}),
            ("post", "/parent", {"parent": None}),
            ("post", "/glass", {"emergency": "danger", "reason": WHY}),
        )
        for method, tail, body in tried:
            answers = []
            for target in (path, f"/api/cases/{nobodys}"):
                if method == "get":
                    answers.append(await who.get(target + tail))
                else:
                    answers.append(await getattr(who, method)(target + tail, body))
            assert [one.status_code for one in answers] == [404, 404], (username, tail)
            assert answers[0].content == answers[1].content
    assert "case_read" not in [kind for kind, _ in kinds(desks, number)]
    inspector = await desks.signed_in("itjen")
    assert await listed(inspector, "triage") == {number}
    assert (await file_of(inspector, number))["narrative"] == SECRETS["narrative"]
    file = await move(inspector, number, "verify")
    assert file["status"] == "verifying"
    told = ("case_read", "case_moved", "case_read")  # the answer to a move shows the case, too
    assert kinds(desks, number)[-3:] == [(kind, desks.ids["itjen"]) for kind in told]


async def test_an_officer_who_changes_units_sees_the_other_ones_cases_at_once(
    desks: House,
) -> None:
    triage, officer = await desks.signed_in("petugas"), await desks.signed_in("timur")
    number = await accepted(triage, await desks.signed_in("barat"))
    assert await listed(officer) == set()
    known = desks.app.calls.rules.units.inner
    move_to = functools.partial(staff.set_unit, desks.app.store, "timur", known=known)
    await asyncio.to_thread(move_to, unit="P32", head=True, named=False)
    assert await listed(officer, "unit") == {number}
    assert (await officer.get("/api/desk")).json()["head"] is True
    await asyncio.to_thread(move_to, unit=None, head=False, named=False)
    assert await listed(officer) == set()


async def test_sensitive_cases_are_for_who_is_named_for_them(desks: House) -> None:
    triage, head = await desks.signed_in("petugas"), await desks.signed_in("kepala")
    number = await intake(triage, "kekerasan")
    assert await listed(triage) == set()
    assert (await counts(triage))["triage"] == 0
    assert (await triage.get(f"/api/cases/{number}")).status_code == 404
    assert await listed(head, "triage") == {number}
    await file_of(head, number)
    assert kinds(desks, number)[-1] == ("case_read", desks.ids["kepala"])


async def test_no_way_to_read_a_sensitive_case_leaves_no_trace(desks: House) -> None:
    head = await desks.signed_in("kepala")
    number = await intake(head, "kekerasan")
    version = (await file_of(head, number))["version"]
    path = f"/api/cases/{number}"
    asked: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("put", "", {"version": version}),  # which changes nothing
        ("post", "/parent", {"parent": None}),
        ("post", "/remind", {}),
        ("post", "/remind", {}),  # pressed already
        ("put", "", {"version": 1, "summary": "x"}),  # too late: told what was changed
    )
    for method, tail, body in asked:
        before = len(kinds(desks, number))
        answer = await getattr(head, method)(path + tail, body)
        assert SECRETS["narrative"] in answer.text
        assert desks.ids["kepala"] in {who for _, who in kinds(desks, number)[before:]}


async def test_who_sees_no_name_cannot_tell_that_two_cases_have_one_reporter(desks: House) -> None:
    triage, watcher = await desks.signed_in("petugas"), await desks.signed_in("penyelia")
    number = await intake(triage)
    (row,) = desks.app.db.read_sync(lambda conn: conn.execute(select(tables.reporter.c.id)).all())
    file = await file_of(watcher, number)
    assert "name" not in file
    assert "reporter_saved" in {one["kind"] for one in file["timeline"]}
    assert row.id not in str(file)


async def test_a_case_that_is_not_secret_can_be_read_by_other_units(desks: House) -> None:
    triage, other = await desks.signed_in("petugas"), await desks.signed_in("timur")
    number = await intake(triage, secret=False)
    assert await listed(other) == {number}
    file = await file_of(other, number)
    assert {"name", "phones"}.isdisjoint(file)
    assert file["narrative"] == SECRETS["narrative"]
    version = file["version"]
    saved = await triage.put(f"/api/cases/{number}", {"version": version, "secret": True})
    assert saved.status_code == 200
    assert await listed(other) == set()
    assert (await other.get(f"/api/cases/{number}")).status_code == 404


async def test_glass_is_broken_for_an_hour_with_a_reason_that_is_kept(desks: House) -> None:
    triage, watcher = await desks.signed_in("kepala"), await desks.signed_in("penyelia")
    number = await intake(triage, "kekerasan", phones=[{"number": "+6281234567890"}])
    path = f"/api/cases/{number}/glass"
    assert (await watcher.get(f"/api/cases/{number}")).status_code == 404
    empty = await watcher.post(path, {"emergency": "danger", "reason": "x   "})
    assert (empty.status_code, empty.json()["error"]["fields"].keys()) == (422, {"reason"})
    nobodys = path.replace(number, numbers_next(number))
    assert (await watcher.post(nobodys, {"emergency": "danger", "reason": "x"})).status_code == 422
    assert (await watcher.post(nobodys, {"emergency": "danger", "reason": WHY})).status_code == 404
    stranger = await desks.signed_in("timur")
    assert (await stranger.post(path, {"emergency": "law", "reason": WHY})).status_code == 404

    opened = await watcher.post(path, {"emergency": "danger", "reason": WHY})
    assert opened.status_code == 200, opened.text
    file = opened.json()
    assert (file["name"], file["phones"][0]["number"]) == (SECRETS["name"], "+6281234567890")
    assert set(file["may"].values()) == {"see"}
    assert file["can"] == []
    assert 0 < file["opened_until"] - desks.clock.now() <= 3_600_000
    assert await listed(watcher) == set()  # opened, and still in no list
    assert ("glass_broken", desks.ids["penyelia"]) in kinds(desks, number)
    stored = desks.app.db.read_sync(
        lambda conn: conn.execute(select(tables.note.c.sealed, tables.note.c.text)).all()
    )
    assert all(row.text is None and WHY.encode() not in row.sealed for row in stored)
    told = [one.get("text") for one in (await file_of(triage, number))["timeline"]]
    assert WHY in told
    desks.clock.ahead_ms = 3_600_001
    watcher = await desks.signed_in("penyelia")
    assert (await watcher.get(f"/api/cases/{number}")).status_code == 404


async def test_an_anonymous_case_keeps_nobody(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    named = {"channel": "letter", "topic": "thr", "anonymous": True, "name": "Budi"}
    refused = await triage.post("/api/cases", named)
    assert (refused.status_code, refused.json()["error"]["fields"].keys()) == (422, {"name"})
    number = await intake(triage, name=None, anonymous=True)
    file = await file_of(triage, number)
    assert file["anonymous"] is True
    assert {"name", "phones", "recordings"}.isdisjoint(file)
    other = await intake(triage, phones=[{"number": "+6281234567890"}])
    version = (await file_of(triage, other))["version"]
    gone = await triage.put(f"/api/cases/{other}", {"version": version, "anonymous": True})
    assert gone.status_code == 200, gone.text
    assert {"name", "phones"}.isdisjoint(gone.json())
    left = desks.app.db.read_sync(
        lambda conn: conn.execute(select(tables.reporter_phone.c.number)).all()
    )
    assert left == []


@pytest.mark.parametrize("flag", [{"secret": False}, {"anonymous": True}])
async def test_the_unit_that_must_act_neither_opens_a_case_nor_forgets_its_reporter(
    desks: House, flag: dict[str, bool]
) -> None:
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    number = await accepted(triage, unit)
    file = await file_of(unit, number)
    assert (file["secret"], file["anonymous"], file["may"]["secrecy"]) == (True, False, "see")
    answer = await unit.put(f"/api/cases/{number}", {"version": file["version"]} | flag)
    (field,) = flag
    assert (answer.status_code, answer.json()["error"]["fields"]) == (409, {field: "not_yours"})
    after = await file_of(unit, number)
    assert (after["secret"], after["anonymous"], after["name"]) == (True, False, SECRETS["name"])
    allowed = await triage.put(f"/api/cases/{number}", {"version": file["version"]} | flag)
    assert allowed.status_code == 200, allowed.text
