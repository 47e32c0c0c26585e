"""What somebody is to a case at the desk, and where it stands in lists; what may be typed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases import secrecy
from callcenter.cases.desk.rights import GROUPS, desk_of, rights, sight
from callcenter.cases.desk.writing import Contact, Form, plain
from callcenter.cases.errors import BadForm
from callcenter.cases.places import OVER, place_of
from callcenter.cases.secrecy import Access, Group, Person, Place, Secrecy
from callcenter.cases.statuses import FINAL, Actor, CaseStatus
from callcenter.people.permissions import Role
from callcenter.topics import Compartment
from tests.rules.cases.kit import shipped_rules, shipped_units

UNITS = shipped_units()
CODES = ("PTSA", "ITJEN", "P32", "P35")
NOW = 1_790_000_000_000

people = st.builds(
    Person,
    st.sampled_from(("sari", "rina")),
    st.sampled_from(Role),
    st.sampled_from((None, *CODES)),
    st.booleans(),
    st.booleans(),
)
rows = st.fixed_dictionaries(
    {
        "anonymous": st.booleans(),
        "secret": st.booleans(),
        "compartment": st.sampled_from([one.value for one in Compartment]),
        "unit": st.sampled_from(CODES),
        "custodian": st.sampled_from((None, "sari", "rina")),
    }
)
groups = st.frozensets(st.sampled_from(Group))
moments = st.integers(NOW - 10**11, NOW + 10**11)


def by_table(person: Person, row: dict[str, Any], *, talking: bool) -> dict[Group, Access]:
    case = Secrecy(row["anonymous"], row["secret"], Compartment(row["compartment"]))
    place = Place(row["unit"], row["custodian"], person.id if talking else None)
    related = secrecy.relations(person, place, UNITS)
    return dict(secrecy.access(case, related, named=person.named))


@given(people, rows, st.booleans())
def test_rights_are_those_of_the_table(person: Person, row: dict[str, Any], talking: bool) -> None:
    found = rights(person, row, UNITS, talking=talking)
    assert dict(found.row) == by_table(person, row, talking=talking)
    if found.never:
        assert found.actors == ()
    if Actor.HEAD in found.actors:
        assert person.head
        assert person.unit == row["unit"]
    assert not {Actor.REPORTER, Actor.SYSTEM} & set(found.actors)


@given(people, rows, groups)
def test_what_was_opened_with_a_reason_is_seen_and_nothing_more(
    person: Person, row: dict[str, Any], opened: frozenset[Group]
) -> None:
    before, after = rights(person, row, UNITS), rights(person, row, UNITS, glass=opened)
    for group in Group:
        was = before.row[group]
        wanted = Access.SEE if was is Access.NONE and group in opened else was
        assert after.row[group] is wanted
    assert after.actors == before.actors


@given(people, rows)
def test_a_list_shows_what_a_file_would(person: Person, row: dict[str, Any]) -> None:
    shape = (Compartment(row["compartment"]), row["secret"])
    seen = sight(person, UNITS)
    own = shape in seen.own and person.unit == row["unit"]
    held = shape in seen.held and person.id == row["custodian"]
    assert (shape in seen.anywhere or own or held) is not rights(person, row, UNITS).never
    if desk_of(person, UNITS) is not None:
        assert person.unit in ("PTSA", "ITJEN")


def test_every_field_has_a_group_that_somebody_sees() -> None:
    assert set(GROUPS.values()) <= set(Group)
    assert set(Form.__struct_fields__) <= GROUPS.keys()


@given(
    st.sampled_from(CaseStatus), st.sampled_from(CaseStatus), moments, moments,
    st.none() | moments, st.none() | moments,
)  # fmt: skip
def test_what_is_due_comes_first_and_what_is_over_last(
    one: CaseStatus, other: CaseStatus, at: int, later: int, due: int | None, due2: int | None
) -> None:
    def rank(status: CaseStatus, due_at: int | None) -> int:
        return 0 if due_at is not None else 2 if status in FINAL else 1

    first, second = (one, due, at), (other, due2, later)
    mine, others = place_of(*first), place_of(*second)
    if rank(one, due) != rank(other, due2):
        assert (mine < others) is (rank(one, due) < rank(other, due2))
    elif due is not None and due2 is not None:
        assert (mine < others) is (due < due2)
    else:
        assert (mine < others) is (at > later)
    assert (mine < OVER) is (rank(one, due) < 2)


@given(
    st.builds(
        Form,
        province=st.none() | st.text(max_size=3),
        regency=st.none() | st.text("0123456789", max_size=5),
        incident_on=st.none() | st.text("0123456789-", max_size=11),
        workers=st.none() | st.integers(),
        summary=st.none() | st.text(max_size=30),
        statutes=st.none() | st.dictionaries(st.text(max_size=9), st.text(max_size=10), max_size=2),
        safe_contact=st.none()
        | st.builds(Contact, safe_from=st.none() | st.integers(), zone=st.text(max_size=8)),
    )
)
def test_whatever_is_typed_is_stored_or_named(form: Form) -> None:
    rules = shipped_rules()
    today = rules.counting.home.day_of(NOW)
    columns: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    try:
        columns = plain(form, rules, today)
    except BadForm as bad:
        wrong = bad.fields
    assert wrong.keys() <= set(Form.__struct_fields__)
    assert columns.get("province") in {None, *rules.units.provinces}
    day = columns.get("incident_on")
    assert day is None or day <= today


@pytest.mark.parametrize(
    "province, regency, stored",
    [("32", "3216", ("32", "3216")), (None, "3216", ("32", "3216")), ("", "", (None, None))],
)
def test_a_regency_tells_its_province(
    province: str | None, regency: str, stored: tuple[str | None, str | None]
) -> None:
    form = Form(province=province, regency=regency)
    columns = plain(form, shipped_rules(), shipped_rules().counting.home.day_of(NOW))
    assert (columns["province"], columns["regency"]) == stored
