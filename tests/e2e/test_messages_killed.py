"""The server is killed while Twilio has not answered yet whether it took a message."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.asterisk import free_port
from tests.e2e.served import Served
from tests.fake_twilio import FakeTwilio, Fault, RestFault
from tests.waiting import LIMIT_S, until

OURS = "+622150630150"
CITIZEN = "+628111000111"


async def _until(ask: Callable[[], Awaitable[Any]]) -> Any:
    """What ``ask`` gives as soon as it gives something."""
    async with asyncio.timeout(LIMIT_S * 2):
        while True:
            if found := await ask():
                return found
            await asyncio.sleep(0.05)


async def _sends_the_number(served: Served) -> None:
    """A simulated citizen is talked to, and sent the number."""
    origin = {"Origin": served.url}
    async with httpx2.AsyncClient(base_url=served.url, headers=origin) as http:
        who = {"username": "agen", "password": served.passwords["agen"]}
        signed_in = (await http.post("/api/sign-in", json=who)).json()
        http.headers["X-CSRF-Token"] = signed_in["csrf"]
        await http.put("/api/agent/state", json={"state": "ready"})
        dialled = {"from": CITIZEN, "to": "1500630"}
        phone = (await http.post("/simulator/calls", json=dialled)).json()["call"]
        await http.post(f"/simulator/calls/{phone}/keys", json={"keys": "911"})

        async def shown(what: str) -> Any:
            return (await http.get("/api/agent")).json()[what]

        offer = await _until(lambda: shown("offer"))
        await http.post(f"/api/agent/offers/{offer['id']}/accept")

        async def talking() -> Any:
            call = await shown("call")
            return call if call is not None and call["state"] == "talking" else None

        call = await _until(talking)
        sent = await http.post(f"/api/agent/calls/{call['id']}/message", json={"channel": "sms"})
        assert sent.status_code == 200, sent.text


async def test_a_process_is_killed_while_twilio_has_not_answered(tmp_path: Path) -> None:
    """A real kill -9 of the real server, with its request under way. The callback that comes when
    the message is delivered tells the next process, and nothing is sent twice."""
    async with FakeTwilio(speed=0.1) as twilio:
        settings = {
            "TWILIO_ACCOUNT_SID": twilio.account_sid,
            "TWILIO_AUTH_TOKEN": twilio.auth_token,
            "TWILIO_NUMBER": OURS,
            "TWILIO_API_URL": twilio.base_url,
        }
        served = Served(tmp_path, free_port(), settings)
        served.environment["PUBLIC_BASE_URL"] = served.url
        twilio.number(OURS)
        twilio.chaos.plan = {0: Fault.DROP}
        twilio.rest.faults.append(RestFault("hold", "/Messages.json"))
        await asyncio.to_thread(served.start)
        try:
            await _sends_the_number(served)
            await until(lambda: bool(twilio.messages))
            await asyncio.to_thread(served.stop, signal.SIGKILL)
            path = tmp_path / "var" / "callcenter.db"

            async def state() -> str:
                with contextlib.closing(sqlite3.connect(path)) as connection:
                    found: str = connection.execute("SELECT state FROM message").fetchone()[0]
                return found

            assert await state() == "asked"
            await asyncio.to_thread(served.start)

            async def delivered() -> bool:
                return await state() == "delivered"

            await _until(delivered)
            assert len(twilio.messages) == 1
        finally:
            await asyncio.to_thread(served.stop)
