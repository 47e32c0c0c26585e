"""What the tests of limits begin from: the shipped limits, calendars, and moments written down."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from callcenter import resources
from callcenter.cases import calendars, deadlines
from callcenter.cases.calendars import Days, WorkCalendar
from callcenter.cases.clocks import Counting, Step
from callcenter.cases.statuses import CaseStatus, WaitReason

FOLDER = resources.flows()
DEADLINES = deadlines.load((FOLDER / deadlines.FILE).read_text(encoding="utf-8"))
DAYS = calendars.load((FOLDER / calendars.FILE).read_text(encoding="utf-8"))
ZONES = {"WIB": "Asia/Jakarta", "WITA": "Asia/Makassar", "WIT": "Asia/Jayapura"}


def calendar(zone: str = "WIB", days: Days = DAYS["nasional"]) -> WorkCalendar:
    return calendars.calendar(days, ZONES[zone], "08:00-16:00")


COUNTING = Counting(DEADLINES, calendar(), {"DISNAKER_BALI": calendar("WITA")})


def at(text: str, zone: str = "WIB") -> int:
    """Epoch ms of a local moment, ``2026-03-13 10:00``."""
    local = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONES[zone]))
    return int(local.timestamp()) * 1000


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def history(*steps: str) -> tuple[Step, ...]:
    """Steps written down: ``2026-03-13 10:00 waiting reporter @WAS``."""
    found = []
    for text in steps:
        date, time, status, *more = text.split()
        unit = next((word[1:] for word in more if word[0] == "@"), None)
        wait = next((WaitReason(word) for word in more if word[0] != "@"), None)
        found.append(Step(at(f"{date} {time}"), CaseStatus(status), unit, wait))
    return tuple(found)
