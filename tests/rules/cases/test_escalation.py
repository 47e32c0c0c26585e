"""Who is told that a case stands still, and when."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from callcenter.cases import clocks, escalation
from callcenter.cases.clocks import Kind, Step, Terms
from callcenter.cases.escalation import Escalation, Level, Plan
from callcenter.topics import Priority
from tests.rules.cases.given import COUNTING, DEADLINES, at, history

MINUTE_MS = 60_000
ROUTED = history(
    "2026-06-08 10:00 new",
    "2026-06-08 11:00 verifying",
    "2026-06-08 12:00 routed @WAS",
)
KNOWN = Terms(acknowledged_at=at("2026-06-08 10:00"), resolve_days=60)
URGENT = Terms(Priority.P0, acknowledged_at=at("2026-06-08 10:00"), resolve_days=60)


def plan(
    steps: Sequence[Step],
    now: int,
    done: dict[Escalation, int] | None = None,
    terms: Terms = KNOWN,
) -> Plan:
    found = clocks.clocks(steps, terms, COUNTING, now)
    return escalation.plan(found, clocks.reopened(steps), done or {}, DEADLINES, now)


def lived(steps: Sequence[Step], until: int, terms: Terms = KNOWN) -> dict[Escalation, int]:
    """Everything that is told until then by somebody who looks only when the plan says so."""
    done: dict[Escalation, int] = {}
    now: int | None = steps[0].at
    moves = [step.at for step in steps[1:]]
    while now is not None and now <= until:
        said = plan([step for step in steps if step.at <= now], now, done, terms)
        done |= dict.fromkeys(said.due, now)
        looks = [at for at in (said.look, *moves) if at is not None and at > now]
        now = min(looks, default=None)
    return done


def test_a_unit_that_does_not_accept() -> None:
    """Five working days from Monday noon end on Monday the 15th; 16 June is a day off."""
    told = lived(ROUTED, at("2026-06-30 16:00"))
    accept = {one.level: when for one, when in told.items() if one.kind is Kind.ACCEPT}
    assert accept == {
        Level.ASSIGNEE: at("2026-06-12 13:00"),  # 75 % of 44 working hours
        Level.HEAD: at("2026-06-15 16:00"),
        Level.DIRECTORATE: at("2026-06-24 12:00"),
    }
    assert {one.unit for one in told if one.kind is Kind.ACCEPT} == {"WAS"}
    assert [one.level for one in told if one.public] == [Level.DIRECTORATE]


def test_nothing_before_its_time_and_nothing_twice() -> None:
    early = at("2026-06-12 12:59")
    assert plan(ROUTED, early) == Plan((), at("2026-06-12 13:00"))
    late = at("2026-06-16 12:00")
    first = plan(ROUTED, late)
    assert [one.level for one in first.due] == [Level.ASSIGNEE, Level.HEAD]
    again = plan(ROUTED, late, dict.fromkeys(first.due, late))
    assert again == Plan((), at("2026-06-24 12:00"))


def test_what_was_done_in_time_tells_nobody() -> None:
    steps = (*ROUTED, *history("2026-06-09 10:00 in_progress @WAS"))
    told = lived(steps, at("2026-07-30 16:00"))
    assert {one.kind for one in told} == set()
    resolve = [one for one in lived(steps, at("2026-12-30 16:00")) if one.kind is Kind.RESOLVE]
    assert [one.level for one in resolve] == [Level.ASSIGNEE, Level.HEAD, Level.DIRECTORATE]


def test_a_clock_that_stands_still_is_not_looked_at() -> None:
    steps = (
        *ROUTED,
        *history("2026-06-09 10:00 in_progress @WAS", "2026-06-10 10:00 waiting reporter @WAS"),
    )
    assert plan(steps, at("2026-07-30 10:00")) == Plan((), None)


def test_a_second_assignment_is_told_of_again() -> None:
    steps = (
        *ROUTED,
        *history("2026-06-19 10:00 verifying", "2026-06-19 11:00 routed @PHI"),
    )
    told = lived(steps, at("2026-07-01 16:00"))
    heads = [one.unit for one in told if (one.kind, one.level) == (Kind.ACCEPT, Level.HEAD)]
    assert heads == ["WAS", "PHI"]


def test_a_late_case_is_passed_on() -> None:
    """The next head must know; the ministry's figures count one breach."""
    terms = Terms(acknowledged_at=ROUTED[0].at, resolve_days=5)
    steps = (*ROUTED, *history("2026-06-08 13:00 in_progress @WAS", "2026-07-01 10:00 routed @PHI"))
    told = lived(steps, at("2026-07-02 16:00"), terms)
    resolve = {(one.level, one.unit) for one in told if one.kind is Kind.RESOLVE}
    assert resolve == {
        (Level.ASSIGNEE, "WAS"),
        (Level.HEAD, "WAS"),
        (Level.DIRECTORATE, "WAS"),
        (Level.ASSIGNEE, "PHI"),
        (Level.HEAD, "PHI"),
    }


def test_opened_again_twice() -> None:
    closing = "closed", "reopened", "verifying", "closed", "reopened"
    steps = [*ROUTED, *history("2026-06-09 10:00 in_progress @WAS")]
    for number, status in enumerate(closing):
        steps += history(f"2026-06-1{number} 10:00 {status} @WAS")
    review = Escalation(Level.INSPECTORATE)
    assert review not in plan(steps[:-1], steps[-1].at - 1).due
    now = steps[-1].at
    assert review in plan(steps, now).due
    assert review not in plan(steps, now, {review: now}).due


def test_on_call_until_somebody_answers() -> None:
    start = at("2026-06-06 03:00")  # a Saturday night: minutes of the clock, not working time
    steps = history("2026-06-06 03:00 draft")
    told = lived(steps, start + 40 * MINUTE_MS, URGENT)
    pages = {one.count: (when - start) // MINUTE_MS for one, when in told.items()}
    assert {one.level for one in told} == {Level.ON_CALL}
    assert pages == {1: 0, 2: 15, 3: 30}
    taken = Terms(Priority.P0, taken_at=start + 20 * MINUTE_MS, acknowledged_at=start)
    assert plan(steps, start + 40 * MINUTE_MS, {}, taken) == Plan((), None)


def test_on_call_for_four_hours_then_the_heads() -> None:
    steps = history("2026-06-06 03:00 draft")
    told = lived(steps, steps[0].at + 24 * 60 * MINUTE_MS, URGENT)
    pages = [one.count for one in told if one.level is Level.ON_CALL]
    assert pages == list(range(1, 17))


def test_a_server_that_was_away_rings_one_at_a_time() -> None:
    steps = history("2026-06-06 03:00 draft")
    start = steps[0].at
    first = Escalation(Level.ON_CALL, Kind.ON_CALL, start, None, 1)
    back = start + 120 * MINUTE_MS
    said = plan(steps, back, {first: start}, URGENT)
    assert [one.count for one in said.due] == [2]
    assert said.look == back + 15 * MINUTE_MS
    later = plan(steps, back + MINUTE_MS, {first: start, said.due[0]: back}, URGENT)
    assert later == Plan((), back + 15 * MINUTE_MS)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 120 * 24 * 60), max_size=12), st.booleans())
def test_looking_more_often_tells_the_same(minutes: list[int], urgent: bool) -> None:
    """Levels are told once each, in whatever moments somebody looks, and never early."""
    terms = Terms(
        acknowledged_at=ROUTED[0].at,
        resolve_days=14,
        priority=Priority.P1 if urgent else Priority.P3,
    )
    until = ROUTED[-1].at + 120 * 24 * 60 * MINUTE_MS
    done: dict[Escalation, int] = {}
    for minute in sorted(minutes):
        now = ROUTED[-1].at + minute * MINUTE_MS
        due = plan(ROUTED, now, done, terms).due
        assert not done.keys() & set(due)
        done |= dict.fromkeys(due, now)
    done |= dict.fromkeys(plan(ROUTED, until, done, terms).due, until)
    looked = lived(ROUTED, until, terms)
    assert done.keys() == looked.keys()
    assert all(when >= looked[one] for one, when in done.items())
