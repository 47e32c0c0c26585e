"""The verbs do what their pages in Twilio's documentation say.

Each test names the page: https://www.twilio.com/docs/voice/twiml/<verb>.
"""

from __future__ import annotations

from tests.fake_twilio import FakeTwilio
from tests.fake_twilio.site import Site, connect

NUMBER = "+622150630"
CALLER = "+628111000111"


async def test_gather_submits_digits_without_the_finish_key(twilio: FakeTwilio, site: Site) -> None:
    """gather, finishOnKey example 1."""
    connect(twilio, site, voice='<Gather action="/next"><Say>Number?</Say></Gather>', next="")
    caller = twilio.phone(CALLER)
    await caller.dial(NUMBER)
    await caller.press("1234#")
    asked = site.last("/next")
    assert (asked["Digits"], asked["CallStatus"], asked["From"]) == ("1234", "in-progress", CALLER)
    assert site.paths() == ["/voice", "/next", "/status"]
    assert site.last("/status")["CallStatus"] == "completed"
    assert twilio.problems == []


async def test_gather_without_input_goes_on_with_the_next_verb(
    twilio: FakeTwilio, site: Site
) -> None:
    """gather, "Example 1: <Gather> using default values", scenario 1."""
    voice = "<Gather><Say>Please enter</Say></Gather><Say>We didn't receive any input.</Say>"
    connect(twilio, site, voice=voice)
    caller = twilio.phone(CALLER)
    await caller.dial(NUMBER)
    await twilio.clock.advance(5.5)  # the prompt, and nearly five seconds of silence
    assert not caller.said("receive")
    await twilio.clock.advance(1)
    assert caller.said("receive")
    await twilio.clock.advance(10)
    assert site.paths() == ["/voice", "/status"]
