"""The hands of the tests of the desk: officers of several units, and what they do over HTTP."""

from __future__ import annotations

import re
from typing import Any

import httpx2
from sqlalchemy import select

from callcenter.cases import tables
from callcenter.db.tables import fact
from tests.web.conftest import OFFICERS, Browser, House

EVERYBODY = ("petugas", "penyelia", "agen", *OFFICERS)
SECRETS = {
    "narrative": "Ceritarahasia dibayar setengah.",
    "employer": "PT Perusahaanrahasia",
    "name": "Namarahasia Budi",
}
WHY = "Polisi Bekasi meminta dengan surat 17."


def numbers_next(number: str) -> str:
    """A number that nobody has."""
    return f"{(int(number) + 1) % 10**10:010d}"


async def brought(who: Browser, topic: str = "upah_tunggak", **more: Any) -> tuple[str, str]:
    """Number and PIN of a complaint that somebody brought to the desk."""
    given = {"channel": "walk_in", "topic": topic, "province": "32", **SECRETS, **more}
    body = {name: value for name, value in given.items() if value is not None}
    answer = await who.post("/api/cases", body)
    assert answer.status_code == 201, answer.text
    opened = answer.json()
    assert re.fullmatch(r"[0-9]{6}", opened["pin"])
    return opened["number"], opened["pin"]


async def intake(who: Browser, topic: str = "upah_tunggak", **more: Any) -> str:
    """The number alone."""
    return (await brought(who, topic, **more))[0]


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
    if query:
        answer = await who.post("/api/desk/search", {"list": name, "query": query})
    else:
        answer = await who.get("/api/desk/cases", params={"list": name})
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
