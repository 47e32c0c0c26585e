"""The case store on both databases: opened, found by number and PIN, written down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from sqlalchemy import Table, insert, select

from callcenter.calls import tables as call_tables
from callcenter.cases import numbers, tables
from callcenter.cases import service as cases
from callcenter.cases.service import BadForm, CaseForm, CaseView, StaleCase
from callcenter.cases.statuses import CallRole
from callcenter.clock import Given
from callcenter.db import Connection, Database
from callcenter.db.keys import Keys
from callcenter.db.tables import fact
from tests.rules.histories import OPEN

T = TypeVar("T")
TOPICS = ("upah", "phk")
DAY_MS = 86_400_000


class Store:
    """The case store, one transaction for each of its functions, with calls to open cases by."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self.database = database
        self.keys = keys
        self.now = OPEN
        self._wrapped: dict[str, bytes] = {}

    def do(self, what: Callable[[Connection], T]) -> T:
        return self.database.write_sync(what)

    def call(self, name: str) -> bytes:
        """The wrapped key of a call, which is made if need be."""
        if name not in self._wrapped:
            _, wrapped = self.keys.make(call_tables.owner(name))
            self.do(
                lambda conn: call_tables.insert_call(conn, name, "simulator", self.now, key=wrapped)
            )
            self._wrapped[name] = wrapped
        return self._wrapped[name]

    def open(self, call: str = "call-1", topic: str = "upah") -> tuple[str, str, str]:
        key = self.call(call)
        given = Given(self.now)
        return self.do(
            lambda conn: cases.open_case(
                conn,
                self.keys,
                given.again(),
                call=call,
                call_key=key,
                topic=topic,
                unit="WAS",
                language="id",
                timezone="Asia/Jakarta",
            )
        )

    def find(self, number: str, pin: str, call: str = "call-2") -> CaseView | str:
        self.call(call)
        given = Given(self.now)
        return self.do(
            lambda conn: cases.find_case(
                conn, self.keys, given.again(), call=call, number=number, pin=pin
            )
        )

    def save(self, case: str, form: CaseForm, agent: str = "sari") -> CaseView:
        given = Given(self.now)
        return self.do(
            lambda conn: cases.save(
                conn, self.keys, given.again(), case=case, agent=agent, form=form, topics=TOPICS
            )
        )

    def load(self, case: str, call: str | None = None) -> CaseView:
        key = None if call is None else self.call(call)
        return self.do(
            lambda conn: cases.load(conn, self.keys, case, call=call or "", call_key=key)
        )

    def facts(self) -> list[tuple[str, str]]:
        return self.do(
            lambda conn: [
                (row.kind, row.text)
                for row in conn.execute(select(fact.c.kind, fact.c.text).order_by(fact.c.id))
            ]
        )


@pytest.fixture
def store(database: Database, keys: Keys) -> Store:
    return Store(database, keys)


# --- opened ---------------------------------------------------------------------------------------


def test_a_draft_has_its_number_and_pin_from_the_start(store: Store) -> None:
    case, number, pin = store.open()
    assert numbers.valid(number)
    assert number.startswith("26")
    assert (len(pin), pin.isdigit()) == (6, True)
    view = store.load(case, "call-1")
    assert (view.number, view.pin, view.status, view.version) == (number, pin, "draft", 1)
    assert store.load(case).pin is None
    assert [kind for kind, _ in store.facts()] == ["case_opened", "call_linked"]
    assert not any(pin in text for _, text in store.facts())


def test_a_number_that_is_taken_is_drawn_again(store: Store) -> None:
    case, number, _ = store.open()
    other = Given(store.now, bytes(32))
    other.id()
    taken = numbers.make_number(2026, other.digits(7))
    store.do(
        lambda conn: conn.execute(
            tables.case.update().where(tables.case.c.id == case).values(number=taken)
        )
    )
    key = store.call("call-1")
    _, drawn, _ = store.do(
        lambda conn: cases.open_case(
            conn,
            store.keys,
            Given(store.now, bytes(32)),
            call="call-1",
            call_key=key,
            topic="upah",
            unit="WAS",
            language="id",
            timezone="Asia/Jakarta",
        )
    )
    assert drawn not in (taken, number)
    assert numbers.valid(drawn)


# --- found ----------------------------------------------------------------------------------------


def test_number_and_pin_open_it_and_link_the_call_once(store: Store) -> None:
    case, number, pin = store.open()
    for _ in range(2):
        found = store.find(number, pin)
        assert isinstance(found, CaseView)
        assert (found.id, found.pin) == (case, None)
    links = store.do(lambda conn: cases.calls_of(conn, case))
    assert sorted(link.role for link in links) == [CallRole.OPENED, CallRole.STATUS_QUERY]


def test_a_link_keeps_its_first_role(store: Store) -> None:
    case, number, pin = store.open()
    assert isinstance(store.find(number, pin, call="call-1"), CaseView)
    (link,) = store.do(lambda conn: cases.calls_of(conn, case))
    assert link.role == CallRole.OPENED


def test_an_unknown_number_and_a_wrong_pin_are_the_same(store: Store) -> None:
    """The same answers, and the same Facts, up to the lock and beyond it."""
    _, number, pin = store.open()
    wrong = "000000" if pin != "000000" else "111111"
    unknown = numbers.make_number(2026, "0000000")
    assert unknown != number
    answers: dict[str, list[CaseView | str]] = {}
    for name, asked in (("known", number), ("unknown", unknown)):
        answers[name] = [store.find(asked, wrong) for _ in range(cases.PIN_TRIES + 2)]
    assert answers["known"] == answers["unknown"]
    assert answers["known"] == ["unknown"] * cases.PIN_TRIES + ["locked"] * 2
    told = [text for kind, text in store.facts() if kind == "pin_refused"]
    half = len(told) // 2
    strip = [text[text.index('"data"') : text.index('"id"')] for text in told]
    assert strip[:half] == strip[half:]
    assert not any(number in text or pin in text for text in told)


def test_locked_even_for_the_right_pin_until_the_window_has_passed(store: Store) -> None:
    _, number, pin = store.open()
    wrong = f"{(int(pin) + 1) % 10**6:06d}"
    for _ in range(cases.PIN_TRIES):
        assert store.find(number, wrong) == "unknown"
    assert store.find(number, pin) == "locked"
    store.now += cases.PIN_WINDOW_S * 1000 - 1
    assert store.find(number, pin) == "locked"
    store.now += 1
    assert isinstance(store.find(number, pin), CaseView)


def test_tries_are_counted_whichever_phone_they_come_from(store: Store) -> None:
    _, number, pin = store.open()
    wrong = f"{(int(pin) + 1) % 10**6:06d}"
    for count in range(cases.PIN_TRIES):
        store.find(number, wrong, call=f"call-{count + 2}")
    assert store.find(number, pin, call="another") == "locked"


def test_a_lock_of_one_case_is_not_anothers(store: Store) -> None:
    _, number, pin = store.open("call-1")
    _, other, other_pin = store.open("call-9")
    for _ in range(cases.PIN_TRIES):
        store.find(number, f"{(int(pin) + 1) % 10**6:06d}")
    assert isinstance(store.find(other, other_pin), CaseView)


# --- written down ---------------------------------------------------------------------------------


def test_saving_makes_a_draft_a_complaint_with_a_custodian(store: Store) -> None:
    case, _, _ = store.open()
    store.now += 5
    saved = store.save(case, CaseForm(1, topic="phk", narrative="Dipecat\nkemarin. €, 工, 😀"))
    assert (saved.status, saved.version, saved.topic) == ("new", 2, "phk")
    assert (saved.custodian, saved.updated_at) == ("sari", store.now)
    again = store.save(case, CaseForm(2, employer="PT Maju"), agent="budi")
    assert (again.custodian, again.narrative) == ("sari", saved.narrative)
    told = [text for kind, text in store.facts() if kind == "case_saved"]
    assert '"fields":"narrative,topic"' in told[0]
    assert not any("Dipecat" in text or "Maju" in text for text in told)


def test_saving_what_is_there_already_changes_nothing(store: Store) -> None:
    case, _, _ = store.open()
    saved = store.save(case, CaseForm(1, narrative="Upah"))
    store.now += 5
    assert store.save(case, CaseForm(2, narrative="Upah")) == saved
    assert store.save(case, CaseForm(2)) == saved


def test_a_form_from_an_old_page_is_stale_and_carries_the_current_case(store: Store) -> None:
    case, _, _ = store.open()
    current = store.save(case, CaseForm(1, narrative="Upah"))
    with pytest.raises(StaleCase) as stale:
        store.save(case, CaseForm(1, narrative="PHK"))
    assert stale.value.current == current
    assert store.load(case) == current


@pytest.mark.parametrize(
    "form,fields",
    [
        (CaseForm(1, topic="cuaca"), {"topic"}),
        (CaseForm(1, narrative="x" * (cases.NARRATIVE_CHARS + 1)), {"narrative"}),
        (CaseForm(1, employer="x" * (cases.NAME_CHARS + 1)), {"employer"}),
        (CaseForm(1, reporter_name="Si\x00ti"), {"reporter_name"}),
        (CaseForm(1, narrative="a\x1bb", employer="c\x7f"), {"narrative", "employer"}),
        (CaseForm(1, narrative="half \ud800"), {"narrative"}),
        (CaseForm(1, topic="", narrative="\x08"), {"topic", "narrative"}),
    ],
)
def test_a_bad_form_names_every_field_and_writes_nothing(
    store: Store, form: CaseForm, fields: set[str]
) -> None:
    case, _, _ = store.open()
    before = store.load(case)
    with pytest.raises(BadForm) as bad:
        store.save(case, form)
    assert bad.value.fields.keys() == fields
    assert store.load(case) == before


def test_a_form_at_its_limits_is_good(store: Store) -> None:
    case, _, _ = store.open()
    form = CaseForm(
        1, narrative="\t\r\n" + "ß" * (cases.NARRATIVE_CHARS - 3), employer="x" * cases.NAME_CHARS
    )
    saved = store.save(case, form)
    assert (saved.narrative, saved.employer) == (form.narrative, form.employer)


def test_no_such_case(store: Store) -> None:
    with pytest.raises(LookupError):
        store.save("none", CaseForm(1))
    with pytest.raises(LookupError):
        store.load("none")
    with pytest.raises(LookupError):
        store.do(lambda conn: cases.by_number(conn, store.keys, "2600000000"))


def test_what_a_person_said_is_nowhere_in_clear(store: Store) -> None:
    case, _, pin = store.open()
    store.save(case, CaseForm(1, narrative="rahasia besar", reporter_name="Siti", employer="PT X"))
    secrets = (b"rahasia", b"Siti", b"PT X", pin.encode())
    for table in (tables.case, tables.call_case, tables.reporter, fact):
        for row in store.do(partial(_rows, table=table)):
            for value in row:
                words = value if isinstance(value, bytes) else str(value).encode()
                assert not any(secret in words for secret in secrets)


def _rows(connection: Connection, table: Table) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(select(table))]


# --- when the call is over ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event,status",
    [("file", "new"), ("answer", "answered"), ("abandon", "abandoned"), (None, "draft")],
)
def test_the_pin_is_forgotten_and_the_draft_moves_on(
    store: Store, event: str | None, status: str
) -> None:
    case, number, pin = store.open()
    store.do(lambda conn: cases.finish_call(conn, store.now, call="call-1", event=event))
    view = store.load(case, "call-1")
    assert (view.pin, view.status) == (None, status)
    assert isinstance(store.find(number, pin), CaseView)  # by its hash


def test_a_complaint_is_not_thrown_away_with_the_call(store: Store) -> None:
    case, _, _ = store.open()
    store.save(case, CaseForm(1, narrative="Upah"))
    store.do(lambda conn: cases.finish_call(conn, store.now, call="call-1", event="abandon"))
    assert store.load(case).status == "new"


def test_a_call_that_only_asked_moves_nothing(store: Store) -> None:
    case, number, pin = store.open()
    store.find(number, pin, call="call-2")
    store.do(lambda conn: cases.finish_call(conn, store.now, call="call-2", event="abandon"))
    assert store.load(case, "call-1").pin == pin
    assert store.load(case).status == "draft"


def test_a_message_files_the_draft_and_keeps_its_recording(store: Store) -> None:
    case, _, _ = store.open()
    kept = store.do(
        lambda conn: cases.keep_recording(
            conn, name="r-1", line="simulator", call="call-1", seconds=7, now=store.now
        )
    )
    again = store.do(
        lambda conn: cases.keep_recording(
            conn, name="r-1", line="simulator", call="call-1", seconds=9, now=store.now
        )
    )
    assert (kept, again) == (True, False)
    added = store.do(
        lambda conn: cases.add_message(
            conn, store.keys, store.now, call="call-1", case=case, recording="r-1", seconds=7
        )
    )
    assert added
    (row,) = store.do(lambda conn: cases.recordings_of(conn, case))
    assert (row.name, row.seconds) == ("r-1", 7)
    assert store.load(case).status == "new"
    assert not store.do(
        lambda conn: cases.add_message(
            conn, store.keys, store.now, call="call-1", case="none", recording=None, seconds=1
        )
    )


# --- lists ----------------------------------------------------------------------------------------


def test_lists_by_the_beginning_of_the_number_and_by_what_is_asked(store: Store) -> None:
    made = [store.open(f"call-{count}", topic=TOPICS[count % 2]) for count in range(6)]
    number = made[0][1]

    def listed(**wanted: str) -> set[str]:
        rows, total = store.do(lambda conn: cases.list_cases(conn, **wanted))  # type: ignore[arg-type]
        assert total == len(rows)
        return {row.number for row in rows}

    assert listed() == {number for _, number, _ in made}
    assert listed(query=numbers.groups(number)) == {number}
    assert number in listed(query=number[:4])
    assert listed(query="no digits") == set()
    assert listed(query="999") == set()
    assert listed(topic="phk") == {made[count][1] for count in (1, 3, 5)}
    assert listed(status="new") == set()


def test_pages(store: Store) -> None:
    key = b"-"
    row = {
        "pin_hash": "-",
        "status": "draft",
        "topic": "upah",
        "track": "none",
        "priority": "P3",
        "compartment": "normal",
        "anonymous": False,
        "secret": True,
        "unit": "WAS",
        "language": "id",
        "opened_at": 1,
        "status_at": 1,
        "version": 1,
        "key": key,
    }
    rows = [
        row | {"id": f"case-{count}", "number": f"{count:010}", "updated_at": count}
        for count in range(cases.PAGE_ROWS + 3)
    ]
    store.do(lambda conn: conn.execute(insert(tables.case), rows))
    first, total = store.do(cases.list_cases)
    second, _ = store.do(lambda conn: cases.list_cases(conn, page=2))
    third, _ = store.do(lambda conn: cases.list_cases(conn, page=3))
    assert (total, len(first), len(second), third) == (cases.PAGE_ROWS + 3, cases.PAGE_ROWS, 3, [])
    shown = [one.updated_at for one in [*first, *second]]
    assert shown == sorted(shown, reverse=True)
