"""Agents' softphone accounts on a real Asterisk: made, registered with, lost, removed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

import pytest

from callcenter.line import Device, DeviceChanged, DeviceKind, LegRinging, Refused, RingLeg
from callcenter.telephony.asterisk.devices import Account
from tests.lines.drivers.asterisk import AsteriskDriver
from tests.lines.drivers.sip import Softphone
from tests.waiting import until

pytestmark = pytest.mark.needs("asterisk", "espeak", "sox")

_names = itertools.count(1)


@contextlib.asynccontextmanager
async def softphone(account: Account) -> AsyncIterator[Softphone]:
    phone = Softphone(account.ws, account.username, account.password)
    await phone.open()
    try:
        yield phone
    finally:
        await phone.close()


def last(driver: AsteriskDriver, agent: str) -> bool | None:
    """What was told last about the agent's device."""
    told = [s.up for s in driver.heard.signals if isinstance(s, DeviceChanged) and s.agent == agent]
    return told[-1] if told else None


@pytest.fixture
def agent() -> str:
    return f"a{next(_names)}"


async def test_a_browser_registers_and_is_told_of_and_goes(
    asterisk: AsteriskDriver, agent: str
) -> None:
    account = await asterisk.line.devices.open(agent)
    assert account.uri == f"sip:agent-{agent}@127.0.0.1"
    assert account.password not in repr(account)
    assert await asterisk.line.devices.open(agent) == account
    async with softphone(account) as phone:
        assert await phone.register() == 200
        await until(lambda: last(asterisk, agent) is True)
    # The tab was closed: no word of good-bye.
    await until(lambda: last(asterisk, agent) is False)


async def test_a_registered_softphone_is_rung_with_the_leg_in_a_header(
    asterisk: AsteriskDriver, agent: str
) -> None:
    account = await asterisk.line.devices.open(agent)
    device = Device(DeviceKind.BROWSER, agent)
    async with softphone(account) as phone:
        await phone.register()
        await asterisk.line.do(RingLeg(f"leg-of-{agent}", device))
        await until(lambda: any(text.startswith("INVITE") for text in phone.asked))
        invite = next(text for text in phone.asked if text.startswith("INVITE"))
        assert f"X-Leg: leg-of-{agent}\r\n" in invite
        assert "PCMA" in invite
        assert "a=fingerprint" in invite
    # Not signed on any more: refused at once, and no Ringing was ever told.
    await until(lambda: last(asterisk, agent) is False)
    await asterisk.line.do(RingLeg(f"again-{agent}", device))
    refused = await asterisk.heard.first(Refused)
    assert refused.leg == f"again-{agent}"
    assert not any(isinstance(s, LegRinging) for s in asterisk.heard.signals)


async def test_an_account_ends_with_the_sign_in(asterisk: AsteriskDriver, agent: str) -> None:
    account = await asterisk.line.devices.open(agent)
    async with softphone(account) as phone:
        await phone.register()
        await until(lambda: last(asterisk, agent) is True)
        await asterisk.line.devices.close(agent)
        await until(lambda: last(asterisk, agent) is False)
        assert await phone.register() >= 400
    new = await asterisk.line.devices.open(agent)
    assert new.password != account.password


async def test_an_account_outlives_our_process_with_its_password(
    asterisk: AsteriskDriver, agent: str
) -> None:
    account = await asterisk.line.devices.open(agent)
    async with softphone(account) as phone:
        await phone.register()
        await until(lambda: last(asterisk, agent) is True)
        await asterisk.die_and_come_back()
        # Before anybody asks for the account: who is there is told.
        await until(lambda: last(asterisk, agent) is True)
        assert await asterisk.line.devices.open(agent) == account


async def test_accounts_of_those_who_left_are_removed(asterisk: AsteriskDriver, agent: str) -> None:
    left = await asterisk.line.devices.open(f"{agent}-left")
    stays = await asterisk.line.devices.open(agent)
    await asterisk.line.devices.keep_only(frozenset({agent}))
    async with softphone(left) as gone, softphone(stays) as there:
        assert await gone.register() >= 400
        assert await there.register() == 200


async def test_a_softphone_can_call_nobody(asterisk: AsteriskDriver, agent: str) -> None:
    account = await asterisk.line.devices.open(agent)
    async with softphone(account) as phone:
        await phone.register()
        for number in ("+19005550100", "1500630", "agent-a1"):
            assert await phone.call(number) >= 400
    await asyncio.sleep(0.1)
    assert not any(type(s).__name__ == "CallArrived" for s in asterisk.heard.signals)


async def test_an_agent_id_that_cannot_name_an_account(asterisk: AsteriskDriver) -> None:
    with pytest.raises(ValueError, match="cannot name"):
        await asterisk.line.devices.open("../trunk")
