"""Messages: their life as a table, who may be written to, when again, and their texts."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter import resources
from callcenter.messages import rules, texts
from callcenter.messages.model import (
    FAILED,
    MESSAGE_TABLE,
    REPORTED,
    Channel,
    Event,
    Reason,
    State,
    after,
)
from callcenter.messages.rules import Allowed, Sure, Word
from callcenter.messages.sender import Answer, Found

CITIZEN = "+628111000111"
UNIT = "unit@example.go.id"
ALLOWED = Allowed(frozenset(Channel), ("+62",), 100, frozenset({UNIT}))
REPORTS = [event for event, _ in REPORTED]
UNREPORTED = [State.WAITING, State.ASKED, State.UNKNOWN]


# --- the table ------------------------------------------------------------------------------------


def walk(state: State, events: list[Event]) -> State:
    for event in events:
        state = after(state, event) or state
    return state


def test_the_way_that_it_should_go() -> None:
    events = [Event.ASK, Event.ACCEPT, Event.SEND, Event.DELIVER, Event.READ]
    seen = list(itertools.accumulate(events, lambda s, e: walk(s, [e]), initial=State.WAITING))
    assert [state.value for state in seen] == [
        "waiting",
        "asked",
        "accepted",
        "sent",
        "delivered",
        "read",
    ]


@given(
    st.sampled_from([State.WAITING, State.ASKED, State.UNKNOWN]), st.lists(st.sampled_from(REPORTS))
)
def test_reports_in_any_order_and_twice_have_the_same_end(start: State, told: list[Event]) -> None:
    in_order = sorted(set(told), key=REPORTS.index)
    assert walk(start, told) == walk(start, told + told[:3]) == walk(start, in_order)
    if told:
        assert walk(start, told) is dict(REPORTED)[in_order[-1]]


@given(st.lists(st.sampled_from(Event)))
def test_it_is_asked_for_again_only_when_it_was_surely_not_sent(events: list[Event]) -> None:
    """The one way back to waiting; and what was refused stays so."""
    state, last = State.WAITING, None
    for event in events:
        new = after(state, event)
        if event is Event.ASK and new is not None:
            assert last in (None, Event.POSTPONE)
        if new is not None:
            assert state is not State.REFUSED
            assert new is not state
            last = event
        state = new or state


def test_no_report_leads_back_and_unknown_is_never_asked_for() -> None:
    assert (State.UNKNOWN, Event.ASK) not in MESSAGE_TABLE
    for _, state in REPORTED:
        assert (state, Event.ASK) not in MESSAGE_TABLE
        assert (state, Event.POSTPONE) not in MESSAGE_TABLE
    assert frozenset({State.FAILED, State.UNDELIVERED, State.REFUSED}) == FAILED


# --- who may be written to ------------------------------------------------------------------------


def why_not(
    channel: Channel = Channel.SMS,
    recipient: str | None = CITIZEN,
    allowed: Allowed = ALLOWED,
    *,
    opted_out: bool = False,
    each: int = 0,
    today: int = 0,
) -> Reason | None:
    return rules.refusal(
        allowed, channel, recipient, opted_out=opted_out, today_each=each, today=today
    )


def test_a_citizen_may_be_written_to_and_a_unit() -> None:
    assert why_not() is None
    assert why_not(Channel.WHATSAPP) is None
    assert why_not(Channel.EMAIL, UNIT) is None


def test_e_mail_goes_to_units_alone_however_many_there_are() -> None:
    assert why_not(Channel.EMAIL, "someone@example.com") is Reason.NOT_ALLOWED
    assert why_not(Channel.EMAIL, UNIT, each=rules.A_DAY_EACH, today=100) is None


@pytest.mark.parametrize("number", ["+6581234567", "+1900555", "+448888888", "+63"])
def test_no_number_outside_the_allowed_ones(number: str) -> None:
    assert why_not(recipient=number) in (Reason.NOT_ALLOWED, Reason.NO_NUMBER)
    assert not rules.may_answer(ALLOWED, number)


@pytest.mark.parametrize("number", [None, "", "1500630", "anonymous", "08111", "+62 811", "+62x"])
def test_what_is_no_number(number: str | None) -> None:
    assert why_not(recipient=number) is Reason.NO_NUMBER


@pytest.mark.parametrize("address", ["", "unit", "a b@c", "@x", "x@", CITIZEN, "a@b\r\nBcc: c@d"])
def test_what_is_no_address(address: str) -> None:
    assert why_not(Channel.EMAIL, address) is Reason.NO_ADDRESS


def test_each_reason() -> None:
    nobody = Allowed(frozenset({Channel.EMAIL}), ("+62",), 100)
    assert why_not(allowed=nobody) is Reason.NO_SENDER
    assert why_not(opted_out=True) is Reason.OPTED_OUT
    assert why_not(each=rules.A_DAY_EACH) is Reason.CAP
    assert why_not(today=100) is Reason.CAP
    assert why_not(today=99, each=rules.A_DAY_EACH - 1) is None


# --- again ----------------------------------------------------------------------------------------


@given(st.integers(1, 20), st.floats(0, 1))
def test_it_is_tried_again_later_and_later_and_not_for_ever(tries: int, chance: float) -> None:
    at = rules.again_at(0, tries, chance)
    if tries > len(rules.AGAIN_S):
        assert at is None
        return
    assert at is not None
    assert 0.75 * rules.AGAIN_S[tries - 1] <= at / 1000 <= 1.25 * rules.AGAIN_S[tries - 1]


def test_who_sees_to_it_and_when() -> None:
    minute = 60_000
    assert rules.next_at(State.ASKED, 10, 10) == 10 + rules.LOOK_S * 1000
    assert rules.next_at(State.ACCEPTED, minute, 0) == 300_000
    assert rules.next_at(State.SENT, 300_000, 0) == 3_600_000
    assert rules.next_at(State.SENT, 3_600_000, 0) is None
    for state in (State.DELIVERED, State.READ, State.FAILED, State.UNKNOWN, State.REFUSED):
        assert rules.next_at(state, 10, 0) is None


def test_what_a_look_proves() -> None:
    mine = Found("SM1", Event.SEND)
    other = Found("SM2", Event.SEND, same=False)
    old = 3_600_000
    assert rules.seen([], set(), 60_000, 0) is Sure.NOT_SENT
    assert rules.seen([mine], {"SM1"}, 60_000, 0) is Sure.NOT_SENT
    assert rules.seen([mine, other], set(), 60_000, 0) == mine
    assert isinstance(rules.seen([mine], set(), 60_000, 0), Answer)
    assert rules.seen(None, set(), 60_000, 0) is Sure.NEVER
    # Something was sent there, and nobody can say whether it was this.
    assert rules.seen([other], set(), 60_000, 0) is Sure.NOT_YET
    assert rules.seen([other], set(), old, 0) is Sure.NEVER
    assert rules.seen([mine, Found("SM3", Event.SEND)], set(), old, 0) is Sure.NEVER


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["STOP", " stop. ", "Berhenti", "BERHENTI!", "unreg", "batal\n"])
def test_words_that_stop(text: str) -> None:
    assert rules.word(text) is Word.STOP


@pytest.mark.parametrize("text", ["START", "mulai", "Unstop", "yes"])
def test_words_that_start(text: str) -> None:
    assert rules.word(text) is Word.START


@pytest.mark.parametrize("text", ["", "stop it", "halo", "STOP" + " " * 100, "\x00", "🙂", "PIN 1"])
def test_anything_else(text: str) -> None:
    assert rules.word(text) is Word.OTHER


@given(st.text(max_size=200))
def test_any_text_is_some_word(text: str) -> None:
    assert rules.word(text) in Word
    rules.answered_by_network(text)


# --- at which hours -------------------------------------------------------------------------------

ZONES = ["Asia/Jakarta", "Asia/Jayapura", "Asia/Hong_Kong", "Asia/Kathmandu", "America/New_York"]
MOMENTS = st.integers(1_600_000_000_000, 2_000_000_000_000)
MINUTES = st.integers(0, 1439)
EVENINGS = rules.Hours(18 * 60, 21 * 60, "Asia/Hong_Kong")
NIGHTS = rules.Hours(22 * 60, 5 * 60, "Asia/Jayapura")


def at(text: str, zone: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    "hours, now, then",
    [
        (EVENINGS, "2026-03-20T17:59:59", "2026-03-20T18:00"),
        (EVENINGS, "2026-03-20T18:00", "2026-03-20T18:00"),
        (EVENINGS, "2026-03-20T20:59:59", "2026-03-20T20:59:59"),
        (EVENINGS, "2026-03-20T21:00", "2026-03-21T18:00"),
        (NIGHTS, "2026-12-31T23:59", "2026-12-31T23:59"),
        (NIGHTS, "2027-01-01T00:00", "2027-01-01T00:00"),
        (NIGHTS, "2027-01-01T04:59", "2027-01-01T04:59"),
        (NIGHTS, "2027-01-01T05:00", "2027-01-01T22:00"),
    ],
)
def test_hours_in_their_zone_and_over_midnight(hours: rules.Hours, now: str, then: str) -> None:
    moment = at(now, hours.zone)
    assert rules.next_within(hours, moment) == at(then, hours.zone)
    assert rules.within(hours, moment) is (now == then)


@given(MINUTES, MINUTES, st.sampled_from(ZONES), MOMENTS)
def test_the_next_moment_is_within_the_hours_and_no_earlier_one_is(
    start: int, end: int, zone: str, now: int
) -> None:
    hours = rules.Hours(start, end, zone)
    then = rules.next_within(hours, now)
    assert then >= now
    assert rules.within(hours, then)
    assert rules.next_within(hours, then) == then
    local = dt.datetime.fromtimestamp(then / 1000, ZoneInfo(zone))
    if then > now and zone.startswith("Asia"):  # nobody puts the clocks forward there
        assert (local.hour * 60 + local.minute, local.second) == (start, 0)
        assert then - now < rules.DAY_S * 1000
        assert not rules.within(hours, then - 1)


# --- texts ----------------------------------------------------------------------------------------

SHIPPED = (resources.flows() / texts.FILE).read_text(encoding="utf-8")


def errors(text: str) -> str:
    with pytest.raises(texts.TextErrors) as refused:
        texts.load(text)
    return "\n".join(refused.value.errors)


def test_the_shipped_texts_are_neutral_and_short() -> None:
    shipped = texts.load(SHIPPED)
    for template, params in texts.TEMPLATES.items():
        for language in texts.LANGUAGES:
            text = shipped.text(template, language, dict.fromkeys(params, "26-4815-1621"))
            assert texts.parts(text) == 1
            # Who is sent a code talks with us already.
            assert "1500630" in text or template == "pin_code"
            assert not re.search(r"PIN\W*\d|\d{6}\b(?<!1500630)|upah|kerja|wage", text), text
    said = shipped.text("case_number", "id", {"number": "26-4815-1621"})
    assert said == (
        "Nomor kasus Anda 26-4815-1621. Untuk menanyakan status hubungi 1500630 dan siapkan PIN."
    )
    assert shipped.text("case_number", "jv", {"number": "1"}).startswith("Nomor kasus")
    assert shipped.content("case_number", "id") is None


def test_every_error_is_named_at_once() -> None:
    found = errors(
        """
messages:
  case_number:
    text: {id: "Kasus {numbr} {number!r}", en: "", jv: "x {number}"}
    whatsapp: {id: HX1}
  how_to_ask:
    text: {id: "Hubungi {number}", en: "a\\nb"}
  other:
    text: {id: a, en: b}
mails:
  unit_waiting:
    subject: {id: "Kasus {number} {link}", en: "%s {number}", jv: x}
    text: {id: "{number}", en: "{number} {link} {name}"}
  unit_other:
    subject: {id: a, en: b}
    text: {id: a, en: b}
"""
        % ("x" * 70)
    )
    for named in (
        "other: no such message",
        "stop_confirmed: missing",
        "case_number.jv: no such language",
        "case_number.text.id: {numbr} can't be filled in",
        "case_number.text.id: {number} takes nothing else",
        "case_number.text.en: missing",
        "case_number.whatsapp.id: use HX",
        "how_to_ask.text.id: {number} can't be filled in",
        "how_to_ask.text.en: a line break",
        "unit_other: no such mail",
        "unit_gone: missing",
        "unit_waiting.jv: no such language",
        "unit_waiting.subject.id: {link} can't be filled in",
        "unit_waiting.subject.en: longer than 78",
        "unit_waiting.text.id: {link} is missing",
        "unit_waiting.text.en: {name} can't be filled in",
    ):
        assert named in found, found


@pytest.mark.parametrize("wrong", ["", "messages: 1", "messages: {case_number: {texts: {}}}", "{"])
def test_what_is_no_such_file(wrong: str) -> None:
    assert texts.FILE in errors(wrong)


def test_too_long_and_braces() -> None:
    assert "at most 2" in errors(SHIPPED.replace("Your case number", "x" * 400))
    assert "braces" in errors(SHIPPED.replace("{number}. To", "{number. To"))
    assert "{number} is missing" in errors(SHIPPED.replace("{number}. To", "12. To"))


@pytest.mark.parametrize(
    "text, count",
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("“" * 70, 1),
        ("“" * 71, 2),
        ("🙂" * 35, 1),
        ("🙂" * 36, 2),
    ],
)
def test_parts_of_an_sms(text: str, count: int) -> None:
    assert texts.parts(text) == count


def test_whatsapp_templates_by_language() -> None:
    name = "HX" + "0a" * 16
    text = SHIPPED.replace("  case_number:\n", f"  case_number:\n    whatsapp: {{id: {name}}}\n")
    loaded = texts.load(text)
    assert loaded.content("case_number", "id") == name
    assert loaded.content("case_number", "en") is None
