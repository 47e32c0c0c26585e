"""Asterisk's words in ours: causes, numbers, keys, what is found after a reconnect."""

from __future__ import annotations

import pytest

from callcenter.line import Cause
from callcenter.telephony.asterisk.causes import cause_of
from callcenter.telephony.asterisk.events import (
    Bridge,
    Channel,
    Dialplan,
    Event,
    Key,
    Party,
    StoredRecording,
    key_of,
)
from callcenter.telephony.asterisk.resync import legs_of, messages_of
from callcenter.telephony.asterisk.words import (
    agent_of,
    caller_number,
    endpoint_name,
    phone_number,
    sip_address,
)


@pytest.mark.parametrize(
    "code, sip, answered, rang, cause",
    [
        (16, None, True, True, Cause.HUNG_UP),
        (44, None, True, True, Cause.LOST),  # no RTP any more
        (102, 408, True, True, Cause.LOST),
        (17, 486, False, True, Cause.BUSY),
        (17, 486, False, False, Cause.BUSY),
        (21, 603, False, True, Cause.DECLINED),
        (21, 403, False, True, Cause.DECLINED),
        (19, None, False, True, Cause.NO_ANSWER),
        (19, None, False, False, Cause.UNREACHABLE),
        (19, 480, False, False, Cause.UNREACHABLE),
        (1, 404, False, False, Cause.UNREACHABLE),
        (20, None, False, False, Cause.UNREACHABLE),
        (38, 500, False, True, Cause.FAILED),
        (None, None, True, True, Cause.HUNG_UP),
        (None, None, False, False, Cause.UNREACHABLE),
        (999, None, True, True, Cause.FAILED),
    ],
)
def test_causes(
    code: int | None, sip: int | None, answered: bool, rang: bool, cause: Cause
) -> None:
    assert cause_of(code, sip, answered=answered, rang=rang, ended=False) is cause
    assert cause_of(code, sip, answered=answered, rang=rang, ended=True) is Cause.ENDED


@pytest.mark.parametrize(
    "code, sip, cause",
    [
        (17, 486, Cause.BUSY),
        (17, 600, Cause.BUSY),
        (18, 408, Cause.NO_ANSWER),
        (19, 480, Cause.NO_ANSWER),
        (16, None, Cause.NO_ANSWER),
        (21, 403, Cause.DECLINED),
        (21, 603, Cause.DECLINED),
        (21, 401, Cause.UNREACHABLE),  # the carrier does not know us: the citizen is not asked
        (1, 404, Cause.FAILED),
        (28, 484, Cause.FAILED),
        (20, None, Cause.UNREACHABLE),
        (34, 503, Cause.UNREACHABLE),
        (38, 500, Cause.UNREACHABLE),
        (102, 504, Cause.UNREACHABLE),
        (None, None, Cause.UNREACHABLE),
    ],
)
def test_why_a_citizen_is_not_reached(code: int | None, sip: int | None, cause: Cause) -> None:
    """It says the same whether the carrier told of the ringing or not."""
    for rang in (False, True):
        known = cause_of(code, sip, answered=False, rang=rang, ended=False, called=True)
        assert known is cause
    ended = cause_of(code, sip, answered=False, rang=True, ended=True, called=True)
    assert ended is Cause.ENDED


@pytest.mark.parametrize(
    "soft, answered, cause",
    [
        (0x01, True, Cause.LOST),
        (0x04, True, Cause.RESTARTED),
        (0x04, False, Cause.RESTARTED),
        (0x20, True, Cause.ENDED),
        (0x02, True, Cause.HUNG_UP),
    ],
)
def test_hang_ups_that_begin_inside(soft: int, answered: bool, cause: Cause) -> None:
    assert cause_of(16, soft=soft, answered=answered, rang=False, ended=False) is cause


@pytest.mark.parametrize(
    "text, number",
    [
        ("+628111000111", "+628111000111"),
        (" 08111000111 ", "08111000111"),
        ("Anonymous", None),
        ("", None),
        ("+62811<script>", None),
        ("0" * 40, None),
        ("1\r\nX: y", None),
    ],
)
def test_caller_numbers(text: str, number: str | None) -> None:
    assert caller_number(text) == number


def test_addresses_that_may_be_rung() -> None:
    assert sip_address("sip:budi@10.0.0.5:5060") == "sip:budi@10.0.0.5:5060"
    for bad in ("sip:x@y;transport=tcp", "sip:x@y?Replaces=1", "budi@10.0.0.5", "sip:a/b@c"):
        assert sip_address(bad) is None
    assert phone_number("+62811000", ("+62", "0")) == "+62811000"
    for bad in ("+1900555", "62811000", "+62811000@evil", "+62811000,hacked"):
        assert phone_number(bad, ("+62", "0")) is None
    assert endpoint_name("a1-b_2") == "agent-a1-b_2"
    assert endpoint_name("../trunk") is None
    assert agent_of("agent-a1") == "a1"
    assert agent_of("trunk") is None


def test_one_press_heard_twice() -> None:
    stamp = "2026-11-24T04:58:36.{}+0000"
    first = key_of(Event(digit="8", duration_ms=100, timestamp=stamp.format("567")))
    echo = key_of(Event(digit="8", duration_ms=100, timestamp=stamp.format("586")))
    again = key_of(Event(digit="8", duration_ms=80, timestamp=stamp.format("747")))
    assert echo.is_echo_of(first)
    assert not again.is_echo_of(first)
    assert not Key("9", first.ended_at + 10, 100).is_echo_of(first)
    assert not first.is_echo_of(None)
    unknown = key_of(Event(digit="8", duration_ms=100, timestamp="nonsense"))
    assert not unknown.is_echo_of(first)


def _channel(
    name: str, *, to: str = "", called: str = "", net: str = "", app: str = "", data: str = ""
) -> Channel:
    return Channel(
        name,
        state="Up",
        caller=Party("+62811"),
        dialplan=Dialplan(app_name=app, app_data=data),
        channelvars={"CC_TO": to, "CC_CALLED": called, "CC_NET": net},
    )


def test_what_is_ours_after_a_reconnect() -> None:
    channels = [
        _channel("1.0", to="1500630", app="Stasis", data="callcenter,1500630"),
        _channel("1.1", to="1500630", net="apology", app="Playback"),
        _channel("1.2", to="1500630", net="message", app="Record"),
        _channel("1.3", to="1500630", app="Stasis", data="other,1500630"),
        _channel("agent", app="Stasis", data="callcenter"),
        _channel("ringing"),
        _channel("called", called="asked"),
        _channel("here", called="answered", app="Stasis", data="callcenter,"),
        _channel("helped", called="answered", net="apology", app="Playback"),
        _channel("speaks", called="answered", net="message", app="Record"),
        _channel("foreign", app="Dial"),
    ]
    held = frozenset({"ringing", "called"})
    found = legs_of(channels, [Bridge("r", channels=["agent"])], held, "callcenter")
    assert [(leg.leg, leg.inbound, leg.away, leg.bridge) for leg in found] == [
        ("1.0", True, False, None),
        ("1.1", True, True, None),
        ("agent", False, False, "r"),
        ("ringing", False, False, None),
        ("called", False, False, None),
        ("here", False, False, None),
        ("helped", False, True, None),
    ]
    assert [leg.leg for leg in found if leg.called] == ["called", "here", "helped"]
    assert [leg.leg for leg in found if leg.net] == ["1.0", "1.1", "here", "helped"]
    assert {leg.leg for leg in found if leg.caller} == {"1.0", "1.1"}


def test_messages_that_are_complete() -> None:
    stored = [
        StoredRecording("fallback-1795494391-1"),
        StoredRecording("fallback-1795494400-7"),
        StoredRecording("fallback-1795494500-0190af"),
        StoredRecording("case-17"),
    ]
    spoken = [_channel("1795494400.7"), _channel("0190af", called="answered", net="message")]
    assert messages_of(stored, spoken) == [("fallback-1795494391-1", 1_795_494_391_000)]
    assert ("fallback-1795494500-0190af", 1_795_494_500_000) in messages_of(stored, spoken[:1])
