"""Transactions: a plain function of a Connection, run whole or not at all.

One synchronous SQLAlchemy Core path serves both databases; asyncio sees it through
``await db.write(fn)`` and ``await db.read(fn)``.

* **SQLite**: one file in WAL mode, one writer thread (``BEGIN IMMEDIATE``), a few reader threads
  whose snapshot never waits for the writer. One process serves a file.
* **PostgreSQL**: psycopg 3 in threads. Writes are READ COMMITTED (lock rows with
  :func:`for_update`); reads are one read-only snapshot, as on SQLite.

``fn`` does no network I/O and draws no ids or times: on PostgreSQL it may run again after a
serialisation failure, a deadlock, or a connection that broke before the commit was sent.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: How often ``fn`` may run again after the first time.
RETRIES = 3
#: Longest wait for a lock of another process (SQLite) or transaction (PostgreSQL).
LOCK_TIMEOUT_MS = 5_000
#: Longest single statement on PostgreSQL.
STATEMENT_TIMEOUT_MS = 30_000
#: A transaction whose process stands still (SIGSTOP) lets go of its PostgreSQL locks after this.
IDLE_TIMEOUT_MS = 30_000
#: What psycopg is told: notice a server that does not answer, or whose machine is gone.
POSTGRESQL_CONNECT: dict[str, str | int] = {
    "application_name": "callcenter",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

#: In ``Connection.info``: what a transaction notes for :attr:`Database.before_commit`.
NOTED = "callcenter.noted"

_SERIALISATION_FAILURE, _DEADLOCK = "40001", "40P01"
#: SQLSTATE classes and codes that say "not now", not "wrong": connection, resources, operator,
#: system, lock time-out.
_AWAY_STATES = ("08", "53", "57", "58", "55P03")
_AWAY_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_PROTOCOL,
}


class DatabaseAway(Exception):
    """The database cannot be reached or cannot do it now; try again later.

    Nothing is written, with one exception: ``unknown`` is true when the connection broke while
    the commit was under way, and only reading again can tell.
    """

    def __init__(self, message: str, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


class Database:
    """A database and the threads that talk to it.

    Args:
        url: ``sqlite:///path`` (absolute: four slashes) or ``postgresql+psycopg://user@host/name``.
        readers: threads that read at the same time.
        writers: threads that write at the same time (PostgreSQL; SQLite has one).

    Raises:
        ValueError: ``url`` is neither, or psycopg is not installed.
    """

    def __init__(self, url: str, *, readers: int = 4, writers: int = 8) -> None:
        self.url = parse_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        if self.sqlite:
            writers = 1
            self._write_engine = sqlite_engine(self.url, size=1)
            self._read_engine = sqlite_engine(self.url, size=readers, read_only=True)
        else:
            self._write_engine = _postgresql_engine(self.url, size=writers)
            self._read_engine = _postgresql_engine(self.url, size=readers, read_only=True)
        self._writers = ThreadPoolExecutor(writers, thread_name_prefix="db-write")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="db-read")
        self._inside = threading.local()
        self._closed = False
        #: Run at the end of each write, inside it: what fails there rolls it back. For what must
        #: be on the disk elsewhere before a commit is acknowledged.
        self.before_commit: Callable[[Connection], object] | None = None

    async def write(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn`` in one transaction and commit it; whatever ``fn`` raises rolls it back.

        A caller that is cancelled meanwhile does not stop a transaction that has begun.

        Raises:
            DatabaseAway: see there.
        """
        return await asyncio.wrap_future(self._submit(self._writers, self._write_engine, fn))

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn`` on one read-only snapshot; a write in it is an error.

        Raises:
            DatabaseAway: see there.
        """
        return await asyncio.wrap_future(self._submit(self._readers, self._read_engine, fn))

    def write_sync(self, fn: Callable[[Connection], T]) -> T:
        """:meth:`write` for the command line and tests; blocks."""
        return self._submit(self._writers, self._write_engine, fn).result()

    def read_sync(self, fn: Callable[[Connection], T]) -> T:
        """:meth:`read` for the command line and tests; blocks."""
        return self._submit(self._readers, self._read_engine, fn).result()

    async def scrub(self) -> bool:
        """Leave nothing on the disk of what was overwritten; False: somebody reads, ask again.

        SQLite zeroes it in the file at once (``secure_delete``), and here cuts the log off, which
        has the pages as they were. PostgreSQL takes dead rows out; its own log and its disks are
        for who runs it to care for.
        """
        return await asyncio.wrap_future(self._writers.submit(self._scrub))

    def scrub_sync(self) -> bool:
        """:meth:`scrub`; blocks."""
        return self._writers.submit(self._scrub).result()

    def _scrub(self) -> bool:
        raw = self._write_engine.raw_connection()
        try:
            if not self.sqlite:
                assert raw.driver_connection is not None
                raw.driver_connection.autocommit = True
                raw.driver_connection.execute("SET statement_timeout = 0")
                raw.driver_connection.execute("VACUUM")
                raw.driver_connection.execute("RESET statement_timeout")
                raw.driver_connection.autocommit = False
                return True
            cursor = raw.cursor()
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return not busy
        finally:
            raw.close()

    async def close(self) -> None:
        """Finish the transactions under way and let go of every connection."""
        await asyncio.to_thread(self.close_sync)

    def close_sync(self) -> None:
        """:meth:`close`; blocks."""
        self._closed = True
        for pool in (self._readers, self._writers):
            pool.shutdown(wait=True, cancel_futures=True)
        self._read_engine.dispose()
        self._write_engine.dispose()

    def _submit(
        self, pool: ThreadPoolExecutor, engine: Engine, fn: Callable[[Connection], T]
    ) -> Future[T]:
        if getattr(self._inside, "transaction", False):
            raise RuntimeError("a transaction inside a transaction: use the Connection given to fn")
        if self._closed:
            raise DatabaseAway("the database is closed")
        return pool.submit(self._run, engine, fn)

    def _run(self, engine: Engine, fn: Callable[[Connection], T]) -> T:
        self._inside.transaction = True
        try:
            for tries in range(RETRIES + 1):
                committing = False
                try:
                    with engine.connect() as connection, connection.begin():
                        connection.info.pop(NOTED, None)  # of a transaction that failed
                        result = fn(connection)
                        if engine is self._write_engine and self.before_commit is not None:
                            self.before_commit(connection)
                        committing = True
                    return result
                except DBAPIError as error:
                    again = _may_run_again(error, committing)
                    if not again or tries == RETRIES:
                        if again or is_away(error):
                            lost = committing and error.connection_invalidated
                            raise DatabaseAway(str(error.orig), unknown=lost) from error
                        raise
                # Two transactions that ran into each other must not meet again in step.
                time.sleep(random.uniform(0.001, 0.01) * (tries + 1))  # noqa: S311
            raise AssertionError("unreachable")
        finally:
            self._inside.transaction = False


def parse_url(url: str) -> URL:
    """``url`` if it names an SQLite file or a PostgreSQL database by psycopg 3.

    Raises:
        ValueError: it does not; the message says what is accepted (and never shows a password).
    """
    try:
        parsed = make_url(url)
    except Exception as error:  # SQLAlchemy's ArgumentError, or ValueError for a bad port
        raise ValueError("not a database address, e.g. sqlite:///var/callcenter.db") from error
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.database in (None, "", ":memory:"):
            raise ValueError("SQLite needs a file, e.g. sqlite:///var/callcenter.db")
        return parsed
    if parsed.drivername in ("postgresql", "postgresql+psycopg", "postgres"):
        if importlib.util.find_spec("psycopg") is None:
            raise ValueError("PostgreSQL needs psycopg: pip install 'callcenter[postgres]'")
        return parsed.set(drivername="postgresql+psycopg")
    raise ValueError(
        f"{parsed.drivername}: use sqlite:///path or postgresql+psycopg://user:password@host/name"
    )


def for_update(statement: Select[*Ts], *, skip_locked: bool = False) -> Select[*Ts]:
    """``statement`` locking its rows on PostgreSQL; unchanged on SQLite, where one writes anyway.

    Order several rows by id (DESIGN: call, entry, offer, agent, case).
    """
    return statement.with_for_update(skip_locked=skip_locked)


def exclusive(connection: Connection, name: str) -> None:
    """Wait until no other transaction has taken ``name``; held until this one ends.

    On SQLite there is only one writer, and nothing to wait for.
    """
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock(func.hashtextextended(name, 0))
        connection.execute(select(lock))


def try_exclusive(connection: Connection, name: str) -> bool:
    """Take ``name`` as :func:`exclusive` does if no other transaction has it; never waits."""
    if connection.dialect.name != "postgresql":
        return True
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(name, 0))
    return bool(connection.execute(select(lock)).scalar_one())


def upsert(connection: Connection, table: Table, row: Mapping[str, object]) -> None:
    """Insert ``row``, or set its other columns where its primary key already exists."""
    connection.execute(_upsert(table, connection.dialect.name, tuple(row)), dict(row))


@cache
def _upsert(
    table: Table, dialect: str, names: tuple[str, ...]
) -> sqlite.Insert | postgresql.Insert:
    """The statement of :func:`upsert`: to make one anew costs ten times what it takes to run."""
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    rest = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


@cache
def by_key(table: Table, column: str = "id", *, lock: bool = False) -> Select[Any]:
    """The rows of ``table`` whose ``column`` is the parameter ``key``, locked if ``lock``.

    Made once: to make a statement anew costs several times what it takes to run.
    """
    statement = select(table).where(table.c[column] == bindparam("key"))
    return for_update(statement) if lock else statement


def sqlite_engine(
    url: URL, *, size: int, read_only: bool = False, foreign_keys: bool = True
) -> Engine:
    """An engine on the SQLite file ``url``, which is made (0600, with its folder) if missing.

    Every transaction is explicit: ``BEGIN IMMEDIATE`` to write, ``BEGIN`` to read. What is
    deleted is overwritten (``secure_delete``), so that a forgotten key is gone from the file.
    """
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "isolation_level": None},
    )

    def connected(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        connection.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)
    return engine


def _postgresql_engine(url: URL, *, size: int, read_only: bool = False) -> Engine:
    """An engine whose connections have our limits.

    No pre-ping: a stale connection shows itself before the commit, and ``fn`` runs again.
    """
    options = (
        f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}"
        f" -c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MS}"
    )
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        isolation_level="REPEATABLE READ" if read_only else "READ COMMITTED",
        connect_args={**POSTGRESQL_CONNECT, "options": options},
    )
    return engine.execution_options(postgresql_readonly=True) if read_only else engine


def _may_run_again(error: DBAPIError, committing: bool) -> bool:
    if error.connection_invalidated:
        return not committing
    return getattr(error.orig, "sqlstate", None) in (_SERIALISATION_FAILURE, _DEADLOCK)


def is_away(error: DBAPIError) -> bool:
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return code & 0xFF in _AWAY_SQLITE
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # no server said it: the connection could not be made, or fell apart
        return isinstance(error, OperationalError)
    return str(state).startswith(_AWAY_STATES)
