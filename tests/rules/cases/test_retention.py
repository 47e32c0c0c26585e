"""Retention: what is due, what holds it, and that the rules name what they rest on."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases import retention
from callcenter.cases.files import FileError
from callcenter.cases.retention import (
    Due,
    Hold,
    Kept,
    Part,
    Refusal,
    Rule,
    Since,
    due,
    due_at,
    load,
    may_forget,
)
from tests.rules.cases.kit import text

WIB = ZoneInfo("Asia/Jakarta")
RULES = load(text(retention.FILE))
DAY = 86_400_000


def at(day: str, clock: str = "10:00") -> int:
    return int(dt.datetime.fromisoformat(f"{day}T{clock}:00+07:00").timestamp() * 1000)


CLOSED = at("2026-03-13")
CASE = Kept("c", frozenset({Part.RECORDINGS, Part.PERSON, Part.CASE}), case_closed=CLOSED)


def parts(kept: Kept, now: int) -> dict[Part, bool]:
    """What is due, and whether it is held."""
    return {one.part: bool(one.held) for one in due(RULES, kept, now, WIB)}


def test_recordings_go_after_90_days_and_the_person_after_5_years() -> None:
    assert parts(CASE, CLOSED + 90 * DAY - 1) == {}
    assert parts(CASE, CLOSED + 90 * DAY) == {Part.RECORDINGS: False}
    assert parts(CASE, at("2031-03-13", "09:59")) == {Part.RECORDINGS: False}
    assert parts(CASE, at("2031-03-13")) == {
        Part.RECORDINGS: False,
        Part.PERSON: False,
        Part.CASE: False,
    }


def test_what_is_gone_is_not_due_again() -> None:
    left = msgspec.structs.replace(CASE, parts=frozenset({Part.PERSON}))
    assert parts(left, at("2031-03-13")) == {Part.PERSON: False}


def test_an_open_case_is_kept() -> None:
    assert parts(msgspec.structs.replace(CASE, case_closed=None), at("2099-01-01")) == {}


def test_an_abandoned_call_goes_after_30_days_and_an_anonymous_ones_hash_after_one() -> None:
    kept = Kept("call", frozenset({Part.CALL, Part.RECONNECT}), call_ended=CLOSED)
    assert parts(kept, CLOSED + DAY - 1) == {}
    assert parts(kept, CLOSED + DAY) == {Part.RECONNECT: False}
    assert parts(kept, CLOSED + 30 * DAY) == {Part.RECONNECT: False, Part.CALL: False}


@pytest.mark.parametrize("hold", Hold)
def test_nothing_of_a_case_is_erased_while_it_is_held(hold: Hold) -> None:
    held = msgspec.structs.replace(CASE, holds=frozenset({hold}))
    found = due(RULES, held, at("2040-01-01"), WIB)
    assert {one.part for one in found} == CASE.parts
    assert all(one.held == {hold} for one in found)


def test_no_hold_keeps_the_hash_of_an_anonymous_caller() -> None:
    kept = Kept("call", frozenset({Part.RECONNECT}), call_ended=0, holds=frozenset(Hold))
    assert parts(kept, DAY) == {Part.RECONNECT: False}


def test_the_rules_are_those_that_were_decided() -> None:
    assert {rule.code: (rule.since, rule.days, rule.years) for rule in RULES} == {
        "abandoned_call": (Since.CALL_ENDED, 30, 0),
        "abandoned_draft": (Since.CASE_ABANDONED, 30, 0),
        "reconnect": (Since.CALL_ENDED, 1, 0),
        "recordings": (Since.CASE_CLOSED, 90, 0),
        "person": (Since.CASE_CLOSED, 0, 5),
    }
    assert {part for rule in RULES for part in rule.parts} == set(Part)
    assert all(rule.source for rule in RULES)


def test_a_29_february_ends_on_a_1_march() -> None:
    rule = Rule(Since.CASE_CLOSED, (Part.PERSON,), "x", years=5)
    assert due_at(rule, at("2028-02-29"), WIB) == at("2033-03-01")
    assert due_at(msgspec.structs.replace(rule, years=4), at("2028-02-29"), WIB) == at("2032-02-29")


def test_the_earliest_rule_that_is_not_held_counts() -> None:
    early = Rule(Since.CASE_CLOSED, (Part.CASE,), "x", days=1, code="early")
    free = Rule(Since.CASE_CLOSED, (Part.CASE,), "x", days=9, holds=frozenset(), code="free")
    held = msgspec.structs.replace(CASE, holds=frozenset({Hold.LAW}))
    assert due((early, free), CASE, CLOSED + 10 * DAY, WIB)[0].rule == "early"
    assert due((early, free), held, CLOSED + 10 * DAY, WIB) == (
        Due("c", Part.CASE, "free", CLOSED + 9 * DAY),
    )
    assert due((early, free), held, CLOSED + 2 * DAY, WIB)[0].held == {Hold.LAW}


moments = st.none() | st.integers(0, 50 * 366 * DAY)


@given(
    st.frozensets(st.sampled_from(Part)),
    moments,
    moments,
    st.frozensets(st.sampled_from(Hold)),
    st.integers(0, 80 * 366 * DAY),
    st.integers(0, 10 * 366 * DAY),
)
def test_what_is_due_stays_due_and_is_there(
    there: frozenset[Part],
    ended: int | None,
    closed: int | None,
    holds: frozenset[Hold],
    now: int,
    later: int,
) -> None:
    kept = Kept("k", there, ended, closed, None, holds)
    found = due(RULES, kept, now, WIB)
    assert {one.part for one in found} <= there
    assert len({one.part for one in found}) == len(found)
    assert all(one.at <= now for one in found)
    assert {one.part for one in found} <= {one.part for one in due(RULES, kept, now + later, WIB)}
    if closed is None:
        assert not {one.part for one in found} & {Part.PERSON, Part.CASE, Part.RECORDINGS}


def test_a_wish_to_be_forgotten() -> None:
    assert may_forget(CASE, open_case=False) is None
    assert may_forget(CASE, open_case=True) is Refusal.OPEN
    for hold, refusal in [(Hold.LAW, Refusal.LAW), (Hold.STATUTORY, Refusal.STATUTORY)]:
        held = msgspec.structs.replace(CASE, holds=frozenset({hold}))
        assert may_forget(held, open_case=False) is refusal
    both = msgspec.structs.replace(CASE, holds=frozenset(Hold))
    assert may_forget(both, open_case=True) is Refusal.LAW


SMALL = """\
rules:
  person: {since: case_closed, years: 5, parts: [person], source: x}
"""


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("years: 5", "years: 5, days: 1", "rules.person: has days or years, one of them"),
        (", years: 5", "", "rules.person: has days or years, one of them"),
        ("years: 5", "years: -5", "rules.person: has days or years"),
        ("years: 5", "years: 500", "rules.person: a hundred years at most"),
        ("[person]", "[]", "rules.person.parts: is empty"),
        ("[person]", "[name]", "rules.person: Invalid enum value 'name'"),
        ("source: x", "source: ''", "rules.person.source: is empty"),
        (", source: x", "", "rules.person: Object missing required field `source`"),
        ("source: x", "source: x, holds: [statutory]", "rules.person.holds: law is missing"),
        ("since: case_closed", "since: opened", "rules.person: Invalid enum value 'opened'"),
        ("rules:", "rule:", "rules: should map codes to items"),
    ],
)
def test_mistakes(old: str, new: str, expected: str) -> None:
    broken = SMALL.replace(old, new, 1)
    assert broken != SMALL
    with pytest.raises(FileError, match=re.escape(f"cases/retention.yaml: {expected}")):
        load(broken)
