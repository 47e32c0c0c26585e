"""Opening hours."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from callcenter import resources
from callcenter.ivr.hours import Calendar, Opening, known_categories
from callcenter.ivr.loader import load
from tests.rules.ivr.small import flow_set

JAKARTA = ZoneInfo("Asia/Jakarta")


def at(text: str, timezone: ZoneInfo = JAKARTA) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=timezone).timestamp() * 1000)


@pytest.fixture(scope="module")
def office() -> Calendar:
    flow = "start: a\non_error: a\nnodes: {a: {type: hangup, prompt: bye}}"
    return flow_set(flow).calendars["office"]


@pytest.mark.parametrize(
    "moment, expected",
    [
        ("2026-11-16T07:59:59", Opening.CLOSED),
        ("2026-11-16T08:00:00", Opening.OPEN),
        ("2026-11-16T15:59:59", Opening.OPEN),
        ("2026-11-16T16:00:00", Opening.CLOSED),
        ("2026-11-17T12:30:00", Opening.CLOSED),
        ("2026-11-17T13:00:00", Opening.OPEN),
        ("2026-11-18T10:00:00", Opening.CLOSED),
        # joint leave, then the holiday itself, which is a Monday
        ("2026-03-23T10:00:00", Opening.HOLIDAY),
        ("2026-08-17T10:00:00", Opening.HOLIDAY),
        # a holiday on a day that has no hours is just closed
        ("2026-05-14T10:00:00", Opening.CLOSED),
        # dated exceptions
        ("2026-11-23T10:00:00", Opening.HOLIDAY),
        ("2026-11-24T08:30:00", Opening.CLOSED),
        ("2026-11-24T23:59:59", Opening.OPEN),
        ("2026-11-29T10:30:00", Opening.OPEN),
    ],
)
def test_office(office: Calendar, moment: str, expected: Opening) -> None:
    assert office.opening(at(moment), JAKARTA) is expected


def test_the_calendar_s_own_timezone_counts(office: Calendar) -> None:
    jayapura = ZoneInfo("Asia/Jayapura")
    assert office.opening(at("2026-11-16T09:59:00", jayapura), jayapura) is Opening.CLOSED
    assert office.opening(at("2026-11-16T10:00:00", jayapura), jayapura) is Opening.OPEN


def test_without_a_timezone_the_call_s_counts() -> None:
    calendar = Calendar(None, (((480, 960),),) * 7, None, (), {})
    jayapura = ZoneInfo("Asia/Jayapura")
    moment = at("2026-11-16T08:00:00", jayapura)
    assert calendar.opening(moment, jayapura) is Opening.OPEN
    assert calendar.opening(moment, JAKARTA) is Opening.CLOSED


def test_the_shipped_calendar_knows_joint_leave() -> None:
    shipped = load(resources.flows()).calendars["kemnaker"]
    assert shipped.opening(at("2026-12-23T10:00:00"), JAKARTA) is Opening.OPEN
    assert shipped.opening(at("2026-12-24T10:00:00"), JAKARTA) is Opening.HOLIDAY
    assert shipped.opening(at("2026-03-20T10:00:00"), JAKARTA) is Opening.HOLIDAY
    assert known_categories("ID") == ("government", "public")
