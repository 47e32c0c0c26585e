"""Working days and working time: dated examples, properties, an oracle that steps by minutes."""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases import calendars, units
from callcenter.cases.calendars import Days, WorkCalendar, undecreed
from callcenter.cases.files import FileError
from tests.rules.cases.given import COUNTING, DAYS, FOLDER, ZONES, at, calendar, day

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
WIB = calendar()


# --- dated examples -------------------------------------------------------------------------------


def test_filed_on_friday_before_the_holidays() -> None:
    """With joint leave (cuti bersama); without it these would be 23 March and 15 June."""
    filed = at("2026-03-13 10:00")
    assert WIB.due(filed, 5) == at("2026-03-27 16:00")
    assert WIB.due(filed, 60) == at("2026-06-24 16:00")


def test_four_hours_over_the_holidays() -> None:
    assert WIB.advance(at("2026-03-17 15:00"), 4 * HOUR_MS) == at("2026-03-25 11:00")
    assert WIB.spent(at("2026-03-17 15:00"), at("2026-03-25 11:00")) == 4 * HOUR_MS


@pytest.mark.parametrize(
    "left, opening",
    [
        ("2026-06-08 07:59", "2026-06-08 08:00"),
        ("2026-06-08 08:00", "2026-06-08 08:00"),
        ("2026-06-08 15:59", "2026-06-08 15:59"),
        ("2026-06-08 16:00", "2026-06-09 08:00"),
        ("2026-06-05 20:00", "2026-06-08 08:00"),  # a Friday
        ("2026-03-20 21:00", "2026-03-25 08:00"),  # Idul Fitri and joint leave
    ],
)
def test_when_the_office_is_open_next(left: str, opening: str) -> None:
    assert WIB.opening(at(left)) == at(opening)


def test_the_cut_off_is_midnight() -> None:
    """A voice message on joint leave, 20 March 2026 at 21:00: one working day is the 25th."""
    assert not WIB.is_working_day(day("2026-03-20"))
    for filed in ("2026-03-20 00:00", "2026-03-20 21:00", "2026-03-17 07:00", "2026-03-17 23:59"):
        assert WIB.due(at(filed), 1) == at("2026-03-25 16:00"), filed
    assert WIB.due(at("2026-03-25 00:00"), 1) == at("2026-03-26 16:00")


def test_a_moment_is_another_day_in_another_zone() -> None:
    """22:30 on Sunday in Jakarta is 00:30 on Monday in Jayapura."""
    filed = at("2026-06-07 22:30")
    assert WIB.due(filed, 1) == at("2026-06-08 16:00", "WIB")
    assert calendar("WIT").due(filed, 1) == at("2026-06-09 16:00", "WIT")
    assert calendar("WITA").due(filed, 1) == at("2026-06-08 16:00", "WITA")


def test_whole_days_and_the_ends_of_a_day() -> None:
    assert WIB.days_between(day("2026-03-13"), day("2026-03-27")) == 5
    assert WIB.days_between(day("2026-03-27"), day("2026-03-13")) == 0
    assert WIB.due_day(day("2026-03-21"), 0) == day("2026-03-21")
    # A day's time ends when the office closes; the next millisecond is the next working day's.
    assert WIB.advance(at("2026-06-08 08:00"), 8 * HOUR_MS) == at("2026-06-08 16:00")
    assert WIB.advance(at("2026-06-08 16:00"), 1) == at("2026-06-09 08:00") + 1
    assert WIB.advance(at("2026-06-06 12:00"), 16 * HOUR_MS) == at("2026-06-09 16:00")
    assert WIB.end(day("2026-06-08")) == at("2026-06-09 00:00")


def test_overrides() -> None:
    days = Days({day("2026-06-08"): "local"}, {day("2026-06-07"): "instead"}, frozenset())
    changed = calendar(days=days)
    assert changed.is_working_day(day("2026-06-07"))
    assert not changed.is_working_day(day("2026-06-08"))
    assert changed.due_day(day("2026-06-05"), 2) == day("2026-06-09")
    assert changed.spent(at("2026-06-05 16:00"), at("2026-06-09 08:00")) == 8 * HOUR_MS
    joint = Days({}, {day("2026-03-20"): "the decree was changed"}, frozenset())
    assert calendar(days=joint).is_working_day(day("2026-03-20"))


def test_a_calendar_without_working_days_is_not_searched_for_ever() -> None:
    start = day("2026-01-01")
    off = {start + dt.timedelta(days=n): "never" for n in range(800)}
    with pytest.raises(ValueError, match="no working days"):
        calendar(days=Days(off, {}, frozenset())).due_day(start, 1)


# --- years without a decree -----------------------------------------------------------------------


def test_the_alarm() -> None:
    """Joint leave is known to the end of 2027: the alarm begins 90 days before 2028."""
    assert undecreed(WIB, day("2026-11-24"), 90) == []
    assert undecreed(WIB, day("2027-10-02"), 90) == []
    assert undecreed(WIB, day("2027-10-03"), 90) == [day("2028-01-01")]
    assert len(undecreed(WIB, day("2028-06-01"), 90)) == 90
    entered = Days({day("2028-01-27"): "cuti bersama"}, {}, frozenset({2028}))
    assert undecreed(calendar(days=entered), day("2027-12-31"), 90) == []
    assert len(undecreed(calendar(days=entered), day("2028-12-30"), 90)) == 89
    # A province's own day says nothing about the nation's.
    provincial = Days({day("2028-01-10"): "a governor's decree"}, {}, frozenset())
    assert len(undecreed(calendar(days=provincial), day("2027-12-31"), 90)) == 90


def test_the_alarm_looks_at_the_calendars_of_all_units() -> None:
    """It is tomorrow in Bali an hour earlier."""
    assert COUNTING.undecreed(at("2027-10-02 22:59")) == []
    assert COUNTING.undecreed(at("2027-10-02 23:00")) == [day("2028-01-01")]


# --- the oracle: minutes one by one, fixed offsets, days off written down ------------------------

#: The joint decree for 2026: public holidays and joint leave, weekends left out where they fall on.
DECREED = {
    *("2026-01-01", "2026-01-16", "2026-02-16", "2026-02-17", "2026-03-18", "2026-03-19"),
    *("2026-03-20", "2026-03-23", "2026-03-24", "2026-04-03", "2026-05-01", "2026-05-14"),
    *("2026-05-15", "2026-05-27", "2026-05-28", "2026-06-01", "2026-06-16", "2026-08-17"),
    *("2026-08-25", "2026-12-24", "2026-12-25"),
}
LOCAL_OFF = {"2026-02-27", "2026-07-06", "2026-07-07", "2026-11-10"}
LOCAL_WORKING = {"2026-03-20", "2026-07-11", "2026-09-20"}
OFFSETS = {"WIB": 7, "WITA": 8, "WIT": 9}
FIRST = dt.date(2026, 1, 1)
LENGTH = 365
INTERVALS = 10_000


def worked_days(local: bool) -> list[int]:
    """The working days of 2026, counted from its first day."""
    found = []
    for number in range(LENGTH):
        date = FIRST + dt.timedelta(number)
        works = date.isoweekday() < 6 and date.isoformat() not in DECREED
        if local:
            works = (works or date.isoformat() in LOCAL_WORKING) and str(date) not in LOCAL_OFF
        if works:
            found.append(number)
    return found


def worked_minutes(days: list[int]) -> list[int]:
    """How many minutes of work lie before each local minute of 2026."""
    works, before, done = set(days), [], 0
    for number in range(LENGTH):
        for minute in range(24 * 60):
            before.append(done)
            if number in works and 8 * 60 <= minute < 16 * 60:
                done += 1
    return [*before, done]


def test_ten_thousand_intervals_against_the_oracle() -> None:
    chance = random.Random(2026)
    own = Days(
        dict.fromkeys(map(day, LOCAL_OFF), "x"),
        dict.fromkeys(map(day, LOCAL_WORKING), "x"),
        frozenset(),
    )
    tables = {
        local: (worked_days(local), worked_minutes(worked_days(local))) for local in (False, True)
    }
    under_test = {
        (zone, local): calendar(zone, own if local else DAYS["nasional"])
        for zone, local in itertools.product(ZONES, (False, True))
    }
    new_year = int(dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp())
    for number in range(INTERVALS):
        (zone, local), one = chance.choice(list(under_test.items()))
        days, minutes = tables[local]
        zero = new_year - OFFSETS[zone] * 3600  # this zone's first minute of 2026, epoch s
        far = LENGTH * 1440 if number % 2 else 7 * 1440
        start = chance.randrange(LENGTH * 1440)
        end = min(start + chance.randrange(far), LENGTH * 1440)

        def ms(minute: int, zero: int = zero) -> int:
            return (zero + minute * 60) * 1000

        worked = minutes[end] - minutes[start]
        assert one.spent(ms(start), ms(end)) == worked * MINUTE_MS
        if worked:
            reached = bisect.bisect_left(minutes, minutes[start] + worked)
            assert one.advance(ms(start), worked * MINUTE_MS) == ms(reached)
        between = [n for n in days if start // 1440 < n <= min(end // 1440, LENGTH - 1)]
        last = FIRST + dt.timedelta(end // 1440)
        if end < LENGTH * 1440:
            first = FIRST + dt.timedelta(start // 1440)
            assert one.days_between(first, last) == len(between)
        if between:
            assert one.due(ms(start), len(between)) == ms(between[-1] * 1440 + 16 * 60)


# --- properties, to the millisecond ---------------------------------------------------------------

MOMENTS = st.integers(at("2025-01-01 00:00"), at("2027-06-30 00:00"))
CALENDARS = st.sampled_from([calendar(zone) for zone in ZONES])
AMOUNTS = st.integers(0, 40 * 8 * HOUR_MS)


@given(CALENDARS, st.lists(MOMENTS, min_size=3, max_size=3))
def test_time_spent_adds_up(one: WorkCalendar, moments: list[int]) -> None:
    first, second, third = sorted(moments)
    assert one.spent(first, second) + one.spent(second, third) == one.spent(first, third)
    assert one.spent(third, first) == 0


@given(CALENDARS, MOMENTS, AMOUNTS, AMOUNTS)
def test_to_advance_is_to_spend(one: WorkCalendar, start: int, first: int, second: int) -> None:
    reached = one.advance(start, first)
    assert one.spent(start, reached) == first
    assert first == 0 or one.spent(start, reached - 1) == first - 1  # and no moment is earlier
    if second:
        assert one.advance(reached, second) == one.advance(start, first + second)


@given(CALENDARS, MOMENTS)
def test_the_opening_is_the_first_moment_of_work(one: WorkCalendar, start: int) -> None:
    opening = one.opening(start)
    assert opening >= start
    assert one.spent(start, opening) == 0
    assert one.spent(opening, opening + 1) == 1
    assert one.opening(opening) == opening
    assert opening in (start, one.open(one.day_of(opening)))


@given(CALENDARS, MOMENTS, st.integers(1, 60))
def test_due_leaves_whole_days(one: WorkCalendar, start: int, count: int) -> None:
    due = one.due(start, count)
    assert one.is_working_day(one.day_of(due))
    assert one.days_between(one.day_of(start), one.day_of(due)) == count
    whole = count * 8 * HOUR_MS
    assert whole <= one.spent(start, due) <= whole + 8 * HOUR_MS
    assert one.due(start, count + 1) > due


# --- the file -------------------------------------------------------------------------------------


def test_the_shipped_calendars_can_be_read() -> None:
    assert DAYS.keys() >= {"nasional"}
    assert undecreed(WIB, day("2026-11-24"), 90) == []


def test_every_unit_has_its_calendar() -> None:
    found = units.load((FOLDER / units.FILE).read_text(encoding="utf-8")).units.values()
    assert found
    for unit in found:
        own = calendars.calendar(DAYS[unit.calendar], unit.zone, unit.hours)
        assert own.advance(own.open(day("2026-06-08")), 1) == own.open(day("2026-06-08")) + 1


def test_a_province_has_the_nations_days_and_its_own() -> None:
    found = calendars.load(
        """
        decreed: [2028]
        calendars:
          nasional:
            days_off: {"2028-01-27": "cuti bersama", "2028-01-28": "cuti bersama"}
            working_days: {"2028-02-05": "instead"}
          aceh:
            days_off: {"2028-02-05": "local", "2028-03-01": "local"}
            working_days: {"2028-01-28": "open"}
        """
    )
    assert found["aceh"].off.keys() == set(map(day, ("2028-01-27", "2028-02-05", "2028-03-01")))
    assert found["aceh"].working.keys() == {day("2028-01-28")}
    assert found["nasional"].off.keys() == {day("2028-01-27"), day("2028-01-28")}
    assert found["aceh"].decreed == found["nasional"].decreed == {2028}


def test_every_mistake_in_the_file_is_told() -> None:
    with pytest.raises(FileError) as refused:
        calendars.load(
            """
            decreed: [2029]
            calendars:
              aceh:
                days_off: {"2028-02-30": "no such day"}
              bali:
                days_off: {"2028-03-01": "local", "2028-03-02": " "}
                working_days: {"2028-03-01": "open"}
              riau: {holidays: []}
            more: 1
            """
        )
    told = "\n".join(refused.value.mistakes)
    for part in (
        "cases/days.yaml: calendars.nasional: is missing",
        "cases/days.yaml: calendars.aceh: Invalid RFC3339",
        "cases/days.yaml: calendars.bali: 2028-03-01 is both",
        "cases/days.yaml: calendars.bali.2028-03-02: say why",
        "cases/days.yaml: calendars.riau: Object contains unknown field",
        "cases/days.yaml: decreed: 2029 has no day off",
        "cases/days.yaml: more: there is no such section",
    ):
        assert part in told, told
    assert len(refused.value.mistakes) == 7


def test_dates_may_stand_without_quotes() -> None:
    text = (FOLDER / calendars.FILE).read_text(encoding="utf-8")
    found = calendars.load(text.replace("days_off: {}", "days_off: {2027-03-08: cuti bersama}"))
    assert found["nasional"].off == {day("2027-03-08"): "cuti bersama"}
