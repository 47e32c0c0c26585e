"""Finding and reading cases, and the trace that reading leaves."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from callcenter.cases.tables import case as case_record
from callcenter.db.tables import fact
from callcenter.web.desk_documents import CaseFile, DeskPage, DeskRow
from tests.web.conftest import House, eventually
from tests.web.test_agent import shows, talk


async def a_case(house: House) -> dict[str, Any]:
    """A draft that a waiting caller has opened, as the list shows it."""
    officer = await house.signed_in("petugas")
    before = {one["number"] for one in (await officer.get("/api/desk/cases")).json()["cases"]}
    await house.signed_in("agen")
    await house.caller_waits()

    async def first() -> dict[str, Any] | None:
        page = DeskPage.model_validate((await officer.get("/api/desk/cases")).json())
        new = [one.model_dump() for one in page.cases if one.number not in before]
        return new[0] if new else None

    return await eventually(first)


async def test_cases_are_found_by_number_status_and_topic(house: House) -> None:
    row = await a_case(house)
    officer = await house.signed_in("petugas")

    async def count(query: str) -> int:
        answer = await officer.get(f"/api/desk/cases?{query}")
        assert answer.status_code == 200, answer.text
        return len(DeskPage.model_validate(answer.json()).cases)

    async def search(query: str, **more: object) -> int:
        answer = await officer.post("/api/desk/search", {"query": query, **more})
        assert answer.status_code == 200, answer.text
        return len(DeskPage.model_validate(answer.json()).cases)

    number = row["number"]
    assert row["calls"] == 1
    assert await search(number) == 1
    assert await search(f"{number[:2]} {number[2:6]} {number[6:]}") == 1
    assert await search("0000000000") == 0
    assert await search("upah") == 1  # its topic
    assert await search("upah", status="draft", topic="upah", list="all") == 1
    assert await search("upah", status="closed") == 0
    assert await search("upah", page=2) == 0
    assert await search("beras") == 0
    assert await search("%") == 0
    assert await count("status=draft") == 1
    assert await count("status=closed") == 0
    assert await count("topic=upah") == 1
    assert await count("topic=phk") == 0
    assert await count("page=2") == 0


@pytest.mark.parametrize(
    "query",
    [
        "status=nothing",
        "topic=a%20b",
        "page=0",
        "page=-1",
        "page=x",
        "page=99999999999999999999",
    ],
)
async def test_a_question_of_the_wrong_shape_names_the_field(house: House, query: str) -> None:
    officer = await house.signed_in("petugas")
    answer = await officer.get(f"/api/desk/cases?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert query.split("=", maxsplit=1)[0] in answer.json()["error"]["fields"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"query": "1" * 101},
        {"query": "\x00"},
        {"query": "1\n2"},
        {"status": "nothing"},
        {"list": "theirs"},
        {"topic": "a b"},
        {"page": 0},
    ],
)
async def test_a_search_of_the_wrong_shape_names_the_field(
    house: House, wrong: dict[str, object]
) -> None:
    officer = await house.signed_in("petugas")
    answer = await officer.post("/api/desk/search", {"query": "upah"} | wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert answer.json()["error"]["fields"].keys() == wrong.keys()


async def test_what_is_searched_for_is_in_no_address(house: House) -> None:
    row = await a_case(house)
    officer = await house.signed_in("petugas")
    # In an address it finds nothing, and without the token of the page nothing is answered.
    everything = await officer.get("/api/desk/cases?query=beras")
    assert [one["number"] for one in everything.json()["cases"]] == [row["number"]]
    officer.csrf = ""
    assert (await officer.post("/api/desk/search", {"query": "upah"})).status_code == 403


async def test_reading_a_case_is_written_into_it(house: House) -> None:
    row = await a_case(house)
    officer = await house.signed_in("petugas")
    answer = await officer.get(f"/api/cases/{row['number']}")
    case = CaseFile.model_validate(answer.json())
    assert (case.number, case.topic, case.status) == (row["number"], "upah", "draft")
    assert case.channel == "phone"
    assert case.calls is not None
    assert case.timeline is not None
    assert [one.role for one in case.calls] == ["opened"]
    assert "pin" not in answer.json()
    kinds = [step.kind for step in case.timeline]
    assert kinds[0] == "call_arrived"
    assert {"case_opened", "topic_chosen", "queued"} <= set(kinds)
    assert "agent_state" not in kinds
    assert (kinds[-1], case.timeline[-1].by) == ("case_read", "Rina")
    facts = house.app.db.read_sync(
        lambda conn: conn.execute(select(fact.c.agent).where(fact.c.kind == "case_read")).all()
    )
    assert [one.agent for one in facts] == [house.ids["petugas"]]


@pytest.mark.parametrize(
    "number, status",
    [("0000000000", 404), ("123", 422), ("12345678901", 422), ("١٢٣٤٥٦٧٨٩٠", 422), ("x" * 10, 422)],
)
async def test_a_number_that_is_none_is_not_found_and_leaves_no_trace(
    house: House, number: str, status: int
) -> None:
    officer = await house.signed_in("petugas")
    assert (await officer.get(f"/api/cases/{number}")).status_code == status
    assert not house.app.db.read_sync(
        lambda conn: conn.execute(select(fact.c.id).where(fact.c.kind == "case_read")).all()
    )


async def test_a_message_is_heard_by_who_may_read_the_case_and_nobody_else(house: House) -> None:
    officer, agent = await house.signed_in("petugas"), await house.signed_in("agen")
    phone = house.browser()
    call = await house.caller_waits("3")
    said = await phone.post(f"/simulator/calls/{call}/speak", {"text": "Upah saya belum dibayar"})
    assert said.status_code == 200
    number = (await officer.get("/api/desk/cases")).json()["cases"][0]["number"]
    case = (await officer.get(f"/api/cases/{number}")).json()
    assert [one["seconds"] > 0 for one in case["recordings"]] == [True]
    path = f"/api/cases/{number}/recordings/{case['recordings'][0]['name']}"

    async def sound() -> bytes | None:
        answer = await officer.get(path)  # 404 until it was fetched from the line
        return answer.content if answer.status_code == 200 else None

    heard = await eventually(sound)
    assert heard[:4] == b"RIFF"
    assert b"Upah saya" in heard
    assert (await agent.get(path)).status_code == 404
    other = await a_case(house)
    elsewhere = path.replace(number, other["number"])
    assert (await officer.get(elsewhere)).status_code == 404
    kept = list((house.app.settings.var / "recordings").iterdir())
    assert kept
    assert all(b"Upah saya" not in file.read_bytes() for file in kept)


async def test_a_forgotten_case_says_so(house: House) -> None:
    row = await a_case(house)
    officer = await house.signed_in("petugas")
    agent = house.ids["agen"]
    forget = update(case_record).values(key=b"", narrative=b"x" * 40, custodian=agent)
    house.app.db.write_sync(lambda conn: conn.execute(forget))
    answer = await officer.get(f"/api/cases/{row['number']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "forgotten")


async def test_who_talks_with_a_reporter_sees_the_case_until_it_is_wrapped_up(
    house: House,
) -> None:
    agent, other = await house.signed_in("agen"), await house.signed_in("agen2")
    call = await talk(house, agent)
    number = call["case"]["number"]
    path = f"/api/cases/{number}"
    file = CaseFile.model_validate((await agent.get(path)).json())
    assert (file.may["narrative"], file.may["name"]) == ("change", "change")
    assert (await other.get(path)).status_code == 404
    saved = await agent.put(path, {"version": file.version, "province": "32"})
    assert (saved.status_code, saved.json()["custodian"]) == (200, "Sari")
    official = update(case_record).values(compartment="integrity", unit="ITJEN")
    house.app.db.write_sync(lambda conn: conn.execute(official))
    file = CaseFile.model_validate((await agent.get(path)).json())
    assert file.may["narrative"] == "change"
    assert (file.timeline, file.calls) == (None, None)
    await agent.post(f"/api/agent/calls/{call['id']}/hangup")
    await shows(agent, "wrap_up")
    assert (await agent.get(path)).status_code == 200
    await agent.post("/api/agent/wrap-up/done", {"outcome": "complaint"})
    assert (await agent.get(path)).status_code == 404
    assert (await agent.get("/api/desk/cases")).json()["cases"] == []


async def test_the_list_itself_tells_no_story(house: House) -> None:
    row = await a_case(house)
    assert row.keys() == DeskRow.model_fields.keys()
    assert {"name", "narrative", "employer", "phones", "summary"}.isdisjoint(row)
