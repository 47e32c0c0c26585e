"""Working days and working time of a unit, for its limits. The file is ``cases/days.yaml``.

The hours in which the hotline answers are another matter (``ivr_flows/calendars``): it stays open
on days on which no unit has to act.

Two rules, so that a reporter can count on their fingers:

- **The cut-off is midnight.** The day on which something happens is day 0, whatever the hour, also
  a day off. So n working days are always n whole ones for the unit.
- **Due is when the office closes** on the last day, in the unit's time zone. After that nobody acts
  on it any more that day, and all of a clock's working time has been used: 100 % is the due moment.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays
import msgspec

from callcenter.cases.files import Reader

FILE: Final = "cases/days.yaml"
#: The calendar that is part of all others.
NATIONAL: Final = "nasional"
_COUNTRY: Final = "ID"
#: Joint leave (*cuti bersama*) is a category of its own, and decreed year by year.
_PUBLIC: Final = "public"
_JOINT_LEAVE: Final = "government"
_DAY: Final = dt.timedelta(days=1)
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, eq=False)  # by identity, so that what is made of it can be kept
class Days:
    """What changes the library's days: days off and working days, each with why, and the years
    whose joint leave is among them."""

    off: Mapping[dt.date, str]
    working: Mapping[dt.date, str]
    decreed: frozenset[int]

    def works(self, day: dt.date) -> bool:
        if day in self.off:
            return False
        if day in self.working:
            return True
        return day.weekday() < 5 and day not in _days_off(day.year)


@dataclass(frozen=True)
class WorkCalendar:
    """The working days of a unit, and its office hours in minutes since its midnight.

    Times are UTC epoch ms; days are those of ``zone``.
    """

    days: Days
    zone: ZoneInfo
    opens: int
    closes: int

    def day_of(self, at: int) -> dt.date:
        """The day on which ``at`` falls."""
        return dt.datetime.fromtimestamp(at / 1000, self.zone).date()

    def is_working_day(self, day: dt.date) -> bool:
        return self.days.works(day)

    def due_day(self, day: dt.date, count: int) -> dt.date:
        """The ``count``-th working day after ``day``, which is day 0.

        Raises:
            ValueError: a whole year has no working day.
        """
        if count <= 0:
            return day
        year = _working_days(self.days, day.year)
        index = bisect_right(year, day.toordinal()) + count - 1
        number = day.year
        while index >= len(year):
            index -= len(year)
            number += 1
            year = _working_days(self.days, number)
            if not year:
                raise ValueError(f"{number} has no working days")
        return dt.date.fromordinal(year[index])

    def due(self, at: int, count: int) -> int:
        """When the office closes on the ``count``-th working day after the one of ``at``."""
        return self.close(self.due_day(self.day_of(at), count))

    def days_between(self, first: dt.date, last: dt.date) -> int:
        """The working days after ``first`` up to and with ``last``; 0 when that is not later."""
        if last <= first:
            return 0
        years = range(first.year, last.year)
        before = bisect_right(_working_days(self.days, first.year), first.toordinal())
        up_to = bisect_right(_working_days(self.days, last.year), last.toordinal())
        return up_to - before + sum(len(_working_days(self.days, year)) for year in years)

    def open(self, day: dt.date) -> int:
        """When the office opens, if it does on ``day``."""
        return self._moment(day, self.opens)

    def close(self, day: dt.date) -> int:
        """When the office closes, if it is open on ``day``."""
        return self._moment(day, self.closes)

    def opening(self, at: int) -> int:
        """The first moment from ``at`` on at which the office is open: ``at`` itself if it is."""
        return self.advance(at, 1) - 1

    def end(self, day: dt.date) -> int:
        """The midnight at the end of ``day``: when a day that is not a working day ends."""
        return self._moment(day + _DAY, 0)

    def spent(self, start: int, end: int) -> int:
        """The working time between two moments, ms; 0 when ``end`` is not later."""
        if end <= start:
            return 0
        first, last = self.day_of(start), self.day_of(end)
        if first == last:
            return self._worked(first, start, end)
        whole = self.days_between(first, last - _DAY) * self._day_ms()
        return self._worked(first, start, end) + whole + self._worked(last, start, end)

    def advance(self, start: int, amount: int) -> int:
        """The earliest moment at which ``amount`` ms of working time have passed since ``start``.

        So a whole day's time ends when the office closes, not when it opens the next day.
        """
        if amount <= 0:
            return start
        day = self.day_of(start)
        today = self._worked(day, start, self.close(day))
        if amount <= today:
            return max(start, self.open(day)) + amount
        whole, rest = divmod(amount - today - 1, self._day_ms())
        return self.open(self.due_day(day, whole + 1)) + rest + 1

    def _worked(self, day: dt.date, start: int, end: int) -> int:
        """The working time of ``day`` that lies between the two."""
        if not self.is_working_day(day):
            return 0
        return max(0, min(end, self.close(day)) - max(start, self.open(day)))

    def _day_ms(self) -> int:
        return (self.closes - self.opens) * _MINUTE_MS

    def _moment(self, day: dt.date, minute: int) -> int:
        at = dt.datetime.combine(day, dt.time(minute // 60, minute % 60), self.zone)
        return int(at.timestamp()) * 1000


def undecreed(calendar: WorkCalendar, today: dt.date, ahead: int) -> list[dt.date]:
    """Those of the ``ahead`` days after ``today`` for whose year nobody has joint leave yet.

    Due dates there are too early: the library knows joint leave only once it is decreed.
    """
    coming = (today + n * _DAY for n in range(1, ahead + 1))
    known = calendar.days.decreed
    return [day for day in coming if day.year not in known and not _joint_leave(day.year)]


@lru_cache(maxsize=1024)
def _working_days(days: Days, year: int) -> tuple[int, ...]:
    """The ordinals of the year's working days."""
    first, last = dt.date(year, 1, 1).toordinal(), dt.date(year, 12, 31).toordinal()
    found = map(dt.date.fromordinal, range(first, last + 1))
    return tuple(day.toordinal() for day in found if days.works(day))


@lru_cache(maxsize=64)
def _days_off(year: int) -> frozenset[dt.date]:
    return frozenset(
        holidays.country_holidays(
            _COUNTRY, years=year, expand=False, categories=(_PUBLIC, _JOINT_LEAVE)
        )
    )


@lru_cache(maxsize=64)
def _joint_leave(year: int) -> bool:
    return bool(
        holidays.country_holidays(_COUNTRY, years=year, expand=False, categories=(_JOINT_LEAVE,))
    )


# --- the file -------------------------------------------------------------------------------------


class _Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    days_off: dict[dt.date, str] = {}
    working_days: dict[dt.date, str] = {}


def load(text: str) -> dict[str, Days]:
    """The calendars of a ``days.yaml``, by name; the national days are in each.

    Raises:
        FileError: with every mistake in it.
    """
    reader = Reader(FILE, text)
    years = reader.one("decreed", frozenset[int], frozenset())
    found = reader.many("calendars", _Calendar)
    if NATIONAL not in reader.keys("calendars"):
        reader.wrong(f"calendars.{NATIONAL}", "is missing")
    national = found.get(NATIONAL, _Calendar())
    calendars = {}
    for name, own in found.items():
        calendars[name] = days = Days(
            # A calendar's own word comes before the nation's.
            {day: why for day, why in national.days_off.items() if day not in own.working_days}
            | own.days_off,
            {day: why for day, why in national.working_days.items() if day not in own.days_off}
            | own.working_days,
            years,
        )
        for day in sorted(own.days_off.keys() & own.working_days.keys()):
            reader.wrong(f"calendars.{name}", f"{day} is both a day off and a working day")
        for day, why in sorted([*days.off.items(), *days.working.items()]):
            if not why.strip():
                reader.wrong(f"calendars.{name}.{day}", "say why")
    for year in sorted(years):
        if not any(day.year == year for day in national.days_off):
            reader.wrong("decreed", f"{year} has no day off in calendars.{NATIONAL}")
    reader.done()
    return calendars


def calendar(days: Days, zone: str, hours: str) -> WorkCalendar:
    """The calendar of a unit with these days. ``hours`` of its office, as ``08:00-16:00``."""
    opens, closes = (
        int(hour) * 60 + int(minute)
        for hour, minute in (part.split(":") for part in hours.split("-"))
    )
    return WorkCalendar(days, ZoneInfo(zone), opens, closes)
