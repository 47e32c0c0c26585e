"""A PostgreSQL database that one test has had is for the next one as good as new."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select, text

from callcenter.db import Connection, Database
from callcenter.db.tables import timer
from callcenter.db.timers import set_timer
from tests.databases import PostgreSQL, Shelf

pytestmark = pytest.mark.needs("postgresql")


@pytest.fixture
def shelf(postgresql: PostgreSQL, _shelf: Shelf) -> Shelf:
    return Shelf(postgresql, "migrated")


def use(server: PostgreSQL, name: str, do: Callable[[Connection], object]) -> None:
    database = Database(server.url(name))
    database.write_sync(do)
    database.close_sync()


def test_rows_are_gone_and_numbers_begin_anew(postgresql: PostgreSQL, shelf: Shelf) -> None:
    name = shelf.take()

    def fill(connection: Connection) -> None:
        assert connection.execute(select(func.count()).select_from(timer)).scalar_one() == 0
        assert connection.execute(text("SELECT nextval('fact_id_seq')")).scalar_one() == 1
        set_timer(connection, "crash", "half done", 1)

    for _ in range(3):
        use(postgresql, name, fill)
        shelf.put_back(name)
        assert shelf.take() == name
    shelf.put_back(name)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more ()",
        "ALTER TABLE timer ADD COLUMN more text",
        "ALTER TABLE timer DROP COLUMN due_at",
        "DROP INDEX ix_timer_due_at",
        "ALTER TABLE leg DISABLE TRIGGER ALL",
        "ANALYZE timer",
        "UPDATE alembic_version SET version_num = '0'",
        "INSERT INTO timer SELECT n, 'crash', repeat('x', 100), 1 FROM generate_series(1, 2000) n",
    ],
)
def test_what_is_changed_otherwise_nobody_gets(
    postgresql: PostgreSQL, shelf: Shelf, change: str
) -> None:
    name = shelf.take()
    use(postgresql, name, lambda connection: connection.execute(text(change)))
    shelf.put_back(name)
    assert shelf._free == []


def test_whoever_is_still_in_it_is_shown_out(postgresql: PostgreSQL, shelf: Shelf) -> None:
    import psycopg

    name = shelf.take()
    address = postgresql.admin.replace("dbname=postgres", f"dbname={name}")
    with psycopg.connect(address) as left:
        left.execute("INSERT INTO timer (key, kind, ref, due_at) VALUES ('x', 'crash', 'x', 1)")
        shelf.put_back(name)  # does not wait for the transaction
        with pytest.raises(psycopg.OperationalError):
            left.execute("SELECT 1")
    assert shelf.take() == name
    shelf.put_back(name)
