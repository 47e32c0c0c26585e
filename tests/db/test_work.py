"""What is done to cases, on both databases: moved, passed on, pressed, told of, and by clocks."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcenter.cases import assignments, tables
from callcenter.cases.clocks import Kind
from callcenter.cases.errors import BadForm, Refused, StaleCase
from callcenter.cases.facts import NoteKind
from callcenter.cases.statuses import CASE_TABLE, FINAL, Actor, CaseEvent, CaseStatus
from callcenter.cases.versions import service as versions
from callcenter.cases.work import history
from callcenter.cases.work.telling import Tell, Whom
from callcenter.db import Database
from callcenter.db.keys import Keys
from tests.db.test_cases import DAY_MS
from tests.db.work import Desk, accepted, routed
from tests.rules.histories import OPEN

E, A, S = CaseEvent, Actor, CaseStatus


@pytest.fixture
def desk(database: Database, keys: Keys) -> Desk:
    return Desk(database, keys)


# --- moved ----------------------------------------------------------------------------------------


def test_from_the_call_to_the_end(desk: Desk) -> None:
    case = desk.filed()
    row = desk.row(case)
    assert (row["status"], row["unit"], row["track"], row["priority"]) == (
        "new", "PTSA", "pengawasan", "P2",
    )  # fmt: skip
    desk.move(case, E.VERIFY, A.TRIAGE, "tri")
    sent = desk.move(case, E.ROUTE, A.TRIAGE, "tri", unit="P32", instruction="Segera")
    assert Tell(Whom.UNIT, "route", "P32") in sent.tell
    (one,) = desk.all(tables.assignment, case)
    assert (one["unit"], one["state"], one["hop"], one["by"]) == ("P32", "sent", 1, "tri")
    assert b"Segera" not in one["instruction"]
    desk.now += 1
    desk.move(case, E.ACCEPT, A.OFFICER, "officer")
    assert (desk.row(case)["officer"], desk.row(case)["unit"]) == ("officer", "P32")
    done = desk.move(case, E.FOLLOW_UP, A.OFFICER, "officer", public_note="Upah sudah dibayar.")
    assert done.tell == (Tell(Whom.REPORTER, "followed_up"),)
    standing = desk.standing(case)
    assert (standing.status, standing.due) == (S.FOLLOWED_UP, None)
    assert standing.public_note == "Upah sudah dibayar."
    assert standing.can == {E.CONFIRM, E.OBJECT, E.WITHDRAW}
    desk.move(case, E.CONFIRM, A.REPORTER)
    (one,) = desk.all(tables.assignment, case)
    assert (one["state"], one["ended_at"]) == ("done", desk.now)
    assert desk.next_look(case) is None
    kinds = [kind for kind, _ in desk.said(case)]
    assert kinds.count("case_moved") == 6
    assert [kind for kind in kinds if kind.startswith("assignment_")] == [
        "assignment_sent", "assignment_accepted", "assignment_done",
    ]  # fmt: skip
    assert not any("Segera" in text or "dibayar" in text for _, text in desk.said(case))


def test_each_change_has_its_version(desk: Desk) -> None:
    case = accepted(desk)
    row = desk.row(case)
    changes = desk.do(lambda conn: versions.changes(conn, desk.keys, case))
    assert [change.version for change in changes] == list(range(1, row["version"] + 1))
    assert changes[-1].fields["status"] == ("routed", "in_progress")
    assert changes[-1].by == "officer"


def test_what_the_table_refuses_changes_nothing(desk: Desk) -> None:
    case = desk.filed()
    before, facts = desk.row(case), desk.said(case)
    for event, code in ((E.ACCEPT, "not_now"), (E.VERIFY, "not_yours")):
        with pytest.raises(Refused) as refused:
            desk.move(case, event, A.OFFICER)
        assert (refused.value.code, refused.value.field) == (code, None)
    assert (desk.row(case), desk.said(case)) == (before, facts)


@pytest.mark.parametrize(
    "unit,code",
    [("", "missing_unit"), ("XX", "unit"), ("KP2MI", "unit"), ("P33", "power"), ("PHI", "power")],
)
def test_a_unit_must_be_able_to_act(desk: Desk, unit: str, code: str) -> None:
    case = desk.filed()
    desk.move(case, E.VERIFY, A.TRIAGE, "tri")
    with pytest.raises(Refused) as refused:
        desk.move(case, E.ROUTE, A.TRIAGE, "tri", unit=unit)
    assert (refused.value.code, refused.value.field) == (code, "unit")
    assert desk.all(tables.assignment, case) == []


def test_after_two_declines_the_head_decides(desk: Desk) -> None:
    case = routed(desk)
    for _ in range(2):
        if desk.row(case)["status"] != "routed":
            desk.move(case, E.ROUTE, A.TRIAGE, "tri", unit="P32")
        desk.now += 1
        desk.move(case, E.DECLINE, A.OFFICER, "o", reason="not_ours", unit="P33")
        assert desk.row(case)["unit"] == "PTSA"
    with pytest.raises(Refused, match="head_decides"):
        desk.move(case, E.ROUTE, A.TRIAGE, "tri", unit="P32")
    desk.move(case, E.ROUTE, A.HEAD, "head", unit="P32")
    with pytest.raises(Refused, match="decided"):
        desk.move(case, E.DECLINE, A.OFFICER, "o", reason="not_ours", unit="P33")


def test_a_reason_is_a_code_and_a_note_is_checked(desk: Desk) -> None:
    case = accepted(desk)
    with pytest.raises(Refused) as refused:
        desk.move(case, E.RETURN, A.OFFICER, "o", reason="Bukan urusan kami")
    assert refused.value.field == "reason"
    with pytest.raises(BadForm) as bad:
        desk.move(case, E.FOLLOW_UP, A.OFFICER, "o", public_note="bohong \u202e gnutit")
    assert bad.value.fields.keys() == {"public_note"}
    assert desk.row(case)["status"] == "in_progress"


def test_two_officers_at_once(desk: Desk) -> None:
    case = routed(desk)
    seen = desk.row(case)["version"]
    desk.move(case, E.ACCEPT, A.OFFICER, "one", version=seen)
    with pytest.raises(StaleCase) as stale:
        desk.move(case, E.ACCEPT, A.OFFICER, "two", version=seen)
    assert stale.value.version == seen + 1
    changed = desk.do(lambda conn: versions.changes(conn, desk.keys, case, since=seen))
    assert [(one.by, one.fields["officer"]) for one in changed] == [("one", (None, "one"))]


def test_referred_out_is_followed_by_triage(desk: Desk) -> None:
    case = desk.filed("jamsos_klaim")
    desk.move(case, E.VERIFY, A.TRIAGE, "tri")
    with pytest.raises(Refused) as refused:
        desk.move(case, E.REFER, A.TRIAGE, "tri", target="nobody")
    assert refused.value.field == "target"
    target = next(iter(desk.rules.directory))
    desk.move(case, E.REFER, A.TRIAGE, "tri", target=target)
    assert desk.row(case)["unit"] == "PTSA"
    assert Kind.CALLBACK in {clock.kind for clock in desk.clocks(case)}
    desk.move(case, E.RESULT, A.TRIAGE, "tri", their_id="BPJS-77", public_note="Sudah dibayar.")
    (ref,) = desk.all(tables.external_ref, case)
    assert (ref["system"], ref["ref"], ref["result_at"]) == (target, "BPJS-77", desk.now)
    assert desk.due(case) is None


def test_only_cases_of_one_person_are_merged(desk: Desk) -> None:
    one, other = desk.filed(), desk.filed()
    number = desk.row(other)["number"]
    desk.move(one, E.VERIFY, A.TRIAGE, "tri")
    with pytest.raises(Refused) as refused:
        desk.move(one, E.MERGE, A.TRIAGE, "tri", other=number)
    assert (refused.value.code, refused.value.field) == ("reporter", "other")
    person = {
        "id": "r", "language": "id", "minor": False, "may_message": True, "may_call": True,
        "created_at": 1,
    }  # fmt: skip
    desk.do(lambda conn: conn.execute(tables.reporter.insert(), person))
    for case in (one, other):
        desk.set(case, reporter="r")
    for wrong in ("2600000000", "garbage"):
        with pytest.raises(Refused, match="unknown"):
            desk.move(one, E.MERGE, A.TRIAGE, "tri", other=wrong)
    desk.set(other, status="withdrawn")  # nobody works on that one: who asked would be forgotten
    with pytest.raises(Refused, match="over"):
        desk.move(one, E.MERGE, A.TRIAGE, "tri", other=number)
    desk.set(other, status="new")
    desk.move(one, E.MERGE, A.TRIAGE, "tri", other=number)
    assert desk.row(one)["merged_into"] == other


def test_the_number_of_a_merged_case_leads_to_where_it_goes_on(desk: Desk) -> None:
    opened = [desk.open(f"call-m{number}", "upah_tunggak") for number in range(3)]
    (one, number, pin), (between, _, _), (last, _, _) = opened
    desk.set(one, status="merged", merged_into=between)
    desk.set(between, status="merged", merged_into=last)
    found = desk.find(number, pin, call="call-s")
    assert not isinstance(found, str)
    assert (found.id, found.number) == (last, desk.row(last)["number"])
    said = [kind for kind, _ in desk.said(last)]
    assert said[-2:] == ["call_linked", "status_read"]
    assert desk.find(number, "000000", call="call-s") == "unknown"


def test_a_complaint_about_officials_is_the_inspectorates(desk: Desk) -> None:
    case = desk.filed("integritas")
    row = desk.row(case)
    assert (row["unit"], row["compartment"]) == ("ITJEN", "integrity")
    desk.move(case, E.VERIFY, A.TRIAGE, "itjen")
    assert desk.row(case)["unit"] == "ITJEN"


# --- notes and reminders --------------------------------------------------------------------------


def test_notes_are_sealed_unless_they_are_public(desk: Desk) -> None:
    case = accepted(desk)
    version = desk.row(case)["version"]
    desk.note(case, NoteKind.INTERNAL, "Majikan menelepon")
    assert desk.row(case)["version"] == version
    desk.note(case, NoteKind.PUBLIC, "Sedang diperiksa")
    assert desk.row(case)["version"] == version + 1
    internal, public = sorted(desk.all(tables.note, case), key=lambda one: one["kind"])
    assert (internal["text"], b"Majikan" in internal["sealed"]) == (None, False)
    assert (public["text"], public["sealed"]) == ("Sedang diperiksa", None)
    for text in ("", "  ", "x" * 5000, "a\x00b", "\u2067x"):
        with pytest.raises(BadForm):
            desk.note(case, NoteKind.INTERNAL, text)


def test_pressing_is_answered_in_a_working_day_or_the_head_is_told(desk: Desk) -> None:
    case = accepted(desk)
    pressed = desk.remind(case)
    assert pressed.tell == (Tell(Whom.UNIT, "reminded", "P32"),)
    assert desk.remind(case).tell == ()
    (one,) = desk.all(tables.reminder, case)
    assert desk.row(case)["due_at"] == one["due_at"] < desk.now + 3 * DAY_MS
    desk.until(one["due_at"] + 1)
    desk.look(case)
    told = [row for row in desk.all(tables.escalation, case) if row["clock"] == "press"]
    assert [(row["to_role"], row["unit"]) for row in told] == [("head", "P32")]
    desk.note(case, NoteKind.PUBLIC, "Besok kami datang")
    (one,) = desk.all(tables.reminder, case)
    assert one["answered_at"] == desk.now
    assert desk.row(case)["due_at"] == desk.due(case) != one["due_at"]


# --- by itself ------------------------------------------------------------------------------------


def test_a_draft_is_abandoned_after_a_day(desk: Desk) -> None:
    case, _, _ = desk.open()
    desk.until(OPEN + DAY_MS - 1)
    assert desk.row(case)["status"] == "draft"
    desk.until(OPEN + DAY_MS)
    assert (desk.row(case)["status"], desk.next_look(case)) == ("abandoned", None)


def test_silence_closes_and_a_late_server_does_it_too(desk: Desk) -> None:
    case = accepted(desk)
    desk.move(case, E.FOLLOW_UP, A.OFFICER, "o", public_note="Selesai.")
    until = desk.standing(case).until
    assert until is not None
    desk.now = until + 5 * DAY_MS
    with pytest.raises(Refused, match="not_now"):
        desk.move(case, E.OBJECT, A.REPORTER)
    desk.look(case)
    assert desk.row(case)["status"] == "closed"
    desk.look(case)
    assert [kind for kind, _ in desk.said(case)].count("assignment_done") == 1


def test_no_reply_closes_only_after_two_tries_to_reach_them(desk: Desk) -> None:
    case = desk.filed()
    desk.move(case, E.VERIFY, A.TRIAGE, "tri")
    desk.note(case, NoteKind.CONTACT, "Ditelepon lebih dulu")  # before anything was asked
    desk.now += 1
    desk.move(case, E.NEED_INFO, A.TRIAGE, "tri", public_note="Sejak bulan apa?")
    desk.until(desk.now + 30 * DAY_MS)
    assert desk.row(case)["status"] == "needs_info"
    desk.note(case, NoteKind.CONTACT, "Tidak diangkat")
    desk.until(desk.now + DAY_MS)
    assert desk.row(case)["status"] == "needs_info"
    desk.note(case, NoteKind.CONTACT, "Tidak diangkat")
    desk.until(desk.now)
    assert desk.row(case)["status"] == "closed"


def test_a_late_case_tells_unit_head_and_directorate_once_each(desk: Desk) -> None:
    case = accepted(desk)
    desk.until(OPEN + 200 * DAY_MS)
    told = [
        (row["to_role"], row["level"])
        for row in desk.all(tables.escalation, case)
        if row["clock"] == "resolve"
    ]
    assert sorted(told) == [("assignee", 75), ("directorate", 200), ("head", 100)]
    standing = desk.standing(case)
    assert (standing.head_told, standing.late_days > 0) == (False, True)  # nobody is written to
    assert [kind for kind, _ in desk.said(case)].count("escalated") == 3


def test_life_in_danger_tells_the_next_one_until_somebody_acts(desk: Desk) -> None:
    case, _, _ = desk.open("call-p0", "kecelakaan")
    desk.until(OPEN + 31 * 60_000)
    told = [row["level"] for row in desk.all(tables.escalation, case) if row["clock"] == "on_call"]
    assert sorted(told) == [1, 2, 3]
    desk.move(case, E.FILE, A.AGENT, by="sari")
    desk.until(OPEN + 60 * 60_000)
    told = [row["level"] for row in desk.all(tables.escalation, case) if row["clock"] == "on_call"]
    assert len(told) == 3


# --- whatever happens -----------------------------------------------------------------------------

_FIELDS = {
    "unit": "P32",
    "target": "bpjstk",
    "other": "2600000000",
    "their_id": "X1",
    "public_note": "Catatan",
    "wait": "reporter",
    "reason": "not_ours",
}
_REASONS = {E.REJECT: "too_vague", E.REOPEN: "review"}
Event_ = tuple[tuple[CaseEvent, Actor], int]
#: The reporter's own reopening has a window that begins when the case was closed.
_WAYS = sorted(
    {
        (event, actor)
        for (_, event), move in CASE_TABLE.items()
        for actor in move.by
        if actor is not A.SYSTEM and (event, actor) != (E.REOPEN, A.REPORTER)
    }
)
steps = st.lists(
    st.tuples(st.sampled_from(_WAYS), st.integers(1, 12 * DAY_MS)), min_size=1, max_size=14
)


def _play(desk: Desk, case: str, script: list[Event_], *, late: bool) -> None:
    for (event, actor), gap in script:
        at = desk.now + gap
        if late:
            desk.now = at
        else:
            desk.until(at)
        fields = _FIELDS | {
            "reason": _REASONS.get(event, "not_ours"),
            "unit": "P33" if event is E.DECLINE else "P32",
        }
        try:
            desk.move(case, event, actor, "somebody", None, **fields)
        except Refused:
            continue
        _invariants(desk, case)


def _invariants(desk: Desk, case: str) -> None:
    row, hand = desk.row(case), desk.hand(case)
    open_ = [one for one in desk.all(tables.assignment, case) if one["ended_at"] is None]
    assert len(open_) <= 1
    owner = assignments.owner(hand.chain, hand.home, desk.rules.limits).unit
    if CaseStatus(row["status"]) in FINAL:
        assert open_ == []
    else:
        assert row["unit"] == owner
        assert row["unit"] == (open_[0]["unit"] if open_ else "PTSA")
    assert hand.past.steps[-1].status.value == row["status"]
    assert row["due_at"] == desk.due(case)


def _left(desk: Desk, case: str) -> dict[str, object]:
    row = desk.row(case)
    told = desk.all(tables.escalation, case)
    sent = desk.all(tables.assignment, case)
    return {
        "row": [row[name] for name in ("status", "unit", "officer", "version", "wait_reason")],
        "told": sorted((one["clock"], one["level"], one["to_role"], one["unit"]) for one in told),
        "sent": sorted((one["hop"], one["unit"], one["state"], one["reason"]) for one in sent),
        "said": sorted(kind for kind, _ in desk.said(case)),
    }


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps)
def test_whatever_happens_one_must_act_and_being_late_changes_nothing(
    sqlite_desk: Desk, script: list[Event_]
) -> None:
    desk, left = sqlite_desk, []
    begun = desk.now = OPEN
    for late in (False, True):
        desk.now = begun
        case = desk.filed()
        _play(desk, case, script, late=late)
        at = desk.now + 100 * DAY_MS
        if late:
            desk.now = at
            desk.look(case)
            desk.look(case)
        else:
            desk.until(at)
        _invariants(desk, case)
        left.append(_left(desk, case))
        desk.forget_timers()
    assert left[0] == left[1]


@pytest.fixture
def sqlite_desk(sqlite_url: str, keys: Keys) -> Iterator[Desk]:
    database = Database(sqlite_url)
    yield Desk(database, keys)
    database.close_sync()


def test_a_history_is_read_from_its_facts_alone() -> None:
    """The texts are what the Facts hold, in their order."""
    texts = [
        msgspec.json.encode({"kind": kind, "at": at, "data": data}).decode()
        for kind, at, data in (
            (
                "case_opened",
                1,
                {"topic": "upah", "channel": "phone", "status": "draft", "unit": "PTSA"},
            ),
            ("case_moved", 2, {"event": "file", "status": "new", "unit": "PTSA"}),
            ("contact_tried", 3, {}),
            ("statute_set", 4, {"code": "mediation", "on": "2026-03-02"}),
            ("case_moved", 5, {"event": "need_info", "status": "needs_info", "unit": "PTSA"}),
            ("contact_tried", 6, {}),
            ("statute_set", 7, {"code": "mediation", "on": ""}),
        )
    ]
    past = history.fold(texts)
    assert [step.status for step in past.steps] == [S.DRAFT, S.NEW, S.NEEDS_INFO]
    assert (past.contacts, past.statutes) == (1, ())
    assert len(history.fold(texts[:4]).statutes) == 1
