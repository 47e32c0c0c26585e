"""What is forgotten is gone; and a backup that is put back forgets it again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Table, insert, select, update

from callcenter.calls import tables as call_tables
from callcenter.calls.vault import service as vault
from callcenter.calls.vault.service import Held, Kind
from callcenter.cases import service as cases
from callcenter.cases import tables
from callcenter.cases.attachments import rules
from callcenter.cases.attachments import service as attachments
from callcenter.cases.attachments.service import File
from callcenter.cases.errors import Refused
from callcenter.cases.reporters import service as reporters
from callcenter.cases.reporters.service import Anonymous, Form
from callcenter.cases.retention import Refusal
from callcenter.cases.service import BadForm, CaseForm
from callcenter.cases.statuses import CallRole
from callcenter.cases.versions import service as versions
from callcenter.clock import Given
from callcenter.db import Connection, Database, metadata
from callcenter.db.journal import Journal, JournalBroken
from callcenter.db.keys import Keys
from callcenter.db.migrate import upgrade
from callcenter.messages.tables import message
from scripts.privacy_docs import PERSONAL
from tests.db.test_cases import DAY_MS, Store
from tests.rules.cases.kit import shipped_rules

NUMBER = "+6281234567890"
OTHER = "+6281987654321"


class House(Store):
    """A case store whose erasures are written into a ledger."""

    def __init__(self, database: Database, keys: Keys, folder: Path) -> None:
        super().__init__(database, keys)
        self.ledger = Journal(folder / "ledger" / "erasures.jsonl", keys.journal)
        self.use(database)

    def use(self, database: Database) -> None:
        self.database = database
        database.before_commit = lambda conn: vault.write_ledger(conn, self.ledger)

    def call_from(self, name: str, number: str, *, ended: bool = True) -> None:
        key, wrapped = self.keys.make(call_tables.owner(name))
        self._wrapped[name] = wrapped
        sealed = key.encrypt(number.encode(), "call.number")
        self.do(
            lambda conn: call_tables.insert_call(
                conn, name, "simulator", self.now, key=wrapped, number=sealed,
                number_hash=self.keys.number_hash(number),
            )
        )  # fmt: skip
        if ended:
            self.set(call_tables.call, name, state="ended", ended_at=self.now)

    def set(self, table: Table, of: str, **values: object) -> None:
        self.do(lambda conn: conn.execute(update(table).where(table.c.id == of).values(values)))

    def row(self, table: Table, of: str, column: str = "id") -> dict[str, object]:
        wanted = select(table).where(table.c[column] == of)
        return self.do(lambda conn: dict(conn.execute(wanted).mappings().one()))

    def complaint(self, call: str = "call-1", number: str = NUMBER, name: str = "Siti") -> str:
        """A case with all that there is: person, words, a note, a recording, a version."""
        self.call_from(call, number)
        case, _, _ = self.open(call)
        given = Given(self.now)
        form = CaseForm(1, narrative="Upah belum dibayar", employer="PT Maju", reporter_name=name)
        self.do(
            lambda conn: cases.save(
                conn, self.keys, given.again(), shipped_rules(), case=case, agent="sari", form=form,
                caller=number,
            )
        )  # fmt: skip
        self.do(lambda conn: _more(conn, self.keys, case, call, self.now))
        return case

    def forget(self, kind: Kind, ref: str, reason: str = "asked") -> list[vault.Erasure]:
        given = Given(self.now)
        return self.do(
            lambda conn: vault.forget(
                conn, self.keys, given.again(), kind, ref, reason=reason, by="admin"
            )
        )

    def anonymise(self, case: str) -> list[vault.Erasure]:
        given = Given(self.now)
        return self.do(lambda conn: vault.anonymise(conn, self.keys, given.again(), case))

    def reporter(self, case: str) -> str:
        found = self.row(tables.case, case)["reporter"]
        assert isinstance(found, str)
        return found

    def person(self, reporter: str) -> reporters.Reporter | None:
        return self.do(lambda conn: reporters.read(conn, self.keys, reporter))

    def save_person(self, case: str, form: Form, caller: str | None = None) -> str | None:
        given = Given(self.now)
        return self.do(
            lambda conn: reporters.save(
                conn, self.keys, given.again(), case=case, form=form, caller=caller
            )
        )


def _more(connection: Connection, keys: Keys, case: str, call: str, now: int) -> None:
    note = {"id": f"n-{case}", "case": case, "at": now, "kind": "internal", "sealed": b"sealed"}
    connection.execute(insert(tables.note), note)
    kept = {"name": f"r-{call}", "line": "simulator", "call": call, "case": case, "seconds": 3}
    connection.execute(insert(tables.recording), kept | {"at": now, "key": b"k", "file": "f"})
    row = connection.execute(select(tables.case.c.key).where(tables.case.c.id == case)).one()
    paper = File("slip gaji.pdf", rules.Kind.PDF, b"%PDF-1.7 Siti")
    key = keys.open(row.key, f"case:{case}")
    attachments.keep(connection, key, Given(now), case, paper, by="sari")


@pytest.fixture
def house(database: Database, keys: Keys, tmp_path: Path) -> House:
    return House(database, keys, tmp_path)


# --- persons --------------------------------------------------------------------------------------


def test_a_person_has_a_row_and_a_key_of_their_own(house: House) -> None:
    case = house.complaint()
    person = house.person(house.reporter(case))
    assert person is not None
    assert (person.name, person.phones, person.language) == ("Siti", (NUMBER,), "id")
    assert house.load(case).reporter_name == "Siti"
    form = Form(phones=(OTHER,), minor=True, may_call=False, safe_from=480, zone="Asia/Jakarta")
    house.save_person(case, form)
    changed = house.person(person.id)
    assert changed is not None
    assert (changed.phones, changed.minor, changed.may_call) == ((OTHER,), True, False)
    assert (changed.name, changed.safe_from, changed.zone) == ("Siti", 480, "Asia/Jakarta")
    told = [text for kind, text in house.facts() if kind == "reporter_saved"]
    assert '"fields":"name,phones"' in told[0]
    assert '"fields":"may_call,minor,safe_from,zone,phones"' in told[1]
    assert not any("Siti" in text or "812" in text.split('"data"')[1] for text in told)


def test_where_there_is_nothing_to_keep_there_is_no_row(house: House) -> None:
    case, _, _ = house.open()
    house.save(case, CaseForm(1, narrative="Upah"))
    assert house.save_person(case, Form()) is None
    assert house.row(tables.case, case)["reporter"] is None


def test_of_an_anonymous_reporter_nothing_is_written_down(house: House) -> None:
    case, _, _ = house.open()
    house.save(case, CaseForm(1, anonymous=True, narrative="Upah"))
    with pytest.raises(BadForm) as bad:
        house.save(case, CaseForm(2, reporter_name="Siti"))
    assert bad.value.fields.keys() == {"reporter_name"}
    assert house.save_person(case, Form(), caller=NUMBER) is None
    with pytest.raises(Anonymous):
        house.save_person(case, Form(phones=(NUMBER,)))
    assert house.do(lambda conn: conn.execute(select(tables.reporter)).all()) == []


def test_the_same_name_and_number_are_suggested_and_joined_by_hand(house: House) -> None:
    first = house.complaint()
    second = house.complaint("call-2", name="SITI ")
    third = house.complaint("call-3", OTHER)
    ours, theirs = house.reporter(first), house.reporter(second)
    assert ours != theirs
    found = house.do(lambda conn: reporters.suggest(conn, house.keys, number=NUMBER, name="siti"))
    assert set(found) == {ours, theirs}
    assert house.reporter(third) not in found
    given = Given(house.now)
    house.do(lambda conn: reporters.join(conn, house.keys, given, case=second, reporter=ours))
    assert house.reporter(second) == ours
    assert house.person(theirs) is None


def test_who_is_joined_is_reached_no_less_safely_than_before(house: House) -> None:
    first, second = house.complaint(), house.complaint("call-2")
    ours = house.reporter(first)
    house.save_person(first, Form(may_message=True, may_call=True))
    said = Form(phones=(NUMBER, OTHER), shared=(NUMBER,), may_call=False, call_from=300, minor=True)
    house.save_person(second, said)
    given = Given(house.now)
    house.do(lambda conn: reporters.join(conn, house.keys, given, case=second, reporter=ours))
    person = house.person(ours)
    assert person is not None
    assert (set(person.phones), person.shared) == ({NUMBER, OTHER}, (NUMBER,))
    assert (person.may_message, person.may_call, person.minor) == (False, False, True)
    assert person.call_from == 300
    third = house.complaint("call-3")
    house.save_person(third, Form(call_from=60))
    house.do(lambda conn: reporters.join(conn, house.keys, given, case=third, reporter=ours))
    person = house.person(ours)
    assert person is not None
    assert person.call_from == 300  # what the one who is kept has said stands


def test_who_has_another_case_keeps_what_is_theirs(house: House) -> None:
    first, second, third = (house.complaint(f"call-{n}") for n in range(3))
    ours, theirs = house.reporter(first), house.reporter(second)
    house.set(tables.case, third, reporter=theirs)
    given = Given(house.now)
    house.do(lambda conn: reporters.join(conn, house.keys, given, case=second, reporter=ours))
    assert house.reporter(third) == theirs
    assert house.person(theirs) is not None


# --- anonymous ------------------------------------------------------------------------------------


def test_who_becomes_anonymous_leaves_nothing(house: House) -> None:
    case = house.complaint()
    reporter = house.reporter(case)
    house.now += 60_000
    house.anonymise(case)
    row = house.row(tables.case, case)
    assert (row["anonymous"], row["secret"], row["reporter"]) == (True, True, None)
    assert house.person(reporter) is None
    person = house.row(tables.reporter, reporter)
    assert (person["name"], person["name_hash"], person["key"]) == (None, None, b"")
    call = house.row(call_tables.call, "call-1")
    assert (call["number"], call["number_hash"]) == (None, None)
    recording = house.row(tables.recording, "r-call-1", "name")
    assert (recording["key"], recording["file"]) == (b"", None)
    assert house.load(case).narrative == "Upah belum dibayar"
    changes = house.do(lambda conn: versions.changes(conn, house.keys, case))
    assert len(changes) == 2
    assert not any("reporter" in change.fields for change in changes)
    lookup = house.keys.number_hash(NUMBER).encode()
    for table in metadata.sorted_tables:
        for one in house.do(partial(_all, table=table)):
            for value in one:
                words = value if isinstance(value, bytes) else str(value).encode()
                assert lookup not in words, table.name


def _all(connection: Connection, table: Table) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(select(table))]


def test_for_a_day_an_anonymous_caller_can_come_back(house: House) -> None:
    case = house.complaint()
    house.anonymise(case)

    def returns(number: str, later: int) -> list[str]:
        at = house.now + later
        return house.do(lambda conn: call_tables.who_returns(conn, house.keys, number, at))

    assert returns(NUMBER, 60_000) == ["call-1"]
    assert returns(NUMBER, DAY_MS - 1) == ["call-1"]
    assert returns(NUMBER, DAY_MS) == []
    assert returns(OTHER, 60_000) == []
    late = house.complaint("call-2")
    house.now += DAY_MS
    house.anonymise(late)
    assert house.row(call_tables.call, "call-2")["reconnect"] is None


def test_a_person_with_another_case_stays_in_that(house: House) -> None:
    first, second = house.complaint(), house.complaint("call-2")
    ours = house.reporter(first)
    given = Given(house.now)
    house.do(lambda conn: reporters.join(conn, house.keys, given, case=second, reporter=ours))
    house.anonymise(first)
    assert house.load(first).reporter_name == ""
    assert house.load(second).reporter_name == "Siti"


# --- forgotten ------------------------------------------------------------------------------------


def closed(house: House, call: str = "call-1") -> str:
    case = house.complaint(call)
    house.set(tables.case, case, status="closed")
    return case


def test_a_forgotten_case_is_a_skeleton(house: House) -> None:
    case = closed(house)
    reporter, number = house.reporter(case), house.row(tables.case, case)["number"]
    done = house.forget(Kind.CASE, case)
    assert {(one.kind, one.ref) for one in done} == {
        (Kind.CASE, case), (Kind.CALL, "call-1"), (Kind.RECORDING, "r-call-1"),
        (Kind.REPORTER, reporter),
    }  # fmt: skip
    row = house.row(tables.case, case)
    assert (row["number"], row["topic"], row["status"], row["key"]) == (
        number, "upah", "closed", b"",
    )  # fmt: skip
    assert {row[name] for name in ("narrative", "employer", "employer_hash", "reporter")} == {None}
    for table in (tables.case_word, tables.reporter_phone):
        assert house.do(partial(_all, table=table)) == []
    assert house.row(tables.note, f"n-{case}")["sealed"] is None
    assert house.do(lambda conn: versions.changes(conn, house.keys, case)) == []
    call = house.row(call_tables.call, "call-1")
    assert (call["key"], call["number"], call["visit"]) == (b"", None, None)
    assert [kind for kind, _ in house.facts()].count("erased") == 4
    assert house.forget(Kind.CASE, case) == []


def test_no_column_that_holds_anything_of_a_person_is_left(house: House) -> None:
    """Each that the page for the data-protection officer tells of is filled, and then empty."""
    case = closed(house)
    house.do(partial(_fill_up, case=case))
    held = {place for place, left in house.do(_held).items() if left}
    forgettable = {place for place, (_, _, key) in PERSONAL.items() if key}
    passing = {"call.visit", "call.reconnect", "leg.turn"}  # while the caller is there, or after
    assert forgettable - held == passing
    house.forget(Kind.CASE, case)
    left = {place for place, left in house.do(_held).items() if left and place in forgettable}
    assert left == set()


def _fill_up(connection: Connection, case: str) -> None:
    """What a case can have besides."""
    connection.execute(update(tables.case).values(summary="Ringkas", public_note="Kami periksa"))
    told = {"id": "n-2", "case": case, "at": 1, "kind": "public", "text": "Kami periksa"}
    connection.execute(insert(tables.note), told)
    sent = {"id": "a-1", "case": case, "unit": "P32", "hop": 1, "state": "sent", "sent_at": 1}
    connection.execute(
        insert(tables.assignment), sent | {"instruction": b"sealed", "phone_from": 1}
    )
    connection.execute(
        insert(tables.external_ref), {"case": case, "system": "POLRI", "ref": "LP/1", "at": 1}
    )
    code = {"case": case, "code_hash": "h", "until": 1, "tries": 0}
    connection.execute(insert(tables.pin_code), code)
    tried = {"id": "p-1", "case": case, "call": "call-1", "caller_hash": "h", "at": 1}
    connection.execute(insert(tables.pin_attempt), tried)
    wrote = {
        "id": "m-1",
        "channel": "sms",
        "template": "case_news",
        "language": "id",
        "attempts": 1,
    }
    wrote |= {"state": "sent", "case": case, "created_at": 1, "updated_at": 1}
    sealed = {"key": b"k", "recipient": b"sealed", "recipient_hash": "h", "params": b"sealed"}
    connection.execute(insert(message), wrote | sealed)


def _held(connection: Connection) -> dict[str, bool]:
    """Column → whether there is anything in it, in any row."""
    held = {}
    for place in PERSONAL:
        table, _, column = place.partition(".")
        found = connection.execute(select(metadata.tables[table].c[column])).scalars()
        held[place] = any(value not in (None, b"", "") for value in found)
    return held


def test_a_call_that_another_case_needs_stays(house: House) -> None:
    case, _, _ = house.open()
    first = closed(house, "call-2")
    second, _, _ = house.open("call-2")
    house.forget(Kind.CASE, first)
    assert house.row(call_tables.call, "call-2")["number"] is not None
    assert house.row(tables.case, second)["key"] != b""
    assert house.row(tables.case, case)["key"] != b""


@pytest.mark.parametrize(
    "values,why",
    [
        ({"status": "new"}, Refusal.OPEN),
        ({"status": "closed", "held_at": 1}, Refusal.LAW),
        ({"status": "waiting", "wait_reason": "statutory"}, Refusal.STATUTORY),
    ],
)
def test_what_is_needed_is_not_forgotten(
    house: House, values: dict[str, object], why: Refusal
) -> None:
    case = house.complaint()
    house.set(tables.case, case, **values)
    before = house.row(tables.case, case)
    for kind, ref in ((Kind.CASE, case), (Kind.REPORTER, house.reporter(case))):
        with pytest.raises(Held) as held:
            house.forget(kind, ref)
        assert held.value.why is why
    if why is not Refusal.OPEN:
        with pytest.raises(Refused, match=why.value):
            house.anonymise(case)
        with pytest.raises(Held):
            house.forget(Kind.RECORDING, "r-call-1")
        with pytest.raises(Held):
            house.forget(Kind.CALL, "call-1")
    assert house.row(tables.case, case) == before
    assert house.ledger.read() == []


def test_a_case_is_not_forgotten_while_its_caller_is_on_the_phone(house: House) -> None:
    """Else the number would stay with the call when that is over, and nothing would find it."""
    case = closed(house)
    ended = house.row(call_tables.call, "call-1")["ended_at"]
    house.set(call_tables.call, "call-1", state="passed", ended_at=None)
    with pytest.raises(Held) as held:
        house.forget(Kind.CASE, case)
    assert held.value.why is Refusal.LIVE
    assert house.row(tables.case, case)["key"] != b""
    house.set(call_tables.call, "call-1", state="ended", ended_at=ended)
    house.forget(Kind.CASE, case)
    assert house.row(call_tables.call, "call-1")["number"] is None


def test_a_call_under_way_is_not_forgotten(house: House) -> None:
    house.call_from("call-1", NUMBER, ended=False)
    with pytest.raises(Held) as held:
        house.forget(Kind.CALL, "call-1")
    assert held.value.why is Refusal.LIVE


@pytest.mark.parametrize("kind", list(Kind))
def test_no_such_thing(house: House, kind: Kind) -> None:
    with pytest.raises(LookupError):
        house.forget(kind, "none")


# --- the ledger -----------------------------------------------------------------------------------


def fill(source: Database, target: Database) -> None:
    """Make ``target`` a backup of ``source``: the same rows."""
    upgrade(target.url.render_as_string())
    for table in metadata.sorted_tables:
        rows = source.read_sync(partial(_rows, table=table))
        if rows:
            target.write_sync(partial(_fill, table=table, rows=rows))


def _rows(connection: Connection, table: Table) -> list[dict[str, object]]:
    return [dict(row) for row in connection.execute(select(table)).mappings()]


def _fill(connection: Connection, table: Table, rows: list[dict[str, object]]) -> None:
    connection.execute(insert(table), rows)


def test_a_backup_that_is_put_back_forgets_again(
    house: House, tmp_path: Path, open_database: Callable[[str], Database]
) -> None:
    case = closed(house)
    reporter = house.reporter(case)
    other = house.complaint("call-9", OTHER, "Budi")
    backup = open_database(f"sqlite:///{tmp_path}/backup.db")
    fill(house.database, backup)
    house.forget(Kind.CASE, case)
    house.anonymise(other)
    now = house.database
    assert house.do(lambda conn: vault.behind(conn, house.ledger)) == []
    house.use(backup)
    left = house.do(lambda conn: vault.behind(conn, house.ledger))
    assert [one.ref for one in left][:1] == [case]
    assert not house.do(lambda conn: vault.up_to_date(conn, house.ledger))
    assert house.load(case).narrative != ""
    given, lines = Given(house.now), house.ledger.read()
    for _ in range(2):
        house.do(lambda conn: vault.replay(conn, house.keys, given.again(), house.ledger))
    assert house.ledger.read() == lines
    assert house.do(lambda conn: vault.behind(conn, house.ledger)) == []
    assert house.do(lambda conn: vault.up_to_date(conn, house.ledger))
    assert house.person(reporter) is None
    for of in (case, other):
        row = house.row(tables.case, of)
        house.use(now)
        assert row == house.row(tables.case, of)
        house.use(backup)


def test_who_comes_back_to_an_anonymous_case_is_forgotten_in_a_backup_too(
    house: House, tmp_path: Path, open_database: Callable[[str], Database]
) -> None:
    house.anonymise(house.complaint())
    house.call_from("call-2", OTHER, ended=False)
    backup = open_database(f"sqlite:///{tmp_path}/backup.db")
    fill(house.database, backup)
    given = Given(house.now)
    for _ in range(2):
        house.do(lambda conn: vault.keep_caller_off(conn, house.keys, given.again(), "call-2"))
    assert house.row(call_tables.call, "call-2")["number"] is None
    assert [(one["kind"], one["ref"]) for one in house.ledger.read()][-1:] == [("caller", "call-2")]
    assert [one["kind"] for one in house.ledger.read()].count("caller") == 1
    house.use(backup)
    assert house.row(call_tables.call, "call-2")["number"] is not None
    house.do(lambda conn: vault.replay(conn, house.keys, Given(house.now), house.ledger))
    row = house.row(call_tables.call, "call-2")
    assert (row["number"], row["number_hash"]) == (None, None)


def test_the_ledger_is_written_before_the_commit(house: House) -> None:
    case = closed(house)

    def fails(_connection: Connection) -> None:
        vault.write_ledger(_connection, house.ledger)
        raise OSError("the power fails")

    house.database.before_commit = fails
    with pytest.raises(OSError, match="power"):
        house.forget(Kind.CASE, case)
    house.use(house.database)
    assert house.load(case).narrative != ""
    assert len(house.do(lambda conn: vault.behind(conn, house.ledger))) == 4
    given = Given(house.now)
    house.do(lambda conn: vault.replay(conn, house.keys, given, house.ledger))
    assert house.row(tables.case, case)["key"] == b""


def test_nothing_is_forgotten_when_the_ledger_cannot_be_written(
    house: House, tmp_path: Path
) -> None:
    case = closed(house)
    (tmp_path / "ledger").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="ledger"):
        house.forget(Kind.CASE, case)
    assert house.load(case).narrative != ""
    (tmp_path / "ledger").unlink()
    house.open("call-7")
    assert house.ledger.read() == []


def test_a_ledger_that_was_lost_is_written_again(house: House) -> None:
    house.forget(Kind.CASE, closed(house))
    lines = house.ledger.read()
    house.ledger.path.unlink()
    assert house.do(lambda conn: vault.complete(conn, house.ledger)) == 4
    assert sorted(str(one["id"]) for one in house.ledger.read()) == sorted(
        str(one["id"]) for one in lines
    )
    assert house.do(lambda conn: vault.complete(conn, house.ledger)) == 0


def test_a_ledger_that_was_edited_is_not_believed(house: House) -> None:
    house.forget(Kind.CASE, closed(house))
    good = house.ledger.path.read_bytes()
    lines = good.splitlines(keepends=True)
    first = lines[0].replace(b'"reason":"asked"', b'"reason":"other"')
    for bad in (
        first + b"".join(lines[1:]),
        b"".join(lines[1:]),
        b"".join([lines[1], lines[0], *lines[2:]]),
        lines[0] + good,
        b"nonsense\n" + good,
    ):
        house.ledger.path.write_bytes(bad)
        with pytest.raises(JournalBroken, match=r"line [12] "):
            house.ledger.read()
    house.ledger.path.write_bytes(good + b'{"id":"half')
    assert len(house.ledger.read()) == len(lines)
    house.ledger.append([{"id": "x"}])
    assert [one["n"] for one in house.ledger.read()] == list(range(1, len(lines) + 2))


def test_who_asks_about_a_case_does_not_become_its_reporter(house: House) -> None:
    case = house.complaint()
    house.call_from("call-2", OTHER)
    house.do(
        lambda conn: cases.link(
            conn, house.keys, house.now, call="call-2", case=case, role=CallRole.STATUS_QUERY
        )
    )
    assert not house.do(lambda conn: cases.opened_by(conn, "call-2", case))
    assert house.do(lambda conn: cases.opened_by(conn, "call-1", case))
