"""Lists and files of cases against the table of secrecy, for everybody who could ask."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, insert, select

from callcenter.cases import secrecy, tables
from callcenter.cases.desk import service as lists
from callcenter.cases.desk.acts.service import Desk
from callcenter.cases.desk.file import service as files
from callcenter.cases.desk.file.service import NoCase
from callcenter.cases.desk.joining import service as joining
from callcenter.cases.desk.rights import GROUPS
from callcenter.cases.desk.service import List, Search
from callcenter.cases.desk.writing import Contact, Form
from callcenter.cases.errors import Refused, StaleCase
from callcenter.cases.places import place_of
from callcenter.cases.secrecy import Access, Group, Person, Place, Secrecy
from callcenter.cases.statuses import Actor, CaseEvent, CaseStatus, Channel
from callcenter.clock import Given
from callcenter.db import Connection, Database
from callcenter.db.keys import Keys
from callcenter.db.migrate import upgrade
from callcenter.people.permissions import Role
from callcenter.topics import Compartment
from tests.db.test_cases import DAY_MS
from tests.db.test_plans import SCAN
from tests.db.work import Desk as Hands
from tests.rules.cases.kit import shipped_rules

UNITS = ("PTSA", "ITJEN", "P32", "P35")
RULES = shipped_rules()
PEOPLE = [
    Person("sari", Role.AGENT),
    Person("budi", Role.AGENT),
    Person("sari", Role.AGENT, named=True),
    Person("dewi", Role.SUPERVISOR),
    Person("adi", Role.ADMIN),
    Person("no unit", Role.OFFICER),
    *(
        Person("rina", Role.OFFICER, unit, head=head, named=named)
        for unit, head, named in itertools.product(UNITS, (False, True), (False, True))
    ),
]
SHAPES = list(itertools.product(Compartment, (False, True), (False, True), UNITS, (None, "sari")))
WRITTEN = {
    "topic": Form(topic="thr"),
    "narrative": Form(narrative="Lain."),
    "summary": Form(summary="Lain."),
    "employer": Form(employer="PT Lain"),
    "workers": Form(workers=3),
    "name": Form(name="Lain"),
    "phones": Form(phones={"+6281200000001": False}),
}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    """One case of every shape that secrecy knows, in every place."""
    url = f"sqlite:///{tmp_path_factory.mktemp('town')}/town.db"
    upgrade(url)
    database = Database(url)
    hands = Hands(database, Keys.from_root(bytes(range(32))))
    model = hands.filed()
    row = dict(hands.row(model))
    rows = []
    for number, (compartment, secret, anonymous, unit, custodian) in enumerate(SHAPES):
        case = f"case-{number}"
        _, wrapped = hands.keys.make(f"case:{case}")
        rows.append(
            row
            | {
                "id": case,
                "number": f"26{number:08d}",
                "key": wrapped,
                "compartment": compartment.value,
                "secret": secret,
                "anonymous": anonymous,
                "unit": unit,
                "custodian": custodian,
                "due_at": hands.now - 1_000 if number % 2 else None,
            }
        )
        placed = place_of(CaseStatus.NEW, rows[-1]["due_at"], row["updated_at"])
        rows[-1]["place"] = placed + number
    hands.do(lambda conn: conn.execute(tables.case.delete().where(tables.case.c.id != model)))
    hands.do(lambda conn: conn.execute(insert(tables.case), rows))
    hands.set(model, compartment="integrity", unit="ITJEN", custodian=None, secret=True)
    yield hands
    database.close_sync()


def access_to(person: Person, row: dict[str, Any]) -> dict[Group, Access]:
    case = Secrecy(row["anonymous"], row["secret"], Compartment(row["compartment"]))
    related = secrecy.relations(person, Place(row["unit"], row["custodian"]), RULES.units)
    return dict(secrecy.access(case, related, named=person.named))


def all_rows(town: Hands) -> list[dict[str, Any]]:
    return town.do(lambda conn: [dict(row) for row in conn.execute(select(tables.case)).mappings()])


def a_page(hands: Hands, person: Person, wanted: List, search: Search) -> lists.Page:
    asked = (hands.keys, RULES, person, wanted, search, hands.now)
    return hands.do(lambda conn: lists.page(conn, *asked))


def counts_of(person: Person, now: int) -> Callable[[Connection], list[lists.Count]]:
    return lambda conn: lists.desk(conn, RULES, person, now)


def file_of(hands: Hands, person: Person, number: str) -> dict[str, Any]:
    def read(conn: Connection) -> dict[str, Any]:
        case = files.look(conn, RULES, person, number, hands.now)
        return files.file(conn, hands.keys, RULES, person, case, hands.now)

    return hands.do(read)


def save(hands: Hands, person: Person, row: dict[str, Any], form: Form) -> None:
    given = Given(hands.now)

    def write(conn: Connection) -> None:
        desk = Desk(conn, hands.keys, given, RULES, person)
        desk.save(row["number"], row["version"], form)

    hands.do(write)


def whole(town: Hands, person: Person, wanted: List, **asked: Any) -> list[lists.CaseRow]:
    """All pages of a list, which are in order and hold each case once."""
    pages = [a_page(town, person, wanted, Search(page=page, **asked)) for page in range(1, 5)]
    found = [row for page in pages for row in page.cases]
    assert {page.total for page in pages} == {len(found)}
    assert len({one.number for one in found}) == len(found)
    due = [one.due_at or 10**14 for one in found]
    assert due == sorted(due)
    return found


@pytest.mark.parametrize("person", PEOPLE, ids=str)
def test_lists_and_counts_hold_what_exists_for_somebody_and_nothing_else(
    town: Hands, person: Person
) -> None:
    rows = all_rows(town)
    seen = {
        row["number"]: row
        for row in rows
        if any(one is not Access.NONE for one in access_to(person, row).values())
    }
    assert {one.number for one in whole(town, person, List.ALL)} == seen.keys()
    mine = {number for number, row in seen.items() if row["unit"] == person.unit}
    shown = {one.number for one in whole(town, person, List.UNIT)}
    assert shown == (mine if person.unit else set())
    if person.role is Role.AGENT:
        held = {number for number, row in seen.items() if row["custodian"] == person.id}
        assert {one.number for one in whole(town, person, List.MINE)} == held
    if person.unit in ("PTSA", "ITJEN"):
        assert {one.number for one in whole(town, person, List.TRIAGE)} == mine
    late = {number for number, row in seen.items() if (row["due_at"] or town.now) < town.now}
    counts = town.do(lambda conn: lists.desk(conn, RULES, person, town.now))
    everything = next(one for one in counts if one.list is List.ALL)
    assert (everything.count, everything.late) == (len(seen), len(late))
    few = whole(town, person, List.ALL, status=CaseStatus.NEW, topic=rows[0]["topic"])
    assert len(few) == len(seen)
    assert whole(town, person, List.ALL, status=CaseStatus.CLOSED) == []


@pytest.mark.parametrize("person", PEOPLE, ids=str)
def test_a_file_shows_and_changes_no_more_than_the_table_says(town: Hands, person: Person) -> None:
    for row in all_rows(town):
        table = access_to(person, row)
        if all(one is Access.NONE for one in table.values()):
            with pytest.raises(LookupError):
                file_of(town, person, row["number"])
            continue
        file = file_of(town, person, row["number"])
        for name in file.keys() - {"may", "can", "opened_until"}:
            assert table[GROUPS[name]] is not Access.NONE, (row["number"], name)
        assert file["may"] == {
            group.value: one.value for group, one in table.items() if one is not Access.NONE
        }
        if not any(one is Access.CHANGE for one in table.values()):
            assert {one["event"] for one in file["can"]} <= {"recall", "reopen", "pursue"}


@pytest.mark.parametrize("person", PEOPLE, ids=str)
def test_what_may_not_be_changed_is_refused(town: Hands, person: Person) -> None:
    tried = {row["compartment"] + str(row["secret"]) + row["unit"]: row for row in all_rows(town)}
    for row in tried.values():
        table = access_to(person, row)
        groups = {**GROUPS, "summary": Group.NOTES}
        for name, form in WRITTEN.items():
            if table[groups[name]] is Access.CHANGE:
                continue

            exists = any(one is not Access.NONE for one in table.values())
            if not exists:
                with pytest.raises(LookupError):
                    save(town, person, row, form)
                continue
            with pytest.raises(Refused) as refused:
                save(town, person, row, form)
            assert (refused.value.code, refused.value.field) == ("not_yours", name)


# --- plans ----------------------------------------------------------------------------------------


def test_no_list_and_no_file_looks_at_every_case(sqlite_url: str, keys: Keys) -> None:
    database = Database(sqlite_url)
    hands = Hands(database, keys)
    case = hands.filed()
    number = hands.row(case)["number"]
    seen: dict[str, Any] = {}

    def note(_c: object, _k: object, text: str, given: Any, _x: object, many: bool) -> None:
        seen.setdefault(text, given[0] if many and isinstance(given, list) else given)

    for engine in (database._write_engine, database._read_engine):
        event.listen(engine, "before_cursor_execute", note)
    filters = list(itertools.product((None, CaseStatus.NEW), (None, "thr")))
    for person in PEOPLE:
        for wanted, (status, topic) in itertools.product(List, filters):
            a_page(hands, person, wanted, Search(status=status, topic=topic))
        hands.do(counts_of(person, hands.now))
    head = Person("rina", Role.OFFICER, "PTSA", head=True)

    def work(conn: Connection) -> None:
        desk = Desk(conn, keys, Given(hands.now), RULES, head)
        desk.read(number)
        version = desk.look(number).row["version"]
        desk.move(number, CaseEvent.VERIFY, version, {})
        files.file(conn, keys, RULES, head, desk.look(number), hands.now)

    hands.do(work)
    slow = hands.do(lambda conn: _slow(conn, seen))
    database.close_sync()
    assert len(seen) > 60
    assert slow == []


#: Run along as far as a page goes. A count of what nearly everybody sees goes to its limit.
_IN_ORDER = ("ix_case_place", "ix_case_open")


def _slow(conn: Connection, statements: dict[str, Any]) -> list[str]:
    found = []
    for text, given in statements.items():
        if not text.startswith(("SELECT", "UPDATE", "DELETE")):
            continue
        plan = conn.connection.cursor().execute(f"EXPLAIN QUERY PLAN {text}", given or ())
        for step in plan.fetchall():
            scan = SCAN.match(step[3])
            limited = text.startswith("SELECT count(*)") and "LIMIT" in text
            scans = scan is not None and scan.group(2) not in _IN_ORDER and not limited
            sorts = "FOR ORDER BY" in step[3] and "ORDER BY case_record.place" in text
            if scans or (sorts and " IN (" not in text):
                found.append(f"{step[3]}: {text}")
    return found


def test_every_list_is_the_same_on_both_databases(database: Database, keys: Keys) -> None:
    hands = Hands(database, keys)
    cases = [hands.filed("thr") for _ in range(2)]
    hands.set(cases[0], unit="P32", secret=False)
    hands.move(cases[1], CaseEvent.VERIFY, Actor.TRIAGE)
    hands.move(cases[1], CaseEvent.ROUTE, Actor.TRIAGE, unit="P32")
    hands.now += 30 * DAY_MS
    found = {}
    filters = list(itertools.product((None, CaseStatus.ROUTED), (None, "thr")))
    for person, wanted, (status, topic) in itertools.product(PEOPLE, List, filters):
        page = a_page(hands, person, wanted, Search(status=status, topic=topic))
        found[person, wanted, status, topic] = (page.total, len(page.cases))
        counted = {one.list: one for one in hands.do(counts_of(person, hands.now))}
        if (status, topic) == (None, None) and wanted in counted:
            assert counted[wanted].count == page.total
    triage, unit = Person("rina", Role.OFFICER, "PTSA"), Person("rina", Role.OFFICER, "P32")
    other = Person("rina", Role.OFFICER, "P35")
    assert found[triage, List.ALL, None, None] == (2, 2)
    assert found[triage, List.TO_PHONE, None, "thr"] == (1, 1)
    assert found[triage, List.TRIAGE, None, None] == (0, 0)
    assert found[unit, List.UNIT, CaseStatus.ROUTED, "thr"] == (1, 1)
    assert found[unit, List.ALL, None, None] == (2, 2)
    assert found[other, List.ALL, None, None] == (1, 1)


def test_a_case_is_worked_on_on_both_databases(database: Database, keys: Keys) -> None:
    hands = Hands(database, keys)
    head = Person("kepala", Role.OFFICER, "PTSA", head=True, named=True)
    triage = Person("rina", Role.OFFICER, "PTSA")

    def at(person: Person, conn: Connection) -> Desk:
        return Desk(conn, keys, given.again(), RULES, person)

    given = Given(hands.now)
    form = Form(
        topic="kekerasan",
        regency="3216",
        incident_on="2026-01-05",
        workers=3,
        narrative="Cerita.",
        employer="PT Maju",
        name="Budi",
        phones={"+6281200000001": True},
        safe_contact=Contact(may_call=True, safe_from=60, safe_until=120, zone="Asia/Jakarta"),
    )
    number, pin = hands.do(lambda conn: at(head, conn).open(form, Channel.WALK_IN))
    file = file_of(hands, head, number)
    assert (file["province"], file["regency"], file["incident_on"]) == ("32", "3216", "2026-01-05")
    assert file["phones"] == [{"number": "+6281200000001", "shared": True}]
    with pytest.raises(NoCase):
        file_of(hands, triage, number)
    given = Given(hands.now)
    danger = (number, secrecy.Emergency.DANGER, "Pelapor dalam bahaya sekarang.")
    hands.do(lambda conn: at(triage, conn).break_glass(*danger))
    opened = file_of(hands, triage, number)
    assert (opened["narrative"], opened["name"], opened["can"]) == ("Cerita.", "Budi", [])
    assert set(opened["may"].values()) == {"see"}
    hands.now += secrecy.OPENED_S * 1000
    with pytest.raises(NoCase):
        file_of(hands, triage, number)
    given = Given(hands.now)
    statutes = Form(statutes={"mediation": "2026-01-06"}, summary="Ringkas.")
    hands.do(lambda conn: at(head, conn).save(number, file["version"], statutes))
    given = Given(hands.now)
    assert hands.do(lambda conn: at(head, conn).check_pin(number, pin)) is None
    version = file_of(hands, head, number)["version"]
    given = Given(hands.now)
    moved = hands.do(
        lambda conn: at(head, conn).move(number, "withdraw", version, {}, reporter=True)
    )
    assert moved.status is CaseStatus.WITHDRAWN
    with pytest.raises(StaleCase) as stale:
        hands.do(lambda conn: at(head, conn).save(number, file["version"], statutes))
    told = [name for one in stale.value.changes for name in one.fields]
    assert {"summary", "status"} <= set(told)


def test_two_cases_are_not_merged_into_each_other_at_once(database: Database, keys: Keys) -> None:
    hands = Hands(database, keys)
    triage = Person("rina", Role.OFFICER, "PTSA")
    form = Form(topic="thr", province="32", name="Budi", phones={"+6281200000001": False})

    def at(conn: Connection) -> Desk:
        return Desk(conn, keys, Given(hands.now), RULES, triage)

    numbers = [hands.do(lambda conn: at(conn).open(form, Channel.WALK_IN))[0] for _ in range(2)]
    cases = hands.do(lambda conn: [at(conn).look(of).row["id"] for of in numbers])
    for case in cases:
        hands.set(case, reporter=hands.row(cases[0])["reporter"])
        hands.move(case, CaseEvent.VERIFY, Actor.TRIAGE, "rina")
    merged, tried = threading.Event(), threading.Event()

    def merge(conn: Connection, one: int) -> None:
        version = at(conn).look(numbers[one]).row["version"]
        joining.merge(at(conn), numbers[one], numbers[1 - one], version, same_person=False)

    def first(conn: Connection) -> None:
        merge(conn, 0)
        merged.set()
        tried.wait(1)  # or the other one waits for us

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(hands.do, first)
        assert merged.wait(30)
        with pytest.raises(Refused, match="merged"):
            hands.do(lambda conn: merge(conn, 1))
        tried.set()
        done.result(30)
    assert [hands.row(case)["merged_into"] for case in cases] == [cases[1], None]
