"""Rings wait for their turn, and can be called back meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from callcenter.line import Device, DeviceKind, RingLeg
from callcenter.telephony.twilio.rings import Rings
from tests.waiting import until

DEVICE = Device(DeviceKind.SIP, "sip:a@b.example")


async def test_as_many_a_second_as_twilio_takes_and_none_that_was_withdrawn() -> None:
    clock = asyncio.get_running_loop().time
    sent: list[tuple[str, float]] = []

    async def send(ring: RingLeg) -> None:
        sent.append((ring.leg, clock()))
        await asyncio.sleep(10)  # a slow answer holds nobody up

    rings = Rings(20, send)
    running = asyncio.create_task(rings.run())
    waits = [rings.put(RingLeg(name, DEVICE)) for name in ("a", "b", "c", "d")]
    assert [round(wait, 2) for wait in waits] == [0, 0.05, 0.1, 0.15]
    assert rings.withdraw("c")
    assert not rings.withdraw("c")
    await until(lambda: len(sent) == 3)
    assert [name for name, _ in sent] == ["a", "b", "d"]
    assert all(b - a >= 0.045 for (_, a), (_, b) in itertools.pairwise(sent))
    assert not rings.withdraw("a")
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
