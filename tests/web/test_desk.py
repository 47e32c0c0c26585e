"""The desk over HTTP: what each account sees and may do, and what is refused, and how."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, update

from callcenter import settings as settings_module
from callcenter.cases import tables
from callcenter.clock import Given
from callcenter.db.tables import fact
from callcenter.people import accounts
from callcenter.people.accounts import NewAccount
from callcenter.people.permissions import Role
from tests.web.conftest import PASSWORD, Browser, House

#: username → unit, head, named; all are officers. P32 is Jawa Barat.
OFFICERS = {
    "kepala": ("PTSA", True, True),
    "barat": ("P32", False, False),
    "barat2": ("P32", False, False),
    "pimpinan": ("P32", True, False),
    "timur": ("P35", False, False),
    "itjen": ("ITJEN", False, False),
}
EVERYBODY = ("petugas", "penyelia", "agen", *OFFICERS)
SECRETS = {
    "narrative": "Ceritarahasia dibayar setengah.",
    "employer": "PT Perusahaanrahasia",
    "name": "Namarahasia Budi",
}
WHY = "Polisi Bekasi meminta dengan surat 17."


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> settings_module.Settings:
    """With the shipped topics, units and bodies."""
    return settings_module.load(
        {
            "CALLCENTER_VAR": str(tmp_path / "var"),
            "DATABASE_URL": sqlite_url,
            "SIMULATOR": "on",
            "ASTERISK_SOUNDS": str(tmp_path / "sounds"),
        }
    )


@pytest.fixture
def desks(house: House, password_hash: str) -> House:
    """The house with officers of several units."""

    def make(conn: Any) -> None:
        for username, (unit, head, named) in OFFICERS.items():
            new = NewAccount(
                username,
                username.title(),
                Role.OFFICER,
                PASSWORD,
                unit=unit,
                head=head,
                named=named,
            )
            made = accounts.add(conn, Given(house.clock.now()), new, password_hash)
            house.ids[username] = made.id

    house.app.db.write_sync(make)
    return house


async def intake(who: Browser, topic: str = "upah_tunggak", **more: object) -> str:
    """The number of a complaint that somebody brought to the desk."""
    given = {"topic": topic, "province": "32", **SECRETS, **more}
    body = {name: value for name, value in given.items() if value is not None}
    answer = await who.post("/api/cases", body)
    assert answer.status_code == 201, answer.text
    opened = answer.json()
    assert re.fullmatch(r"[0-9]{6}", opened["pin"])
    number: str = opened["number"]
    return number


async def file_of(who: Browser, number: str) -> dict[str, Any]:
    answer = await who.get(f"/api/cases/{number}")
    assert answer.status_code == 200, answer.text
    file: dict[str, Any] = answer.json()
    return file


async def try_move(who: Browser, number: str, event: str, **fields: str) -> httpx2.Response:
    version = (await file_of(who, number))["version"]
    body = {"event": event, "version": version, "fields": fields}
    return await who.post(f"/api/cases/{number}/moves", body)


async def move(who: Browser, number: str, event: str, **fields: str) -> dict[str, Any]:
    answer = await try_move(who, number, event, **fields)
    assert answer.status_code == 200, answer.text
    file: dict[str, Any] = answer.json()
    return file


async def accepted(triage: Browser, unit: Browser) -> str:
    """A complaint that an officer of P32 has accepted."""
    number = await intake(triage)
    await move(triage, number, "verify")
    await move(triage, number, "route", unit="P32", instruction="Mohon diperiksa.")
    await move(unit, number, "accept")
    return number


async def listed(who: Browser, name: str = "all", query: str = "") -> set[str]:
    answer = await who.get("/api/desk/cases", params={"list": name, "query": query})
    assert answer.status_code == 200, answer.text
    return {one["number"] for one in answer.json()["cases"]}


async def counts(who: Browser) -> dict[str, int]:
    answer = await who.get("/api/desk")
    assert answer.status_code == 200, answer.text
    return {one["list"]: one["count"] for one in answer.json()["lists"]}


def kinds(house: House, number: str) -> list[tuple[str, str | None]]:
    """The Facts about a case: kind, and who did it."""
    wanted = (
        select(fact.c.kind, fact.c.agent)
        .join(tables.case, tables.case.c.id == fact.c.case)
        .where(tables.case.c.number == number)
        .order_by(fact.c.id)
    )
    rows = house.app.db.read_sync(lambda conn: conn.execute(wanted).all())
    return [(row.kind, row.agent) for row in rows]


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
    assert kinds(desks, number)[-1][0] == "case_moved"
    assert ("case_read", desks.ids["itjen"]) in kinds(desks, number)


def numbers_next(number: str) -> str:
    """A number that nobody has."""
    return f"{(int(number) + 1) % 10**10:010d}"


async def test_sensitive_cases_are_for_who_is_named_for_them(desks: House) -> None:
    triage, head = await desks.signed_in("petugas"), await desks.signed_in("kepala")
    number = await intake(triage, "kekerasan")
    assert await listed(triage) == set()
    assert (await counts(triage))["triage"] == 0
    assert (await triage.get(f"/api/cases/{number}")).status_code == 404
    assert await listed(head, "triage") == {number}
    await file_of(head, number)
    assert kinds(desks, number)[-1] == ("case_read", desks.ids["kepala"])


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
    named = {"topic": "thr", "anonymous": True, "name": "Budi"}
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
    assert [one["kind"] for one in found] == ["mass"]
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


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, field",
    [
        ({"province": "99"}, "province"),
        ({"regency": "9901"}, "regency"),
        ({"province": "31", "regency": "3216"}, "regency"),
        ({"incident_on": "2999-01-01"}, "incident_on"),
        ({"incident_on": "2026-02-30"}, "incident_on"),
        ({"topic": "cuaca"}, "topic"),
        ({"workers": -1}, "workers"),
        ({"statutes": {"lunch": "2026-01-02"}}, "statutes"),
        ({"statutes": {"mediation": "2999-01-02"}}, "statutes"),
        ({"safe_contact": {"zone": "../../etc/passwd"}}, "safe_contact.zone"),
        ({"safe_contact": {"safe_from": 1441}}, "safe_contact.safe_from"),
        ({"phones": [{"number": "anonymous"}]}, "phones"),
        ({"employer": "PT \u202eratsam"}, "employer"),
        ({"employer": "PT\x00"}, "employer"),
        ({"employer": "PT\nMaju"}, "employer"),
        ({"summary": "a\x07b"}, "summary"),
        ({"summary": "\u2066x\u2069"}, "summary"),
        ({"summary": "x" * 4001}, "summary"),
        ({"status": "closed"}, "status"),
        ({"unit": "P32"}, "unit"),
        ({"anonymous": False}, "anonymous"),
    ],
)
async def test_a_field_that_cannot_be_stored_is_named(
    desks: House, body: dict[str, Any], field: str
) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage)
    before = await file_of(triage, number)
    answer = await triage.put(f"/api/cases/{number}", {"version": before["version"], **body})
    del before["timeline"]
    assert (answer.status_code, answer.json()["error"]["fields"].keys()) == (422, {field})
    after = await file_of(triage, number)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    "body, status, field",
    [
        ({"event": "explode"}, 422, "event"),
        ({"event": "a b"}, 422, "event"),
        ({"event": "abandon"}, 409, "event"),
        ({"event": "withdraw"}, 409, "event"),
        ({"event": "route", "fields": {"unit": "KP2MI"}}, 409, "unit"),
        (
            {"event": "route", "fields": {"unit": "P32", "instruction": "\u202e"}},
            422,
            "instruction",
        ),
        ({"event": "reject", "fields": {"reason": "lazy"}}, 409, "reason"),
        ({"event": "answer", "fields": {"public_note": "x\x00"}}, 422, "public_note"),
        ({"event": "answer", "fields": {"public_note": "x" * 501}}, 422, "public_note"),
        ({"event": "merge", "fields": {"other": "nobody"}}, 409, "other"),
        ({"event": "verify", "version": 0}, 422, "version"),
        ({"event": "verify", "fields": {"a b": "x"}}, 422, "fields.a b.[key]"),
        ({"event": "verify", "fields": {"reason": 1}}, 422, "fields.reason"),
    ],
)
async def test_a_move_that_is_refused_names_the_field(
    desks: House, body: dict[str, Any], status: int, field: str
) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage)
    version = (await move(triage, number, "verify"))["version"]
    answer = await triage.post(f"/api/cases/{number}/moves", {"version": version, **body})
    assert (answer.status_code, answer.json()["error"]["fields"].keys()) == (status, {field})
    assert (await file_of(triage, number))["status"] == "verifying"


async def test_how_a_reporter_may_be_reached_is_checked_and_kept(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    contact = {"may_message": True, "safe_from": 1080, "safe_until": 1260, "zone": "Asia/Hong_Kong"}
    wrong = {"topic": "pmi_ln", "safe_contact": {**contact, "zone": "Mars/Olympus"}}
    answer = await triage.post("/api/cases", wrong)
    assert (answer.status_code, answer.json()["error"]["fields"].keys()) == (422, {"safe_contact"})
    number = await intake(triage, "pmi_ln", safe_contact=contact)
    kept = (await file_of(triage, number))["safe_contact"]
    assert {name: kept[name] for name in contact} == contact


async def test_a_narrative_of_ten_megabytes_is_refused(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    for size, status in ((10_000_000, 413), (20_001, 422)):
        answer = await triage.post("/api/cases", {"topic": "thr", "narrative": "x" * size})
        assert answer.status_code == status
    turned = await triage.post("/api/cases", {"topic": "thr", "narrative": "abc\u202edef"})
    assert (turned.status_code, turned.json()["error"]["fields"].keys()) == (422, {"narrative"})
    arabic = await triage.post("/api/cases", {"topic": "thr", "narrative": "أجور\nغير مدفوعة"})
    assert arabic.status_code == 201  # the letters themselves need no such signs


@pytest.mark.parametrize(
    "path, body",
    [
        ("/moves", {"event": "route", "fields": {"unit": "\ud800"}}),
        ("/moves", {"event": "assign", "fields": {"officer": "\ud800"}}),
        ("/moves", {"event": "answer", "fields": {"public_note": "\ud800"}}),
        ("/moves", {"event": "reject", "fields": {"reason": "\ud800"}}),
        ("/notes", {"kind": "internal", "text": "\ud800"}),
        ("/glass", {"emergency": "law", "reason": "\ud800" * 20}),
        ("", {"summary": "\ud800"}),
        ("", {"safe_contact": {"zone": "\ud800"}}),
        ("", {"phones": [{"number": "\ud800\ud800\ud800"}]}),
    ],
)
async def test_half_a_character_is_refused(desks: House, path: str, body: dict[str, Any]) -> None:
    triage = await desks.signed_in("petugas")
    number = await intake(triage)
    version = (await move(triage, number, "verify"))["version"]
    if path in ("", "/moves"):
        body = {"version": version, **body}
    answer = await triage.http.request(
        "POST" if path else "PUT",
        f"/api/cases/{number}{path}",
        content=json.dumps(body).encode("ascii"),
        headers={"Content-Type": "application/json", "X-CSRF-Token": triage.csrf or ""},
    )
    assert answer.status_code in (409, 422), answer.text
    assert answer.json()["error"]["fields"]
    assert (await file_of(triage, number))["version"] == version


@pytest.mark.parametrize("number", ["123", "x" * 10, "١٢٣٤٥٦٧٨٩٠", "12345678901", "1234567890'"])
async def test_a_forged_number_is_no_number(desks: House, number: str) -> None:
    triage = await desks.signed_in("petugas")
    assert (await triage.get(f"/api/cases/{number}")).status_code == 422
    answer = await triage.post(f"/api/cases/{number}/moves", {"event": "verify", "version": 1})
    assert answer.status_code == 422


@pytest.mark.parametrize("query", ["' OR 1=1 --", "%", "_", "\u202e", "🙂" * 20, "2" * 100])
async def test_a_search_takes_whatever_is_typed(desks: House, query: str) -> None:
    triage = await desks.signed_in("petugas")
    await intake(triage)
    assert await listed(triage, query=query) == set()


async def test_a_supervisor_opens_a_closed_case_again_and_makes_none(desks: House) -> None:
    triage, watcher = await desks.signed_in("petugas"), await desks.signed_in("penyelia")
    made = await watcher.post("/api/cases", {"topic": "thr"})
    assert (made.status_code, made.json()["error"]["fields"]) == (409, {"event": "not_yours"})
    number = await intake(triage)
    await move(triage, number, "verify")
    await move(triage, number, "reject", reason="not_labour")
    assert [one["event"] for one in (await file_of(watcher, number))["can"]] == ["reopen"]
    file = await move(watcher, number, "reopen", reason="review")
    assert file["status"] == "reopened"


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
