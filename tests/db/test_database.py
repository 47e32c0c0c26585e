"""Transactions: whole or not at all, side by side, and again where that may help."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from callcenter.db import Database, DatabaseAway, exclusive, for_update, upsert
from callcenter.db import database as database_module
from callcenter.db.database import RETRIES
from callcenter.db.tables import timer
from tests.databases import PostgreSQL
from tests.waiting import LIMIT_S, until

on_postgresql = pytest.mark.needs("postgresql")


def put(key: str, due_at: int) -> Callable[[Connection], None]:
    row = {"key": key, "kind": "test", "ref": key, "due_at": due_at}
    return lambda connection: upsert(connection, timer, row)


def value(connection: Connection, key: str = "a") -> int | None:
    found = connection.execute(select(timer.c.due_at).where(timer.c.key == key)).first()
    return found.due_at if found else None


def fails(connection: Connection) -> None:
    put("a", 1)(connection)
    raise LookupError("on purpose")


# --- Whole or not at all ----------------------------------------------------------------------


async def test_what_fn_gives_is_given_back_after_the_commit(database: Database) -> None:
    await database.write(put("a", 7))
    assert await database.read(value) == 7
    assert await database.write(value) == 7


async def test_what_fn_raises_rolls_back(database: Database) -> None:
    with pytest.raises(LookupError, match="on purpose"):
        await database.write(fails)
    assert await database.read(value) is None


async def test_a_constraint_that_fails_is_the_callers_error(database: Database) -> None:
    double = text("INSERT INTO timer (key, kind, ref, due_at) VALUES ('a', 'k', 'r', 1)")
    await database.write(put("a", 7))
    with pytest.raises(IntegrityError):
        await database.write(lambda connection: connection.execute(double))
    assert await database.read(value) == 7


async def test_a_wrong_statement_is_not_the_database_being_away(database: Database) -> None:
    with pytest.raises(DBAPIError):
        await database.read(lambda connection: connection.execute(text("SELECT nothing")))


async def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError):
        await database.read(put("a", 1))
    assert await database.read(value) is None


async def test_a_transaction_inside_a_transaction_is_refused(database: Database) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"):
        await database.write(lambda _: database.write_sync(put("a", 1)))
    with pytest.raises(RuntimeError, match="inside a transaction"):
        await database.read(lambda _: database.read_sync(value))
    assert await database.read(value) is None


async def test_a_cancelled_caller_does_not_tear_its_transaction(database: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        begun.set()
        assert go_on.wait(LIMIT_S)
        put("a", 7)(connection)

    task = asyncio.create_task(database.write(slow))
    await until(begun.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    assert await database.write(value) in (7, None)  # queued behind it on SQLite only
    await until(lambda: database.read_sync(value) == 7)


async def test_a_closed_database_is_away(database: Database) -> None:
    await database.close()
    with pytest.raises(DatabaseAway):
        await database.read(value)


CRASH = """
import os, sys, signal
from callcenter.db import Database
from callcenter.db.timers import set_timer
database = Database(sys.argv[1])
database.write_sync(lambda c: set_timer(c, "crash", "committed", 1))
def die(c):
    set_timer(c, "crash", "half done", 1)
    os.kill(os.getpid(), signal.SIGKILL)
database.write_sync(die)
"""


def test_kill_in_a_transaction_leaves_nothing_of_it(database_url: str, database: Database) -> None:
    killed = subprocess.run([sys.executable, "-c", CRASH, database_url], timeout=60)
    assert killed.returncode == -9
    refs = database.write_sync(lambda c: list(c.execute(select(timer.c.ref)).scalars()))
    assert refs == ["committed"]


# --- Side by side -----------------------------------------------------------------------------


async def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    await database.write(put("a", 1))
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        put("a", 2)(connection)
        begun.set()
        assert go_on.wait(LIMIT_S)

    writing = asyncio.create_task(database.write(slow))
    await until(begun.is_set)
    seen = await asyncio.gather(*(database.read(value) for _ in range(8)))
    go_on.set()
    await writing
    assert seen == [1] * 8
    assert await database.read(value) == 2


async def test_a_read_is_one_snapshot(database: Database) -> None:
    await database.write(put("a", 1))
    looked, changed = threading.Event(), threading.Event()

    def twice(connection: Connection) -> list[int | None]:
        first = value(connection)
        looked.set()
        assert changed.wait(LIMIT_S)
        return [first, value(connection)]

    reading = asyncio.create_task(database.read(twice))
    await until(looked.is_set)
    await database.write(put("a", 2))
    changed.set()
    assert await reading == [1, 1]


async def test_read_then_write_loses_no_update(database: Database) -> None:
    await database.write(put("a", 0))

    def count(connection: Connection) -> None:
        one = select(timer.c.due_at).where(timer.c.key == "a")
        before = connection.execute(for_update(one)).scalar_one()
        connection.execute(update(timer).where(timer.c.key == "a").values(due_at=before + 1))

    await asyncio.gather(*(database.write(count) for _ in range(60)))
    assert await database.read(value) == 60


async def test_exclusive_lets_one_in_at_a_time(database: Database) -> None:
    inside: list[int] = []
    most = 0

    def enter(connection: Connection) -> None:
        nonlocal most
        exclusive(connection, "match:upah")
        inside.append(1)
        most = max(most, len(inside))
        connection.execute(select(timer)).all()
        inside.pop()

    await asyncio.gather(*(database.write(enter) for _ in range(30)))
    assert most == 1


def test_for_update_is_said_only_where_it_means_something() -> None:
    from sqlalchemy.dialects import postgresql, sqlite

    statement = for_update(select(timer.c.key), skip_locked=True)
    full, lite = postgresql.dialect(), sqlite.dialect()  # type: ignore[no-untyped-call]
    assert str(statement.compile(dialect=full)).endswith("FOR UPDATE SKIP LOCKED")
    assert "FOR UPDATE" not in str(statement.compile(dialect=lite))


# --- Again ------------------------------------------------------------------------------------


@on_postgresql
async def test_a_deadlock_is_run_again(
    postgresql_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(postgresql_url)
    await database.write(put("a", 0))
    await database.write(put("b", 0))
    meet = threading.Barrier(2)
    runs: list[str] = []

    def crossing(first: str, second: str) -> Callable[[Connection], None]:
        def run(connection: Connection) -> None:
            runs.append(first)
            step = update(timer).values(due_at=timer.c.due_at + 1)
            connection.execute(step.where(timer.c.key == first))
            if len(runs) <= 2:
                meet.wait(LIMIT_S)
            connection.execute(step.where(timer.c.key == second))

        return run

    await asyncio.gather(database.write(crossing("a", "b")), database.write(crossing("b", "a")))
    # The one that is run again may be back before the other has committed, and meet it once more.
    assert 3 <= len(runs) <= 2 + RETRIES
    assert await database.read(value) == 2


def raising(state: str, times: int) -> tuple[Callable[[Connection], int], list[int]]:
    """A transaction that PostgreSQL fails with SQLSTATE ``state`` for the first ``times``."""
    runs: list[int] = []

    def run(connection: Connection) -> int:
        runs.append(1)
        put("a", len(runs))(connection)
        if len(runs) <= times:
            connection.execute(text(f"DO $$ BEGIN RAISE 'x' USING ERRCODE = '{state}'; END $$"))
        return len(runs)

    return run, runs


@on_postgresql
@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_what_may_pass_is_tried_again_up_to_the_limit(
    state: str, postgresql_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(postgresql_url)
    run, runs = raising(state, RETRIES)
    assert await database.write(run) == RETRIES + 1
    assert await database.read(value) == RETRIES + 1
    run, runs = raising(state, RETRIES + 1)
    with pytest.raises(DatabaseAway) as away:
        await database.write(run)
    assert len(runs) == RETRIES + 1
    assert not away.value.unknown


@on_postgresql
@pytest.mark.parametrize("state", ["53300", "55P03", "57P03", "57014"])
async def test_not_now_is_away_at_once(
    state: str, postgresql_url: str, open_database: Callable[[str], Database]
) -> None:
    run, runs = raising(state, 1)
    with pytest.raises(DatabaseAway):
        await open_database(postgresql_url).write(run)
    assert len(runs) == 1


# --- Away -------------------------------------------------------------------------------------


@on_postgresql
async def test_connections_that_went_stale_are_not_noticed(
    postgresql: PostgreSQL, postgresql_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(postgresql_url)
    await database.write(put("a", 1))
    await database.read(value)
    postgresql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'callcenter' AND pid <> pg_backend_pid()"
    )
    await database.write(put("a", 2))
    assert await database.read(value) == 2


@on_postgresql
async def test_a_connection_lost_before_the_commit_is_run_again(
    postgresql_url: str, open_database: Callable[[str], Database]
) -> None:
    runs: list[int] = []

    def run(connection: Connection) -> None:
        runs.append(1)
        put("a", len(runs))(connection)
        if len(runs) == 1:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    database = open_database(postgresql_url)
    await database.write(run)
    assert await database.read(value) == 2


@on_postgresql
async def test_a_connection_lost_in_the_commit_is_away_with_unknown_end(
    postgresql_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(postgresql_url)
    runs: list[int] = []

    def run(connection: Connection) -> None:
        runs.append(1)
        statements = """
            CREATE FUNCTION pg_temp.die() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON timer DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION pg_temp.die()
        """
        for statement in statements.split(";\n"):
            connection.exec_driver_sql(statement)
        put("a", 1)(connection)

    with pytest.raises(DatabaseAway) as away:
        await database.write(run)
    assert away.value.unknown
    assert runs == [1]


@on_postgresql
async def test_away_while_the_server_is_down_and_back_when_it_is(
    postgresql: PostgreSQL, postgresql_url: str, open_database: Callable[[str], Database]
) -> None:
    import signal

    database = open_database(postgresql_url)
    await database.write(put("a", 1))
    postgresql.stop(signal.SIGQUIT)
    try:
        for _ in range(2):
            with pytest.raises(DatabaseAway):
                await database.write(put("a", 2))
            with pytest.raises(DatabaseAway):
                await database.read(value)
    finally:
        postgresql.start()
    assert await database.read(value) == 1
    await database.write(put("a", 3))
    assert await database.read(value) == 3


async def test_an_sqlite_file_that_another_process_holds_is_away(
    sqlite_url: str,
    open_database: Callable[[str], Database],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database_module, "LOCK_TIMEOUT_MS", 50)
    database = open_database(sqlite_url)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseAway, match="locked"):
        await database.write(put("a", 1))
    assert await database.read(value) is None
    holder.execute("ROLLBACK")
    holder.close()
    await database.write(put("a", 2))
    assert await database.read(value) == 2


async def test_a_full_disk_is_away_and_writes_nothing(
    sqlite_url: str, open_database: Callable[[str], Database]
) -> None:
    database = open_database(sqlite_url)

    def limit(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    await database.write(limit)

    def fill(connection: Connection) -> None:
        for number in range(10_000):
            put(f"{number:0200}", number)(connection)

    with pytest.raises(DatabaseAway, match="full"):
        await database.write(fill)
    assert await database.read(lambda c: c.execute(select(timer)).first()) is None


# --- The file ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("waits_for_the_disk")
async def test_the_sqlite_file_is_ours_alone_and_durable(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "callcenter.db"
    database = Database(f"sqlite:///{path}")

    def pragmas(connection: Connection) -> list[object]:
        names = ["journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout"]
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    assert await database.write(pragmas) == ["wal", 2, 1, 1, 5000]
    for file in [path, *path.parent.glob("*-wal"), *path.parent.glob("*-shm")]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    await database.close()
    assert [file.name for file in path.parent.iterdir()] == ["callcenter.db"]


@pytest.mark.parametrize(
    "url, why",
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://root:hunter2@host/x", "mysql: use sqlite"),
        ("postgresql+asyncpg://u:hunter2@host/x", "asyncpg: use sqlite"),
        ("callcenter.db", "not a database address"),
        ("postgresql://u:hunter2@host:port/x", "not a database address"),
    ],
)
def test_an_unusable_address_is_refused_without_its_password(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        Database(url)
    assert "hunter2" not in str(refused.value)
