"""The desk over HTTP: complaints of many reporters with one employer, joined under one case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.web.conftest import Browser, House
from tests.web.office import brought, file_of, intake, move, numbers_next


@pytest.fixture
def flows() -> None:
    """The shipped topics, units and bodies."""


async def gathered(
    triage: Browser, *people: Mapping[str, Any]
) -> tuple[str, list[tuple[str, str]]]:
    """A case that gathers those of ``people``: its number; number and PIN of each."""
    parent = await intake(triage, name=None, narrative=None, gathers=True)
    children = [await brought(triage, **person) for person in people]
    for number, _ in children:
        joined = await triage.post(f"/api/cases/{number}/parent", {"parent": parent})
        assert joined.status_code == 200, joined.text
    return parent, children


async def together(who: Browser, number: str, event: str, **fields: str) -> dict[str, Any]:
    """The same event for a case and for those that it gathers."""
    version = (await file_of(who, number))["version"]
    body = {"event": event, "version": version, "fields": fields, "copy": True}
    answer = await who.post(f"/api/cases/{number}/moves", body)
    assert answer.status_code == 200, answer.text
    file: dict[str, Any] = answer.json()
    return file


async def test_one_notice_answers_all_that_a_case_gathers(desks: House) -> None:
    triage, inspector = await desks.signed_in("petugas"), await desks.signed_in("barat")
    told = {"phones": [{"number": "+6281200000001"}], "safe_contact": {"may_message": True}}
    nameless = {"name": None, "anonymous": True}
    parent, children = await gathered(
        triage, {"name": "Ani", **told}, nameless, {"name": "Cici", "province": "35"}
    )
    (ani, pin), (hidden, _), (other, _) = children
    # One of them is another province's by now: nothing that is done here reaches it.
    await move(triage, other, "verify")
    await move(triage, other, "route", unit="P35")
    for event, fields in (("verify", {}), ("route", {"unit": "P32"})):
        await together(triage, parent, event, **fields)
    await together(inspector, parent, "accept")
    on = {"notice_1": "2026-01-02"}
    version = (await file_of(inspector, parent))["version"]
    body = {"version": version, "statutes": on, "copy": True}
    assert (await inspector.put(f"/api/cases/{parent}", body)).status_code == 200
    await together(inspector, parent, "wait", wait="statutory")
    waiting = await file_of(inspector, hidden)
    assert (waiting["status"], waiting["wait"]) == ("waiting", "statutory")
    await together(inspector, parent, "resume")
    note = "Pemeriksaan selesai: kekurangannya wajib dibayar."
    closed = await together(inspector, parent, "follow_up", public_note=note, outcome="notice")
    assert {one["number"] for one in closed["linked"]} == {ani, hidden}
    for number in (parent, ani, hidden):
        file = await file_of(inspector, number)
        assert (file["status"], file["outcome"], file["public_note"]) == (
            "followed_up",
            "notice",
            note,
        )
        assert [(one["code"], one["on"]) for one in file["statutes"]] == [*on.items()]
        assert file["officer"] == "Barat"
    # Each keeps what is its own.
    assert (await file_of(inspector, hidden))["anonymous"]
    assert (await file_of(inspector, hidden)).get("name") is None
    assert (await file_of(inspector, ani))["name"] == "Ani"
    assert (await file_of(triage, other))["status"] == "routed"
    assert (await file_of(triage, other))["public_note"] is None
    # Who is not satisfied says so alone.
    version = (await file_of(inspector, ani))["version"]
    body = {"event": "object", "version": version, "pin": pin}
    assert (await inspector.post(f"/api/cases/{ani}/moves", body)).status_code == 200
    again = await file_of(inspector, ani)
    assert (again["status"], again["outcome"]) == ("in_progress", None)
    assert (await file_of(inspector, hidden))["status"] == "followed_up"
    assert (await file_of(inspector, parent))["status"] == "followed_up"


async def test_only_what_fits_goes_to_all_that_a_case_gathers(desks: House) -> None:
    triage = await desks.signed_in("petugas")
    parent, ((child, _),) = await gathered(triage, {"name": "Ani"})
    await together(triage, parent, "verify")
    for number, event, fields in (
        (parent, "reject", {"reason": "not_labour"}),  # each of them is rejected for itself
        (child, "route", {"unit": "P32"}),
    ):
        version = (await file_of(triage, number))["version"]
        body = {"event": event, "version": version, "fields": fields, "copy": True}
        answer = await triage.post(f"/api/cases/{number}/moves", body)
        assert (answer.status_code, answer.json()["error"]["fields"]) == (409, {"copy": "parent"})
        assert (await file_of(triage, number))["status"] == "verifying"
    # The first that gathers them is named as their parent, on both sides.
    loose = await intake(triage, name="Budi")
    for number, others in ((loose, [parent]), (parent, [loose])):
        found = (await triage.get(f"/api/cases/{number}/duplicates")).json()["suggestions"]
        (mass,) = (one for one in found if one["kind"] == "mass")
        assert mass["parent"] == parent
        assert [one["number"] for one in mass["cases"]] == others


async def test_many_are_joined_at_once_or_none(desks: House) -> None:
    triage, other = await desks.signed_in("petugas"), await desks.signed_in("timur")
    parent, ((first, _),) = await gathered(triage, {"name": "Ani"})
    loose = [await intake(triage, name=name) for name in ("Budi", "Cici")]
    path = f"/api/cases/{parent}/children"
    for wrong, why in (
        (first, {"parent": "joined"}),
        (numbers_next(parent), {"children": "unknown"}),
    ):
        answer = await triage.post(path, {"children": [*loose, wrong]})
        assert (answer.status_code, answer.json()["error"]["fields"]) == (409, why)
        assert {one["number"] for one in (await file_of(triage, parent))["linked"]} == {first}
    assert (await other.post(path, {"children": loose})).status_code == 404
    joined = await triage.post(path, {"children": loose})
    assert joined.status_code == 200
    assert {one["number"] for one in joined.json()["linked"]} == {first, *loose}
