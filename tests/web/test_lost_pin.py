"""A caller who lost the PIN and says two things right is given a new one by the agent."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from callcenter.cases import tables
from callcenter.cases.facts import CaseFact
from callcenter.db.tables import fact
from tests.web.conftest import Browser, House
from tests.web.test_agent import shows, state

NAME, EMPLOYER, PHONE = "Budi Santoso", "PT Maju Jaya", "+6281112345"


async def talks(house: House, agent: Browser) -> dict[str, Any]:
    """The call that the agent talks in, from another telephone than the complaint's."""
    await agent.put("/api/agent/state", {"state": "ready"})
    await house.caller_waits(caller="+6281199999")
    offer = (await shows(agent, "offer"))["offer"]
    await agent.post(f"/api/agent/offers/{offer['id']}/accept")
    await state(agent, "talking")
    found: dict[str, Any] = (await agent.agent())["call"]
    return found


async def complained(house: House, agent: Browser) -> tuple[str, str]:
    """Number and PIN of a complaint by NAME about EMPLOYER from PHONE."""
    await agent.put("/api/agent/state", {"state": "ready"})
    phone = await house.caller_waits(caller=PHONE)
    offer = (await shows(agent, "offer"))["offer"]
    await agent.post(f"/api/agent/offers/{offer['id']}/accept")
    await state(agent, "talking")
    call = (await agent.agent())["call"]
    form = {
        "version": call["case"]["version"],
        "narrative": "Upah.",
        "reporter_name": NAME,
        "employer": EMPLOYER,
    }
    saved = await agent.put(f"/api/agent/calls/{call['id']}/case", form)
    assert saved.status_code == 200, saved.text
    await house.browser().post(f"/simulator/calls/{phone}/hangup")
    await shows(agent, "wrap_up")
    await agent.post("/api/agent/wrap-up/done", {"outcome": "complaint"})
    await state(agent, "ready")
    return call["case"]["number"], call["case"]["pin"]


async def status(house: House, number: str, pin: str) -> str:
    form = {"number": number, "pin": pin, "language": "en"}
    return (await house.browser().http.post("/status", data=form)).text


async def test_two_right_things_give_a_new_pin(house: House) -> None:
    agent = await house.signed_in("agen")
    number, old = await complained(house, agent)
    for _ in range(5):
        await status(house, number, "000000")
    assert "Too many" in await status(house, number, old)
    path = f"/api/agent/calls/{(await talks(house, agent))['id']}/pin"
    said = {"number": number, "name": "budi  SANTOSO", "phone": "0811-12345"}
    given = await agent.post(path, said)
    assert given.status_code == 200, given.text
    new = given.json()["pin"]
    assert given.json()["number"] == number
    assert "do not match" in await status(house, number, old)
    assert number[:2] + " " in await status(house, number, new)
    kinds = await house.app.db.read(
        lambda conn: conn.execute(
            select(fact.c.agent).where(fact.c.kind == CaseFact.PIN_SET.value)
        ).scalars().all()
    )  # fmt: skip
    assert kinds == [house.ids["agen"]]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"name": NAME},
        {"employer": EMPLOYER},
        {"phone": PHONE},
        {"name": NAME, "employer": "PT Lain"},
        {"name": NAME, "employer": EMPLOYER, "phone": "+6281199999"},
        {"name": "Ani", "phone": PHONE},
    ],
)
async def test_anything_else_does_not(house: House, said: dict[str, str]) -> None:
    agent = await house.signed_in("agen")
    number, pin = await complained(house, agent)
    path = f"/api/agent/calls/{(await talks(house, agent))['id']}/pin"
    refused = await agent.post(path, {"number": number} | said)
    nobodys = number[:9] + "0" if number[9] != "0" else number[:9] + "1"
    assert (await agent.post(path, {"number": nobodys} | said)).status_code == 422
    assert refused.status_code == 409
    assert refused.json()["error"]["fields"] == {"event": "unknown"}
    assert number[:2] + " " in await status(house, number, pin)


async def test_three_tries_a_call_and_a_number_that_nobody_has_is_the_same(house: House) -> None:
    agent = await house.signed_in("agen")
    number, _ = await complained(house, agent)
    path = f"/api/agent/calls/{(await talks(house, agent))['id']}/pin"
    right = {"name": NAME, "employer": EMPLOYER}
    unknown = {"number": "2648151621"} | right
    answers = [await agent.post(path, unknown) for _ in range(3)]
    answers.append(await agent.post(path, {"number": number} | right))
    codes = [one.json()["error"]["fields"]["event"] for one in answers]
    assert codes == ["unknown", "unknown", "unknown", "locked"]
    tries = await house.app.db.read(
        lambda conn: conn.execute(select(tables.pin_attempt.c.case)).scalars().all()
    )
    assert len(tries) == 3
    assert number not in "".join(tries)


async def test_only_while_talking(house: House) -> None:
    agent = await house.signed_in("agen")
    number, _ = await complained(house, agent)
    call = (await talks(house, agent))["id"]
    other = await house.signed_in("agen2")
    said = {"number": number, "name": NAME, "employer": EMPLOYER}
    assert (await other.post(f"/api/agent/calls/{call}/pin", said)).status_code == 404
    assert (await agent.post("/api/agent/calls/none/pin", said)).status_code == 404


async def test_a_code_is_asked_for_in_the_talk_and_nobody_learns_whether_it_was_sent(
    house: House,
) -> None:
    agent = await house.signed_in("agen")
    number, _ = await complained(house, agent)
    path = f"/api/agent/calls/{(await talks(house, agent))['id']}/pin"
    answers = [await agent.post(f"{path}/code", {"number": one}) for one in (number, "2648151621")]
    assert {(one.status_code, one.text) for one in answers} == {(200, answers[0].text)}
    wrong = await agent.post(path, {"number": number, "code": "135790"})
    assert (wrong.status_code, wrong.json()["error"]["fields"]) == (409, {"event": "unknown"})
    assert (await agent.post(f"{path}/code", {"number": "1"})).status_code == 422
    assert (await agent.post(path, {"number": number, "code": "12"})).status_code == 422
    other = await house.signed_in("agen2")
    assert (await other.post(f"{path}/code", {"number": number})).status_code == 404
