"""Webhooks: signatures, time limits, retries, fallback, and what a test can do to them.

Sources: https://www.twilio.com/docs/usage/webhooks/webhooks-security and
/webhooks-connection-overrides.
"""

from __future__ import annotations

import pytest
from twilio.request_validator import (  # type: ignore[import-untyped]
    RequestValidator,
    get_signature_algorithm,
)

from tests.fake_twilio import FakeTwilio, Fault, Handset, SharedKey
from tests.fake_twilio.signing import signature
from tests.fake_twilio.site import Answer, Site, connect

NUMBER = "+622150630"


async def call(twilio: FakeTwilio, site: Site, **answers: Answer | list[Answer]) -> Handset:
    connect(twilio, site, **answers)
    caller = twilio.phone("+628111000111")
    await caller.dial(NUMBER)
    return caller


# --- signatures ----------------------------------------------------------------------------------


def test_the_signature_of_the_documentation() -> None:
    """webhooks-security: "Explore the algorithm yourself"."""
    params = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675310"),
        ("Digits", "1234"),
        ("From", "+14158675310"),
        ("To", "+18005551212"),
    ]
    url = "https://example.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, params) == "L/OH5YylLD5NRKLltdqwSvS0BnU="


async def test_every_webhook_is_signed(twilio: FakeTwilio, site: Site) -> None:
    caller = await call(
        twilio, site, voice='<Gather action="/next?a=b%20c" method="GET" numDigits="1"/>', next=""
    )
    await caller.press("1")
    validator = RequestValidator(twilio.auth_token)
    assert site.paths() == ["/voice", "/next", "/status"]
    for visit in site.visits:
        params = visit.params if visit.method == "POST" else {}
        signed = visit.headers["x-twilio-signature"]
        assert validator.validate(visit.url, params, signed)
        assert not validator.validate(visit.url + "x", params, signed)


async def test_webhooks_signed_with_a_shared_key(twilio: FakeTwilio, site: Site) -> None:
    twilio.sign_with(SharedKey("webhooks_sharedkey_1", "secret"))
    await call(twilio, site, voice="")
    visit = site.visits[0]
    algorithm = get_signature_algorithm(visit.headers["x-twilio-webhooks-signature-settings"])
    assert algorithm == "HMAC_SHA256"
    signed = visit.headers["x-twilio-signature"]
    assert RequestValidator("secret").validate(visit.url, visit.params, signed, algorithm)


# --- when the application does not answer --------------------------------------------------------


async def test_the_fallback_url_is_asked_with_what_went_wrong(
    twilio: FakeTwilio, site: Site
) -> None:
    """incoming-phone-number-resource: VoiceFallbackUrl; ErrorCode and ErrorUrl."""
    connect(twilio, site, voice=(500, "text/plain", b"!"), fallback="<Say>Sorry</Say>")
    number = twilio.world.numbers[NUMBER]
    number.voice_fallback_url = f"{site.url}/fallback"
    caller = twilio.phone("+628111000111")
    await caller.dial(NUMBER)
    asked = site.last("/fallback")
    assert (asked["ErrorCode"], asked["ErrorUrl"]) == ("11200", f"{site.url}/voice")
    assert caller.said("Sorry")
    assert site.paths() == ["/voice", "/fallback"]  # an HTTP error is not tried again


async def test_a_url_may_ask_for_retries_of_its_own(twilio: FakeTwilio, site: Site) -> None:
    """connection-overrides: rc and rp in the fragment, which is not sent."""
    voice: list[Answer] = [(503, "text/plain", b"")] * 2 + ["<Say>Hello</Say>"]
    connect(twilio, site, voice=voice)
    twilio.world.numbers[NUMBER].voice_url += "#rc=2&rp=5xx"
    caller = twilio.phone("+628111000111")
    await caller.dial(NUMBER)
    assert site.paths() == ["/voice"] * 3
    assert caller.said("Hello")
    assert len({visit.headers["i-twilio-idempotency-token"] for visit in site.visits}) == 1


async def test_nobody_listens(twilio: FakeTwilio, site: Site) -> None:
    connect(twilio, site)
    twilio.world.numbers[NUMBER].voice_url = "http://127.0.0.1:1/voice"
    caller = twilio.phone("+628111000111")
    await caller.dial(NUMBER)
    assert [problem.code for problem in twilio.problems] == [11205]
    assert twilio.webhooks[0].attempts == 2
    assert caller.heard[-1].kind == "error"


async def test_a_connection_that_closes_without_an_answer_is_not_tried_again(
    twilio: FakeTwilio, site: Site
) -> None:
    """connection-overrides: "Twilio doesn't retry on partial response"."""
    site.closing.add("/voice")
    await call(twilio, site, voice="")
    assert site.paths() == ["/voice", "/status"]
    assert [problem.code for problem in twilio.problems] == [11200]


async def test_a_redirect_is_followed_without_the_parameters(
    twilio: FakeTwilio, site: Site
) -> None:
    """gather, Troubleshooting: "Twilio follows this redirect, but won't resend the Digits"."""
    caller = await call(
        twilio,
        site,
        voice='<Gather action="/next" numDigits="1"/>',
        next=(302, "", b"/other"),
        other="<Say>Here</Say>",
    )
    await caller.press("1")
    assert site.last("/other") == {}
    assert site.of("/other")[0].method == "GET"
    assert caller.said("Here")


# --- what a test makes happen --------------------------------------------------------------------

MENU = '<Gather action="/next" numDigits="1" timeout="20"/>'


async def played(twilio: FakeTwilio, site: Site, fault: Fault, index: int) -> Handset:
    """A menu (webhook 0), a key (1), and the end of the call (2), with one fault."""
    twilio.chaos.plan[index] = fault
    caller = await call(twilio, site, voice=MENU, next='<Say>Well done</Say><Pause length="5"/>')
    await twilio.clock.advance(6)
    await caller.press("1")
    await twilio.clock.advance(30)
    return caller


async def test_a_webhook_is_repeated_and_the_second_answer_counts(
    twilio: FakeTwilio, site: Site
) -> None:
    site.answers["/next"] = "unused"
    twilio.chaos.plan[1] = Fault.REPEAT
    caller = await call(twilio, site, voice=MENU, next=["<Say>first</Say>", "<Say>second</Say>"])
    await caller.press("1")
    assert [v.params["Digits"] for v in site.of("/next")] == ["1", "1"]
    assert caller.said("second")
    assert not caller.said("first")


@pytest.mark.parametrize("fault", [Fault.DROP_ONCE, Fault.REPEAT, Fault.LATE_COPY, Fault.DELAY])
@pytest.mark.parametrize("index", [0, 1, 2])
async def test_what_arrives_in_the_end(
    twilio: FakeTwilio, site: Site, fault: Fault, index: int
) -> None:
    caller = await played(twilio, site, fault, index)
    assert caller.said("Well done")
    assert len(twilio.webhooks) == 3
    assert twilio.live_calls == []
    assert twilio.problems == []


async def test_a_late_copy_comes_after_its_successor(twilio: FakeTwilio, site: Site) -> None:
    await played(twilio, site, Fault.LATE_COPY, 0)
    assert site.paths() == ["/voice", "/voice", "/next", "/status"]  # no successor in 5 s
    site.visits.clear()
    twilio.chaos.plan = {len(twilio.webhooks): Fault.LATE_COPY}
    caller = twilio.phone("+628111000112")
    await caller.dial(NUMBER)
    await caller.press("1")
    await twilio.clock.advance(30)
    assert site.paths() == ["/voice", "/next", "/voice", "/status"]


async def test_a_dropped_webhook_leads_to_the_fallback(twilio: FakeTwilio, site: Site) -> None:
    connect(twilio, site, voice=MENU, next="", fallback="<Say>Sorry</Say>")
    twilio.world.numbers[NUMBER].voice_fallback_url = f"{site.url}/fallback"
    twilio.chaos.plan[1] = Fault.DROP
    caller = twilio.phone("+628111000111")
    await caller.dial(NUMBER)
    await caller.press("1")
    assert site.paths() == ["/voice", "/fallback"]
    assert site.last("/fallback")["ErrorCode"] == "11205"
    assert twilio.problems == []
    assert [problem.injected for problem in twilio.world.problems.all] == [True]


async def test_a_lost_answer_takes_fifteen_seconds(twilio: FakeTwilio, site: Site) -> None:
    connect(twilio, site, voice=MENU, next="<Say>unheard</Say>", fallback="<Say>Sorry</Say>")
    twilio.world.numbers[NUMBER].voice_fallback_url = f"{site.url}/fallback"
    twilio.chaos.plan[1] = Fault.LOSE_ANSWER
    caller = twilio.phone("+628111000111")
    await caller.dial(NUMBER)
    await caller.press("1")
    await twilio.clock.advance(14.9)
    assert site.paths() == ["/voice", "/next"]
    await twilio.clock.advance(0.2)
    assert caller.said("Sorry")
    assert not caller.said("unheard")


async def test_something_is_done_before_a_webhook(twilio: FakeTwilio, site: Site) -> None:
    seen: list[tuple[int, int]] = []

    async def before(index: int) -> None:
        seen.append((index, len(site.visits)))

    twilio.chaos.before = before
    await call(twilio, site, voice="")
    assert seen == [(0, 0), (1, 1)]


async def test_status_callbacks_can_be_swapped(twilio: FakeTwilio, site: Site) -> None:
    agent = twilio.phone("client:ani", "answer")
    twilio.chaos.plan[1] = Fault.DELAY
    leg = 'statusCallback="/leg" statusCallbackEvent="ringing answered"'
    await call(twilio, site, voice=f"<Dial><Client {leg}>ani</Client></Dial>", leg="")
    await twilio.clock.advance(1)
    assert [visit.params["CallStatus"] for visit in site.of("/leg")] == ["in-progress", "ringing"]
    assert [visit.params["SequenceNumber"] for visit in site.of("/leg")] == ["2", "1"]
    assert agent.talking_to == {"+628111000111"}
