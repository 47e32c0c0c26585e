"""The desk over HTTP: what is typed wrong, on purpose or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callcenter.cases.statuses import Channel
from tests.web.conftest import House
from tests.web.office import (
    file_of,
    intake,
    listed,
    move,
)


@pytest.fixture
def flows() -> None:
    """The shipped topics, units and bodies."""


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


async def test_how_a_complaint_came_is_said_and_kept(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    for wrong in ({}, {"channel": "pigeon"}):
        answer = await triage.post("/api/cases", {"topic": "thr", **wrong})
        assert answer.status_code == 422
        assert answer.json()["error"]["fields"].keys() == {"channel"}
    for channel in Channel:
        file = await file_of(triage, await intake(triage, channel=channel.value))
        assert file["channel"] == channel
        (opened,) = (one for one in file["timeline"] if one["kind"] == "case_opened")
        assert opened["data"]["channel"] == channel


async def test_how_a_reporter_may_be_reached_is_checked_and_kept(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    contact = {"may_message": True, "safe_from": 1080, "safe_until": 1260, "zone": "Asia/Hong_Kong"}
    wrong = {
        "channel": "web",
        "topic": "pmi_ln",
        "safe_contact": {**contact, "zone": "Mars/Olympus"},
    }
    answer = await triage.post("/api/cases", wrong)
    assert (answer.status_code, answer.json()["error"]["fields"].keys()) == (422, {"safe_contact"})
    number = await intake(triage, "pmi_ln", safe_contact=contact)
    kept = (await file_of(triage, number))["safe_contact"]
    assert {name: kept[name] for name in contact} == contact


async def test_the_acting_unit_takes_down_a_new_number_and_other_hours(desks: House) -> None:
    triage, unit = await desks.signed_in("petugas"), await desks.signed_in("barat")
    contact = {"may_message": True, "safe_from": 1080, "safe_until": 1260, "call_from": 600,
               "call_until": 660, "zone": "Asia/Hong_Kong"}  # fmt: skip
    number = await intake(triage, phones=[{"number": "0811 1000 222"}], safe_contact=contact)
    await move(triage, number, "verify")
    await move(triage, number, "route", unit="P32")
    path = f"/api/cases/{number}"

    async def save(**fields: Any) -> Any:
        version = (await file_of(unit, number))["version"]
        return await unit.put(path, {"version": version, **fields})

    emptied = {"call_from": "", "call_until": "", "safe_from": "", "zone": ""}
    saved = await save(phones=[{"number": "0812 3333 444"}], safe_contact=emptied)
    assert saved.status_code == 200, saved.text
    file = saved.json()
    assert [one["number"] for one in file["phones"]] == ["+628123333444"]
    kept = file["safe_contact"]
    assert [kept[name] for name in emptied] == [None] * 4
    assert (kept["safe_until"], kept["may_message"]) == (1260, True)
    gone = await save(phones=[])
    assert (gone.json()["phones"], gone.json().get("call_at")) == ([], None)
    # The reporter's own words and name stay theirs.
    for name in ("narrative", "name"):
        refused = await save(**{name: "Lain"})
        assert refused.json()["error"]["fields"] == {name: "not_yours"}
    told = [one["data"]["fields"] for one in (await file_of(triage, number))["timeline"]
            if one["kind"] == "case_saved"]  # fmt: skip
    assert told[-2:] == ["phones,safe_contact", "phones"]


async def test_a_narrative_of_ten_megabytes_is_refused(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    for size, status in ((10_000_000, 413), (20_001, 422)):
        answer = await triage.post(
            "/api/cases", {"channel": "letter", "topic": "thr", "narrative": "x" * size}
        )
        assert answer.status_code == status
    turned = await triage.post(
        "/api/cases", {"channel": "letter", "topic": "thr", "narrative": "abc\u202edef"}
    )
    assert (turned.status_code, turned.json()["error"]["fields"].keys()) == (422, {"narrative"})
    arabic = await triage.post(
        "/api/cases", {"channel": "letter", "topic": "thr", "narrative": "أجور\nغير مدفوعة"}
    )
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
