"""Duplicates: suggested only, merged within one reporter, joined without telling anybody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases.duplicates import (
    DAY_MS,
    WITH_CHILDREN,
    Complaint,
    Kind,
    Refusal,
    Suggestion,
    may_join,
    may_merge,
    suggest,
)
from callcenter.cases.statuses import CASE_TABLE, FINAL, Actor
from callcenter.topics import Compartment

NOW = 1_000 * DAY_MS
BASE = Complaint("new", NOW, "upah", "maju jaya", "r1")


def other(case: str = "old", days: int = 10, **changes: object) -> Complaint:
    return msgspec.structs.replace(BASE, case=case, opened_at=NOW - days * DAY_MS, **changes)


def test_the_same_reporter_employer_and_topic_is_suggested() -> None:
    assert suggest(BASE, [other("b", 20), other("a", 10)]) == [Suggestion(Kind.SAME, ("a", "b"))]


@pytest.mark.parametrize(
    "changes",
    [
        {"days": 91},
        {"topic": "phk"},
        {"employer": "lain"},
        {"employer": ""},
        {"reporter": "r2"},
        {"reporter": None},
        {"anonymous": True, "reporter": None},
        {"merged": True},
        {"compartment": Compartment.SENSITIVE},
        {"compartment": Compartment.INTEGRITY},
        {"case": "new"},
    ],
)
def test_anything_else_is_not(changes: dict[str, Any]) -> None:
    assert suggest(BASE, [other(**changes)]) == []


def test_90_days_are_within() -> None:
    assert suggest(BASE, [other(days=90)]) != []


def test_an_unknown_employer_is_like_no_other() -> None:
    new = msgspec.structs.replace(BASE, employer="")
    assert suggest(new, [other(employer="")]) == []


def test_three_reporters_are_worth_a_parent() -> None:
    crowd = [other("a", 3, reporter="r2"), other("b", 2, reporter=None, anonymous=True)]
    assert suggest(BASE, crowd) == [Suggestion(Kind.MASS, ("b", "a"))]
    assert suggest(BASE, crowd[:1]) == []
    # One reporter who calls three times is no mass.
    assert [one.kind for one in suggest(BASE, [other("a"), other("b")])] == [Kind.SAME]


def test_a_parent_that_there_is_is_suggested() -> None:
    parent = other("p", reporter=None, parent=True)
    assert suggest(BASE, [parent]) == [Suggestion(Kind.MASS, ("p",), "p")]
    assert suggest(msgspec.structs.replace(BASE, joined="p"), [parent]) == []


def test_a_parent_is_told_what_is_not_joined_yet() -> None:
    parent = msgspec.structs.replace(BASE, reporter=None, parent=True)
    crowd = [other("a", 3, reporter="r2"), other("b", 2, reporter="r3", joined="new")]
    assert suggest(parent, crowd) == [Suggestion(Kind.MASS, ("a",), "new")]
    assert suggest(parent, crowd[1:]) == []


def test_a_sensitive_case_is_in_no_suggestion() -> None:
    new = msgspec.structs.replace(BASE, compartment=Compartment.SENSITIVE)
    crowd = [other(name, reporter=name) for name in "abcd"]
    assert suggest(new, crowd) == []
    closed = [msgspec.structs.replace(one, compartment=Compartment.INTEGRITY) for one in crowd]
    assert suggest(BASE, closed) == []


@pytest.mark.parametrize(
    "changes, refusal",
    [
        ({}, None),
        ({"topic": "phk", "employer": ""}, None),  # whoever looks at them may know better
        ({"case": "new"}, Refusal.SELF),
        ({"merged": True}, Refusal.MERGED),
        ({"parent": True}, Refusal.PARENT),
        ({"anonymous": True}, Refusal.ANONYMOUS),
        ({"anonymous": True, "reporter": None}, Refusal.ANONYMOUS),
        ({"reporter": "r2"}, Refusal.REPORTER),
        ({"reporter": None}, Refusal.REPORTER),
        ({"compartment": Compartment.SENSITIVE}, Refusal.COMPARTMENT),
    ],
)
def test_merging(changes: dict[str, object], refusal: Refusal | None) -> None:
    old = msgspec.structs.replace(other(), **changes)
    assert may_merge(BASE, old) is refusal
    assert may_merge(old, BASE) is refusal


def test_nothing_goes_on_as_what_is_over() -> None:
    over = other(over=True)
    assert may_merge(BASE, over) is Refusal.OVER
    assert may_merge(over, BASE) is None
    assert suggest(BASE, [over]) == []


def test_two_unknown_reporters_are_not_one() -> None:
    one, two = other("a", reporter=None), other("b", reporter=None)
    assert may_merge(one, two) is Refusal.REPORTER


@pytest.mark.parametrize(
    "child, parent, refusal",
    [
        ({}, {}, None),
        ({"anonymous": True, "reporter": None}, {}, None),
        ({}, {"case": "old"}, Refusal.SELF),
        ({}, {"parent": False}, Refusal.PARENT),
        ({"parent": True}, {}, Refusal.PARENT),
        ({"joined": "q"}, {}, Refusal.JOINED),
        ({"merged": True}, {}, Refusal.MERGED),
        ({"compartment": Compartment.SENSITIVE}, {}, Refusal.COMPARTMENT),
        ({"compartment": Compartment.INTEGRITY}, {}, Refusal.COMPARTMENT),
        ({}, {"employer": "lain"}, Refusal.EMPLOYER),
        ({"employer": ""}, {"employer": ""}, Refusal.EMPLOYER),
    ],
)
def test_joining(
    child: dict[str, object], parent: dict[str, object], refusal: Refusal | None
) -> None:
    above = msgspec.structs.replace(other("p", reporter=None, parent=True), **parent)
    assert may_join(msgspec.structs.replace(other(), **child), above) is refusal


complaints = st.builds(
    Complaint,
    st.sampled_from("abcdefgh"),
    st.integers(NOW - 200 * DAY_MS, NOW + 200 * DAY_MS),
    st.sampled_from(["upah", "phk"]),
    st.sampled_from(["", "maju jaya", "lain"]),
    st.sampled_from([None, "r1", "r2", "r3"]),
    st.booleans(),
    st.sampled_from(Compartment),
    st.booleans(),
    st.sampled_from([None, "z"]),
    st.booleans(),
)


@given(complaints, st.lists(complaints, max_size=8, unique_by=lambda one: one.case))
def test_what_is_suggested_may_be_done_and_tells_nothing(
    new: Complaint, others: list[Complaint]
) -> None:
    known = {one.case: one for one in others}
    for found in suggest(new, others):
        assert new.case not in found.cases
        for case in found.cases:
            one = known[case]
            assert one.compartment is Compartment.NORMAL
            assert one.employer == new.employer != ""
            if found.kind is Kind.SAME:
                assert one.reporter == new.reporter is not None
                assert not one.anonymous


def test_what_is_a_reporters_to_do_goes_to_no_other_case() -> None:
    for event in WITH_CHILDREN:
        ways = [move for (_, done), move in CASE_TABLE.items() if done is event]
        assert ways
        assert all(Actor.REPORTER not in move.by for move in ways)
        # Nothing that ends a case, or leads it out of the ministry, is done to many at once.
        assert all(move.to not in FINAL for move in ways)
