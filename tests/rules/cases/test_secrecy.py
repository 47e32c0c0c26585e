"""Secrecy: one table, and what must never be in it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases.secrecy import (
    GLASS,
    HIDDEN_IF_ANONYMOUS,
    OPEN_ROW,
    TABLE,
    Access,
    Emergency,
    Group,
    Person,
    Place,
    Refusal,
    Relation,
    Secrecy,
    access,
    break_glass,
    exists,
    may_change,
    relations,
)
from callcenter.people.permissions import Role
from callcenter.topics import Compartment
from tests.rules.cases.kit import shipped_units

R, G = Relation, Group
WHY = "the police of Bekasi ask, letter 17"

cases = st.builds(Secrecy, st.booleans(), st.booleans(), st.sampled_from(Compartment))
people = st.frozensets(st.sampled_from(R), max_size=4)
EVERY_CASE = [
    Secrecy(anonymous, secret, compartment)
    for anonymous, secret, compartment in itertools.product(
        (False, True), (False, True), Compartment
    )
]


def sees(case: Secrecy, *relations: Relation, named: bool = False) -> set[Group]:
    row = access(case, frozenset(relations), named=named)
    return {group for group, one in row.items() if one is not Access.NONE}


def test_the_table_has_every_pair_and_every_group() -> None:
    assert TABLE.keys() == set(itertools.product(Compartment, R))
    for row in (*TABLE.values(), OPEN_ROW):
        assert row.keys() == set(G)


def test_secret_is_the_default() -> None:
    assert Secrecy() == Secrecy(anonymous=False, secret=True, compartment=Compartment.NORMAL)
    assert sees(Secrecy(), R.OTHER_UNIT) == set()


@pytest.mark.parametrize("case", EVERY_CASE)
def test_the_public_and_admins_see_nothing_of_any_case(case: Secrecy) -> None:
    for named in (False, True):
        for nobody in (R.PUBLIC, R.ADMIN):
            assert sees(case, nobody, named=named) == set()
            assert not exists(case, frozenset({nobody}), named=named)
    for emergency in Emergency:
        assert break_glass(case, R.PUBLIC, emergency, WHY) is Refusal.NEVER
        assert break_glass(case, R.ADMIN, emergency, WHY) is Refusal.NEVER


@pytest.mark.parametrize("case", EVERY_CASE)
def test_number_and_pin_open_status_alone(case: Secrecy) -> None:
    """Never employer, names or narrative, and nothing to change."""
    assert sees(case, R.REPORTER) == {G.PUBLIC}
    assert access(case, frozenset({R.REPORTER}))[G.PUBLIC] is Access.SEE


@given(
    st.frozensets(st.sampled_from(sorted(set(R) - {R.INSPECTORATE, R.IN_CALL, R.REPORTER}))),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_a_complaint_about_officials_is_invisible_to_all_units(
    relations: frozenset[Relation], named: bool, anonymous: bool, secret: bool
) -> None:
    case = Secrecy(anonymous, secret, Compartment.INTEGRITY)
    assert sees(case, *relations, named=named) == set()
    assert not exists(case, relations, named=named)
    for relation in relations:
        for emergency in Emergency:
            assert break_glass(case, relation, emergency, WHY) is Refusal.NEVER


@given(st.lists(cases, max_size=20), st.sampled_from([R.OWN_UNIT, R.OTHER_UNIT]), st.booleans())
def test_counts_do_not_tell_either(every: list[Secrecy], relation: Relation, named: bool) -> None:
    """What an accused unit counts is the same with and without the complaints about it."""

    def count(of: list[Secrecy]) -> int:
        return sum(exists(case, frozenset({relation}), named=named) for case in of)

    without = [case for case in every if case.compartment is not Compartment.INTEGRITY]
    assert count(every) == count(without)


def test_the_inspectorate_works_on_its_own_cases() -> None:
    case = Secrecy(compartment=Compartment.INTEGRITY)
    assert sees(case, R.INSPECTORATE) == set(G)
    assert may_change(case, frozenset({R.INSPECTORATE}), G.NOTES)
    assert not may_change(case, frozenset({R.INSPECTORATE}), G.NARRATIVE)


def test_sensitive_cases_are_for_those_who_are_named() -> None:
    case = Secrecy(compartment=Compartment.SENSITIVE)
    for relation in (R.OWN_UNIT, R.CUSTODIAN, R.TRIAGE):
        assert not exists(case, frozenset({relation}))
        assert exists(case, frozenset({relation}), named=True)
    for relation in (R.SUPERVISOR, R.INSPECTORATE, R.OTHER_UNIT):
        assert not exists(case, frozenset({relation}), named=True)


@given(cases, people, st.booleans())
def test_nobody_sees_who_an_anonymous_reporter_is(
    case: Secrecy, relations: frozenset[Relation], named: bool
) -> None:
    if case.anonymous:
        assert not sees(case, *relations, named=named) & HIDDEN_IF_ANONYMOUS
    for relation in relations:
        opened = break_glass(case, relation, Emergency.LAW, WHY)
        if not isinstance(opened, Refusal) and case.anonymous:
            assert not opened & HIDDEN_IF_ANONYMOUS


@given(cases, people, people, st.booleans())
def test_to_be_more_than_one_thing_gives_the_most_of_each(
    case: Secrecy, one: frozenset[Relation], other: frozenset[Relation], named: bool
) -> None:
    both = sees(case, *one, *other, named=named)
    assert both == sees(case, *one, named=named) | sees(case, *other, named=named)
    assert sees(case, *one) <= sees(case, *one, named=True)
    assert sees(Secrecy(case.anonymous, True, case.compartment), *one) <= sees(case, *one)


def test_another_unit_sees_a_case_only_where_the_reporter_wanted_it_open() -> None:
    seen = sees(Secrecy(secret=False), R.OTHER_UNIT)
    assert seen == {G.PUBLIC, G.NARRATIVE, G.EMPLOYER, G.HISTORY, G.SECRECY}
    assert not any(
        may_change(case, frozenset({R.OTHER_UNIT}), group) for case in EVERY_CASE for group in G
    )


def test_a_reporters_words_are_changed_by_the_hotline_alone() -> None:
    may = {
        relation
        for case in EVERY_CASE
        for relation in R
        if may_change(case, frozenset({relation}), G.NARRATIVE, named=True)
    }
    assert may == {R.IN_CALL, R.CUSTODIAN}
    assert not any(
        row[group] is Access.CHANGE for row in TABLE.values() for group in (G.RECORDINGS, G.HISTORY)
    )


def test_the_flags_are_the_reporters_and_not_the_units() -> None:
    may = {
        relation
        for case in EVERY_CASE
        for relation in R
        if may_change(case, frozenset({relation}), G.SECRECY, named=True)
    }
    assert may == {R.IN_CALL, R.CUSTODIAN, R.TRIAGE, R.INSPECTORATE}


def test_the_agent_in_the_call_can_write_down_anything() -> None:
    for case in EVERY_CASE:
        assert may_change(case, frozenset({R.IN_CALL}), G.NARRATIVE)


# --- who is what to a case ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "person, place, expected",
    [
        (Person("a", Role.AGENT), Place("P32"), set()),
        (Person("a", Role.AGENT), Place("P32", "a"), {R.CUSTODIAN}),
        (Person("a", Role.AGENT), Place("P32", "b", "a"), {R.IN_CALL}),
        (Person("a", Role.AGENT, "P32"), Place("P32"), set()),
        (Person("s", Role.SUPERVISOR), Place("P32", "s", "s"), {R.SUPERVISOR}),
        (Person("x", Role.ADMIN), Place("P32", "x", "x"), {R.ADMIN}),
        (Person("o", Role.OFFICER, "P32"), Place("P32"), {R.OWN_UNIT}),
        (Person("o", Role.OFFICER, "P31"), Place("P32"), {R.OTHER_UNIT}),
        (Person("o", Role.OFFICER), Place("P32"), {R.OTHER_UNIT}),
        (Person("o", Role.OFFICER, "PTSA"), Place("P32"), {R.TRIAGE, R.OTHER_UNIT}),
        (Person("o", Role.OFFICER, "PTSA"), Place("PTSA"), {R.TRIAGE, R.OWN_UNIT}),
        (Person("o", Role.OFFICER, "ITJEN"), Place("ITJEN"), {R.INSPECTORATE, R.OWN_UNIT}),
    ],
)
def test_relations(person: Person, place: Place, expected: set[Relation]) -> None:
    assert relations(person, place, shipped_units()) == expected


codes = st.sampled_from(list(shipped_units().units))


@given(
    st.builds(Person, st.sampled_from("ab"), st.sampled_from(Role), st.none() | codes),
    st.builds(Place, codes, st.sampled_from([None, "a"])),
    st.booleans(),
)
def test_whoever_is_no_inspector_general_finds_no_complaint_about_officials(
    person: Person, place: Place, named: bool
) -> None:
    """Also where the case lies, by mistake, with the unit that it is about."""
    case = Secrecy(compartment=Compartment.INTEGRITY)
    found = exists(case, relations(person, place, shipped_units()), named=named)
    assert found == (person.role is Role.OFFICER and person.unit == "ITJEN")


# --- break glass ---------------------------------------------------------------------------------


def test_glass_is_broken_with_a_reason() -> None:
    case = Secrecy()
    for reason in ("", "  ", "because", "b e c a u s e\n" * 1):
        assert break_glass(case, R.SUPERVISOR, Emergency.DANGER, reason) is Refusal.REASON
    opened = break_glass(case, R.SUPERVISOR, Emergency.DANGER, WHY)
    assert opened == frozenset({G.NAME, G.PHONES, G.ATTACHMENTS})


def test_glass_opens_what_was_closed_and_nothing_else_is_opened() -> None:
    for (compartment, relation), groups in GLASS.items():
        case = Secrecy(compartment=compartment)
        assert not groups & sees(case, relation)
        assert compartment is not Compartment.INTEGRITY
    allowed = {relation for _, relation in GLASS}
    assert allowed == {R.SUPERVISOR, R.INSPECTORATE, R.TRIAGE}
