"""The case store on both databases: opened, found by number and PIN, written down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pytest
from sqlalchemy import Table, event, insert, select

from callcenter.calls import tables as call_tables
from callcenter.cases import numbers, pins, tables, texts
from callcenter.cases import service as cases
from callcenter.cases.desk import service as desk
from callcenter.cases.secrecy import Person
from callcenter.cases.service import BadForm, CaseForm, CaseView, StaleCase
from callcenter.cases.statuses import CallRole, CaseStatus
from callcenter.clock import Given
from callcenter.db import Connection, Database
from callcenter.db.keys import Keys
from callcenter.db.tables import fact
from callcenter.people.permissions import Role
from tests.rules.cases.kit import shipped_rules
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
        self.rules = shipped_rules()
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
                self.rules,
                call=call,
                call_key=key,
                topic=topic,
                language="id",
            )
        )

    def find(
        self, number: str, pin: str, call: str = "call-2", caller: str | None = None
    ) -> CaseView | str:
        self.call(call)
        given = Given(self.now)
        return self.do(
            lambda conn: cases.find_case(
                conn,
                self.keys,
                given.again(),
                call=call,
                number=number,
                pin=pin,
                caller=caller,
            )
        )

    def save(self, case: str, form: CaseForm, agent: str = "sari") -> CaseView:
        given, rules = Given(self.now), self.rules
        return self.do(
            lambda conn: cases.save(
                conn, self.keys, given.again(), rules, case=case, agent=agent, form=form
            )
        )

    def finish(self, call: str, event: str | None) -> None:
        given, rules = Given(self.now), self.rules
        self.do(
            lambda conn: cases.finish_call(
                conn, self.keys, given.again(), rules, call=call, event=event, agent="sari"
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
            shipped_rules(),
            call="call-1",
            call_key=key,
            topic="upah",
            language="id",
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


PER = {limit.per: limit for limit in pins.LIMITS}
TRIES = PER[pins.Per.CASE].tries


def _wrong(pin: str) -> str:
    return f"{(int(pin) + 1) % 10**6:06d}"


def test_an_unknown_number_and_a_wrong_pin_are_the_same(store: Store) -> None:
    """The same answers, and the same Facts, up to the lock and beyond it."""
    _, number, pin = store.open()
    unknown = numbers.make_number(2026, "0000000")
    assert unknown != number
    answers: dict[str, list[CaseView | str]] = {}
    for name, asked in (("known", number), ("unknown", unknown)):
        answers[name] = [
            store.find(asked, _wrong(pin), call=f"{name}-{count}") for count in range(TRIES + 2)
        ]
    assert answers["known"] == answers["unknown"]
    assert answers["known"] == ["unknown"] * TRIES + ["locked"] * 2
    told = [text for kind, text in store.facts() if kind == "pin_refused"]
    half = len(told) // 2
    strip = [text[text.index('"data"') : text.index('"id"')] for text in told]
    assert strip[:half] == strip[half:]
    assert not any(number in text or pin in text for text in told)
    tried = store.do(partial(_rows, table=tables.pin_attempt))
    assert len(tried) == 2 * TRIES
    assert not any(unknown in str(value) for row in tried for value in row)


def test_both_ask_the_database_the_same(store: Store) -> None:
    """An employer who measures learns nothing either."""
    _, number, pin = store.open()
    seen: dict[str, list[str]] = {}
    asked = {"known": number, "unknown": numbers.make_number(2026, "0000000")}
    for name, number_ in asked.items():
        said = seen[name] = []

        def note(*told: object, said: list[str] = said) -> None:
            said.append(str(told[2]))

        engine = store.database._write_engine
        event.listen(engine, "before_cursor_execute", note)
        store.find(number_, _wrong(pin), call="call-1")
        event.remove(engine, "before_cursor_execute", note)
    assert len(seen["known"]) > 5
    assert seen["known"] == seen["unknown"]


def test_locked_even_for_the_right_pin_until_the_window_has_passed(store: Store) -> None:
    _, number, pin = store.open()
    for count in range(TRIES):
        assert store.find(number, _wrong(pin), call=f"call-{count + 2}") == "unknown"
    window_s = PER[pins.Per.CASE].window_s
    assert window_s is not None
    assert store.find(number, pin, call="another") == "locked"
    store.now += window_s * 1000 - 1
    assert store.find(number, pin, call="another") == "locked"
    store.now += 1
    assert isinstance(store.find(number, pin, call="another"), CaseView)


def test_one_call_has_three_tries_for_whichever_case(store: Store) -> None:
    made = [store.open(f"call-{count}") for count in range(4)]
    for _, number, pin in made[:3]:
        assert store.find(number, _wrong(pin), call="guesser") == "unknown"
    assert store.find(made[3][1], made[3][2], call="guesser") == "locked"
    assert isinstance(store.find(made[3][1], made[3][2], call="another"), CaseView)


def test_one_phone_has_twenty_tries_in_an_hour(store: Store) -> None:
    tries, window_s = PER[pins.Per.CALLER].tries, PER[pins.Per.CALLER].window_s
    assert window_s is not None
    made = [store.open(f"call-{count}") for count in range(tries)]
    for count, (_, number, pin) in enumerate(made):
        asked = store.find(number, _wrong(pin), call=f"guess-{count}", caller="a" * 64)
        assert asked == "unknown"
    _, number, pin = made[0]
    assert store.find(number, pin, call="guess-x", caller="a" * 64) == "locked"
    assert isinstance(store.find(number, pin, call="guess-x", caller="b" * 64), CaseView)
    store.now += window_s * 1000
    assert isinstance(store.find(number, pin, call="guess-x", caller="a" * 64), CaseView)


def test_a_pin_is_chosen_and_weak_ones_are_refused(store: Store) -> None:
    case, number, pin = store.open()

    def choose(wanted: str) -> pins.Weakness | None:
        return store.do(
            lambda conn: cases.set_pin(
                conn, store.keys, Given(store.now), case=case, pin=wanted, phone="08123456789"
            )
        )

    assert pins.weak(pin, number) is None
    assert choose("123456") is pins.Weakness.RUN
    assert choose("345678"[::-1]) is pins.Weakness.RUN
    assert choose("812345") is pins.Weakness.NUMBER
    assert isinstance(store.find(number, pin), CaseView)
    assert choose("731982") is None
    assert store.load(case, "call-1").pin is None
    assert store.find(number, pin, call="call-3") == "unknown"
    assert isinstance(store.find(number, "731982", call="call-3"), CaseView)
    assert not any("731982" in text for _, text in store.facts())


def test_a_caller_who_was_cut_off_finds_the_draft_again(store: Store) -> None:
    case, _, _ = store.open("call-1")
    store.now += 60_000
    second, _, _ = store.open("call-2")
    first_ms = store.now - 60_000

    def draft(calls: list[str], since: int) -> str | None:
        return store.do(lambda conn: cases.draft_of(conn, calls, since))

    assert draft(["call-2", "call-1"], first_ms) == second
    assert draft(["call-1"], first_ms) == case
    assert draft(["call-1"], store.now) is None
    assert draft([], first_ms) is None
    store.save(case, CaseForm(1, narrative="Upah"))
    assert draft(["call-1"], first_ms) is None


def test_the_newest_open_case_of_who_has_the_number(store: Store) -> None:
    opened = []
    for count in range(3):
        store.now += 1
        opened.append(store.open(f"call-{count}"))
    person = {
        "id": "r-1",
        "language": "id",
        "minor": False,
        "may_message": True,
        "may_call": True,
        "created_at": store.now,
    }
    phone = {"reporter": "r-1", "number_hash": "h" * 64, "number": b"-", "shared": False}
    store.do(lambda conn: conn.execute(insert(tables.reporter).values(person)))
    store.do(lambda conn: conn.execute(insert(tables.reporter_phone).values(phone)))
    mine = tables.case.c.id.in_([case for case, _, _ in opened[:2]])
    store.do(lambda conn: conn.execute(tables.case.update().where(mine).values(reporter="r-1")))

    def newest() -> str | None:
        return store.do(lambda conn: cases.by_caller(conn, "h" * 64, store.now))

    assert newest() == opened[1][1]
    store.finish("call-1", "abandon")
    assert newest() == opened[0][1]
    store.finish("call-0", "abandon")
    assert newest() is None


def test_a_lock_of_one_case_is_not_anothers(store: Store) -> None:
    _, number, pin = store.open("call-1")
    _, other, other_pin = store.open("call-9")
    for count in range(TRIES):
        store.find(number, _wrong(pin), call=f"guess-{count}")
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
        (CaseForm(1, narrative="x" * (texts.NARRATIVE_CHARS + 1)), {"narrative"}),
        (CaseForm(1, employer="x" * (texts.NAME_CHARS + 1)), {"employer"}),
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
        1, narrative="\t\r\n" + "ß" * (texts.NARRATIVE_CHARS - 3), employer="x" * texts.NAME_CHARS
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
    store.finish("call-1", event)
    view = store.load(case, "call-1")
    assert (view.pin, view.status) == (None, status)
    assert isinstance(store.find(number, pin), CaseView)  # by its hash


def test_a_complaint_is_not_thrown_away_with_the_call(store: Store) -> None:
    case, _, _ = store.open()
    store.save(case, CaseForm(1, narrative="Upah"))
    store.finish("call-1", "abandon")
    assert store.load(case).status == "new"


def test_a_call_that_only_asked_moves_nothing(store: Store) -> None:
    case, number, pin = store.open()
    store.find(number, pin, call="call-2")
    store.finish("call-2", "abandon")
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
            conn,
            store.keys,
            Given(store.now),
            shipped_rules(),
            call="call-1",
            case=case,
            recording="r-1",
            seconds=7,
        )
    )
    assert added
    (row,) = store.do(lambda conn: cases.recordings_of(conn, case))
    assert (row.name, row.seconds) == ("r-1", 7)
    assert store.load(case).status == "new"
    assert not store.do(
        lambda conn: cases.add_message(
            conn,
            store.keys,
            Given(store.now),
            shipped_rules(),
            call="call-1",
            case="none",
            recording=None,
            seconds=1,
        )
    )


# --- lists ----------------------------------------------------------------------------------------


def _page(store: Store, **wanted: Any) -> tuple[list[desk.CaseRow], int]:
    """Of all cases, as triage sees them."""
    rules = shipped_rules()
    who = Person("rina", Role.OFFICER, rules.units.triage)
    asked = (rules, who, desk.List.ALL, desk.Search(**wanted), store.now)
    found = store.do(lambda conn: desk.page(conn, store.keys, *asked))
    return found.cases, found.total


def test_lists_by_the_beginning_of_the_number_and_by_what_is_asked(store: Store) -> None:
    made = [store.open(f"call-{count}", topic=TOPICS[count % 2]) for count in range(6)]
    number = made[0][1]

    def listed(**wanted: Any) -> set[str]:
        rows, total = _page(store, **wanted)
        assert total == len(rows)
        return {row.number for row in rows}

    assert listed() == {number for _, number, _ in made}
    assert listed(query=numbers.groups(number)) == {number}
    assert number in listed(query=number[:4])
    assert listed(query="no digits") == set()
    assert listed(query="999") == set()
    assert listed(topic="phk") == {made[count][1] for count in (1, 3, 5)}
    assert listed(status=CaseStatus.NEW) == set()


def test_pages(store: Store) -> None:
    key = b"-"
    row = {
        "pin_hash": "-",
        "status": "draft",
        "channel": "phone",
        "topic": "upah",
        "track": "none",
        "priority": "P3",
        "compartment": "normal",
        "anonymous": False,
        "secret": True,
        "gathers": False,
        "unit": "WAS",
        "language": "id",
        "opened_at": 1,
        "status_at": 1,
        "version": 1,
        "key": key,
    }
    rows = [
        row
        | {"id": f"case-{count}", "number": f"{count:010}", "updated_at": count, "place": -count}
        for count in range(desk.PAGE_ROWS + 3)
    ]
    store.do(lambda conn: conn.execute(insert(tables.case), rows))
    first, total = _page(store)
    second, _ = _page(store, page=2)
    third, _ = _page(store, page=3)
    assert (total, len(first), len(second), third) == (desk.PAGE_ROWS + 3, desk.PAGE_ROWS, 3, [])
    shown = [one.updated_at for one in [*first, *second]]
    assert shown == sorted(shown, reverse=True)
