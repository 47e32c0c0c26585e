"""The case number in writing: an agent's click, through the whole application, to a fake Twilio."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from callcenter import settings as settings_module
from callcenter.calls.service import Done
from callcenter.cases import service as cases
from callcenter.cases.reporters import service as reporters
from callcenter.cases.reporters.service import Form
from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.cases.work import service as work
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.messages import tables
from tests.fake_twilio import FakeTwilio
from tests.web.conftest import FLOWS, Browser, House, eventually

OURS = "+622150630150"
CITIZEN = "+6281112345678"


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with FakeTwilio(speed=20.0) as made:
        made.number(OURS)
        yield made


@pytest.fixture
def settings(
    sqlite_url: str, tmp_path: Path, twilio: FakeTwilio, listening: socket.socket
) -> settings_module.Settings:
    return settings_module.load(
        {
            "CALLCENTER_VAR": str(tmp_path / "var"),
            "DATABASE_URL": sqlite_url,
            "CALLCENTER_FLOWS": str(FLOWS),
            "SIMULATOR": "on",
            "ASTERISK_SOUNDS": str(tmp_path / "sounds"),
            "PUBLIC_BASE_URL": f"http://127.0.0.1:{listening.getsockname()[1]}",
            "TWILIO_ACCOUNT_SID": twilio.account_sid,
            "TWILIO_AUTH_TOKEN": twilio.auth_token,
            "TWILIO_NUMBER": OURS,
            "TWILIO_API_URL": twilio.base_url,
        }
    )


async def talks(house: House, caller: str | None = CITIZEN) -> tuple[Browser, dict[str, Any]]:
    """An agent who talks, and the call as the console shows it."""
    agent = await house.signed_in("agen")
    assert (await agent.put("/api/agent/state", {"state": "ready"})).status_code == 200
    await house.caller_waits(caller=caller)

    async def offered() -> str | None:
        offer = (await agent.agent())["offer"]
        return offer and str(offer["id"])

    offer = await eventually(offered)
    assert (await agent.post(f"/api/agent/offers/{offer}/accept")).status_code == 200

    async def talking() -> dict[str, Any] | None:
        call: dict[str, Any] | None = (await agent.agent())["call"]
        return call if call is not None and call["state"] == "talking" else None

    return agent, await eventually(talking)


async def becomes(agent: Browser, place: str, state: str) -> dict[str, Any]:
    """The message of the call as soon as it is in ``state``."""

    async def there() -> dict[str, Any] | None:
        shown = await agent.agent()
        message: dict[str, Any] = shown[place]["message"]
        latest = message["latest"]
        return message if latest is not None and latest["state"] == state else None

    return await eventually(there)


def refused(answer: Any) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["fields"]["channel"]


async def send(agent: Browser, call: str, channel: str = "sms") -> Any:
    return await agent.post(f"/api/agent/calls/{call}/message", {"channel": channel})


async def test_the_caller_gets_the_case_number(house: House, twilio: FakeTwilio) -> None:
    agent, call = await talks(house)
    assert call["message"] == {"channels": ["sms"], "latest": None}
    assert (await send(agent, call["id"])).json() == {"done": True}
    shown = await becomes(agent, "call", "delivered")
    assert shown == {
        "channels": [],
        "latest": {"channel": "sms", "state": "delivered", "reason": None},
    }
    (sent,) = [one for one in twilio.messages if one.direction == "outbound-api"]
    number = call["case"]["number"]
    assert f"{number[:2]}-{number[2:6]}-{number[6:]}" in sent.body
    assert call["case"]["pin"] not in sent.body
    assert (sent.to, sent.from_) == (CITIZEN, OURS)
    assert refused(await send(agent, call["id"])) == (409, "message_refused", "already_sent")
    assert twilio.problems == []


async def test_in_the_wrap_up_and_not_after_it(house: House, twilio: FakeTwilio) -> None:
    agent, call = await talks(house)
    await agent.post(f"/api/agent/calls/{call['id']}/hangup")

    async def over() -> bool:
        return (await agent.agent())["wrap_up"] is not None

    await eventually(over)
    assert (await send(agent, call["id"])).status_code == 200
    await becomes(agent, "wrap_up", "delivered")
    await agent.post("/api/agent/wrap-up/done", {"outcome": "complaint"})
    assert (await send(agent, call["id"])).status_code == 404
    assert len(twilio.messages) == 1


async def test_a_case_shows_what_was_sent(house: House, twilio: FakeTwilio) -> None:
    agent, call = await talks(house)
    await send(agent, call["id"])
    await becomes(agent, "call", "delivered")
    officer = await house.signed_in("petugas")
    read = (await officer.get(f"/api/cases/{call['case']['number']}")).json()
    steps = [one for one in read["timeline"] if one["kind"].startswith("message_")]
    kinds = [one["kind"] for one in steps]
    assert kinds == ["message_put", "message_sent", "message_delivered"]
    assert steps[0]["by"] == "Sari"
    assert CITIZEN[1:] not in str(read["timeline"])


async def test_what_failed_may_be_sent_again(house: House, twilio: FakeTwilio) -> None:
    twilio.world.messaging.fates[CITIZEN] = 30003
    agent, call = await talks(house)
    await send(agent, call["id"])
    shown = await becomes(agent, "call", "undelivered")
    assert shown["channels"] == ["sms"]
    twilio.world.messaging.fates.clear()
    assert (await send(agent, call["id"])).status_code == 200
    await becomes(agent, "call", "delivered")
    assert len(twilio.messages) == 2


async def test_a_withheld_number_is_not_written_to(house: House, twilio: FakeTwilio) -> None:
    agent, call = await talks(house, caller=None)
    assert call["message"] is None
    assert refused(await send(agent, call["id"]))[2] == "no_number"
    assert twilio.messages == []


async def test_a_number_that_may_not_be_written_to(house: House, twilio: FakeTwilio) -> None:
    agent, call = await talks(house, caller="+6581234567")
    assert refused(await send(agent, call["id"]))[2] == "not_allowed"
    assert refused(await send(agent, call["id"], "whatsapp"))[2] == "no_sender"
    shown = await becomes(agent, "call", "refused")
    assert shown["latest"]["reason"] == "not_allowed"
    assert twilio.messages == []


async def test_nobody_elses_call(house: House, twilio: FakeTwilio) -> None:
    _, call = await talks(house)
    other = await house.signed_in("agen2")
    assert (await send(other, call["id"])).status_code == 404
    officer = await house.signed_in("petugas")
    assert (await send(officer, call["id"])).status_code == 403
    assert (await send(other, "nothing")).status_code == 404
    assert twilio.messages == []


@pytest.mark.parametrize("body", [{}, {"channel": "email"}, {"channel": "sms", "to": "+62"}, []])
async def test_a_body_that_is_not_of_its_shape(house: House, body: object) -> None:
    agent, call = await talks(house)
    answer = await agent.post(f"/api/agent/calls/{call['id']}/message", body)
    assert answer.status_code == 422


async def test_ten_clicks_at_once_send_one(house: House, twilio: FakeTwilio) -> None:
    agent, call = await talks(house)
    answers = await asyncio.gather(*(send(agent, call["id"]) for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [200, *[409] * 9]
    await becomes(agent, "call", "delivered")
    assert len(twilio.messages) == 1
    wanted = select(tables.message.c.id)
    rows = await house.app.db.read(lambda conn: list(conn.execute(wanted)))
    assert len(rows) == 1


# --- what becomes of it ---------------------------------------------------------------------------


async def _does(house: House, what: Callable[[Connection, Given], object]) -> None:
    """One transaction of the desk's."""

    def decide(connection: Connection, given: Given) -> Done:
        what(connection, given)
        return Done()

    await house.app.calls.commit(decide)


def _moved(
    house: House,
    case: str,
    event: CaseEvent,
    fields: dict[str, str],
    connection: Connection,
    given: Given,
) -> None:
    keys, rules = house.app.store.keys, house.app.calls.rules
    by, triage = house.ids["petugas"], Actor.TRIAGE
    work.move(
        connection, keys, given, rules, case=case, event=event, actor=triage, by=by, fields=fields
    )


async def _asked(house: House, number: str) -> str:
    """Triage asks the reporter something, at any hour of theirs; gives the id of the case."""
    keys = house.app.store.keys
    case = house.app.db.read_sync(lambda conn: cases.by_number(conn, keys, number)).id
    any_hour = Form(safe_from=0, safe_until=0)
    await _does(
        house,
        lambda conn, given: reporters.save(conn, keys, given, case=case, form=any_hour),
    )
    for event, fields in (
        (CaseEvent.VERIFY, {}),
        (CaseEvent.NEED_INFO, {"public_note": "Sejak bulan apa upah tidak dibayar?"}),
    ):
        await _does(
            house,
            partial(_moved, house, case, event, fields),
        )
    return case


async def _complains(house: House, *, wants_messages: bool) -> str:
    """A complaint from the first ring to the wrap-up; gives its number."""
    agent, call = await talks(house)
    if wants_messages:
        assert (await send(agent, call["id"])).status_code == 200
        await becomes(agent, "call", "delivered")
    case = call["case"]
    form = {"version": case["version"], "narrative": "Upah ditahan", "reporter_name": "Siti"}
    form |= {"employer": "PT Maju"}
    saved = await agent.put(f"/api/agent/calls/{call['id']}/case", form)
    assert saved.status_code == 200, saved.text
    await agent.post(f"/api/agent/calls/{call['id']}/hangup")

    async def over() -> bool:
        return (await agent.agent())["wrap_up"] is not None

    await eventually(over)
    await agent.post("/api/agent/wrap-up/done", {"outcome": "complaint"})
    number: str = case["number"]
    return number


async def test_who_was_sent_the_number_hears_that_they_are_asked_something(
    house: House, twilio: FakeTwilio
) -> None:
    number = await _complains(house, wants_messages=True)
    await _asked(house, number)
    officer = await house.signed_in("petugas")

    async def delivered() -> list[str] | None:
        read = (await officer.get(f"/api/cases/{number}")).json()
        steps = [one["kind"] for one in read["timeline"] if one["kind"].startswith("message_")]
        return steps if steps.count("message_delivered") == 2 else None

    assert await eventually(delivered) == ["message_put", "message_sent", "message_delivered"] * 2
    told = [one for one in twilio.messages if one.direction == "outbound-api"][-1]
    assert told.to == CITIZEN
    spoken = f"{number[:2]}-{number[2:6]}-{number[6:]}"
    assert told.body.startswith(f"Kami perlu keterangan Anda untuk kasus {spoken}.")
    for word in ("Upah", "upah", "Siti", "Maju", "bulan"):
        assert word not in told.body
    assert twilio.problems == []


async def test_who_was_not_asked_whether_they_want_messages_gets_none(
    house: House, twilio: FakeTwilio
) -> None:
    number = await _complains(house, wants_messages=False)
    case = await _asked(house, number)
    wanted = select(tables.message.c.template).where(tables.message.c.case == case)
    put = house.app.db.read_sync(lambda conn: list(conn.execute(wanted).scalars()))
    assert put == []
    assert twilio.messages == []
