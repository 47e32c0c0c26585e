"""The clocks of a case: dated stories, and what must hold for every history."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.cases import clocks
from callcenter.cases.clocks import Clock, Kind, Statute, Step, Terms
from callcenter.cases.deadlines import STATUTES, Code
from callcenter.cases.statuses import CASE_TABLE, FINAL, CaseEvent, CaseStatus, WaitReason
from callcenter.topics import Priority, Track
from tests.rules.cases.given import COUNTING, DEADLINES, at, calendar, day, history

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WAGES = Terms(Priority.P2, Track.PENGAWASAN, resolve_days=60)
DISPUTE = Terms(Priority.P2, Track.PERSELISIHAN, resolve_days=14)


def all_clocks(steps: Sequence[Step], now: str | int, terms: Terms = WAGES) -> list[Clock]:
    moment = at(now) if isinstance(now, str) else now
    return list(clocks.clocks(steps, terms, COUNTING, moment))


def of(kind: Kind, steps: Sequence[Step], now: str | int, terms: Terms = WAGES) -> list[Clock]:
    return [clock for clock in all_clocks(steps, now, terms) if clock.kind is kind]


# --- stories --------------------------------------------------------------------------------------

FILED = history("2026-03-13 10:00 draft", "2026-03-13 10:10 new", "2026-03-13 14:00 verifying")


def test_the_dates_of_a_complaint_before_the_holidays() -> None:
    (resolve,) = of(Kind.RESOLVE, FILED, "2026-03-13 15:00")
    assert (resolve.started, resolve.due) == (at("2026-03-13 10:00"), at("2026-06-24 16:00"))
    (verify,) = of(Kind.VERIFY, FILED, "2026-03-13 15:00")
    assert verify.due == at("2026-03-25 16:00")  # 16, 17, then the 25th
    routed = (*FILED, *history("2026-03-13 15:30 routed @WAS"))
    (accept,) = of(Kind.ACCEPT, routed, "2026-03-16 09:00")
    assert (accept.unit, accept.due) == ("WAS", at("2026-03-27 16:00"))


@pytest.mark.parametrize("priority, due", [("P1", "2026-03-25"), ("P2", "2026-03-27")])
def test_a_voice_message_on_joint_leave(priority: str, due: str) -> None:
    """20 March 2026 21:00; near Lebaran it is P1. Clocks count from the call, not from Monday."""
    steps = history("2026-03-20 21:00 draft", "2026-03-25 08:00 new")
    terms = Terms(Priority(priority), Track.PENGAWASAN, resolve_days=60)
    (verify,) = of(Kind.VERIFY, steps, "2026-03-25 09:00", terms)
    assert (verify.started, verify.due) == (at("2026-03-20 21:00"), at(f"{due} 16:00"))
    (told,) = of(Kind.ACKNOWLEDGE, steps, "2026-03-25 09:00", terms)
    assert (told.due, told.stopped) == (at("2026-03-25 16:00"), None)


def test_a_question_stops_the_units_clocks() -> None:
    """Asked on Monday noon, answered on Wednesday noon: two days of eight hours later."""
    steps = (
        *history("2026-06-08 10:00 new", "2026-06-08 11:00 verifying"),
        *history("2026-06-08 12:00 needs_info", "2026-06-10 12:00 verifying"),
    )
    (verify,) = of(Kind.VERIFY, steps, "2026-06-10 15:00")
    assert verify.paused_ms == 16 * HOUR_MS
    assert verify.due == at("2026-06-15 16:00")  # the 11th is the third day
    (resolve,) = of(Kind.RESOLVE, steps, "2026-06-10 15:00", DISPUTE)
    assert resolve.paused_ms == 16 * HOUR_MS
    (waits,) = of(Kind.NO_REPLY, steps, "2026-06-10 15:00")
    assert (waits.started, waits.stopped) == (at("2026-06-08 12:00"), at("2026-06-10 12:00"))


def test_a_clock_that_stands_still_moves_its_due_date() -> None:
    steps = history("2026-06-08 08:00 new", "2026-06-08 09:00 needs_info")
    first, second = (
        of(Kind.VERIFY, steps, now)[0] for now in ("2026-06-09 09:00", "2026-06-10 09:00")
    )
    assert first.standing
    assert first.used == second.used == 1 / 32
    # Four days of work, of which one hour is used: a day later it is due a working day later.
    assert first.due == at("2026-06-12 16:00")
    assert second.due == at("2026-06-15 16:00")


@pytest.mark.parametrize("wait, paused", [("reporter", 16), ("third_party", 0), ("statutory", 0)])
def test_only_the_reporter_stops_the_case_clock(wait: str, paused: int) -> None:
    steps = history(
        "2026-06-08 10:00 new",
        "2026-06-08 12:00 in_progress @WAS",
        f"2026-06-09 12:00 waiting {wait} @WAS",
        "2026-06-11 12:00 in_progress @WAS",
    )
    (resolve,) = of(Kind.RESOLVE, steps, "2026-06-12 12:00")
    assert resolve.paused_ms == paused * HOUR_MS


MEDIATED = history(
    "2026-06-08 10:00 new",
    "2026-06-08 12:00 routed @PHI",
    "2026-06-09 08:00 in_progress @PHI",
    "2026-06-10 08:00 waiting statutory @PHI",
)


def test_a_law_runs_in_the_place_of_the_case_clock() -> None:
    terms = msgspec.structs.replace(DISPUTE, statutes=(Statute(Code.MEDIATION, day("2026-06-12")),))
    assert of(Kind.STATUTORY, MEDIATED, "2026-06-11 10:00", terms) == []
    (resolve,) = of(Kind.RESOLVE, MEDIATED, "2026-06-11 10:00", terms)
    assert (resolve.standing, resolve.paused_ms) == (False, 0)
    (resolve,) = of(Kind.RESOLVE, MEDIATED, "2026-06-15 16:00", terms)
    assert (resolve.standing, resolve.paused_ms) == (True, 16 * HOUR_MS)  # the 12th and the 15th
    (law,) = of(Kind.STATUTORY, MEDIATED, "2026-06-15 16:00", terms)
    last = clocks.statutory_day(terms.statutes[0], DEADLINES, calendar())
    assert (law.due, law.unit) == (calendar().close(last), "PHI")
    assert calendar().days_between(day("2026-06-12"), last) == 30


def test_the_period_that_began_last_counts() -> None:
    """Bipartite talks, then mediation, then the answer to the mediator's advice."""
    statutes = (
        Statute(Code.ADVICE_REPLY, day("2026-08-18")),
        Statute(Code.BIPARTITE, day("2026-06-10")),
        Statute(Code.MEDIATION, day("2026-07-02")),
    )
    terms = msgspec.structs.replace(DISPUTE, statutes=statutes)
    seen = [
        of(Kind.STATUTORY, MEDIATED, f"{date} 12:00", terms)[0].started
        for date in ("2026-06-10", "2026-07-01", "2026-07-02", "2026-08-18")
    ]
    begun = [
        at(f"{date} 08:00") for date in ("2026-06-10", "2026-06-10", "2026-07-02", "2026-08-18")
    ]
    assert seen == begun
    (resolve,) = of(Kind.RESOLVE, MEDIATED, "2026-08-18 12:00", terms)
    assert resolve.paused_ms == calendar().spent(at("2026-06-10 08:00"), at("2026-08-18 12:00"))


def test_statutory_days() -> None:
    days = {
        code: clocks.statutory_day(Statute(code, day("2026-03-13")), DEADLINES, calendar())
        for code in STATUTES
    }
    assert days[Code.NOTICE_1] == day("2026-04-12")  # a Sunday: days of the calendar
    assert days[Code.NOTICE_2] == day("2026-03-27")
    assert days[Code.AGREEMENT] == day("2026-03-25")
    assert days[Code.CHOOSE_FORUM] == day("2026-03-31")
    assert days[Code.BIPARTITE] == days[Code.MEDIATION] == calendar().due_day(day("2026-03-13"), 30)
    notice = msgspec.structs.replace(WAGES, statutes=(Statute(Code.NOTICE_1, day("2026-06-10")),))
    (law,) = of(Kind.STATUTORY, MEDIATED, "2026-06-11 12:00", notice)
    assert law.due == at("2026-07-11 00:00")  # all of the thirtieth day


def test_each_assignment_begins_a_step_anew_and_none_the_case_clock() -> None:
    steps = history(
        "2026-06-08 10:00 new",
        "2026-06-08 11:00 verifying",
        "2026-06-08 12:00 routed @WAS",
        "2026-06-10 09:00 verifying",
        "2026-06-10 10:00 routed @DISNAKER_BALI",
        "2026-06-11 10:00 in_progress @DISNAKER_BALI",
        "2026-06-12 10:00 routed @PHI",
    )
    found = of(Kind.ACCEPT, steps, "2026-06-12 12:00")
    assert [(one.unit, one.stopped) for one in found] == [
        ("WAS", at("2026-06-10 09:00")),
        ("DISNAKER_BALI", at("2026-06-11 10:00")),
        ("PHI", None),
    ]
    # In the unit's own calendar: 16:00 in Denpasar is 15:00 in Jakarta.
    assert found[1].due == at("2026-06-18 16:00", "WITA")
    assert [one.started for one in of(Kind.VERIFY, steps, "2026-06-12 12:00")] == [
        at("2026-06-08 10:00"),
        at("2026-06-10 09:00"),
    ]
    (resolve,) = of(Kind.RESOLVE, steps, "2026-06-12 12:00", DISPUTE)
    (alone,) = of(Kind.RESOLVE, steps[:2], "2026-06-12 12:00", DISPUTE)
    assert (resolve.started, resolve.due) == (alone.started, alone.due)
    assert (resolve.unit, alone.unit) == ("PHI", None)


DONE = history(
    "2026-06-08 10:00 new",
    "2026-06-08 12:00 in_progress @WAS",
    "2026-06-09 12:00 followed_up @WAS",
)


def test_done_is_done_unless_the_reporter_objects() -> None:
    (resolve,) = of(Kind.RESOLVE, DONE, "2026-06-12 12:00")
    assert resolve.stopped == at("2026-06-09 12:00")
    (silence,) = of(Kind.SILENCE, DONE, "2026-06-12 12:00")
    assert (silence.due, silence.stopped) == (at("2026-06-24 16:00"), None)
    objected = (*DONE, *history("2026-06-10 09:00 in_progress @WAS"))
    (resolve,) = of(Kind.RESOLVE, objected, "2026-06-12 12:00")
    assert (resolve.stopped, resolve.paused_ms) == (None, 0)


def test_opened_again_is_another_round() -> None:
    steps = (
        *DONE,
        *history("2026-06-24 17:00 closed @WAS", "2026-07-06 09:00 reopened"),
    )
    first, second = of(Kind.RESOLVE, steps, "2026-07-06 10:00")
    assert first.stopped == at("2026-06-09 12:00")
    assert (second.started, second.stopped) == (at("2026-07-06 09:00"), None)
    assert second.due == calendar().due(at("2026-07-06 09:00"), 60)
    (window,) = of(Kind.REOPEN, steps, "2026-07-06 10:00")
    assert window.stopped == at("2026-07-06 09:00")


def test_late_is_told_in_working_days() -> None:
    steps = (*FILED, *history("2026-03-13 15:30 routed @WAS"))
    late = {
        now: of(Kind.ACCEPT, steps, now)[0]
        for now in ("2026-03-27 16:00", "2026-03-27 18:00", "2026-03-28 12:00", "2026-04-02 09:00")
    }
    assert [one.late_days for one in late.values()] == [0, 0, 0, 4]
    assert [one.used > 1 for one in late.values()] == [False, False, False, True]
    assert late["2026-03-27 16:00"].used == 1
    done = (*steps, *history("2026-04-02 09:00 in_progress @WAS"))
    assert of(Kind.ACCEPT, done, "2026-12-01 09:00")[0].late_days == 4


def test_a_body_outside_is_asked_until_it_has_told_what_came_of_it() -> None:
    steps = history("2026-06-08 10:00 new", "2026-06-09 10:00 referred_out @BPJSTK")
    (back,) = of(Kind.CALLBACK, steps, "2026-06-10 10:00")
    assert back.due == calendar().due(at("2026-06-09 10:00"), 30)
    result = Step(at("2026-06-30 10:00"), CaseStatus.REFERRED_OUT, "BPJSTK", None, CaseEvent.RESULT)
    (back,) = of(Kind.CALLBACK, (*steps, result), "2026-07-10 10:00")
    assert back.stopped == result.at
    (window,) = of(Kind.REOPEN, (*steps, result), "2026-07-10 10:00")
    assert (window.started, window.stopped) == (at("2026-06-09 10:00"), None)


def test_a_draft_has_a_day_of_the_clock() -> None:
    steps = history("2026-06-05 23:00 draft")
    found = all_clocks(steps, "2026-06-06 10:00")
    assert {one.kind for one in found} == {Kind.DRAFT, Kind.ACKNOWLEDGE}
    assert of(Kind.DRAFT, steps, "2026-06-06 10:00")[0].due == at("2026-06-06 23:00")
    given_up = (*steps, *history("2026-06-06 23:00 abandoned"))
    assert [one for one in all_clocks(given_up, "2026-06-08 10:00") if one.stopped is None] == []


def left(when: str, priority: str = "P2") -> Terms:
    """A message was left, as a draft."""
    return Terms(Priority(priority), Track.PENGAWASAN, resolve_days=60, message_at=at(when))


@pytest.mark.parametrize(
    "opened, message, filed",
    [
        ("2026-03-20 21:00", "2026-03-20 21:02", "2026-03-25 08:00"),
        ("2026-06-05 20:00", "2026-06-06 19:00", "2026-06-08 08:00"),  # later than a day
        ("2026-06-08 16:00", "2026-06-08 16:00", "2026-06-09 08:00"),
        ("2026-06-09 07:59", "2026-06-09 07:59", "2026-06-09 08:00"),
        ("2026-06-09 08:00", "2026-06-09 08:00", "2026-06-09 08:00"),
        ("2026-06-09 07:00", "2026-06-09 15:59", "2026-06-09 15:59"),
    ],
)
def test_a_draft_with_a_message_ends_when_triage_opens(
    opened: str, message: str, filed: str
) -> None:
    steps, terms = history(f"{opened} draft"), left(message)
    (draft,) = of(Kind.DRAFT, steps, message, terms)
    assert (draft.started, draft.due) == (at(opened), at(filed))
    assert (draft.used >= 1) == (message == filed)
    for now, why in ((at(filed) - 1, "too_early"), (at(filed), None)):
        assert clocks.guard(Code.DRAFT, steps, terms, COUNTING, now) == why


def test_the_message_of_somebody_in_danger_waits_for_nobody() -> None:
    steps, terms = history("2026-03-20 21:00 draft"), left("2026-03-20 21:02", "P0")
    assert of(Kind.DRAFT, steps, "2026-03-20 21:02", terms)[0].due == at("2026-03-20 21:02")


def test_a_message_that_waits_is_due_when_it_will_be() -> None:
    """The clocks of a complaint run from the first call on, so filing it moves none of them."""
    steps, terms = history("2026-03-20 21:00 draft"), left("2026-03-20 21:02", "P1")
    filed = (*steps, *history("2026-03-25 08:00 new"))
    before = all_clocks(steps, "2026-03-25 07:59", terms)
    after = all_clocks(filed, "2026-03-25 08:00", terms)
    dues = {one.kind: one.due for one in before if one.runs}
    assert dues == {one.kind: one.due for one in after if one.runs}
    assert dues.keys() == {Kind.ACKNOWLEDGE, Kind.VERIFY, Kind.RESOLVE}
    assert dues[Kind.VERIFY] == at("2026-03-25 16:00")
    assert [one.used for one in before if one.runs] == [0, 0, 0]
    withdrawn = (*steps, *history("2026-03-21 09:00 withdrawn"))
    assert not any(one.stopped is None for one in all_clocks(withdrawn, "2026-03-26 09:00", terms))


def test_which_limit_a_case_clock_has() -> None:
    def days(**terms: object) -> int:
        return clocks.resolve_limit(msgspec.convert(terms, Terms), DEADLINES).value

    assert days(track="pengawasan") == 60
    assert days(track="perselisihan") == days(track="jamsos") == days(priority="P3") == 14
    assert days(priority="P4") == 5
    assert days(track="pengawasan", resolve_days=20) == 20
    assert days(information=True, resolve_days=20) == 10
    assert days(information=True, longer=True) == 17


def test_an_empty_history_has_no_clocks() -> None:
    assert all_clocks((), "2026-06-08 10:00") == []


def test_a_history_is_folded_from_moves() -> None:
    moves: list[tuple[int, Mapping[str, object]]] = [
        (1, {"was": "draft", "status": "new", "event": "file"}),
        (2, {"was": "verifying", "status": "routed", "event": "route", "unit": "WAS"}),
        (3, {"was": "routed", "status": "in_progress", "event": "accept"}),
        (4, {"was": "in_progress", "status": "waiting", "event": "wait", "wait": "reporter"}),
        (5, {"was": "routed", "status": "verifying", "event": "decline", "unit": "PHI"}),
        (6, {"was": "verifying", "status": "rejected", "event": "reject", "reason": "in_court"}),
    ]
    status, event = CaseStatus, CaseEvent
    assert clocks.fold(moves) == (
        Step(1, status.NEW, None, None, event.FILE),
        Step(2, status.ROUTED, "WAS", None, event.ROUTE),
        Step(3, status.IN_PROGRESS, "WAS", None, event.ACCEPT),
        Step(4, status.WAITING, "WAS", WaitReason.REPORTER, event.WAIT),
        Step(5, status.VERIFYING, None, None, event.DECLINE),
        Step(6, status.REJECTED, None, None, event.REJECT),
    )


# --- limits that bind somebody --------------------------------------------------------------------


def guard(limit: Code, steps: Sequence[Step], now: str, contacts: int = 0) -> str | None:
    return clocks.guard(limit, steps, WAGES, COUNTING, at(now), contacts=contacts)


def test_silence_closes_after_ten_working_days() -> None:
    assert guard(Code.SILENCE, DONE, "2026-06-24 15:59") == "too_early"
    assert guard(Code.SILENCE, DONE, "2026-06-24 16:00") is None


def test_no_reply_closes_after_two_tries() -> None:
    steps = history("2026-06-08 10:00 new", "2026-06-09 12:00 needs_info")
    assert guard(Code.NO_REPLY, steps, "2026-06-24 15:59", 2) == "too_early"
    assert guard(Code.NO_REPLY, steps, "2026-06-24 16:00", 1) == "too_few_contacts"
    assert guard(Code.NO_REPLY, steps, "2026-06-24 16:00", 2) is None


def test_a_reporter_may_open_it_again_for_sixty_working_days() -> None:
    steps = (*DONE, *history("2026-06-24 17:00 closed @WAS"))
    last = calendar().due(at("2026-06-24 17:00"), 60)
    assert clocks.guard(Code.REOPEN, steps, WAGES, COUNTING, last) is None
    assert clocks.guard(Code.REOPEN, steps, WAGES, COUNTING, last + 1) == "too_late"
    with pytest.raises(ValueError, match="binds nothing"):
        guard(Code.REOPEN, DONE, "2026-06-24 17:00")


def test_a_draft_is_abandoned_after_a_day() -> None:
    steps = history("2026-06-05 23:00 draft")
    assert guard(Code.DRAFT, steps, "2026-06-06 22:59") == "too_early"
    assert guard(Code.DRAFT, steps, "2026-06-06 23:00") is None


def test_after_two_declines_the_head_of_triage_decides() -> None:
    steps = list(history("2026-06-08 10:00 new", "2026-06-08 12:00 routed @WAS"))
    seen = []
    for number in range(1, 4):
        decline = Step(
            at(f"2026-06-1{number} 10:00"), CaseStatus.VERIFYING, None, None, CaseEvent.DECLINE
        )
        seen.append(guard(Code.DECLINES, steps, "2026-06-20 10:00"))
        steps += [decline, *history(f"2026-06-1{number} 11:00 routed @PHI")]
    assert seen == [None, None, "head_decides"]
    steps.append(Step(at("2026-06-15 10:00"), CaseStatus.REOPENED, None, None, CaseEvent.REOPEN))
    assert guard(Code.DECLINES, steps, "2026-06-20 10:00") is None


# --- what holds for every history -----------------------------------------------------------------

BEGIN = at("2026-02-02 09:00")
#: Histories whose calendars are those of units in two zones.
UNITS = ("WAS", "DISNAKER_BALI", "PHI")


def ways(status: CaseStatus) -> list[tuple[CaseEvent, CaseStatus]]:
    return [(event, move.to) for (of, event), move in CASE_TABLE.items() if of is status]


@st.composite
def histories(draw: st.DrawFn, begin: tuple[CaseEvent, ...] = ()) -> tuple[Step, ...]:
    """What the table allows, with minutes to weeks between the moves; an end is seldom.

    ``begin``: the first events.
    """
    steps = [Step(BEGIN, CaseStatus.DRAFT)]
    for number in range(len(begin) + draw(st.integers(0, 14))):
        last = steps[-1]
        found = ways(last.status)
        if number < len(begin):
            found = [way for way in found if way[0] is begin[number]]
        elif draw(st.integers(0, 9)):
            found = [(e, to) for e, to in found if to not in FINAL or to is last.status]
        if not found:
            break
        event, to = draw(st.sampled_from(found))
        unit = draw(st.sampled_from(UNITS)) if to is CaseStatus.ROUTED else last.unit
        wait = draw(st.sampled_from(WaitReason)) if to is CaseStatus.WAITING else None
        gap = draw(st.integers(1, 21 * DAY_MS))
        steps.append(Step(last.at + gap, to, unit, wait, event))
    return tuple(steps)


@st.composite
def terms_of_cases(draw: st.DrawFn) -> Terms:
    begun = st.dates(dt.date(2026, 2, 1), dt.date(2026, 12, 31))
    statutes = draw(st.lists(st.builds(Statute, st.sampled_from(STATUTES), begun), max_size=3))
    return Terms(
        draw(st.sampled_from(Priority)),
        draw(st.sampled_from(Track)),
        draw(st.sampled_from((None, 5, 14, 60))),
        acknowledged_at=draw(st.sampled_from((None, BEGIN))),
        message_at=draw(st.none() | st.integers(BEGIN + 1, BEGIN + 10 * DAY_MS)),
        statutes=tuple(statutes),
    )


AFTER = st.integers(0, 90 * DAY_MS)


@given(histories(), terms_of_cases(), AFTER, st.data())
@settings(max_examples=100)
def test_a_history_may_be_cut_anywhere(
    steps: tuple[Step, ...], terms: Terms, later: int, data: st.DataObject
) -> None:
    """A step that changes nothing, put in at any moment, changes no clock."""
    now = steps[-1].at + later
    cut = data.draw(st.integers(BEGIN, now))
    before = [step for step in steps if step.at <= cut]
    same = msgspec.structs.replace(before[-1], at=cut, event=None)
    split = (*before, same, *steps[len(before) :])
    assert all_clocks(split, now, terms) == all_clocks(steps, now, terms)


@given(histories(), terms_of_cases(), AFTER, st.data())
@settings(max_examples=100)
def test_what_has_stopped_stays_as_it_was(
    steps: tuple[Step, ...], terms: Terms, later: int, data: st.DataObject
) -> None:
    """Nothing later changes how a step ended. (An objection takes the case clock on.)"""
    cut = data.draw(st.integers(1, len(steps)))
    then = all_clocks(steps[:cut], steps[cut - 1].at, terms)
    ended = [one for one in then if one.stopped is not None and one.kind is not Kind.RESOLVE]
    now = all_clocks(steps, steps[-1].at + later, terms)
    assert all(one in now for one in ended)


WAITING = (CaseEvent.FILE, CaseEvent.VERIFY, CaseEvent.ROUTE, CaseEvent.ACCEPT, CaseEvent.WAIT)


@given(histories(WAITING), terms_of_cases(), AFTER, st.data())
@settings(max_examples=100)
def test_to_wait_for_the_reporter_never_makes_due_earlier(
    steps: tuple[Step, ...], terms: Terms, later: int, data: st.DataObject
) -> None:
    """Each wait for somebody else is made one for the reporter, one at a time."""
    now = steps[-1].at + later
    waits = [n for n, step in enumerate(steps) if step.status is CaseStatus.WAITING]
    which = data.draw(st.sampled_from(waits))
    asked = msgspec.structs.replace(steps[which], wait=WaitReason.REPORTER)
    paused = (*steps[:which], asked, *steps[which + 1 :])
    before, after = (of(Kind.RESOLVE, some, now, terms) for some in (steps, paused))
    for one, other in zip(before, after, strict=True):
        assert other.due >= one.due
        assert other.used <= one.used
        assert other.late_days <= one.late_days


@given(histories(), terms_of_cases(), AFTER)
@settings(max_examples=100)
def test_routing_never_moves_the_case_clock(
    steps: tuple[Step, ...], terms: Terms, later: int
) -> None:
    """Whoever has the case, and wherever they are. (A law's period begins in the unit's zone.)"""
    now = steps[-1].at + later
    terms = msgspec.structs.replace(terms, statutes=())
    here, *others = (
        [
            msgspec.structs.replace(one, unit=None)
            for one in of(
                Kind.RESOLVE,
                [msgspec.structs.replace(step, unit=unit) for step in steps],
                now,
                terms,
            )
        ]
        for unit in (None, *UNITS)
    )
    assert all(other == here for other in others)
    real = of(Kind.RESOLVE, steps, now, terms)
    assert [(one.due, one.used) for one in real] == [(one.due, one.used) for one in here]


@given(histories(), terms_of_cases(), AFTER)
@settings(max_examples=100)
def test_a_clock_is_used_up_when_it_is_due(
    steps: tuple[Step, ...], terms: Terms, later: int
) -> None:
    now = steps[-1].at + later
    for one in all_clocks(steps, now, terms):
        assert one.due > one.started
        assert one.marks[100] == one.due
        assert sorted(one.marks.values()) == [one.marks[percent] for percent in sorted(one.marks)]
        end = now if one.stopped is None else one.stopped
        assert (one.used >= 1) == (end >= one.due), one
        assert one.late_days == 0 or end > one.due
        assert one.used >= 0
        assert one.stopped is None or one.stopped <= now


@given(st.integers(BEGIN, BEGIN + 365 * DAY_MS), st.sampled_from(Priority))
@settings(max_examples=100)
def test_to_file_what_waited_moves_no_duty(left_at: int, priority: Priority) -> None:
    """And triage has all of its time: nothing of it is used up, nobody is told before it opens."""
    terms = Terms(priority, Track.PENGAWASAN, resolve_days=60, message_at=left_at)
    steps = (Step(left_at, CaseStatus.DRAFT),)
    (draft,) = of(Kind.DRAFT, steps, left_at, terms)
    filed = (*steps, Step(draft.due, CaseStatus.NEW, event=CaseEvent.FILE))
    waits, runs = (
        [one for one in all_clocks(some, draft.due, terms) if one.runs] for some in (steps, filed)
    )
    assert waits == runs
    assert {one.kind for one in runs} == {Kind.ACKNOWLEDGE, Kind.VERIFY, Kind.RESOLVE}
    assert all(one.used == 0 for one in runs)
    assert all(min(one.marks.values()) > draft.due for one in runs)


@given(histories(), terms_of_cases())
@settings(max_examples=100)
def test_one_step_clock_runs_at_a_time(steps: tuple[Step, ...], terms: Terms) -> None:
    running = [one.kind for one in all_clocks(steps, steps[-1].at, terms) if one.stopped is None]
    assert sum(kind in (Kind.VERIFY, Kind.ACCEPT) for kind in running) <= 1
    assert running.count(Kind.RESOLVE) <= 1
    for kind in set(running):
        assert running.count(kind) == 1
    later = all_clocks(steps, steps[-1].at, terms)
    for kind in (Kind.VERIFY, Kind.ACCEPT, Kind.RESOLVE):
        mine = [one for one in later if one.kind is kind]
        for one, other in itertools.pairwise(mine):
            assert one.stopped is not None
            assert one.stopped <= other.started
