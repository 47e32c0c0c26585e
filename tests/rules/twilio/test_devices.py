"""Agents' browsers: tokens that can only be called, and who is there."""

from __future__ import annotations

import time

import jwt
import pytest

from callcenter.line import (
    Capabilities,
    DeviceChanged,
    Line,
    LineResumed,
    Signal,
)
from callcenter.telephony.registrations import Registrations
from callcenter.telephony.simulator.line import SimulatorLine
from callcenter.telephony.twilio import devices as module
from callcenter.telephony.twilio.devices import PRESENT_S, TOKEN_S, Devices
from callcenter.telephony.twilio.line import capabilities

ACCOUNT, KEY, SECRET = "AC" + "1" * 32, "SK" + "2" * 32, "a secret of at least 32 characters"


@pytest.fixture
def told() -> list[tuple[str, bool]]:
    return []


@pytest.fixture
def devices(told: list[tuple[str, bool]]) -> Devices:
    return Devices(ACCOUNT, KEY, SECRET, changed=lambda agent, up: told.append((agent, up)))


async def test_a_token_lets_a_browser_be_called_and_nothing_else(devices: Devices) -> None:
    account = devices.open("a1b2")
    assert account is not None
    claims = jwt.decode(account.token, SECRET, algorithms=["HS256"])
    assert (claims["iss"], claims["sub"]) == (KEY, ACCOUNT)
    assert claims["grants"] == {
        "identity": "agent_a1b2",
        "voice": {"incoming": {"allow": True}},
    }
    assert abs(claims["exp"] - time.time() - TOKEN_S) < 5
    assert account.token not in repr(account)


async def test_a_token_is_the_same_until_half_of_it_is_over(
    devices: Devices, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = devices.open("a")
    assert devices.open("a") is first
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + TOKEN_S / 2 + 1)
    later = devices.open("a")
    assert later is not None
    assert first is not None
    assert later.expires_at > first.expires_at


async def test_an_id_that_twilio_would_not_take(devices: Devices) -> None:
    assert devices.open("a-b") is None


async def test_who_is_there(
    devices: Devices, told: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    devices.heard("a", True)  # not signed in
    assert told == []
    devices.open("a")
    devices.heard("a", True)
    devices.heard("a", True)
    assert told == [("a", True)]
    devices.look()
    assert devices.up("a")
    monkeypatch.setattr(module, "PRESENT_S", -1.0)
    devices.look()
    assert told == [("a", True), ("a", False)]
    devices.heard("a", True)
    devices.close("a")
    assert told[2:] == [("a", True), ("a", False)]
    assert PRESENT_S > 2 * 15  # two of the page's words may be lost


class _Line(SimulatorLine):
    def __init__(self, name: str, what: Capabilities) -> None:
        self.name = name
        self.capabilities = what


async def test_a_browser_is_there_when_each_line_says_so() -> None:
    heard: list[Signal] = []

    async def emit(signal: Signal) -> None:
        heard.append(signal)

    lines: list[Line] = [
        _Line("asterisk", capabilities(browser=True)),
        _Line("twilio", capabilities(browser=True)),
        _Line("simulator", SimulatorLine.capabilities),
    ]
    joined = Registrations(emit, lines)
    asterisk, twilio, simulator = (joined.of(line) for line in lines)
    await asterisk(DeviceChanged("a", True))
    await twilio(DeviceChanged("a", True))
    await asterisk(DeviceChanged("a", False))
    await simulator(LineResumed("simulator", (), ()))
    assert heard == [
        DeviceChanged("a", False),
        DeviceChanged("a", True),
        DeviceChanged("a", False),
        LineResumed("simulator", (), ()),
    ]
    assert simulator is emit
    assert Registrations(emit, lines[1:]).of(lines[1]) is emit
