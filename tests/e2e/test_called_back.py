"""A telephone behind the trunk that is called back: busy at first, then it presses a key."""

from __future__ import annotations

from pathlib import Path

from callcenter.line import (
    Cause,
    Device,
    DeviceKind,
    DigitsEntered,
    Keys,
    LegAnswered,
    LegGone,
    LineResumed,
    RingLeg,
    Say,
    Turn,
)
from callcenter.telephony.asterisk.line import AsteriskLine
from callcenter.voice import Voice
from tests.e2e.asterisk import Asterisk
from tests.e2e.phones import Phones
from tests.lines.drivers.base import Heard
from tests.waiting import until

CITIZEN = Device(DeviceKind.CALLER, "+628211111111")


async def test_the_first_call_finds_it_busy_the_second_is_answered(
    asterisk: Asterisk, phones: Phones, tmp_path: Path
) -> None:
    trunk = phones.agent(answers=False, port=int(asterisk.trunk_peer.rsplit(":", 1)[1]))
    heard = Heard()
    voice = Voice(asterisk.sounds, voices={"id": "id+f2", "en": "en+f2"}, rate=160)
    line = AsteriskLine(asterisk.access(), voice, ws=asterisk.ws, trunk="PJSIP/trunk")
    await line.start(heard.emit)
    try:
        await heard.first(LineResumed)
        await line.do(RingLeg("first", CITIZEN))
        await until(lambda: len(trunk.calls) == 1)
        trunk.calls[0].busy()
        gone = await heard.first(LegGone)
        assert gone == LegGone("first", Cause.BUSY)

        await line.do(RingLeg("second", CITIZEN))
        await until(lambda: len(trunk.calls) == 2)
        assert trunk.calls[1].leg == ""  # the carrier is not told our name of the leg
        trunk.calls[1].answer()
        await heard.first(LegAnswered)
        await line.perform(Turn("second", 1, (Say("Halo.", "id"),), Keys(most=1, first_ms=9000)))
        await until(lambda: trunk.calls[1].state == "up")
        trunk.calls[1].press("1")
        assert (await heard.first(DigitsEntered)).digits == "1"
    finally:
        await line.stop()
