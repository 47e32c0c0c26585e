"""A page and a JSON interface with which people and programs use the fake's telephones.

``GET /`` is the page, ``GET /state`` what it shows; a POST does something and answers the state:

* ``/phones`` ``{"address", "auto"}`` a telephone: ``+62811…``, ``client:…``, ``sip:…``
* ``/phones/ADDRESS/dial`` ``{"to"}``, ``/press`` ``{"keys"}``, ``/speak`` ``{"seconds"}``,
  ``/hang_up``, ``/ring``, ``/answer``, ``/busy``, ``/decline``
* ``/messages`` ``{"from", "to", "body"}`` somebody writes to one of our numbers
* ``/time`` ``{"seconds"}`` let time pass, where it stands still
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fake_twilio.phones import Handset
from tests.fake_twilio.rest_messages import arrive
from tests.fake_twilio.world import World

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]
PLAIN = frozenset({"hang_up", "ring", "answer", "busy", "decline"})
#: How much of the log the page shows.
MOST = 200


class Control:
    """The handlers."""

    def __init__(self, world: World) -> None:
        self.world = world

    def add(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/", self.page)
        app.router.add_get("/state", self.state)
        app.router.add_post("/phones", self.phone)
        app.router.add_post("/phones/{address}/{act}", self.act)
        app.router.add_post("/messages", self.message)
        app.router.add_post("/time", self.time)

    async def page(self, request: web.Request) -> web.Response:
        text = (Path(__file__).parent / "control.html").read_text("utf-8")
        return web.Response(text=text, content_type="text/html")

    async def state(self, request: web.Request) -> web.Response:
        return web.json_response(self._state())

    async def phone(self, request: web.Request) -> web.Response:
        given = await _body(request)
        address = str(given.get("address", "")).strip()
        if not address:
            raise web.HTTPBadRequest(text="address is missing")
        if address not in self.world.phones:
            handset = Handset(self.world, address, str(given.get("auto", "")))
            self.world.phones[address] = handset
        return await self.state(request)

    async def act(self, request: web.Request) -> web.Response:
        given = await _body(request)
        address, act = request.match_info["address"], request.match_info["act"]
        handset = self.world.phones.get(address)
        if handset is None:
            raise web.HTTPNotFound(text=f"there is no phone {address}")
        try:
            await self._do(handset, act, given)
        except AssertionError as wrong:
            raise web.HTTPConflict(text=str(wrong)) from None
        return await self.state(request)

    async def _do(self, handset: Handset, act: str, given: Mapping[str, Any]) -> None:
        if act == "dial":
            await handset.dial(str(given.get("to", "")))
        elif act == "press":
            await handset.press(str(given.get("keys", "")))
        elif act == "speak":
            speaking = handset.speak(float(given.get("seconds", 3)))
            if not self.world.clock.running:
                await speaking
            else:
                self.world.spawn(speaking)
        elif act in PLAIN:
            await getattr(handset, act)()
        else:
            raise web.HTTPNotFound(text=f"phones can't {act}")
        await asyncio.sleep(0.05)  # what follows at once is in the answer

    async def message(self, request: web.Request) -> web.Response:
        given = await _body(request)
        to = str(given.get("to", ""))
        if to.removeprefix("whatsapp:") not in self.world.numbers:
            raise web.HTTPNotFound(text=f"{to} is no number of ours")
        await arrive(self.world, str(given.get("from", "")), to, str(given.get("body", "")))
        return await self.state(request)

    async def time(self, request: web.Request) -> web.Response:
        given = await _body(request)
        await self.world.clock.advance(float(given.get("seconds", 1)))
        return await self.state(request)

    def _state(self) -> Json:
        world = self.world
        return {
            "now": round(world.clock.now, 1),
            "numbers": [
                {"number": one.number, "voice_url": one.voice_url, "sms_url": one.sms_url}
                for one in world.numbers.values()
            ],
            "phones": [self._phone(one) for one in world.phones.values()],
            "rooms": [
                {
                    "name": room.name,
                    "status": room.status,
                    "in": [p.call.to for p in room.participants],
                }
                for room in world.rooms
            ],
            "messages": [
                {"from": one.from_, "to": one.to, "body": one.body, "status": one.status}
                for one in list(world.messaging.sent.values())[-MOST:]
            ],
            "problems": [str(one) for one in world.problems.own][-MOST:],
            "webhooks": [f"{one} → {one.status or '…'}" for one in world.sender.log][-MOST:],
        }

    @staticmethod
    def _phone(handset: Handset) -> Json:
        call = handset.call
        return {
            "address": handset.address,
            "ringing": handset.ringing,
            "call": None if call is None else {"sid": call.sid, "status": call.status},
            "talking_to": sorted(handset.talking_to),
            "heard": [f"{one.kind}: {one.what}" for one in handset.heard][-MOST:],
        }


async def _body(request: web.Request) -> Json:
    if not request.can_read_body:
        return {}
    try:
        given = await request.json()
    except ValueError:
        raise web.HTTPBadRequest(text="the body is no JSON") from None
    if not isinstance(given, dict):
        raise web.HTTPBadRequest(text="the body is no JSON object")
    return given
