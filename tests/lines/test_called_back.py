"""Citizens whom Asterisk calls back: what the carrier is told and says, and the net under them."""

from __future__ import annotations

import asyncio

import pytest

from callcenter.line import (
    Cause,
    Device,
    DeviceKind,
    Keys,
    LegAnswered,
    LegGone,
    LegReturned,
    LegRinging,
    LineResumed,
    MessageLeft,
    Music,
    RingLeg,
    Room,
    RoomEntered,
    Turn,
)
from callcenter.telephony.asterisk.ari import AriRefused
from callcenter.telephony.asterisk.events import Channel
from tests.lines.drivers.asterisk import AsteriskAgentPhone, AsteriskDriver
from tests.lines.test_contract import LONG, SHORT, Story
from tests.waiting import until

pytestmark = pytest.mark.needs("asterisk", "espeak", "sox")


async def rung(driver: AsteriskDriver) -> tuple[AsteriskAgentPhone, str]:
    """A citizen's telephone that rings, and its leg."""
    phone, leg = await Story(driver).citizen()
    assert isinstance(phone, AsteriskAgentPhone)
    await phone.ring()
    await driver.heard.first(LegRinging, lambda s: s.leg == leg)
    return phone, leg


async def answered(driver: AsteriskDriver) -> tuple[AsteriskAgentPhone, str]:
    phone, leg = await rung(driver)
    await phone.answer()
    await driver.heard.first(LegAnswered, lambda s: s.leg == leg)
    return phone, leg


# --- the carrier ---------------------------------------------------------------------------------


async def test_the_citizen_sees_the_hotlines_own_number(asterisk: AsteriskDriver) -> None:
    phone, leg = await rung(asterisk)
    channel = await asterisk.phones.ari.get(phone.path, Channel)
    assert channel.caller.number == "1500630"
    await phone.decline()
    await Story(asterisk).gone(leg)


@pytest.mark.parametrize(
    "code, cause",
    [
        (1, Cause.FAILED),
        (28, Cause.FAILED),
        (34, Cause.UNREACHABLE),
        (38, Cause.UNREACHABLE),
        (17, Cause.BUSY),
        (19, Cause.NO_ANSWER),
        (21, Cause.DECLINED),
    ],
)
async def test_what_the_carrier_says_of_a_number_that_it_does_not_reach(
    asterisk: AsteriskDriver, code: int, cause: Cause
) -> None:
    phone, leg = await Story(asterisk).citizen()
    assert isinstance(phone, AsteriskAgentPhone)
    await phone.asked()
    await asterisk.phones.ari.delete(f"{phone.path}?reason_code={code}")
    assert await Story(asterisk).gone(leg) is cause


async def test_the_number_that_is_called_is_not_left_on_the_disk(asterisk: AsteriskDriver) -> None:
    phone, leg = await answered(asterisk)
    await Story(asterisk).turn(leg, Keys(most=1), SHORT)
    await phone.hang_up()
    await Story(asterisk).gone(leg)
    for path in asterisk.pair.ours.folder.rglob("*"):
        if path.is_file():
            assert phone.device.address[3:].encode() not in path.read_bytes(), path


# --- the net -------------------------------------------------------------------------------------


async def test_whom_we_called_and_left_alone_hears_the_apology_and_goes_on(
    hung: AsteriskDriver,
) -> None:
    phone, leg = await answered(hung)
    turn = Turn(leg, 1, (), Music(keys="1"))
    await hung.line.perform(turn)
    await hung.heard.first(LegReturned)
    await hung.line.perform(turn)
    await phone.press("1")
    assert await Story(hung).digits(leg, 1) == "1"
    await phone.hang_up()
    assert await Story(hung).gone(leg) is Cause.HUNG_UP


async def test_whom_we_called_and_talk_with_is_left_alone_when_we_hang(
    hung: AsteriskDriver,
) -> None:
    _, leg = await answered(hung)
    await hung.line.perform(Turn(leg, 1, (), Room("room-called-hung")))
    await hung.heard.first(RoomEntered)
    await asyncio.sleep(4.0)  # twice the guard
    assert not any(isinstance(s, LegReturned | LegGone) for s in hung.heard.signals)


async def test_who_is_well_keeps_whom_we_called(well: AsteriskDriver) -> None:
    _, leg = await answered(well)
    await well.line.perform(Turn(leg, 1, (), Music()))
    await asyncio.sleep(5.0)
    assert not any(isinstance(s, LegReturned | LegGone) for s in well.heard.signals)


async def test_whom_we_called_leaves_a_message_while_we_are_away(well: AsteriskDriver) -> None:
    phone, leg = await answered(well)
    await well.line.perform(Turn(leg, 1, (), Music()))
    await well.line.stop()
    spool = well.pair.ours.recordings
    await until(lambda: any(spool.glob("fallback-*")))
    await phone.speak(1.5)
    await phone.press("#")
    await until(lambda: phone.channel in well.phones.gone)
    await well.die_and_come_back()
    resumed = await well.heard.first(LineResumed)
    assert leg not in {live.leg for live in resumed.legs}
    left = await well.heard.first(MessageLeft)
    assert left.seconds >= 1
    assert left.at > 1_700_000_000_000


async def test_whom_we_called_is_still_there_when_we_come_back(well: AsteriskDriver) -> None:
    phone, leg = await answered(well)
    await well.line.perform(Turn(leg, 1, (LONG,), Keys(most=1, first_ms=30_000)))
    await well.die_and_come_back()
    resumed = await well.heard.first(LineResumed)
    assert [(one.leg, one.up, one.inbound, one.caller) for one in resumed.legs] == [
        (leg, True, False, None)
    ]
    await well.line.perform(Turn(leg, 1, (SHORT,), Keys(most=1, first_ms=30_000)))
    await asyncio.sleep(3.0)  # the guard is kept by whoever is there now
    await phone.press("6")
    assert await Story(well).digits(leg, 1) == "6"
    assert not any(isinstance(s, LegReturned | LegGone) for s in well.heard.signals)


async def test_who_answers_while_we_are_away_waits_for_us_in_the_net(well: AsteriskDriver) -> None:
    phone, leg = await rung(well)
    await well.line.stop()
    await phone.answer()
    await well.die_and_come_back()
    resumed = await well.heard.first(LineResumed)
    assert [(one.leg, one.up) for one in resumed.legs] == [(leg, True)]
    await well.heard.first(LegReturned)
    await well.line.perform(Turn(leg, 1, (SHORT,), Keys(most=1, first_ms=9000)))
    await phone.press("5")
    assert await Story(well).digits(leg, 1) == "5"
    assert well.line._legs[leg].guarded


async def test_who_answers_after_we_came_back_is_told_as_ever(well: AsteriskDriver) -> None:
    phone, leg = await rung(well)
    await well.die_and_come_back()
    resumed = await well.heard.first(LineResumed)
    assert [(one.leg, one.up) for one in resumed.legs] == [(leg, False)]
    await phone.answer()
    await well.heard.first(LegAnswered, lambda s: s.leg == leg)
    await well.line.perform(Turn(leg, 1, (SHORT,), Keys(most=1, first_ms=9000)))
    await phone.press("7")
    assert await Story(well).digits(leg, 1) == "7"


async def test_a_body_is_not_told_what_we_call_its_leg(asterisk: AsteriskDriver) -> None:
    """What it learns is the hotline's own number."""
    phone = await asterisk.citizen()
    assert isinstance(phone, AsteriskAgentPhone)
    device = Device(DeviceKind.PHONE, phone.device.address)
    await asterisk.line.do(RingLeg("leg-of-a-body", device))
    await phone.asked()
    with pytest.raises(AriRefused):  # there is none
        await asterisk.phones.ari.fetch(f"{phone.path}/variable?variable=PJSIP_HEADER(read,X-Leg)")
    await phone.decline()
    await Story(asterisk).gone("leg-of-a-body")
