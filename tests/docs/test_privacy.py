"""The page of the data-protection officer: what it says of the program is so."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest

from callcenter.cases import clocks
from callcenter.cases.deadlines import Code, Measure
from scripts import privacy_docs
from tests.docs.pages import read
from tests.rules.cases.kit import shipped_rules

PAGE = read("docs/privacy.md")
ZONE = ZoneInfo("Asia/Jakarta")


def test_every_column_that_may_be_personal_is_told() -> None:
    assert privacy_docs.unknown() == []


def test_a_new_column_cannot_be_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    told = dict(privacy_docs.PERSONAL)
    del told["reporter.name"]
    monkeypatch.setattr(privacy_docs, "PERSONAL", told)
    with pytest.raises(ValueError, match=r"reporter\.name"):
        privacy_docs.columns()


def test_the_clock_of_a_breach() -> None:
    """Hours of the clock, over a weekend."""
    found = re.search(r"Noticed on \w+, (.+?) at ([\d:]+): told by \w+, (.+?) at ([\d:]+)\*", PAGE)
    assert found is not None
    noticed, told = (
        dt.datetime.strptime(f"{found[at]} {found[at + 1]}", "%d %B %Y %H:%M").replace(tzinfo=ZONE)
        for at in (1, 3)
    )
    rules = shipped_rules()
    limit = rules.deadlines[Code.BREACH]
    due = clocks.due(limit, rules.counting.home, int(noticed.timestamp() * 1000))
    assert due == int(told.timestamp() * 1000)
    assert (limit.value, limit.measure) == (3 * 24, Measure.CLOCK_HOURS)
    assert f"noticed + {limit.value} h" in PAGE


def test_the_commands_that_it_names_are_there() -> None:
    told = set(re.findall(r"`callcenter ([a-z]+ [a-z-]+)", PAGE))
    known = set(re.findall(r"`callcenter ([a-z]+ [a-z-]+)", read("docs/operations.md")))
    assert {"case export", "case forget", "case hold", "case replay-erasures"} <= told <= known
