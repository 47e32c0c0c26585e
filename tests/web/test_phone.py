"""The simulated telephone by HTTP."""

from __future__ import annotations

import dataclasses

import pytest

from callcenter.web import make_web
from callcenter.web.documents import SimulatedCall
from callcenter.web.factory import routes_of
from tests.web.conftest import House


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


async def test_without_the_simulator_there_is_no_telephone(house: House) -> None:
    deps = dataclasses.replace(house.app.web.state.deps, simulator=None)
    paths = {route.path for route in routes_of(make_web(deps).router)}
    assert not any(path.startswith("/simulator") for path in paths)
