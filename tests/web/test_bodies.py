"""A body of the directory is brought into the talk through the agent's doors."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Browser, House, eventually
from tests.web.test_agent import shows, state, talk

KP2MI = "+622129244800"
BODY = {"code": "KP2MI"}


async def joined(agent: Browser, wanted: str | None) -> dict[str, Any]:
    """The call as soon as the body's state is ``wanted``."""

    async def there() -> dict[str, Any] | None:
        call: dict[str, Any] = (await agent.agent())["call"]
        return call if (call["joined"] or {}).get("state") == wanted else None

    return await eventually(there)


async def rung(house: House) -> str:
    """The telephone of the body, which rings."""

    async def there() -> str | None:
        found = (await house.browser().get(f"/simulator/phones/{KP2MI}")).json()["call"]
        return str(found) if found else None

    return await eventually(there)


async def picks_up(house: House) -> str:
    phone = await rung(house)
    await house.browser().post(f"/simulator/calls/{phone}/answer")
    return phone


async def where(house: House, phone: str) -> str | None:
    """What that phone waits for."""
    wait: str | None = (await house.browser().get(f"/simulator/calls/{phone}")).json()["wait"]
    return wait


async def test_it_joins_and_is_let_go(house: House) -> None:
    agent = await house.signed_in("agen")
    call = await talk(house, agent)
    path = f"/api/agent/calls/{call['id']}/body"
    assert (await agent.put(path, BODY)).json() == {"done": True}
    shown = await joined(agent, "ringing")
    assert shown["joined"]["code"] == "KP2MI"
    assert shown["joined"]["label"].keys() == {"id", "en"}
    phone = await picks_up(house)
    await joined(agent, "talking")
    assert await where(house, phone) == "room"
    assert (await agent.post(f"{path}/end")).status_code == 200
    assert (await joined(agent, None))["state"] == "talking"
    assert (await agent.post(f"{path}/end")).status_code == 200  # a second click


async def test_the_agent_leaves_the_caller_with_it(house: House) -> None:
    agent = await house.signed_in("agen")
    call = await talk(house, agent)
    await agent.put(f"/api/agent/calls/{call['id']}/body", BODY)
    phone = await picks_up(house)
    await joined(agent, "talking")
    await agent.post(f"/api/agent/calls/{call['id']}/hangup")
    await shows(agent, "wrap_up")
    assert await where(house, phone) == "room"
    await agent.post("/api/agent/wrap-up/done", {"outcome": "complaint"})
    await state(agent, "ready")
    assert await where(house, phone) == "room"
    await house.browser().post(f"/simulator/calls/{phone}/hangup")

    async def over() -> bool:
        rows = await house.app.db.read(
            lambda conn: conn.exec_driver_sql("SELECT state, stage FROM call").all()
        )
        return [row.state for row in rows] == ["ended"]

    await eventually(over)  # the flow has said thanks, and hung up


async def test_what_is_refused(house: House) -> None:
    agent, other = await house.signed_in("agen"), await house.signed_in("agen2")
    call = await talk(house, agent)
    path = f"/api/agent/calls/{call['id']}/body"
    for body, why in (
        ({"code": "nobody"}, "no_number"),
        ({"code": "DARURAT"}, "no_number"),  # 112 is no number in full
        (BODY, None),
        (BODY, None),  # a second click
        ({"code": "BPJS_TK"}, "engaged"),
    ):
        answer = await agent.put(path, body)
        if why is None:
            assert answer.status_code == 200
        else:
            assert answer.status_code == 409
            assert answer.json()["error"]["fields"] == {"event": why}
    for body in ({"code": "+628111"}, {"code": ""}, {}, {"code": "KP2MI", "number": KP2MI}):
        assert (await agent.put(path, body)).status_code == 422
    for answer in (await other.put(path, BODY), await other.post(f"{path}/end")):
        assert answer.status_code == 404
    await joined(agent, "ringing")
    rows = await house.app.db.read(
        lambda conn: conn.exec_driver_sql("SELECT id FROM leg WHERE role = 'body'").all()
    )
    assert len(rows) == 1
    officer = await house.signed_in("petugas")
    assert (await officer.put(path, BODY)).status_code == 403


async def test_the_days_calls_are_used_up(house: House) -> None:
    agent = await house.signed_in("agen")
    call = await talk(house, agent)
    path = f"/api/agent/calls/{call['id']}/body"
    most = house.app.settings.callbacks_a_day
    now = house.clock.now()

    def used(conn: Any) -> None:
        conn.exec_driver_sql(
            "INSERT INTO call (id, line, state, started_at) VALUES ('other', ?, 'ended', ?)",
            ("simulator", now),
        )
        for n in range(most):
            conn.exec_driver_sql(
                "INSERT INTO leg (id, call, role, line, state, rev, in_room, device_kind,"
                " started_at) VALUES (?, ?, 'body', 'simulator', 'gone', 1, 0, 'phone', ?)",
                (f"used-{n}", "other", now),
            )

    await house.app.db.write(used)
    answer = await agent.put(path, BODY)
    assert (answer.status_code, answer.json()["error"]["fields"]) == (409, {"event": "cap"})
