"""Cases are found by what stands in them, and only by whoever may see it there."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from callcenter.calls import tables as calls
from callcenter.calls.vault import service as vault
from callcenter.calls.vault.service import Kind
from callcenter.cases import service as cases
from callcenter.cases import tables
from callcenter.cases.facts import NoteKind
from callcenter.cases.hand.service import take
from callcenter.cases.reporters import service as reporters
from callcenter.cases.search import service as search
from callcenter.cases.secrecy import Person
from callcenter.cases.service import CaseForm
from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.clock import Given
from callcenter.db import Connection, Database
from callcenter.db.keys import Keys
from callcenter.people.permissions import Role
from tests.db.work import Desk

PHONE = "+6281234567890"
TRIAGE = Person("tri", Role.OFFICER, "PTSA")
ITJEN = Person("ins", Role.OFFICER, "ITJEN")
WEST_JAVA = Person("off", Role.OFFICER, "P32")
SUPERVISOR = Person("sup", Role.SUPERVISOR)
ADMIN = Person("adm", Role.ADMIN)
AGENT = Person("sari", Role.AGENT)


class Finder(Desk):
    def told(
        self,
        narrative: str = "Gaji dipotong sepihak",
        employer: str = "PT Maju Jaya",
        name: str | None = "Siti Aminah",
        topic: str = "upah_tunggak",
        phone: str | None = PHONE,
    ) -> str:
        """A complaint that waits to be looked at, with its words; gives the case's id."""
        self.now += 60_000
        case = self.filed(topic)
        form = CaseForm(
            self.row(case)["version"], narrative=narrative, employer=employer, reporter_name=name
        )
        given = Given(self.now)
        self.do(
            lambda conn: cases.save(
                conn, self.keys, given.again(), self.rules, case=case, agent="sari", form=form,
                caller=phone,
            )
        )  # fmt: skip
        return case

    def find_for(
        self, person: Person, text: str, phone: str | None = None, **how: bool
    ) -> list[str]:
        return list(self.find_whole(person, text, phone, **how).cases)

    def find_whole(
        self, person: Person, text: str, phone: str | None = None, **how: bool
    ) -> search.Found:
        return self.do(
            lambda conn: search.find(conn, self.keys, self.rules, person, text, phone=phone, **how)
        )

    def route(self, case: str, unit: str = "P32") -> None:
        self.move(case, CaseEvent.VERIFY, Actor.TRIAGE, by="tri")
        self.move(case, CaseEvent.ROUTE, Actor.TRIAGE, by="tri", unit=unit)

    def rewrite(self, case: str, **values: object) -> None:
        """Change columns as the desk does, with a version."""
        given = Given(self.now)

        def change(conn: Connection) -> None:
            hand = take(conn, self.keys, given.again(), self.rules, case)
            hand.change(values)
            hand.keep("tri")

        self.do(change)

    def words_of(self, case: str) -> set[tuple[bytes, str]]:
        wanted = select(tables.case_word).where(tables.case_word.c.case == case)
        return {(row.word, row.field) for row in self.do(lambda conn: conn.execute(wanted).all())}


@pytest.fixture
def finder(database: Database, keys: Keys) -> Finder:
    return Finder(database, keys)


# --- what is found ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "dipotong", "SEPIHAK", "gaji maju", "PT. Maju Jaya", "MAJU JAYA Tbk", "siti aminah",
        "upah tunggak", "satu atap dipotong",
    ],
)  # fmt: skip
def test_a_case_is_found_by_what_stands_in_it(finder: Finder, text: str) -> None:
    other = finder.told("Kecelakaan di gudang", "CV Sentosa", "Budi", "phk", None)
    case = finder.told()
    assert finder.find_for(TRIAGE, text) == [case]
    assert other not in finder.find_for(TRIAGE, text)


@pytest.mark.parametrize(
    "text", ["", "  ", "potong", "gaji sentosa", "siti", "aminah siti", "26", "%", "'", "\x00"]
)
def test_what_is_not_there_is_not_found(finder: Finder, text: str) -> None:
    finder.told()
    assert finder.find_whole(TRIAGE, text) == search.Found((), more=False)


def test_a_number_or_its_beginning(finder: Finder) -> None:
    case, _ = finder.told(), finder.told()
    number = finder.row(case)["number"]
    for text in (
        number,
        f"{number[:2]} {number[2:6]} {number[6:]}",
        number[:9],
        f"{number[:2]}-{number[2:6]}",
    ):
        assert case in finder.find_for(TRIAGE, text)
    assert finder.find_for(TRIAGE, number) == [case]


def test_a_telephone_number_is_found_whole(finder: Finder) -> None:
    case = finder.told()
    assert finder.find_for(TRIAGE, "0812 3456 7890", PHONE) == [case]
    assert finder.find_for(TRIAGE, "0812 3456 7891", PHONE[:-1] + "1") == []
    assert finder.find_for(TRIAGE, PHONE) == []  # the digits alone are no word of the case


def test_notes_for_the_public_and_the_summary_are_found_and_inner_notes_are_not(
    finder: Finder,
) -> None:
    case = finder.told()
    finder.note(case, NoteKind.INTERNAL, "rahasia dapur")
    finder.note(case, NoteKind.PUBLIC, "Pengawas berkunjung pekan depan")
    finder.note(case, NoteKind.PUBLIC, "Laporan selesai disusun")
    finder.rewrite(case, summary="Potongan tanpa perjanjian")
    assert finder.find_for(TRIAGE, "rahasia") == []
    for text in ("berkunjung", "disusun", "perjanjian", "perjanjian berkunjung gaji"):
        assert finder.find_for(TRIAGE, text) == [case]


def test_what_was_rewritten_is_found_by_its_new_words_alone(finder: Finder) -> None:
    case = finder.told()
    form = CaseForm(finder.row(case)["version"], narrative="Lembur tidak dibayar", topic="phk")
    finder.save(case, form)
    assert finder.find_for(TRIAGE, "dipotong") == []
    assert finder.find_for(TRIAGE, "lembur") == [case]
    assert finder.find_for(TRIAGE, "phk kontrak") == finder.find_for(TRIAGE, "dismissal") == [case]
    finder.route(case)
    assert finder.find_for(TRIAGE, "jawa barat lembur") == [case]


def test_the_newest_come_first_and_no_more_than_a_page(
    finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FOUND_MOST", 2)
    first, second, third = finder.told(), finder.told(), finder.told()
    found = finder.find_whole(TRIAGE, "dipotong")
    assert found == search.Found((third, second), more=True)
    assert first not in found.cases


# --- by whom ------------------------------------------------------------------------------------


def test_a_unit_finds_what_it_has_and_what_is_not_secret(finder: Finder) -> None:
    ours, theirs, open_one = finder.told(), finder.told(), finder.told()
    finder.route(ours)
    finder.rewrite(open_one, secret=False)
    assert set(finder.find_for(WEST_JAVA, "dipotong")) == {ours, open_one}
    assert finder.find_for(WEST_JAVA, finder.row(theirs)["number"]) == []
    # of an open case of others neither the person nor the number is told
    assert finder.find_for(WEST_JAVA, "siti aminah") == [ours]
    assert finder.find_for(WEST_JAVA, "x", PHONE) == [ours]
    finder.move(ours, CaseEvent.RECALL, Actor.TRIAGE, by="tri", reason="mistake")
    assert finder.find_for(WEST_JAVA, "dipotong") == [open_one]


def test_supervisors_find_by_the_story_and_not_by_the_person(finder: Finder) -> None:
    case = finder.told()
    assert finder.find_for(SUPERVISOR, "dipotong maju") == [case]
    assert finder.find_for(SUPERVISOR, "siti aminah") == []
    assert finder.find_for(SUPERVISOR, "x", PHONE) == []


def test_an_agent_finds_the_cases_that_they_wrote_down_and_an_admin_none(finder: Finder) -> None:
    case = finder.told()
    for text in ("dipotong", finder.row(case)["number"], "siti aminah"):
        assert finder.find_for(AGENT, text) == [case]
        for other in (Person("dewi", Role.AGENT), ADMIN):
            assert finder.find_for(other, text) == []


def test_a_sensitive_case_is_found_by_who_is_named_for_it(finder: Finder) -> None:
    case = finder.told(topic="kekerasan")
    number = finder.row(case)["number"]
    for text in ("dipotong", number, "siti aminah", "kekerasan"):
        assert finder.find_for(TRIAGE, text) == []
        assert finder.find_for(TRIAGE, text, named=True) == [case]
        assert finder.find_for(SUPERVISOR, text) == []


def test_a_complaint_about_officials_is_found_by_the_inspectorate_alone(finder: Finder) -> None:
    case = finder.told(topic="integritas")
    number = finder.row(case)["number"]
    for text in ("dipotong", number, "pungli", "maju jaya"):
        assert finder.find_for(ITJEN, text) == [case]
        for one in (TRIAGE, WEST_JAVA, SUPERVISOR, ADMIN, AGENT):
            assert finder.find_whole(one, text, named=True) == search.Found((), more=False)


def test_a_case_that_becomes_secret_leaves_no_word_behind(finder: Finder) -> None:
    """Its words are hashed anew: a search by others does not even come near them."""
    case = finder.told()
    before = finder.words_of(case)
    form = CaseForm(finder.row(case)["version"], topic="integritas")
    finder.save(case, form)
    assert finder.words_of(case).isdisjoint(before)
    assert len(finder.words_of(case)) == len(before)
    assert finder.find_for(ITJEN, "dipotong") == [case]
    assert finder.find_for(TRIAGE, "dipotong") == []


# --- forgotten ----------------------------------------------------------------------------------


def test_a_forgotten_case_is_not_found_by_anything_but_its_number(finder: Finder) -> None:
    case, other = finder.told(), finder.told("Gaji telat", "PT Lain", "Budi", phone=None)
    number = finder.row(case)["number"]
    finder.set(case, status="closed")
    over = update(calls.call).values(state="ended", ended_at=finder.now)
    finder.do(lambda conn: conn.execute(over))
    given = Given(finder.now)
    finder.do(lambda conn: vault.forget(conn, finder.keys, given, Kind.CASE, case, reason="asked"))
    assert finder.words_of(case) == set()
    assert finder.words_of(other)
    for text in ("dipotong", "maju jaya", "siti aminah"):
        assert finder.find_for(TRIAGE, text) == []
    assert finder.find_for(TRIAGE, "x", PHONE) == []
    assert finder.find_for(TRIAGE, number) == [case]
    assert finder.find_for(TRIAGE, "gaji") == [other]


def test_a_forgotten_person_is_not_found(finder: Finder) -> None:
    case = finder.told()
    reporter = finder.row(case)["reporter"]
    finder.do(lambda conn: reporters.forget(conn, reporter))
    assert finder.find_for(TRIAGE, "siti aminah") == []
    assert finder.find_for(TRIAGE, "dipotong") == [case]
