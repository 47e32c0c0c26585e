"""Many reporters of one employer are told of what was done for all of them, on both databases."""

from __future__ import annotations

import pytest

from callcenter.cases.desk.acts.service import Desk as CasesDesk
from callcenter.cases.secrecy import Person
from callcenter.cases.statuses import CaseEvent
from callcenter.clock import Given
from callcenter.db import Database
from callcenter.db.keys import Keys
from callcenter.people.permissions import Role
from tests.db.test_post import OFFICE, OWN, TEXTS, A, E, Office


@pytest.fixture
def office(database: Database, keys: Keys) -> Office:
    return Office(database, keys)


def test_each_reporter_of_many_hears_of_the_one_notice(office: Office) -> None:
    parent, *children = (office.filed() for _ in range(4))
    office.set(parent, gathers=True)
    wants, anonymous, elsewhere = children
    for case, number in zip(children, (OWN, OWN, OFFICE), strict=True):
        office.set(case, parent=parent)
        office.person(case, number)
    office.set(anonymous, anonymous=True)
    triage, inspector = (
        Person(name, Role.OFFICER, unit) for name, unit in (("tri", "PTSA"), ("was", "P32"))
    )
    office.move(elsewhere, E.VERIFY, A.TRIAGE, by="tri")
    office.move(elsewhere, E.REJECT, A.TRIAGE, by="tri", reason="too_vague")
    office.sent()

    def together(person: Person, event: CaseEvent, **fields: str) -> None:
        row, given = office.row(parent), Given(office.now)
        wanted = (row["number"], event.value, row["version"], fields)
        office.do(
            lambda conn: CasesDesk(conn, office.keys, given.again(), office.rules, person).move(
                *wanted, copy=True
            )
        )

    together(triage, E.VERIFY)
    together(triage, E.ROUTE, unit="P32")
    together(inspector, E.ACCEPT)
    office.sent()
    together(inspector, E.FOLLOW_UP, public_note="Upah wajib dibayar.")
    told = TEXTS.text("case_news", "id", {"number": office.number(wants)})
    assert office.sms() == [(OWN, told)]
    assert [office.row(case)["status"] for case in (parent, *children)] == [
        *["followed_up"] * 3,
        "rejected",
    ]
