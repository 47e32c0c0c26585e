"""Units and reporters are told, on both databases: what is written, to whom, and who is phoned."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from callcenter import resources
from callcenter.cases import tables
from callcenter.cases.errors import Refused
from callcenter.cases.facts import NoteKind
from callcenter.cases.post import letters
from callcenter.cases.post import service as post
from callcenter.cases.post.letters import Writing
from callcenter.cases.reporters import service as reporters
from callcenter.cases.reporters.service import Form
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import CASE_TABLE, Actor, CaseEvent
from callcenter.clock import Given
from callcenter.db import Connection, Database
from callcenter.db.keys import Keys
from callcenter.db.tables import fact
from callcenter.messages import service as messages
from callcenter.messages import tables as message_tables
from callcenter.messages import texts
from callcenter.messages.model import Channel, Event, Letter
from callcenter.messages.rules import Allowed
from tests.db.test_cases import DAY_MS
from tests.db.work import Desk, accepted, routed
from tests.rules.cases.kit import shipped_rules
from tests.rules.histories import OPEN

E, A = CaseEvent, Actor
TEXTS = texts.load((resources.flows() / texts.FILE).read_text(encoding="utf-8"))
PAGES = "https://desk.example.go.id"
HOUR_MS = 3_600_000
OWN, OFFICE = "+628111000111", "+62215550001"
SILENT = "P33"  #: a unit without an address


def written(*channels: Channel) -> Rules:
    """The shipped rules, in which all units but one have an address, and something sends."""
    rules = shipped_rules()
    made = {
        code: msgspec.structs.replace(
            unit,
            email=None if code == SILENT else f"{code.lower()}@unit.example.go.id",
            head="kepala@p32.example.go.id" if code == "P32" else None,
        )
        for code, unit in rules.units.units.items()
    }
    units = msgspec.structs.replace(rules.units, units=made)
    allowed = Allowed(frozenset(channels), ("+62",), 100, letters.addresses(units))
    return dataclasses.replace(rules, units=units, writing=Writing(TEXTS, allowed, PAGES))


class Office(Desk):
    """A desk that writes; ``post`` is what is sent."""

    def __init__(self, database: Database, keys: Keys, *channels: Channel) -> None:
        super().__init__(database, keys)
        self.rules = written(*(channels or (Channel.SMS, Channel.EMAIL)))

    def person(self, case: str, *phones: str, **more: Any) -> None:
        """Write down who the reporter is, and how they may be reached."""
        given = Given(self.now)
        said: dict[str, Any] = {"name": "Siti", "phones": phones or (OWN,), "may_message": True}
        form = Form(**said | more)
        self.do(lambda conn: reporters.save(conn, self.keys, given.again(), case=case, form=form))

    def sent(self) -> list[Letter]:
        """What goes out now; it arrives."""
        found = self.do(lambda conn: messages.asked(conn, self.keys, self.now, TEXTS, 100))
        for one in found:
            self.do(partial(self._arrive, one.id))
        return sorted(found, key=lambda one: one.recipient)

    def _arrive(self, message: str, conn: Connection) -> None:
        messages.became(conn, self.keys, self.now, message, Event.ACCEPT, provider_id=message)

    def mail(self) -> list[tuple[str, str]]:
        """Whom went out mail now, with its subject; the rest is dropped."""
        return [(one.recipient, one.subject) for one in self.sent() if one.subject]

    def sms(self) -> list[tuple[str, str]]:
        return [(one.recipient, one.text) for one in self.sent() if not one.subject]

    def fails(self, message: str) -> None:
        def fail(conn: Connection) -> None:
            messages.became(conn, self.keys, self.now, message, Event.FAIL)
            post.became(conn, Given(self.now), message)

        self.do(fail)

    def messages(self, case: str) -> list[tuple[str, str]]:
        """Id and template of every message about ``case``."""
        row = message_tables.message.c
        wanted = select(row.id, row.template).where(row.case == case).order_by(row.id)
        return self.do(lambda conn: [(one.id, one.template) for one in conn.execute(wanted)])

    def put(self, case: str) -> list[tuple[str, str, str | None]]:
        """Template, state and reason of every message about ``case``, oldest first."""
        row = message_tables.message.c
        wanted = select(row.template, row.state, row.reason).where(row.case == case)
        wanted = wanted.order_by(row.created_at, row.id)
        return self.do(lambda conn: [tuple(one) for one in conn.execute(wanted)])

    def number(self, case: str) -> str:
        return letters.to_reporter(self.row(case)["number"])["number"]


@pytest.fixture
def desk(database: Database, keys: Keys) -> Desk:
    return Desk(database, keys)


@pytest.fixture
def office(database: Database, keys: Keys) -> Office:
    return Office(database, keys)


DESK = "p32@unit.example.go.id"


# --- units ----------------------------------------------------------------------------------------


def test_a_unit_is_told_that_a_case_waits_for_it(office: Office) -> None:
    case = routed(office)
    (letter,) = office.sent()
    number = office.number(case)
    assert letter.recipient == DESK
    assert letter.subject == f"Ada kasus yang menunggu unit Anda ({number})"
    assert f"{PAGES}/cases/{office.row(case)['number']}" in letter.text
    assert office.put(case) == [("unit_waiting", "accepted", None)]
    (sent,) = office.all(tables.assignment, case)
    assert sent["told_at"] == office.now
    put = [text for kind, text in office.said(case) if kind == "message_put"]
    assert len(put) == 1
    assert '"template":"unit_waiting"' in put[0]
    assert '"unit":"P32"' in put[0]
    assert "example" not in put[0]


def test_it_is_told_each_working_day_until_it_accepts(office: Office) -> None:
    case = routed(office)
    number, told = office.number(case), []
    office.sent()
    until = office.now + 7 * DAY_MS  # five of them are working days
    while (due := office.next_look(case)) is not None and due <= until:
        office.until(due)
        told += [(office.now, subject) for to, subject in office.mail() if to == DESK]
    again = [at for at, subject in told if subject == f"Kasus {number} masih menunggu unit Anda"]
    assert len(again) == 5
    assert all(later - at >= DAY_MS for at, later in itertools.pairwise(again))
    office.until(until)
    office.move(case, E.ACCEPT, A.OFFICER, "officer")
    office.until(office.now + 7 * DAY_MS)
    assert "masih menunggu" not in str(office.mail())


def test_a_server_that_was_away_tells_once(office: Office) -> None:
    case = routed(office)
    office.sent()
    office.now += 10 * DAY_MS
    office.look(case)
    office.look(case)
    assert [one[0] for one in office.put(case)].count(letters.STILL_WAITING) == 1
    assert office.next_look(case) is not None
    assert office.next_look(case) > office.now  # type: ignore[operator]


def test_what_is_over_before_it_was_sent_is_not_sent(office: Office) -> None:
    case = routed(office)
    office.now += 1
    office.move(case, E.DECLINE, A.OFFICER, "officer", reason="not_ours", unit="P31")
    assert office.mail() == []
    assert office.put(case) == [("unit_waiting", "refused", "needless")]


def test_a_unit_hears_what_the_reporter_said_and_that_it_has_it_no_more(office: Office) -> None:
    case = accepted(office)
    office.sent()
    number = office.number(case)
    office.move(case, E.FOLLOW_UP, A.OFFICER, "o", public_note="Selesai.")
    office.move(case, E.OBJECT, A.REPORTER)
    assert office.mail() == [(DESK, f"Ada kabar pada kasus {number}")]
    office.remind(case)
    assert office.mail() == [(DESK, f"Jawaban untuk kasus {number} ditunggu")]
    office.move(case, E.RECALL, A.TRIAGE, "tri", reason="not_ours")
    assert office.mail() == [(DESK, f"Kasus {number} tidak lagi pada unit Anda")]


def test_clocks_write_to_the_desk_its_head_and_the_directorate(office: Office) -> None:
    """Nobody acts: all of it comes by the timer of the case."""
    case = accepted(office)
    office.sent()
    number, told = office.number(case), []
    until = OPEN + 200 * DAY_MS
    while (due := office.next_look(case)) is not None and due <= until:
        office.until(due)
        told += office.mail()
    was = office.rules.topics["upah_tunggak"].unit.lower()
    assert told == [
        (DESK, f"Batas waktu kasus {number} sudah dekat"),
        ("kepala@p32.example.go.id", f"Kasus {number} melewati batas waktu"),
        (f"{was}@unit.example.go.id", f"Kasus {number} jauh melewati batas waktu"),
    ]


def test_life_in_danger_is_told_to_triage_at_once(office: Office) -> None:
    case, _, _ = office.open("call-p0", "kecelakaan")
    office.until(office.now)
    (told,) = office.mail()
    assert told == ("ptsa@unit.example.go.id", f"SEGERA: kasus {office.number(case)}")
    office.until(office.now + 31 * 60_000)
    assert len(office.mail()) == 1  # two were due while no mail went out: the newest says it all


def test_a_complaint_about_officials_is_written_of_to_the_inspectorate_alone(
    office: Office,
) -> None:
    case = office.filed("integritas")
    office.until(office.now + 60 * DAY_MS)
    told = office.mail()
    assert told
    assert {to for to, _ in told} == {"itjen@unit.example.go.id"}
    assert {one[0] for one in office.put(case)} >= {"unit_due", "head_late", "directorate_late"}


def test_a_reporter_hears_that_the_head_was_told_only_when_that_is_true(office: Office) -> None:
    def late(office: Office) -> str:
        case = routed(office)
        office.until(office.now + 14 * DAY_MS)
        assert "escalated" in {kind for kind, _ in office.said(case)}
        assert office.standing(case).late_days > 0
        return case

    case = late(office)
    assert office.standing(case).head_told
    (told,) = (one for one in office.messages(case) if one[1] == "head_late")
    office.fails(told[0])
    assert not office.standing(case).head_told
    office.rules = written(Channel.SMS)
    assert not office.standing(late(office)).head_told


# --- who can't be written to ----------------------------------------------------------------------


def test_a_unit_without_an_address_is_phoned_at_once(office: Office) -> None:
    case = routed(office, SILENT, "33")
    (found,) = office.to_phone(office.now)
    assert (found.case, found.unit, found.since, found.told_at) == (case, SILENT, office.now, None)
    assert office.put(case) == [("unit_waiting", "refused", "no_address")]
    refused = [text for kind, text in office.said(case) if kind == "message_refused"]
    assert '"reason":"no_address"' in refused[0]
    office.until(office.now + 3 * DAY_MS)
    assert letters.STILL_WAITING not in [one[0] for one in office.put(case)]
    assert [one.since for one in office.to_phone(office.now)] == [found.since]


def test_without_a_mail_server_every_unit_is_phoned_at_once(database: Database, keys: Keys) -> None:
    office = Office(database, keys, Channel.SMS)
    case = routed(office)
    assert [one.case for one in office.to_phone(office.now)] == [case]
    assert office.put(case) == [("unit_waiting", "refused", "no_sender")]


def test_an_address_that_is_taken_away_puts_it_on_the_list(office: Office) -> None:
    case = routed(office)
    office.sent()
    rules = office.rules
    bare = msgspec.structs.replace(rules.units.units["P32"], email=None)
    units = msgspec.structs.replace(rules.units, units={**rules.units.units, "P32": bare})
    office.rules = dataclasses.replace(rules, units=units)
    due = office.next_look(case)
    assert due is not None
    office.until(due)
    assert [(one.case, one.told_at) for one in office.to_phone(office.now)] == [(case, None)]
    assert office.next_look(case) != due


def test_mail_that_does_not_arrive_puts_it_on_the_list(office: Office) -> None:
    case = routed(office)
    office.now += 1
    other = routed(office)
    first, second = office.do(
        lambda conn: messages.asked(conn, office.keys, office.now, TEXTS, 100)
    )
    office.fails(first.id)
    assert [one.since for one in office.to_phone(office.now)] == [office.now]
    office.now += 1
    office.fails(first.id)  # told again, it changes nothing
    assert [one.since for one in office.to_phone(office.now)] == [office.now - 1]
    office.move(other, E.DECLINE, A.OFFICER, "o", reason="not_ours", unit="P31")
    office.move(case, E.ACCEPT, A.OFFICER, "o")
    office.fails(second.id)
    assert office.to_phone(office.now) == []
    (sent,) = office.all(tables.assignment, other)
    assert sent["phone_from"] > office.now


# --- reporters ------------------------------------------------------------------------------------


def followed_up(office: Office, *phones: str, **more: Any) -> str:
    case = accepted(office)
    office.person(case, *phones, **more)
    office.sent()
    office.move(case, E.FOLLOW_UP, A.OFFICER, "o", public_note="Upah sudah dibayar.")
    return case


def test_a_reporter_who_wants_it_hears_that_there_is_news(office: Office) -> None:
    case = followed_up(office)
    ((to, text),) = office.sms()
    assert to == OWN
    assert text == TEXTS.text("case_news", "id", {"number": office.number(case)})
    assert office.put(case)[-1] == ("case_news", "accepted", None)
    assert [kind for kind, _ in office.said(case)][-2:] == ["message_put", "message_sent"]


def test_in_their_language(office: Office) -> None:
    followed_up(office, language="en")
    ((_, text),) = office.sms()
    assert text.startswith("There is news")


@pytest.mark.parametrize(
    "more",
    [
        {"may_message": False},
        {"may_message": None},  # nobody has asked them
        {"shared": (OWN,)},  # others answer it
        {"phones": ()},
    ],
)
def test_whoever_does_not_want_it_or_has_no_telephone_of_their_own(
    office: Office, more: dict[str, Any]
) -> None:
    case = followed_up(office, **more)
    assert office.sms() == []
    assert not [one for one in office.put(case) if one[0] in letters.TO_REPORTERS]


def test_not_on_the_employers_telephone(office: Office) -> None:
    followed_up(office, OFFICE, OWN, shared=(OFFICE,))
    assert [to for to, _ in office.sms()] == [OWN]


def test_never_whoever_is_anonymous(office: Office) -> None:
    case = accepted(office)
    office.person(case)
    office.set(case, anonymous=True)  # even if somebody was written down
    office.move(case, E.FOLLOW_UP, A.OFFICER, "o", public_note="Selesai.")
    assert office.sms() == []


def test_within_their_hours_and_the_newest_alone(office: Office) -> None:
    """It is 10.00 in Jakarta; they are at home from 18.00 to 20.00."""
    case = followed_up(office, safe_from=18 * 60, safe_until=20 * 60)
    assert office.sms() == []
    office.move(case, E.OBJECT, A.REPORTER)
    office.move(case, E.WAIT, A.OFFICER, "o", wait="reporter")
    office.now += 7 * HOUR_MS
    assert office.sms() == []
    office.now += HOUR_MS
    assert [text for _, text in office.sms()] == [
        TEXTS.text("case_question", "id", {"number": office.number(case)})
    ]


def test_whoever_has_asked_meanwhile_needs_no_message(office: Office) -> None:
    case, number, pin = office.open("call-a")
    office.person(case, safe_from=18 * 60, safe_until=20 * 60)
    office.move(case, E.FILE, A.AGENT, by="sari")
    office.move(case, E.VERIFY, A.TRIAGE, "tri")
    office.move(case, E.ANSWER, A.TRIAGE, "tri", public_note="Begini.")
    assert isinstance(office.find(number, "000000"), str)
    assert office.put(case)[-1] == ("case_news", "waiting", None)
    assert not isinstance(office.find(number, pin), str)
    assert office.put(case)[-1] == ("case_news", "refused", "needless")


def test_whoever_changes_their_mind_before_it_is_sent(office: Office) -> None:
    case = followed_up(office, safe_from=18 * 60, safe_until=20 * 60)
    office.person(case, shared=(OWN,))
    office.now += 8 * HOUR_MS
    assert office.sms() == []
    assert office.put(case)[-1] == ("case_news", "refused", "needless")


def test_who_is_silent_is_told_once_before_that_closes_the_case(office: Office) -> None:
    case = followed_up(office)
    office.sms()
    until = office.standing(case).until
    assert until is not None
    told: list[tuple[int, str]] = []
    while (due := office.next_look(case)) is not None:
        office.until(due)
        office.look(case)
        office.look(case)
        told += [(office.now, text) for _, text in office.sms()]
    number = office.number(case)
    (warned, first), (closed, second) = told
    assert first == TEXTS.text("case_closing", "id", {"number": number})
    assert second == TEXTS.text("case_news", "id", {"number": number})
    assert office.row(case)["status"] == "closed"
    assert until - 5 * DAY_MS < warned < closed
    assert closed >= until


def test_a_late_clock_does_not_warn_of_what_has_happened(office: Office) -> None:
    case = followed_up(office)
    office.sms()
    office.now += 60 * DAY_MS
    office.look(case)
    assert office.row(case)["status"] == "closed"
    assert "case_closing" not in [one[0] for one in office.put(case)]


def test_who_is_silent_and_can_not_be_told_is_looked_at_no_oftener(office: Office) -> None:
    case = followed_up(office, may_message=False)
    looks = 0
    while (due := office.next_look(case)) is not None:
        office.until(due)
        looks += 1
        assert looks < 20
    assert office.row(case)["status"] == "closed"


def test_when_they_may_be_rung_up(office: Office) -> None:
    """It is 10.00 in Jakarta."""
    case = accepted(office)

    def call_at() -> int | None:
        row = office.row(case)
        return office.do(
            lambda conn: post.call_at(conn, office.keys, office.rules, row, office.now)
        )

    assert call_at() is None  # nobody knows anything of them
    office.person(case, may_message=False)
    assert call_at() == office.now
    office.person(case, call_from=18 * 60, call_until=20 * 60)
    assert call_at() == OPEN + 8 * HOUR_MS
    office.person(case, shared=(OWN,))
    assert call_at() is None
    office.person(case, shared=())
    office.set(case, anonymous=True)
    assert call_at() is None


# --- whatever happens -----------------------------------------------------------------------------

SECRETS = ("Siti Rahayu", "PT Maju Sejahtera", "ditahan paspornya", OWN[1:], "Periksa segera")
_FIELDS = {
    "unit": "P32", "target": "bpjstk", "other": "2600000000", "their_id": "X1",
    "public_note": "Upah ditahan paspornya", "wait": "reporter", "reason": "not_ours",
    "instruction": "Periksa segera",
}  # fmt: skip
_WAYS = sorted(
    {
        (event, actor)
        for (_, event), move in CASE_TABLE.items()
        for actor in move.by
        if actor is not A.SYSTEM and (event, actor) != (E.REOPEN, A.REPORTER)
    }
)
histories = st.lists(
    st.tuples(st.sampled_from(_WAYS), st.integers(1, 12 * DAY_MS)), min_size=1, max_size=12
)


@pytest.fixture
def sqlite_office(sqlite_url: str, keys: Keys) -> Iterator[Office]:
    database = Database(sqlite_url)
    yield Office(database, keys)
    database.close_sync()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(histories, st.booleans())
def test_no_message_ever_holds_what_a_case_is_about(
    sqlite_office: Office, script: list[tuple[tuple[CaseEvent, Actor], int]], late: bool
) -> None:
    office = sqlite_office
    office.forget_timers()  # what became of earlier ones is over
    office.sent()
    case = office.filed()
    office.person(case, name="Siti Rahayu", safe_from=0, safe_until=0)
    office.note(case, NoteKind.INTERNAL, "PT Maju Sejahtera ditahan paspornya")
    out: list[Letter] = []
    for (event_, actor), gap in script:
        office.now += gap
        if not late:
            office.until(office.now)
        reasons = {E.REJECT: "too_vague", E.REOPEN: "review"}
        more = {"reason": reasons.get(event_, "not_ours")}
        more |= {"unit": "P31"} if event_ is E.DECLINE else {}
        try:
            office.move(case, event_, actor, "somebody", None, **_FIELDS | more)
        except Refused:
            continue
        out += office.sent()
    wanted = select(message_tables.message).where(message_tables.message.c.case == case)
    rows = office.do(lambda conn: [tuple(row) for row in conn.execute(wanted)])
    facts = office.do(lambda conn: list(conn.execute(select(fact.c.text)).scalars()))
    number = office.number(case)
    for letter in out:
        said = letter.subject + letter.text + repr(letter.params)
        assert number in said
        assert not [secret for secret in SECRETS if secret.lower() in said.lower()]
        assert letter.recipient in (OWN, *(office.rules.writing.allowed.addresses))  # type: ignore[union-attr]
        assert (letter.recipient == OWN) == (letter.subject == "")
    stored = repr(rows) + repr(facts)
    assert not [secret for secret in SECRETS if secret in stored]
    assert "@unit.example" not in stored


# --- who is phoned --------------------------------------------------------------------------------


def test_a_unit_that_does_not_accept_is_on_the_list_of_those_to_phone(desk: Desk) -> None:
    first = routed(desk)
    desk.now += 1
    second = routed(desk)
    (row,) = desk.all(tables.assignment, first)
    due = row["phone_from"]
    assert [one.case for one in desk.to_phone(due - 1)] == []
    assert [one.case for one in desk.to_phone(due)] == [first, second]
    found = desk.to_phone(due)[0]
    assert (found.unit, found.sent_at, found.since) == ("P32", row["sent_at"], due)
    assert found.number == desk.row(first)["number"]
    assert [one.case for one in desk.to_phone(due, most=1)] == [first]
    desk.move(first, E.ACCEPT, A.OFFICER, "officer")
    desk.move(second, E.RECALL, A.TRIAGE, "tri", reason="not_ours")
    assert desk.to_phone(due) == []


def test_the_list_is_read_from_its_index(sqlite_url: str, keys: Keys) -> None:
    database = Database(sqlite_url)
    seen: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, text: str, given: Any, *_: object) -> None:
        seen.append((text, given))

    event.listen(database._read_engine, "before_cursor_execute", note)
    database.read_sync(lambda conn: post.to_phone(conn, 1, 50))
    text, given = seen[-1]
    plan = database.read_sync(
        lambda conn: [row[-1] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given)]
    )
    database.close_sync()
    assert "USING INDEX ix_assignment_phone" in plan[0]
    assert not any(line.startswith("SCAN") for line in plan)
