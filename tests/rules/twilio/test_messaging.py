"""What Twilio's refusals and statuses mean for a message."""

from __future__ import annotations

import pytest

from callcenter.messages.model import Event, Reason
from callcenter.messages.sender import NotNow, Turned
from callcenter.telephony.twilio.messaging import EVENTS, refusal
from callcenter.telephony.twilio.rest import TwilioRefused


@pytest.mark.parametrize(
    "status, code",
    [(400, 21211), (403, 21408), (400, 21614), (400, 63016), (400, 21655), (404, 20404), (400, 0)],
)
def test_refused_for_good(status: int, code: int) -> None:
    found = refusal(TwilioRefused(status, code, ""))
    assert isinstance(found, Turned)
    assert (found.code, found.reason) == (code or status, None)


def test_whoever_said_stop() -> None:
    found = refusal(TwilioRefused(400, 21610, ""))
    assert isinstance(found, Turned)
    assert found.reason is Reason.OPTED_OUT


@pytest.mark.parametrize("status, code", [(429, 20429), (429, 0), (401, 20003), (400, 14107)])
def test_again_later(status: int, code: int) -> None:
    found = refusal(TwilioRefused(status, code, ""))
    assert isinstance(found, NotNow)
    assert found.code == (code or status)


def test_statuses() -> None:
    assert {EVENTS[one] for one in ("accepted", "queued", "sending")} == {Event.ACCEPT}
    assert EVENTS["canceled"] is EVENTS["failed"] is Event.FAIL
    assert "received" not in EVENTS
