"""Phones for the Twilio line: a fake Twilio on loopback, in real time, is everybody's network."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web

from callcenter.line import Device, DeviceKind, LineResumed
from callcenter.telephony.twilio.house import Options
from callcenter.telephony.twilio.line import TwilioLine
from callcenter.telephony.twilio.names import NamesInMemory
from callcenter.telephony.twilio.rest import Access
from callcenter.telephony.twilio.signature import Secrets
from tests.fake_twilio import FakeTwilio, Handset
from tests.lines.drivers.base import Heard

NUMBER = "+622150006300"
#: Nobody presses a key before the question has reached the ear.
REACTION_S = 0.1

_names = itertools.count(1)


@dataclass
class TwilioPhone:
    """A telephone of the fake's."""

    handset: Handset
    device: Device = field(default_factory=lambda: Device(DeviceKind.SIP, ""))

    async def press(self, keys: str) -> None:
        await asyncio.sleep(REACTION_S)
        await self.handset.press(keys)

    async def speak(self, seconds: float) -> None:
        await self.handset.speak(seconds)

    async def hang_up(self) -> None:
        await self.handset.hang_up()

    async def asked(self) -> None:
        await self.handset.asked()

    async def ring(self) -> None:
        await self.asked()
        await self.handset.ring()

    async def answer(self) -> None:
        await self.asked()
        await self.handset.answer()

    async def decline(self) -> None:
        await self.asked()
        await self.handset.decline()

    async def busy(self) -> None:
        await self.asked()
        await self.handset.busy()


class TwilioDriver:
    """The Twilio line on a fake Twilio, and the web that its webhooks come through."""

    number = NUMBER

    def __init__(self, twilio: FakeTwilio) -> None:
        self.twilio = twilio
        self.heard = Heard()
        self.names = NamesInMemory()
        self.url = ""
        self.line: TwilioLine
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/twilio/sounds/{name}", self._sound)
        app.router.add_route("*", "/{rest:.*}", self._webhook)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.twilio.number(
            NUMBER,
            voice_url=f"{self.url}/twilio/voice",
            voice_fallback_url=f"{self.url}/twilio/fallback",
            status_callback=f"{self.url}/twilio/status",
        )
        await self._begin()

    async def _begin(self) -> None:
        options = Options(
            account=self.twilio.account_sid, number=NUMBER, base_url=self.url, calls_per_s=20
        )
        access = Access(
            self.twilio.account_sid,
            self.twilio.account_sid,
            self.twilio.auth_token,
            self.twilio.base_url,
        )
        self.line = TwilioLine(options, access, Secrets(self.twilio.auth_token), names=self.names)
        await self.line.start(self.heard.emit)
        await self.heard.first(LineResumed)

    async def stop(self) -> None:
        await self.line.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _webhook(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, kind, body = await self.line.webhook(
            request.method, request.raw_path, headers, await request.read()
        )
        return web.Response(status=status, body=body, headers={"Content-Type": kind})

    async def _sound(self, request: web.Request) -> web.Response:
        found = await self.line.sounds.get(request.match_info["name"])
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found[1], content_type=found[0])

    async def arrive(self, caller: str | None = "+628111000111", to: str = NUMBER) -> TwilioPhone:
        handset = self.twilio.phone(caller)
        await handset.dial(to)
        return TwilioPhone(handset)

    async def agent(self) -> TwilioPhone:
        address = f"sip:desk{next(_names)}@example.test"
        return TwilioPhone(self.twilio.phone(address), Device(DeviceKind.SIP, address))

    async def citizen(self) -> TwilioPhone:
        number = f"+62813{next(_names):07}"
        return TwilioPhone(self.twilio.phone(number), Device(DeviceKind.CALLER, number))

    def nowhere(self) -> Device:
        return Device(DeviceKind.PHONE, "+19005550100")

    async def die_and_come_back(self) -> None:
        await self.line.stop()
        self.heard = Heard()
        await self._begin()


@contextlib.asynccontextmanager
async def twilio_driver() -> AsyncIterator[TwilioDriver]:
    """A driver; afterwards Twilio must have had nothing to complain about."""
    async with FakeTwilio(speed=1.0) as twilio:
        driver = TwilioDriver(twilio)
        twilio.world.account.calls_per_second = 20
        await driver.start()
        try:
            yield driver
        finally:
            await driver.stop()
        assert twilio.problems == []
