"""Which letter goes to whom, what it may say, when somebody may be reached."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter import resources
from callcenter.cases import numbers
from callcenter.cases.clocks import Kind
from callcenter.cases.directory import Directory
from callcenter.cases.escalation import Escalation, Level
from callcenter.cases.post import contact, letters
from callcenter.cases.post.contact import Contact
from callcenter.cases.post.letters import Addressee, Writing
from callcenter.cases.statuses import CASE_TABLE, FINAL, Actor, CaseEvent, CaseStatus, WaitReason
from callcenter.cases.units import Units
from callcenter.cases.work import telling
from callcenter.cases.work.telling import Tell, Whom
from callcenter.messages import rules, texts
from callcenter.messages.model import Channel
from callcenter.messages.rules import Allowed, Hours
from callcenter.topics import Compartment
from tests.rules.cases.kit import shipped_rules, shipped_topics, shipped_units

E, S, A = CaseEvent, CaseStatus, Actor
SHIPPED = (resources.flows() / texts.FILE).read_text(encoding="utf-8")
TEXTS = texts.load(SHIPPED)
PAGES = "https://desk.example.go.id"
JAKARTA = "Asia/Jakarta"


def addressed(units: Units, **heads: str) -> Units:
    """The same units, each with the address of its desk; ``heads``: of whose heads."""
    made = {
        code: msgspec.structs.replace(
            unit, email=f"{code.lower()}@unit.example.go.id", head=heads.get(code)
        )
        for code, unit in units.units.items()
    }
    return msgspec.structs.replace(units, units=made)


UNITS = addressed(shipped_units(), P32="kepala@p32.example.go.id", WAS="dirjen@was.example.go.id")


def every_tell() -> list[Tell]:
    """All that can be told of a case."""
    moves = [
        tell
        for (_, event), move in CASE_TABLE.items()
        for actor in move.by
        for wait in (None, *WaitReason)
        for tell in telling.of_move(event, actor, move.to, wait, held_by="P32", held_before="P33")
    ]
    told = [
        telling.of_escalation(Escalation(level, kind, 1, "P32"))
        for level in Level
        for kind in (None, *Kind)
    ]
    opened = telling.of_opening("PTSA")
    return [*moves, *told, telling.of_reminder("P32"), opened]


TELLS = every_tell()


# --- what a letter says ---------------------------------------------------------------------------


def test_whatever_can_be_told_has_a_text() -> None:
    used = {letters.template(tell) for tell in TELLS} | {letters.STILL_WAITING, letters.CLOSING}
    for tell in TELLS:
        known = texts.TEMPLATES if tell.whom is Whom.REPORTER else texts.MAILS
        assert letters.template(tell) in known
    assert used == set(texts.MAILS) | letters.TO_REPORTERS
    assert used <= {template for template, _ in TEXTS.texts}


def forbidden() -> set[str]:
    """Words that would tell others what it is about: topics, units, bodies outside, statuses."""
    found = {label for topic in shipped_topics().values() for label in topic.label.values()}
    found |= {unit.name for unit in shipped_units().units.values()}
    bodies: Directory = shipped_rules().directory
    found |= {name for body in bodies.values() for name in body.label.values()}
    words = "upah gaji PHK pesangon BPJS majikan perusahaan pelapor terlapor employer wage company"
    return {word.lower() for word in found} | {word.lower() for word in words.split()}


FORBIDDEN = forbidden()


MAILED = {letters.template(one) for one in TELLS if one.whom is not Whom.REPORTER}
TEMPLATES = sorted(MAILED | letters.TO_REPORTERS | {letters.STILL_WAITING})


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("name", TEMPLATES)
@given(st.integers(0, 9_999_999))
@settings(max_examples=20)
def test_a_letter_holds_a_number_and_a_link_and_nothing_else_of_a_case(
    name: str, language: str, digits: int
) -> None:
    """It is the same for all cases but for these, so that nothing else of one can be in it."""
    number = numbers.make_number(26, f"{digits:07}")
    mail = name in texts.MAILS
    params = letters.to_unit(number, PAGES) if mail else letters.to_reporter(number)
    said = TEXTS.subject(name, language, params) + "\n" + TEXTS.text(name, language, params)
    spoken = numbers.groups(number).replace(" ", "-")
    assert set(params.values()) == {spoken} | ({f"{PAGES}/cases/{number}"} if mail else set())
    assert spoken in said
    bare = said.replace(spoken, "").replace(f"{PAGES}/cases/{number}", "").lower()
    assert not re.findall(r"\d+", bare.replace("1500630", ""))
    assert not [word for word in FORBIDDEN if re.search(rf"\b{re.escape(word)}\b", bare)]


def test_what_is_over_is_not_said() -> None:
    assert letters.over(S.ROUTED) == ["case_question", "case_closing"]
    assert set(letters.over(S.IN_PROGRESS)) == {
        letters.WAITING, letters.STILL_WAITING, "case_question", "case_closing",
    }  # fmt: skip
    for status in S:
        assert set(letters.over(status)).isdisjoint({"case_news", "unit_gone", "head_late"})
        assert ("unit_due" in letters.over(status)) == (status in FINAL)
        for template in letters.over(status):
            assert not letters.true_in(template, status)


def test_what_reporters_are_told() -> None:
    def told(event: CaseEvent, actor: Actor, to: CaseStatus, wait: WaitReason | None = None) -> str:
        tells = telling.of_move(event, actor, to, wait, held_by="P32", held_before="P32")
        return ",".join(letters.template(one) for one in tells if one.whom is Whom.REPORTER)

    assert told(E.FOLLOW_UP, A.OFFICER, S.FOLLOWED_UP) == "case_news"
    assert told(E.NEED_INFO, A.TRIAGE, S.NEEDS_INFO) == "case_question"
    assert told(E.WAIT, A.OFFICER, S.WAITING, WaitReason.REPORTER) == "case_question"
    assert told(E.WAIT, A.OFFICER, S.WAITING, WaitReason.STATUTORY) == ""
    assert told(E.SILENCE, A.SYSTEM, S.CLOSED) == "case_news"
    # What they did, or asked an agent for, they know.
    assert told(E.CONFIRM, A.REPORTER, S.CLOSED) == ""
    assert told(E.ANSWER, A.AGENT, S.ANSWERED) == ""


# --- to whom --------------------------------------------------------------------------------------


def to(
    whom: Whom,
    unit: str | None,
    *,
    what: str = "accept",
    responsible: str = "PTSA",
    compartment: Compartment = Compartment.NORMAL,
    units: Units = UNITS,
) -> str | None:
    home = shipped_rules().home(compartment)
    tell = Tell(whom, what, unit)
    found = letters.addressee(
        tell, units, home=home, responsible=responsible, compartment=compartment
    )
    return None if found is None else f"{found.unit} {found.address}"


def test_a_units_desk_its_head_and_the_directorate() -> None:
    assert to(Whom.UNIT, "P32", what="route") == "P32 p32@unit.example.go.id"
    assert to(Whom.ASSIGNEE, "P32") == "P32 p32@unit.example.go.id"
    assert to(Whom.HEAD, "P32") == "P32 kepala@p32.example.go.id"
    assert to(Whom.HEAD, "P33") == "P33 p33@unit.example.go.id"
    assert to(Whom.DIRECTORATE, "P32", responsible="WAS") == "WAS dirjen@was.example.go.id"
    assert to(Whom.INSPECTORATE, None) == "ITJEN itjen@unit.example.go.id"
    assert to(Whom.ON_CALL, "P32") == "PTSA ptsa@unit.example.go.id"
    # While nobody else has it, triage does.
    assert to(Whom.HEAD, None) == "PTSA ptsa@unit.example.go.id"
    # Where no directorate is responsible, whoever is highest above the unit.
    assert to(Whom.DIRECTORATE, "K3216", responsible="P32") == "P32 kepala@p32.example.go.id"


def test_a_body_outside_is_not_written_to_and_a_unit_without_address_is_named() -> None:
    assert to(Whom.UNIT, "KP2MI", what="route") is None
    assert to(Whom.UNIT, "P32", what="route", units=shipped_units()) == "P32 None"
    unit = msgspec.structs.replace(UNITS.units["P32"], language="en")
    units = msgspec.structs.replace(UNITS, units={**UNITS.units, "P32": unit})
    found = letters.addressee(
        Tell(Whom.UNIT, "route", "P32"),
        units,
        home="PTSA",
        responsible="",
        compartment=Compartment.NORMAL,
    )
    assert found == Addressee("P32", "p32@unit.example.go.id", "en")


@given(st.sampled_from(TELLS))
def test_nobody_but_the_inspectorate_hears_of_a_complaint_about_officials(tell: Tell) -> None:
    if tell.whom is Whom.REPORTER:
        return
    found = to(tell.whom, tell.unit, what=tell.what, compartment=Compartment.INTEGRITY)
    gone = letters.template(tell) == "unit_gone"  # it had it, and hears that it has it no more
    assert found == "ITJEN itjen@unit.example.go.id" or gone


def test_mail_goes_to_addresses_of_units_alone() -> None:
    assert letters.addresses(shipped_units()) == frozenset()
    found = letters.addresses(UNITS)
    assert {"p32@unit.example.go.id", "kepala@p32.example.go.id"} <= found
    assert len(found) == len(UNITS.units) + 2
    silent = letters.without_address(shipped_units())
    assert "P32" in silent
    assert "KP2MI" not in silent
    assert letters.without_address(UNITS) == []


@pytest.mark.parametrize(
    "channels, approved, wish, wanted",
    [
        ({Channel.SMS, Channel.WHATSAPP}, True, None, Channel.SMS),
        ({Channel.SMS, Channel.WHATSAPP}, True, Channel.WHATSAPP, Channel.WHATSAPP),
        ({Channel.SMS, Channel.WHATSAPP}, False, Channel.WHATSAPP, Channel.SMS),
        ({Channel.WHATSAPP}, True, Channel.SMS, Channel.WHATSAPP),
        ({Channel.WHATSAPP}, False, Channel.WHATSAPP, None),
        ({Channel.EMAIL}, True, Channel.EMAIL, None),
    ],
)
def test_by_sms_or_by_whatsapp_with_an_approved_text(
    channels: set[Channel], approved: bool, wish: Channel | None, wanted: Channel | None
) -> None:
    named = "  case_news:\n    whatsapp: {id: HX" + "0a" * 16 + "}\n"
    written = texts.load(SHIPPED.replace("  case_news:\n", named) if approved else SHIPPED)
    writing = Writing(written, Allowed(frozenset(channels), ("+62",), 100), PAGES)
    assert letters.channel(writing, "case_news", "id", wish) is wanted
    assert letters.channel(writing, "case_news", "jv", wish) is wanted  # as in Indonesian


# --- where and when somebody is reached -----------------------------------------------------------

OWN, ABROAD = "+628111000111", "+85251234567"
ALLOWED = Allowed(frozenset({Channel.SMS}), ("+62",), 100)


def test_only_who_said_so_and_only_on_a_telephone_of_their_own() -> None:
    assert contact.number(Contact((OWN,), True, True), ALLOWED) == OWN
    assert contact.number(Contact((OWN,), False, True), ALLOWED) is None
    assert contact.number(Contact((), True, True), ALLOWED) is None
    # One that may be written to; without any the refusal stands on record.
    assert contact.number(Contact((ABROAD, OWN), True, True), ALLOWED) == OWN
    assert contact.number(Contact((ABROAD,), True, True), ALLOWED) == ABROAD


def test_messages_and_calls_have_their_hours() -> None:
    quiet = Contact((OWN,), True, True)
    assert contact.to_write(quiet, JAKARTA) == Hours(7 * 60, 21 * 60, JAKARTA)
    evenings = Contact((OWN,), True, True, (18 * 60, 22 * 60), zone="Asia/Hong_Kong")
    assert contact.to_write(evenings, JAKARTA) == Hours(18 * 60, 22 * 60, "Asia/Hong_Kong")
    assert contact.to_call(evenings, JAKARTA) == contact.to_write(evenings, JAKARTA)
    sundays = msgspec.structs.replace(evenings, called=(9 * 60, 10 * 60))
    assert contact.to_call(sundays, JAKARTA) == Hours(9 * 60, 10 * 60, "Asia/Hong_Kong")
    assert contact.to_write(sundays, JAKARTA) == contact.to_write(evenings, JAKARTA)
    for zone in ("Mars/Olympus", "../etc/passwd", ""):
        lost = msgspec.structs.replace(quiet, zone=zone)
        assert contact.to_write(lost, JAKARTA).zone == JAKARTA


minutes = st.one_of(st.none(), st.integers(0, 24 * 60 - 1))
zones = st.sampled_from([None, "Asia/Jayapura", "Asia/Hong_Kong", "Europe/Berlin", "nowhere"])


@given(minutes, minutes, zones, st.integers(1_700_000_000_000, 1_900_000_000_000), st.booleans())
def test_nobody_is_rung_up_outside_their_hours(
    start: int | None, end: int | None, zone: str | None, now: int, may: bool
) -> None:
    person = Contact((OWN,), True, may, called=(start, end), zone=zone)
    at = contact.call_at(person, JAKARTA, now)
    if not may:
        assert at is None
        return
    hours = contact.to_call(person, JAKARTA)
    assert at is not None
    assert now <= at < now + 3 * 86_400_000
    assert rules.within(hours, at)
    assert (at == now) == rules.within(hours, now)
    if start is end is None:
        local = dt.datetime.fromtimestamp(at / 1000, ZoneInfo(hours.zone))
        assert 7 <= local.hour < 21
