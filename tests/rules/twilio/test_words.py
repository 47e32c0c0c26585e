"""Twilio's words in ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.line import Cause, Device, DeviceKind
from callcenter.telephony.twilio import words
from callcenter.telephony.twilio.words import Status, why_gone


@pytest.mark.parametrize(
    "text, number",
    [
        ("+628111000111", "+628111000111"),
        (" +628111000111 ", "+628111000111"),
        ("client:agent_1", "client:agent_1"),
        ("anonymous", None),
        ("Anonymous", None),
        ("+266696687", None),
        ("266696687", None),
        ("+7378742833", None),
        ("Unavailable", None),
        ("", None),
        ("+62\r\n811", None),
        ("1" * 65, None),
        ("<script>", None),
    ],
)
def test_a_callers_number(text: str, number: str | None) -> None:
    assert words.caller_number(text) == number


@pytest.mark.parametrize(
    "kind, address, rung",
    [
        (DeviceKind.BROWSER, "a1b2", "client:agent_a1b2"),
        (DeviceKind.BROWSER, "a-b", None),
        (DeviceKind.BROWSER, "a?x=1", None),
        (DeviceKind.SIP, "sip:desk1@pbx.example:5060", "sip:desk1@pbx.example:5060"),
        (DeviceKind.SIP, "sip:desk1@pbx.example;transport=tls", None),
        (DeviceKind.SIP, "sip:desk1@pbx.example?X-Header=1", None),
        (DeviceKind.PHONE, "+628111000111", "+628111000111"),
        (DeviceKind.PHONE, "+19005550100", None),
        (DeviceKind.PHONE, "08111000111", None),
        (DeviceKind.PHONE, "+62811 1000", None),
        (DeviceKind.CALLER, "+628111000111", "+628111000111"),
        (DeviceKind.CALLER, "+19005550100", None),
        (DeviceKind.CALLER, "", None),
        (DeviceKind.SIMULATED, "a1b2", None),
    ],
)
def test_whom_we_may_ring(kind: DeviceKind, address: str, rung: str | None) -> None:
    assert words.destination(Device(kind, address), ("+62",)) == rung


@pytest.mark.parametrize(
    "status, sip, known, cause",
    [
        (Status.COMPLETED, "", {"up": True}, Cause.HUNG_UP),
        (Status.COMPLETED, "", {"up": True, "ended": True}, Cause.ENDED),
        (Status.COMPLETED, "", {"up": True, "browser": True}, Cause.LOST),
        (Status.BUSY, "486", {"rang": True}, Cause.BUSY),
        (Status.BUSY, "603", {"rang": True}, Cause.DECLINED),
        (Status.NO_ANSWER, "", {"rang": True}, Cause.NO_ANSWER),
        (Status.NO_ANSWER, "", {}, Cause.UNREACHABLE),
        (Status.FAILED, "404", {}, Cause.UNREACHABLE),
        (Status.FAILED, "404", {"called": True}, Cause.FAILED),
        (Status.FAILED, "503", {"called": True}, Cause.UNREACHABLE),
        (Status.FAILED, "603", {"called": True}, Cause.DECLINED),
        (Status.NO_ANSWER, "480", {"called": True}, Cause.NO_ANSWER),
        (Status.CANCELED, "487", {"rang": True}, Cause.ENDED),
        (Status.NO_ANSWER, "", {"inbound": True}, Cause.HUNG_UP),
        (Status.FAILED, "", {"inbound": True, "up": True}, Cause.LOST),
    ],
)
def test_why_a_call_is_over(status: Status, sip: str, known: dict[str, bool], cause: Cause) -> None:
    about = dict.fromkeys(("inbound", "up", "rang", "ended", "browser"), False) | known
    assert why_gone(status, sip, **about) is cause


@given(st.text(max_size=80))
def test_whatever_comes_in_is_read(text: str) -> None:
    assert words.seconds(text) >= 0
    assert set(words.keys(text)) <= set("0123456789*#ABCD")
    assert words.status_of(text) in Status
    number = words.caller_number(text)
    assert number is None or number.isascii()
