"""An agent's day through HTTP: from signing in to the case in the store."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from callcenter.cases import tables
from callcenter.web.documents import Console
from tests.web.conftest import Browser, House, eventually


async def shows(browser: Browser, what: str) -> dict[str, Any]:
    """The console's document as soon as it has a ``what``."""

    async def document() -> dict[str, Any] | None:
        found = await browser.agent()
        return found if found[what] else None

    return await eventually(document)


async def state(browser: Browser, wanted: str) -> None:
    async def there() -> bool:
        return bool((await browser.agent())["agent"]["state"] == wanted)

    await eventually(there)


async def test_from_sign_in_to_a_case_with_its_number(house: House) -> None:
    agent = await house.signed_in("agen")
    first = await agent.agent()
    assert Console.model_validate(first).model_dump() == first
    assert first["agent"]["state"] == "paused"
    assert first["agent"]["name"] == "Sari"
    assert first["agent"]["device"]["kind"] == "simulated"
    assert first["agent"]["device"]["account"] is None
    assert {topic["code"] for topic in first["agent"]["topics"]} == {"upah", "phk"}
    assert first["outcomes"][0]["label"].keys() == {"id", "en"}

    assert (await agent.put("/api/agent/state", {"state": "ready"})).status_code == 200
    call = await house.caller_waits()
    offer = (await shows(agent, "offer"))["offer"]
    assert offer["caller"] == "+6281112345"
    assert offer["topic"] == {"code": "upah", "label": {"id": "upah", "en": "wages"}}
    assert offer["line"] == "simulator"

    accepted = await agent.post(f"/api/agent/offers/{offer['id']}/accept")
    assert accepted.json() == {"done": True}
    await state(agent, "talking")
    talking = (await agent.agent())["call"]
    assert talking["state"] == "talking"
    case = talking["case"]
    assert len(case["number"]) == 10
    assert case["pin"]
    phone = (await house.browser().get(f"/simulator/calls/{call}")).json()
    assert (phone["state"], phone["wait"]) == ("up", "room")

    path = f"/api/agent/calls/{talking['id']}/case"
    form = {"version": case["version"], "narrative": "Upah tidak dibayar.\nSejak Maret."}
    saved = await agent.put(path, form)
    assert saved.status_code == 200, saved.text
    assert saved.json()["narrative"] == form["narrative"]
    assert saved.json()["version"] == case["version"] + 1

    assert (await agent.post(f"/api/agent/calls/{talking['id']}/hangup")).status_code == 200
    wrap_up = (await shows(agent, "wrap_up"))["wrap_up"]
    assert wrap_up["case"]["narrative"] == form["narrative"]
    assert (
        await agent.post("/api/agent/wrap-up/done", {"outcome": "complaint"})
    ).status_code == 200
    done = await agent.agent()
    assert done["agent"]["state"] == "ready"
    assert done["today"]["answered"] == 1

    officer = await house.signed_in("petugas")
    read = (await officer.get(f"/api/cases/{case['number']}")).json()
    assert read["narrative"] == form["narrative"]
    assert [one["line"] for one in read["calls"]] == ["simulator"]


async def test_a_stale_form_gets_the_case_as_it_is_now(house: House) -> None:
    agent = await house.signed_in("agen")
    talking = await talk(house, agent)
    path = f"/api/agent/calls/{talking['id']}/case"
    version = talking["case"]["version"]
    assert (await agent.put(path, {"version": version, "employer": "PT A"})).status_code == 200
    stale = await agent.put(path, {"version": version, "employer": "PT B"})
    assert stale.status_code == 409
    error = stale.json()["error"]
    assert error["code"] == "stale"
    assert error["current"]["employer"] == "PT A"
    assert error["current"].keys() == talking["case"].keys()


@pytest.mark.parametrize(
    "change, field",
    [
        ({"narrative": "x" * 20_001}, "narrative"),
        ({"narrative": "bell \u0007"}, "narrative"),
        ({"reporter_name": "two\nlines"}, "reporter_name"),
        ({"reporter_name": "x" * 201}, "reporter_name"),
        ({"topic": "nothing"}, "topic"),
        ({"topic": "a b"}, "topic"),
        ({"status": "closed"}, "status"),
        ({"version": 0}, "version"),
        ({"version": "1"}, "version"),
        ({"employer": 5}, "employer"),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_written(
    house: House, change: dict[str, object], field: str
) -> None:
    agent = await house.signed_in("agen")
    talking = await talk(house, agent)
    path = f"/api/agent/calls/{talking['id']}/case"
    form = {"version": talking["case"]["version"], "employer": "PT A"} | change
    answer = await agent.put(path, form)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")
    assert field in answer.json()["error"]["fields"]
    assert (await agent.agent())["call"]["case"]["employer"] == ""


async def test_what_is_not_mine_is_not_there(house: House) -> None:
    mine, other = await house.signed_in("agen"), await house.signed_in("agen2")
    talking = await talk(house, mine)
    call = talking["id"]
    for answer in (
        await other.put(f"/api/agent/calls/{call}/case", {"version": 1, "employer": "PT B"}),
        await other.post(f"/api/agent/calls/{call}/hangup"),
        await other.post("/api/agent/offers/nothing/accept"),
        await other.post("/api/agent/offers/nothing/decline"),
        await other.post("/api/agent/calls/nothing/hangup"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await mine.agent())["call"]["state"] == "talking"


async def test_an_offer_that_is_over_is_too_late(house: House) -> None:
    agent = await house.signed_in("agen")
    await agent.put("/api/agent/state", {"state": "ready"})
    call = await house.caller_waits()
    offer = (await shows(agent, "offer"))["offer"]
    await house.browser().post(f"/simulator/calls/{call}/hangup")
    await state(agent, "ready")
    answer = await agent.post(f"/api/agent/offers/{offer['id']}/accept")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_late")


async def test_declining_leaves_the_caller_to_the_next_agent(house: House) -> None:
    first, second = await house.signed_in("agen"), await house.signed_in("agen2")
    await first.put("/api/agent/state", {"state": "ready"})
    await house.caller_waits()
    offer = (await shows(first, "offer"))["offer"]
    await second.put("/api/agent/state", {"state": "ready"})
    assert (await first.post(f"/api/agent/offers/{offer['id']}/decline")).status_code == 200
    assert (await shows(second, "offer"))["offer"]["call"] == offer["call"]


async def test_what_the_state_does_not_allow_is_refused(house: House) -> None:
    agent = await house.signed_in("agen")
    answer = await agent.post("/api/agent/wrap-up/done", {"outcome": "complaint"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_now")
    for body in ({"state": "talking"}, {"state": "ready", "reason": "Jam Makan!"}, {}):
        assert (await agent.put("/api/agent/state", body)).status_code == 422


async def test_an_agent_in_a_call_can_not_sign_out(house: House) -> None:
    agent = await house.signed_in("agen")
    await talk(house, agent)
    answer = await agent.post("/api/sign-out")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_now")
    assert (await agent.agent())["call"]["state"] == "talking"


async def test_a_withheld_number_is_no_number(house: House) -> None:
    agent = await house.signed_in("agen")
    await agent.put("/api/agent/state", {"state": "ready"})
    await house.caller_waits(caller=None)
    assert (await shows(agent, "offer"))["offer"]["caller"] is None


async def talk(house: House, agent: Browser) -> dict[str, Any]:
    """A call that ``agent`` has answered."""
    await agent.put("/api/agent/state", {"state": "ready"})
    await house.caller_waits()
    offer = (await shows(agent, "offer"))["offer"]
    await agent.post(f"/api/agent/offers/{offer['id']}/accept")
    await state(agent, "talking")
    call: dict[str, Any] = (await agent.agent())["call"]
    return call


async def test_without_anything_that_sends_messages_there_is_no_button(house: House) -> None:
    agent = await house.signed_in("agen")
    await agent.put("/api/agent/state", {"state": "ready"})
    await house.caller_waits()
    offer = (await shows(agent, "offer"))["offer"]
    await agent.post(f"/api/agent/offers/{offer['id']}/accept")
    call = (await shows(agent, "call"))["call"]
    assert call["message"] is None
    answer = await agent.post(f"/api/agent/calls/{call['id']}/message", {"channel": "sms"})
    assert answer.status_code == 409
    assert answer.json()["error"]["fields"] == {"channel": "no_sender"}


async def test_a_case_that_law_enforcement_holds_keeps_its_person(house: House) -> None:
    agent = await house.signed_in("agen")
    await agent.put("/api/agent/state", {"state": "ready"})
    await house.caller_waits(caller="+6281112345")
    offer = (await shows(agent, "offer"))["offer"]
    await agent.post(f"/api/agent/offers/{offer['id']}/accept")
    await state(agent, "talking")
    call = (await agent.agent())["call"]
    hold = update(tables.case).values(held_at=1)
    await house.app.db.write(lambda conn: conn.execute(hold))
    form = {"version": call["case"]["version"], "narrative": "Upah.", "anonymous": True}
    held = await agent.put(f"/api/agent/calls/{call['id']}/case", form)
    assert (held.status_code, held.json()["error"]["fields"]) == (409, {"anonymous": "law"})
    assert (await agent.agent())["call"]["case"]["narrative"] == ""
