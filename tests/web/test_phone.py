"""The simulated telephone by HTTP."""

from __future__ import annotations

import dataclasses

import pytest

from callcenter.line import Device, DeviceKind, RingLeg
from callcenter.telephony.simulator.line import SimulatorLine
from callcenter.web import make_web
from callcenter.web.documents import SimulatedCall
from callcenter.web.factory import routes_of
from tests.web.conftest import House

BUDI = "+6281112345"


async def test_a_call_from_dialling_to_hanging_up(house: House) -> None:
    phone = house.browser()
    dialled = await phone.post("/simulator/calls", {"from": "+6281112345", "to": "1500630"})
    assert dialled.status_code == 201
    call = dialled.json()["call"]
    shown = (await phone.get(f"/simulator/calls/{call}")).json()
    assert SimulatedCall.model_validate(shown).state == "up"
    assert (shown["state"], shown["wait"], shown["line"]) == ("up", "keys", "simulator")
    assert (shown["from"], shown["to"]) == ("+6281112345", "1500630")
    heard = shown["heard"]
    assert [one["n"] for one in heard] == list(range(1, len(heard) + 1))
    assert "for upah, press satu" in " ".join(one["text"] for one in heard)
    after = (await phone.get(f"/simulator/calls/{call}?after={heard[-1]['n']}")).json()
    assert after["heard"] == []

    assert (await phone.post(f"/simulator/calls/{call}/silence")).status_code == 200
    newer = (await phone.get(f"/simulator/calls/{call}?after={heard[-1]['n']}")).json()["heard"]
    assert newer[0]["text"] == "nothing heard"
    assert (await phone.post(f"/simulator/calls/{call}/speak", {"text": "Halo"})).status_code == 200
    assert (await phone.post(f"/simulator/calls/{call}/hangup")).status_code == 200
    assert (await phone.get(f"/simulator/calls/{call}")).json()["state"] == "gone"
    assert (await phone.post(f"/simulator/calls/{call}/hangup")).status_code == 200  # twice is once
    assert (await phone.post(f"/simulator/calls/{call}/keys", {"keys": "1"})).status_code == 404


async def rings(house: House, leg: str) -> SimulatorLine:
    """The hotline calls BUDI; ``leg`` rings."""
    simulator = house.app.lines["simulator"]
    assert isinstance(simulator, SimulatorLine)
    await simulator.do(RingLeg(leg, Device(DeviceKind.CALLER, BUDI)))
    return simulator


async def test_the_hotline_calls_back_and_the_citizen_answers(house: House) -> None:
    phone = house.browser()
    for number in (BUDI, BUDI.replace("+", "%2B"), "081112345"):
        assert (await phone.get(f"/simulator/phones/{number}")).json() == {"call": None}
    simulator = await rings(house, "back")
    for number in (BUDI, BUDI.replace("+", "%2B"), "081112345"):
        assert (await phone.get(f"/simulator/phones/{number}")).json() == {"call": "back"}
    assert (await phone.get("/simulator/phones/+6281112346")).json() == {"call": None}
    assert (await phone.get("/simulator/calls/back")).json()["state"] == "ringing"
    assert (await phone.post("/simulator/calls/back/keys", {"keys": "1"})).status_code == 404
    assert (await phone.post("/simulator/calls/back/answer")).status_code == 200
    assert simulator.view("back")["state"] == "up"
    assert (await phone.get(f"/simulator/phones/{BUDI}")).json() == {"call": None}
    assert (await phone.post("/simulator/calls/back/answer")).status_code == 404
    assert (await phone.post("/simulator/calls/back/busy")).status_code == 404
    assert (await phone.post("/simulator/calls/back/keys", {"keys": "1"})).status_code == 200
    assert (await phone.post("/simulator/calls/back/hangup")).status_code == 200


async def test_the_citizen_who_is_called_back_is_busy(house: House) -> None:
    phone = house.browser()
    await rings(house, "back")
    assert (await phone.post("/simulator/calls/back/busy")).status_code == 200
    assert (await phone.get("/simulator/calls/back")).json()["state"] == "gone"
    assert (await phone.get(f"/simulator/phones/{BUDI}")).json() == {"call": None}
    assert (await phone.post("/simulator/calls/back/answer")).status_code == 404


async def test_a_call_that_was_dialled_does_not_ring(house: House) -> None:
    call = await house.caller_waits(caller=BUDI)
    phone = house.browser()
    assert (await phone.get(f"/simulator/phones/{BUDI}")).json() == {"call": None}
    for what in ("answer", "busy"):
        assert (await phone.post(f"/simulator/calls/{call}/{what}")).status_code == 404


@pytest.mark.parametrize("number", ["1", "abc", "+62811x", "1" * 16, "%D9%A1%D9%A1%D9%A1%D9%A1"])
async def test_a_bad_number_is_refused(house: House, number: str) -> None:
    answer = await house.browser().get(f"/simulator/phones/{number}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "path, body",
    [
        ("", {"to": ""}),
        ("", {"from": "x" * 41, "to": "1"}),
        ("", {"from": "a\nb", "to": "1"}),
        ("", {"from": 628111, "to": "1"}),
        ("", {"caller": "+628111", "to": "1"}),
        ("", {}),
        ("/x/keys", {"keys": ""}),
        ("/x/keys", {"keys": "1a"}),
        ("/x/keys", {"keys": "1" * 41}),
        ("/x/keys", {"keys": "١"}),
        ("/x/speak", {"text": ""}),
        ("/x/speak", {"text": "x" * 2001}),
        ("/x/speak", {"text": "\u0000"}),
    ],
)
async def test_a_bad_body_is_refused(house: House, path: str, body: dict[str, object]) -> None:
    answer = await house.browser().post(f"/simulator/calls{path}", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid")


async def test_a_call_that_nobody_made_is_not_there(house: House) -> None:
    phone = house.browser()
    assert (await phone.get("/simulator/calls/none")).status_code == 404
    for action, body in (
        ("keys", {"keys": "1"}),
        ("silence", None),
        ("speak", {"text": "x"}),
        ("hangup", None),
        ("answer", None),
        ("busy", None),
    ):
        answer = await phone.post(f"/simulator/calls/none/{action}", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), action
    assert (await phone.get("/simulator/sounds/" + "0" * 32 + ".wav")).status_code == 404
    assert (await phone.get("/simulator/sounds/..%2f..%2fetc%2fpasswd.wav")).status_code in (
        404,
        422,
    )


async def test_a_name_that_was_made_to_point_here_reaches_no_telephone(house: House) -> None:
    """DNS rebinding: the browser believes that it talks to its own site."""
    phone = house.browser()
    port = house.url.rsplit(":", 1)[1]
    evil = f"evil.example:{port}"
    answer = await phone.post(
        "/simulator/calls",
        {"from": "+628111", "to": "1"},
        headers={"Host": evil, "Origin": f"http://{evil}"},
    )
    assert answer.status_code == 404
    assert (await phone.get(f"/simulator/phones/{BUDI}", headers={"Host": evil})).status_code == 404


async def test_without_the_simulator_there_is_no_telephone(house: House) -> None:
    deps = dataclasses.replace(house.app.web.state.deps, simulator=None)
    paths = {route.path for route in routes_of(make_web(deps).router)}
    assert not any(path.startswith("/simulator") for path in paths)
