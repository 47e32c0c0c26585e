"""The first stories on Twilio: each as it should go, and with every webhook in turn disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from callcenter.calls.errors import NotNow, NotYours, TooLate
from callcenter.cases.service import CaseForm, StaleCase
from callcenter.db.keys import Keys
from callcenter.line import Device, DeviceKind
from tests.e2e.town import TICK_S, Citizen, Town
from tests.fake_twilio import Handset
from tests.fake_twilio.virtual import run

#: A Tuesday, 10.00 in Jakarta: the hotline is open.
OPEN = 1_795_489_200_000
CALLER = "+628111234567"

Story = Callable[[Town], Coroutine[Any, Any, None]]


class Agent:
    """An agent with a SIP telephone who answers, writes, ends the talk and wraps up."""

    def __init__(self, town: Town, name: str, *, answers: bool = True) -> None:
        self.town = town
        self.name = name
        self.answers = answers
        self.address = f"sip:{name}@desk.example"
        self.handset: Handset = town.twilio.phone(self.address, "ring")
        self.talk_s = 20.0
        self.pins: set[tuple[str, str]] = set()

    async def sign_on(self, *knows: str) -> None:
        await self.town.agent(self.name, Device(DeviceKind.SIP, self.address), *knows)
        self.town.lives(self.work())

    async def work(self) -> None:
        """Look at the telephone and at the console."""
        rang, talked = 0.0, 0.0
        while True:
            await asyncio.sleep(TICK_S)
            if self.town.hotline is None:
                continue
            rang = rang + TICK_S if self.handset.ringing else 0.0
            if rang > 2 and self.answers and self.handset.ringing:
                await self.handset.answer()
            shown = await self.town.console(self.name)
            try:
                if shown.call is not None and shown.call.state == "talking":
                    talked += TICK_S
                    await self.write(shown)
                    if talked > self.talk_s:
                        await self.town.desk.hang_up(self.name, shown.call.id)
                else:
                    talked = 0.0
                if shown.wrap_up is not None:
                    await self.town.desk.wrap_up_done(self.name, "complaint")
            except (NotNow, NotYours, StaleCase, TooLate):
                continue  # it changed since we looked

    async def write(self, shown: Any) -> None:
        case = shown.call.case
        if case is None:
            return
        if case.pin is not None:
            self.pins.add((case.number, case.pin))
        if not case.narrative:
            form = CaseForm(version=case.version, narrative="Upah tiga bulan ditahan.")
            await self.town.desk.save_case(self.name, shown.call.id, form)


COMPLAINS = {"membuat pengaduan baru": "1", "Upah dan THR": "1", "melanjutkan": "1"}


async def first_complaint(town: Town) -> None:
    agent = Agent(town, "sari")
    await agent.sign_on()
    await Citizen(town.twilio.phone(CALLER), COMPLAINS).call()


def test_first_complaint(sqlite_url: str, keys: Keys, tmp_path: Path) -> None:
    async def told() -> None:
        async with Town(sqlite_url, keys, tmp_path, OPEN) as town:
            try:
                await first_complaint(town)
            except TimeoutError as e:
                print("TIMEOUT", e)
            for hook in town.twilio.webhooks:
                print(hook, hook.status)
            for phone in town.twilio.world.phones.values():
                print(phone.address)
                for heard in phone.heard:
                    print("   ", round(heard.at, 1), heard.kind, heard.what[:80])
            print(town.twilio.world.problems.all)
            print(town.longest_alone_s)

    run(told())
