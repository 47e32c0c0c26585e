"""Accounts are changed from the command line while the server works; it notices."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from callcenter import staff
from callcenter.app import housekeeping
from callcenter.people.accounts import BadAccount
from tests.web.conftest import House, eventually
from tests.web.test_agent import shows, state


@contextlib.asynccontextmanager
async def tidied(house: House) -> AsyncIterator[None]:
    """The minute is over: sign-ins are looked through now, not later."""
    task = asyncio.create_task(housekeeping(house.app))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def close(house: House, username: str) -> None:
    await asyncio.to_thread(staff.close, house.app.store, username)


async def test_who_talks_is_not_cut_off_when_the_account_is_closed(house: House) -> None:
    agent = await house.signed_in("agen")
    await agent.put("/api/agent/state", {"state": "ready"})
    caller = await house.caller_waits()
    offer = (await shows(agent, "offer"))["offer"]["id"]
    await agent.post(f"/api/agent/offers/{offer}/accept")
    await state(agent, "talking")

    await close(house, "agen")
    async with tidied(house):
        call = (await shows(agent, "call"))["call"]
        refused = await agent.put("/api/agent/state", {"state": "ready"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_now")
        form = {"version": call["case"]["version"], "narrative": "Upah tidak dibayar."}
        saved = await agent.put(f"/api/agent/calls/{call['id']}/case", form)
        assert saved.status_code == 200
        phone = (await house.browser().get(f"/simulator/calls/{caller}")).json()
        assert (phone["state"], phone["wait"]) == ("up", "room")

        await house.caller_waits(caller="+6281155555")
        await agent.post(f"/api/agent/calls/{call['id']}/hangup")
        await shows(agent, "wrap_up")
        await agent.post("/api/agent/wrap-up/done", {"outcome": "complaint"})
        then = await agent.agent()
        assert (then["agent"]["state"], then["offer"]) == ("paused", None)
    async with tidied(house):
        await eventually(lambda: signed_out(house, "agen"))
    assert (await agent.get("/api/agent")).status_code == 401


async def signed_out(house: House, username: str) -> bool:
    view = house.app.hub.view()
    return all(one.id != house.ids[username] for one in view.agents)


async def test_who_is_ready_gets_no_call_from_that_moment(house: House) -> None:
    agent = await house.signed_in("agen")
    await agent.put("/api/agent/state", {"state": "ready"})
    await close(house, "agen")
    assert (await agent.get("/api/agent")).status_code == 401
    await house.caller_waits()
    other = await house.signed_in("agen2")
    await other.put("/api/agent/state", {"state": "ready"})
    await shows(other, "offer")  # and not the one who had waited longer
    async with tidied(house):
        await eventually(lambda: signed_out(house, "agen"))


async def test_a_topic_that_is_learnt_brings_the_caller_who_waits(house: House) -> None:
    store = house.app.store
    topics = house.app.calls.topics
    await asyncio.to_thread(staff.set_topics, store, "agen", ["phk"], topics)
    agent = await house.signed_in("agen")
    await agent.put("/api/agent/state", {"state": "ready"})
    await house.signed_in("agen2")  # knows the topic, and is not ready: callers wait
    await house.caller_waits("1")
    assert (await agent.agent())["offer"] is None
    await asyncio.to_thread(staff.set_topics, store, "agen", ["upah"], topics)
    assert (await shows(agent, "offer"))["offer"]["topic"]["code"] == "upah"


async def test_the_last_open_admin_stays(house: House) -> None:
    with pytest.raises(BadAccount, match="last open admin"):
        await close(house, "admin")
    admin = await house.signed_in("admin")
    assert (await admin.get("/api/accounts")).status_code == 200
