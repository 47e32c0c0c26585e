"""The simulator's phones, moved by its own hands. Its calls take the time that real ones take."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from callcenter.clock import SystemClock
from callcenter.line import Cause, Device, DeviceKind, LineResumed
from callcenter.telephony.simulator.line import LETTERS_PER_S, SimulatorLine
from tests.lines.drivers.base import Heard

#: As fast as people press keys.
KEY_S = 0.1
_names = itertools.count(1)


class CallerPhone:
    def __init__(self, line: SimulatorLine, leg: str) -> None:
        self._line = line
        self._leg = leg

    async def press(self, keys: str) -> None:
        for key in keys:
            await self._line.keys(self._leg, key)
            await asyncio.sleep(KEY_S)

    async def speak(self, seconds: float) -> None:
        await self._line.speak(self._leg, "a" * round(seconds * LETTERS_PER_S))
        await asyncio.sleep(seconds)

    async def hang_up(self) -> None:
        await self._line.hang_up(self._leg)


class SimulatedAgent:
    def __init__(self, line: SimulatorLine) -> None:
        self._line = line
        self.device = Device(DeviceKind.SIMULATED, f"agent-{next(_names)}")

    async def asked(self) -> None:
        """The line asks within :meth:`SimulatorLine.do`."""

    async def ring(self) -> None:
        await self._line.ring(self.device.address)

    async def answer(self) -> None:
        await self._line.answer(self.device.address)

    async def decline(self) -> None:
        await self._line.decline(self.device.address)

    async def busy(self) -> None:
        await self._line.decline(self.device.address, Cause.BUSY)

    async def press(self, keys: str) -> None:
        raise NotImplementedError("a console has no keys")

    async def speak(self, seconds: float) -> None:
        raise NotImplementedError("a console is not heard")

    async def hang_up(self) -> None:
        await self._line.put_down(self.device.address)


class SimulatedCitizen(SimulatedAgent):
    """A citizen who is called back."""

    def __init__(self, line: SimulatorLine) -> None:
        super().__init__(line)
        self.device = Device(DeviceKind.CALLER, f"+62813{next(_names):07}")
        self._leg = ""

    async def answer(self) -> None:
        self._leg = self._line.rung(self.device.address) or ""
        await self._line.pick_up(self._leg)

    async def busy(self) -> None:
        await self._line.busy(self._line.rung(self.device.address) or "")

    async def press(self, keys: str) -> None:
        await CallerPhone(self._line, self._leg).press(keys)


class SimulatorDriver:
    number = "1500630"

    def __init__(self) -> None:
        self.heard = Heard()
        self.line = SimulatorLine(SystemClock(), rings=False)

    async def arrive(
        self, caller: str | None = "+628111000111", to: str = "1500630"
    ) -> CallerPhone:
        return CallerPhone(self.line, await self.line.call(caller, to))

    async def agent(self) -> SimulatedAgent:
        return SimulatedAgent(self.line)

    async def citizen(self) -> SimulatedCitizen:
        return SimulatedCitizen(self.line)

    def nowhere(self) -> Device:
        return Device(DeviceKind.SIP, "sip:nobody@nowhere.invalid")

    async def die_and_come_back(self) -> None:
        raise NotImplementedError("the simulator's phones die with it")


@asynccontextmanager
async def simulator_driver() -> AsyncIterator[SimulatorDriver]:
    driver = SimulatorDriver()
    await driver.line.start(driver.heard.emit)
    await driver.heard.first(LineResumed)
    try:
        yield driver
    finally:
        await driver.line.stop()
