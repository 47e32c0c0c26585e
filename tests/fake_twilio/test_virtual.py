"""Waiting takes no time, work does."""

from __future__ import annotations

import asyncio
import threading
import time

from tests.fake_twilio import FakeTwilio
from tests.fake_twilio.site import Site, connect
from tests.fake_twilio.virtual import run


async def wait_an_hour() -> float:
    began = asyncio.get_running_loop().time()
    await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(1800))
    return asyncio.get_running_loop().time() - began


def test_an_hour_passes_at_once() -> None:
    began = time.monotonic()
    assert 3600 <= run(wait_an_hour()) < 3601
    assert time.monotonic() - began < 1


async def work() -> float:
    done = threading.Event()
    waiting = asyncio.create_task(asyncio.sleep(5))
    await asyncio.to_thread(done.wait, 0.2)
    assert not waiting.done()
    waiting.cancel()
    return asyncio.get_running_loop().time()


def test_time_stands_still_while_a_thread_works() -> None:
    assert run(work()) == 0


async def story() -> list[tuple[str, int]]:
    site = Site()
    await site.start()
    async with FakeTwilio(speed=1) as twilio:
        voice = '<Pause length="20"/><Gather action="/next" timeout="30"><Say>Key?</Say></Gather>'
        connect(twilio, site, voice=voice, next="<Say>Bye</Say>")
        caller = twilio.phone("+628111000111")
        await caller.dial("+622150630")
        await asyncio.sleep(25)
        await caller.press("7#")
        await asyncio.sleep(10)
        assert site.last("/next")["Digits"] == "7"
        assert twilio.live_calls == []
        assert twilio.problems == []
        heard = [(heard.what, round(heard.at)) for heard in caller.heard]
    await site.stop()
    return heard


def test_a_call_in_virtual_time() -> None:
    assert run(story()) == [("Key?", 20), ("Bye", 25)]
