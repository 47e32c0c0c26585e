"""Versions of a case: what changed, read under the keys of case and person."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select, update

from callcenter.cases import tables
from callcenter.cases.versions import service as versions
from callcenter.cases.views import Change, Value
from callcenter.db import Connection, Database
from callcenter.db.keys import Keys
from tests.db.test_cases import Store


@pytest.fixture
def store(database: Database, keys: Keys) -> Store:
    return Store(database, keys)


def change(store: Store, case: str, by: str | None = "sari", **values: object) -> None:
    def run(connection: Connection) -> None:
        version = connection.execute(
            select(tables.case.c.version).where(tables.case.c.id == case)
        ).scalar_one()
        found = update(tables.case).where(tables.case.c.id == case)
        connection.execute(found.values(version=version + 1, **values))
        versions.write(connection, store.keys, case=case, at=store.now, by=by)

    store.do(run)


def sealed(store: Store, case: str, column: str, text: str) -> bytes:
    wrapped = store.do(
        lambda conn: conn.execute(
            select(tables.case.c.key).where(tables.case.c.id == case)
        ).scalar_one()
    )
    return store.keys.open(wrapped, f"case:{case}").encrypt(text.encode(), f"case.{column}")


def person(store: Store, name: str) -> str:
    key, wrapped = store.keys.make("reporter:r1")
    row = {
        "id": "r1", "key": wrapped, "name": key.encrypt(name.encode(), "reporter.name"),
        "language": "id", "minor": False, "may_message": True, "may_call": True, "created_at": 1,
    }  # fmt: skip
    store.do(lambda conn: conn.execute(insert(tables.reporter), row))
    return "r1"


def test_what_changed_is_read_back_field_by_field(store: Store) -> None:
    case, _, _ = store.open()
    change(store, case, narrative=sealed(store, case, "narrative", "Upah"), topic="phk")
    store.now += 5
    change(store, case, None, public_note="Diperiksa", workers=3)
    changes = store.do(lambda conn: versions.changes(conn, store.keys, case, since=2))
    noted: dict[str, tuple[Value, Value]] = {
        "public_note": (None, "Diperiksa"),
        "workers": (None, 3),
    }
    assert changes == [Change(3, store.now, None, noted)]
    opened, first, second = store.do(lambda conn: versions.changes(conn, store.keys, case))
    assert opened.fields["status"] == (None, "draft")
    assert first.fields["narrative"] == ("", "Upah")
    assert (first.by, second) == ("sari", changes[0])
    was = store.do(lambda conn: versions.read(conn, store.keys, case, 2))
    assert was is not None
    assert (was.fields["narrative"], was.fields["public_note"]) == ("Upah", None)
    assert store.do(lambda conn: versions.read(conn, store.keys, case, 9)) is None


def test_a_forgotten_person_is_forgotten_in_every_version(store: Store) -> None:
    case, _, _ = store.open()
    change(store, case, reporter=person(store, "Siti"))
    assert one(store, case).fields["reporter_name"] == ("", "Siti")
    store.do(lambda conn: conn.execute(update(tables.reporter).values(key=None, name=None)))
    assert "reporter_name" not in one(store, case).fields


def test_who_becomes_anonymous_is_in_no_version(store: Store) -> None:
    case, _, _ = store.open()
    change(
        store,
        case,
        reporter=person(store, "Siti"),
        narrative=sealed(store, case, "narrative", "Upah"),
    )
    store.do(lambda conn: versions.drop_reporter(conn, store.keys, case))
    assert {"reporter", "reporter_name"}.isdisjoint(one(store, case).fields)
    assert one(store, case).fields["narrative"] == ("", "Upah")


def test_a_forgotten_case_has_no_versions_to_read(store: Store) -> None:
    case, _, _ = store.open()
    change(store, case, topic="phk")
    store.do(lambda conn: conn.execute(update(tables.case).values(key=None)))
    assert store.do(lambda conn: versions.changes(conn, store.keys, case)) == []
    assert store.do(lambda conn: versions.read(conn, store.keys, case, 2)) is None


def one(store: Store, case: str) -> Change:
    (only,) = store.do(lambda conn: versions.changes(conn, store.keys, case, since=1))
    return only
