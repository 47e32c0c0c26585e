"""Opening hours: a week, public holidays with joint leave, and dated exceptions, in one timezone.

Public holidays come from the ``holidays`` library; Indonesia's joint leave (*cuti bersama*) is its
category ``government``. A dated exception beats the week and the holidays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

#: Minutes since midnight: from, until (not included).
Span = tuple[int, int]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Opening(StrEnum):
    """HOLIDAY: closed all day, though the weekday is one with hours."""

    OPEN = "open"
    CLOSED = "closed"
    HOLIDAY = "holiday"


@dataclass(frozen=True)
class Calendar:
    """``week`` has seven entries from Monday; ``exceptions`` maps a date to its hours, none:
    closed. ``timezone`` None: that of the call."""

    timezone: ZoneInfo | None
    week: tuple[tuple[Span, ...], ...]
    country: str | None
    categories: tuple[str, ...]
    exceptions: Mapping[dt.date, tuple[Span, ...]]

    def opening(self, now: int, timezone: ZoneInfo) -> Opening:
        """Open at ``now`` (UTC epoch milliseconds)?"""
        local = dt.datetime.fromtimestamp(now / 1000, self.timezone or timezone)
        day, minute = local.date(), local.hour * 60 + local.minute
        spans = self.week[day.weekday()]
        if day in self.exceptions:
            special = self.exceptions[day]
            if spans and not special:
                return Opening.HOLIDAY
            spans = special
        elif spans and self.country and day in _days_off(self.country, self.categories, day.year):
            return Opening.HOLIDAY
        inside = any(start <= minute < end for start, end in spans)
        return Opening.OPEN if inside else Opening.CLOSED


@lru_cache(maxsize=64)
def _days_off(country: str, categories: tuple[str, ...], year: int) -> frozenset[dt.date]:
    return frozenset(
        holidays.country_holidays(country, years=year, expand=False, categories=categories)
    )


def known_categories(country: str) -> tuple[str, ...]:
    """The categories of holidays that the library knows for a country.

    Raises:
        LookupError: it does not know the country.
    """
    try:
        return tuple(holidays.country_holidays(country).supported_categories)
    except NotImplementedError:
        raise LookupError(country) from None
