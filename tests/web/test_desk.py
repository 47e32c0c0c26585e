"""The desk over HTTP: what is done to a case, by whom, and what is refused, and how."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from callcenter.cases import tables
from tests.web.conftest import House
from tests.web.office import (
    SECRETS,
    accepted,
    brought,
    counts,
    file_of,
    intake,
    kinds,
    listed,
    move,
    numbers_next,
    try_move,
)


@pytest.fixture
def flows() -> None:
    """The shipped topics, units and bodies."""


# --- the way of a complaint -----------------------------------------------------------------------


async def test_a_complaint_goes_from_the_desk_to_a_unit_and_to_its_end(desks: House) -> None:
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    number = await intake(triage)
    assert await counts(triage) == {"mine": 0, "unit": 1, "triage": 1, "to_phone": 0, "all": 1}
    assert await listed(triage, "triage") == {number}
    assert await listed(unit) == set()
    assert (await unit.get(f"/api/cases/{number}")).status_code == 404

    file = await move(triage, number, "verify")
    assert file["route"] == {"unit": "P32", "way": "assign", "why": "pengawasan", "also": []}
    can = {one["event"]: one for one in file["can"]}
    assert can["route"]["needs"] == ["unit"]
    assert can["reject"]["reasons"].keys() >= {"not_labour"}
    file = await move(triage, number, "route", unit="P32", instruction="Mohon diperiksa.")
    assert (file["status"], file["unit"], file["officer"]) == ("routed", "P32", None)
    assert await counts(unit) == {"mine": 0, "unit": 1, "all": 1}

    file = await move(unit, number, "accept")
    assert (file["status"], file["officer"]) == ("in_progress", "Barat")
    assert file["assignments"][0]["instruction"] == "Mohon diperiksa."
    assert file["narrative"] == SECRETS["narrative"]
    assert file["may"]["narrative"] == "see"
    assert await listed(unit, "mine") == {number}
    row = (await unit.get("/api/desk/cases?list=mine")).json()["cases"][0]
    assert (row["accepted"], row["officer"], row["late_days"]) == (True, "Barat", 0)
    assert row["due_at"] == file["due_at"]

    file = await move(unit, number, "follow_up", public_note="Pengusaha sudah membayar.")
    assert (file["status"], file["public_note"]) == ("followed_up", "Pengusaha sudah membayar.")
    texts = [one["text"] for one in file["timeline"] if "text" in one]
    assert texts == ["Pengusaha sudah membayar."]
    assert [one["kind"] for one in file["clocks"]][-1] == "silence"


async def test_a_unit_that_is_not_in_charge_names_a_better_one(desks: House) -> None:
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("timur")
    number = await intake(triage, province="35")
    await move(triage, number, "verify")
    await move(triage, number, "route", unit="P35")
    missing = await try_move(unit, number, "decline", reason="bukan_wewenang")
    assert (missing.status_code, missing.json()["error"]["fields"]) == (
        409,
        {"unit": "missing_unit"},
    )
    gone = await move(unit, number, "decline", reason="bukan_wewenang", unit="P32")
    assert gone == {"number": number, "may": {}, "can": []}  # out of its sight now
    file = await file_of(triage, number)
    assert (file["status"], file["unit"]) == ("verifying", "PTSA")
    assert file["assignments"][0] | {"state": "declined", "better": "P32"} == file["assignments"][0]


async def test_a_case_is_given_to_another_officer_of_its_unit(desks: House) -> None:
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    head = await desks.signed_in("pimpinan")
    number = await accepted(triage, unit)
    officers = {one["name"]: one["id"] for one in (await head.get("/api/desk")).json()["officers"]}
    assert officers.keys() == {"Barat", "Barat2", "Pimpinan"}
    file = await move(head, number, "assign", officer=officers["Barat2"])
    assert (file["officer"], file["assignments"][-1]["officer"]) == ("Barat2", "Barat2")
    assert await listed(unit, "mine") == set()
    for wrong in (desks.ids["timur"], desks.ids["agen"], "nobody", "", "x' OR 1=1"):
        refused = await try_move(head, number, "assign", officer=wrong)
        assert (refused.status_code, refused.json()["error"]["fields"].keys()) == (409, {"officer"})
    assert "assign" not in {one["event"] for one in (await file_of(triage, number))["can"]}
    refused = await try_move(triage, number, "assign", officer=officers["Barat"])
    assert refused.status_code == 409


async def test_a_case_is_referred_to_a_body_outside(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage, "jamsos_klaim")
    await move(triage, number, "verify")
    file = await move(triage, number, "refer", target="BPJSTK", their_id="JHT-77")
    (reference,) = file["references"]
    assert (file["status"], reference["system"], reference["ref"]) == (
        "referred_out",
        "BPJSTK",
        "JHT-77",
    )
    again = await try_move(triage, number, "refer", target="BPJSTK")
    assert (again.status_code, again.json()["error"]["fields"]) == (409, {"event": "not_now"})
    directory = (await triage.get("/api/directory")).json()["bodies"]
    bpjs = next(one for one in directory if one["code"] == "BPJSTK")
    assert (bpjs["hours"], bpjs["numbers"][0]["dial"]) == ("06:00-22:00", "175")
    units = (await triage.get("/api/units")).json()
    assert units["triage"] == "PTSA"
    assert next(one for one in units["units"] if one["code"] == "KP2MI")["external"] is True
    assert all("phone" in one for one in units["units"])


async def test_what_is_late_and_to_be_phoned_is_on_the_lists_of_triage(desks: House) -> None:
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    number = await intake(triage)
    await move(triage, number, "verify")
    await move(triage, number, "route", unit="P32")
    desks.clock.ahead_ms = 9 * 86_400_000
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    shown = (await triage.get("/api/desk")).json()["lists"]
    assert {"list": "to_phone", "count": 1, "late": 1} in shown
    assert await listed(triage, "to_phone") == {number}
    row = (await unit.get("/api/desk/cases?list=unit")).json()["cases"][0]
    assert row["late_days"] >= 1
    assert await listed(unit, "to_phone") == set()  # no list of theirs


# --- two at once ----------------------------------------------------------------------------------


async def test_of_two_who_save_at_once_the_second_sees_what_changed(desks: House) -> None:
    one, two = await desks.signed_in("petugas"), await desks.signed_in("kepala")
    number = await intake(one)
    version = (await file_of(one, number))["version"]
    path = f"/api/cases/{number}"
    first = {"version": version, "province": "35", "summary": "Upah dua bulan.", "workers": 12}
    saved = await one.put(path, first)
    assert saved.status_code == 200, saved.text
    late = await two.put(path, {"version": version, "employer": "PT Lain"})
    assert late.status_code == 409
    error = late.json()["error"]
    assert (error["code"], error["version"]) == ("stale", saved.json()["version"])
    (change,) = error["changes"]
    assert change["by"] == "Rina"
    assert change["fields"] == {
        "province": ["32", "35"],
        "summary": [None, "Upah dua bulan."],
        "workers": [None, 12],
    }
    again = await two.put(path, {"version": error["version"], "employer": "PT Lain"})
    assert again.status_code == 200
    assert (again.json()["employer"], again.json()["province"]) == ("PT Lain", "35")
    stale = await one.post(path + "/moves", {"event": "verify", "version": version})
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "stale")


async def test_changes_tell_nobody_more_than_they_may_see(desks: House) -> None:
    triage, watcher = await desks.signed_in("petugas"), await desks.signed_in("penyelia")
    number = await intake(triage, name=None)
    version = (await file_of(triage, number))["version"]
    agent_like = {"version": version, "summary": "Ringkasan.", "employer": "PT Lain"}
    assert (await triage.put(f"/api/cases/{number}", agent_like)).status_code == 200
    late = await watcher.put(f"/api/cases/{number}", {"version": version, "summary": "x"})
    assert late.status_code == 409
    assert late.json()["error"]["changes"][0]["fields"].keys() == {"summary", "employer"}


# --- an agent's own cases -------------------------------------------------------------------------


async def test_a_custodian_follows_the_case_and_presses_for_an_answer(desks: House) -> None:
    agent, other = await desks.signed_in("agen"), await desks.signed_in("agen2")
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    number = await intake(agent)
    assert await listed(agent, "mine") == {number}
    assert await listed(other) == set()
    assert (await other.get(f"/api/cases/{number}")).status_code == 404
    await move(triage, number, "verify")
    await move(triage, number, "route", unit="P32")
    pressed = await agent.post(f"/api/cases/{number}/remind")
    assert pressed.status_code == 200, pressed.text
    assert pressed.json()["may"]["narrative"] == "change"
    assert ("reminded", desks.ids["agen"]) in kinds(desks, number)
    own = await unit.post(f"/api/cases/{number}/remind")
    assert (own.status_code, own.json()["error"]["fields"]) == (409, {"event": "not_yours"})


async def test_notes_are_seen_by_whom_they_are_for(desks: House) -> None:
    triage, watcher = await desks.signed_in("petugas"), await desks.signed_in("penyelia")
    number = await intake(triage)
    path = f"/api/cases/{number}/notes"
    for kind in ("internal", "to_unit", "contact", "public"):
        answer = await triage.post(path, {"kind": kind, "text": f"Catatan {kind}"})
        assert answer.status_code == 200, answer.text
    timeline = (await file_of(triage, number))["timeline"]
    texts = [one["text"] for one in timeline if "text" in one]
    assert texts == [f"Catatan {kind}" for kind in ("internal", "to_unit", "contact", "public")]
    assert (await watcher.post(path, {"kind": "internal", "text": "x"})).status_code == 409
    for body in ({"kind": "reporter", "text": "x"}, {"kind": "glass", "text": "x"}):
        assert (await triage.post(path, body)).status_code == 422
    empty = await triage.post(path, {"kind": "internal", "text": "  "})
    assert (empty.status_code, empty.json()["error"]["fields"].keys()) == (422, {"text"})


# --- cases that belong together -------------------------------------------------------------------


async def test_one_reporters_cases_are_merged(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    phones = [{"number": "+6281234567890"}]
    first, second = await intake(triage, phones=phones), await intake(triage, phones=phones)
    for number in (first, second):
        await move(triage, number, "verify")
    found = (await triage.get(f"/api/cases/{second}/duplicates")).json()["suggestions"]
    assert {one["kind"]: [each["number"] for each in one["cases"]] for one in found} == {
        "person": [first]
    }
    version = (await file_of(triage, second))["version"]
    body = {"into": first, "version": version}
    two = await triage.post(f"/api/cases/{second}/merge", body)
    assert (two.status_code, two.json()["error"]["fields"]) == (409, {"other": "reporter"})
    held = update(tables.case).where(tables.case.c.number == second)
    await desks.app.db.write(lambda conn: conn.execute(held.values(held_at=1)))
    two = await triage.post(f"/api/cases/{second}/merge", {**body, "same_person": True})
    assert (two.status_code, two.json()["error"]["fields"]) == (409, {"same_person": "law"})
    await desks.app.db.write(lambda conn: conn.execute(held.values(held_at=None)))
    merged = await triage.post(f"/api/cases/{second}/merge", {**body, "same_person": True})
    assert merged.status_code == 200, merged.text
    assert merged.json()["status"] == "merged"
    assert {(one["what"], one["number"]) for one in merged.json()["linked"]} == {
        ("merged_into", first),
        ("same_person", first),
    }
    stranger = await intake(triage, "integritas")
    for other in (stranger, numbers_next(first), first):
        body = {"into": other, "version": (await file_of(triage, first))["version"]}
        refused = await triage.post(f"/api/cases/{first}/merge", body)
        code = "self" if other == first else "unknown"
        assert (refused.status_code, refused.json()["error"]["fields"]) == (409, {"other": code})


async def test_many_reporters_are_joined_under_a_case_that_gathers_them(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    names = ("Ani", "Budi", "Cici")
    children = [await intake(triage, name=name) for name in names]
    found = (await triage.get(f"/api/cases/{children[0]}/duplicates")).json()["suggestions"]
    assert [(one["kind"], one["parent"]) for one in found] == [("mass", None)]
    path = f"/api/cases/{children[0]}/parent"
    refused = await triage.post(path, {"parent": children[1]})
    assert (refused.status_code, refused.json()["error"]["fields"]) == (409, {"parent": "parent"})
    parent = await intake(triage, name=None, gathers=True)
    for child in children[:2]:
        joined = await triage.post(f"/api/cases/{child}/parent", {"parent": parent})
        assert joined.status_code == 200, joined.text
        assert [one["what"] for one in joined.json()["linked"]] == ["parent"]
    assert {one["number"] for one in (await file_of(triage, parent))["linked"]} == set(children[:2])
    note = {"kind": "public", "text": "Pemeriksaan dijadwalkan."}
    await triage.post(f"/api/cases/{parent}/notes", note)
    assert (await file_of(triage, children[0]))["public_note"] is None
    marked = await triage.post(f"/api/cases/{parent}/notes", {**note, "copy": True})
    assert marked.status_code == 200, marked.text
    told = [(await file_of(triage, child))["public_note"] for child in children]
    assert told == [note["text"], note["text"], None]
    lone = await triage.post(f"/api/cases/{children[2]}/notes", {**note, "copy": True})
    assert (lone.status_code, lone.json()["error"]["fields"]) == (409, {"copy": "parent"})
    out = await triage.post(path, {"parent": None})
    assert out.status_code == 200
    assert out.json()["linked"] == []


async def test_a_wrong_outcome_is_refused(desks: House) -> None:
    triage, inspector = await desks.signed_in("petugas"), await desks.signed_in("barat")
    number = await accepted(triage, inspector)
    answer = await try_move(inspector, number, "follow_up", public_note="Selesai.", outcome="rich")
    assert answer.status_code == 409
    assert answer.json()["error"]["fields"] == {"outcome": "wrong_outcome"}
    file = await file_of(inspector, number)
    assert (file["status"], file["public_note"]) == ("in_progress", None)


async def test_a_supervisor_opens_a_closed_case_again_and_makes_none(desks: House) -> None:
    triage, watcher = await desks.signed_in("petugas"), await desks.signed_in("penyelia")
    made = await watcher.post("/api/cases", {"channel": "letter", "topic": "thr"})
    assert (made.status_code, made.json()["error"]["fields"]) == (409, {"event": "not_yours"})
    number = await intake(triage)
    await move(triage, number, "verify")
    await move(triage, number, "reject", reason="not_labour")
    assert [one["event"] for one in (await file_of(watcher, number))["can"]] == ["reopen"]
    file = await move(watcher, number, "reopen", reason="review")
    assert file["status"] == "reopened"


async def test_what_is_the_reporters_to_do_needs_their_pin(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    number, pin = await brought(triage)
    can = {one["event"]: one["needs"] for one in (await file_of(triage, number))["can"]}
    assert (can["verify"], can["withdraw"]) == ([], ["pin"])
    body = {"event": "withdraw", "version": (await file_of(triage, number))["version"]}
    path = f"/api/cases/{number}/moves"
    assert (await triage.post(path, body)).json()["error"]["fields"] == {"event": "not_yours"}
    wrong = f"{(int(pin) + 1) % 1_000_000:06d}"
    for _ in range(5):
        refused = await triage.post(path, {**body, "pin": wrong})
        assert (refused.status_code, refused.json()["error"]["fields"].keys()) == (409, {"pin"})
    locked = await triage.post(path, {**body, "pin": pin})
    assert locked.json()["error"]["fields"] == {"pin": "locked"}
    assert [kind for kind, _ in kinds(desks, number)].count("case_moved") == 1  # filed
    desks.clock.ahead_ms = 25 * 3_600_000
    triage, stranger = await desks.signed_in("petugas"), await desks.signed_in("timur")
    assert (await stranger.post(path, {**body, "pin": pin})).status_code == 404
    body["version"] = (await file_of(triage, number))["version"]
    done = await triage.post(path, {**body, "pin": pin})
    assert (done.status_code, done.json()["status"]) == (200, "withdrawn")


async def test_statutory_days_stand_on_the_case(desks: House) -> None:
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    number = await accepted(triage, unit)
    version = (await file_of(unit, number))["version"]
    body = {"version": version, "statutes": {"notice_1": "2026-01-05"}}
    saved = await unit.put(f"/api/cases/{number}", body)
    assert saved.status_code == 200, saved.text
    assert saved.json()["statutes"] == [
        {"code": "notice_1", "on": "2026-01-05", "until": "2026-02-04"}
    ]
    gone = await unit.put(
        f"/api/cases/{number}", {"version": saved.json()["version"], "statutes": {"notice_1": ""}}
    )
    assert gone.json()["statutes"] == []


async def test_a_unit_that_is_no_more_shows_nothing(desks: House) -> None:
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    await accepted(triage, unit)
    gone = update(tables.case).values(unit="P99")
    desks.app.db.write_sync(lambda conn: conn.execute(gone))
    assert await listed(unit) == set()
    assert len(await listed(triage)) == 1
