"""Fixtures: a fresh, migrated database for each test, on SQLite and on PostgreSQL.

``database`` and ``database_url`` run a test twice, once on each. One PostgreSQL server serves a
test run: made in a temporary folder, reached by a socket in it, ended by its own pid. The schema
comes from alembic, once for each kind; a test gets a copy, or one that another test has had and
that is empty again (:class:`Shelf`).

Neither waits for the disk: what is tested is us, not a power cut. (SQLite in a process of its own
does.)
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from callcenter.db import Database
from callcenter.db.keys import Keys
from callcenter.db.migrate import upgrade
from tests.capabilities import require

if TYPE_CHECKING:
    import psycopg

SERVER_USER = "postgres"
START_S = 30.0


def _leave_it_to_the_system(connection: object, record: ConnectionPoolEntry, _: object) -> None:
    """Before SQLAlchemy hands a connection to SQLite out: a commit waits for no disk."""
    if isinstance(connection, sqlite3.Connection) and "in_a_hurry" not in record.info:
        connection.execute("PRAGMA synchronous = OFF")
        record.info["in_a_hurry"] = True


@pytest.fixture(scope="session", autouse=True)
def in_a_hurry() -> Iterator[None]:
    """SQLite in this process does not wait for the disk, as PostgreSQL does not."""
    event.listen(Pool, "checkout", _leave_it_to_the_system)
    yield
    event.remove(Pool, "checkout", _leave_it_to_the_system)


@pytest.fixture
def waits_for_the_disk(in_a_hurry: None) -> Iterator[None]:
    """It does, as in life."""
    event.remove(Pool, "checkout", _leave_it_to_the_system)
    yield
    event.listen(Pool, "checkout", _leave_it_to_the_system)


class PostgreSQL:
    """A server of our own. ``admin`` is psycopg's address of its maintenance database."""

    SETTINGS: ClassVar[dict[str, str]] = {
        "listen_addresses": "",
        "fsync": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "autovacuum": "off",
        "max_connections": "200",
    }

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="callcenter-postgresql-"))
        self._become: list[str] = []
        if os.geteuid() == 0:  # whom the server refuses
            user = pwd.getpwnam(SERVER_USER)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            self._become = ["setpriv", *ids]
        if shutil.which("setpriv"):  # a test run that is killed takes its server along
            self._become = [*(self._become or ["setpriv"]), "--pdeathsig=INT"]
        initdb = ["initdb", "-D", "data", "-U", SERVER_USER, "-A", "trust", "-E", "UTF8", "-N"]
        subprocess.run(
            self._command(*initdb), cwd=self.folder, check=True, stdout=subprocess.DEVNULL
        )

    @property
    def admin(self) -> str:
        return f"host={self.folder} user={SERVER_USER} dbname=postgres"

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{SERVER_USER}@/{name}?host={self.folder}"

    def start(self) -> None:
        """Start the server (again) and wait until it answers; it ends with the calling thread."""
        settings = self.SETTINGS | {"unix_socket_directories": str(self.folder)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        log = (self.folder / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", "data", *options),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("no PostgreSQL:\n" + (self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT in order, SIGQUIT as in a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_S)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def create(self, template: str) -> str:
        """A new database like ``template``; gives its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        import psycopg

        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _command(self, program: str, *args: str) -> list[str]:
        return [*self._become, str(self._programs / program), *args]


#: All of a database but its rows, one value for each state it may be in. Where ANALYZE or VACUUM
#: has been it differs, too: the planner remembers.
_STATE = """
SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM (
    SELECT (to_jsonb(c) - '{relfilenode,relfrozenxid,relminmxid}'::text[])::text AS line
    FROM pg_class c WHERE oid >= 16384
    UNION ALL SELECT to_jsonb(a)::text FROM pg_attribute a WHERE attrelid >= 16384
    UNION ALL SELECT to_jsonb(i)::text FROM pg_index i WHERE indrelid >= 16384
    UNION ALL SELECT to_jsonb(c)::text FROM pg_constraint c WHERE oid >= 16384
    UNION ALL SELECT to_jsonb(t)::text FROM pg_trigger t WHERE oid >= 16384
    UNION ALL SELECT to_jsonb(p)::text FROM pg_proc p WHERE oid >= 16384
    UNION ALL SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
    UNION ALL SELECT to_jsonb(s)::text FROM pg_db_role_setting s
    UNION ALL SELECT version_num FROM alembic_version
) lines
"""
#: A table of so many bytes is used up: what was deleted still takes its room. (The planner takes a
#: smaller one that was never analysed for one of ten pages, so it does not see the difference.)
_USED_UP = 10 * 8192


class Shelf:
    """Databases like ``template``, which has no rows. To make one takes half a second, to empty one
    a few hundredths."""

    def __init__(self, server: PostgreSQL, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[str] = []
        with self._connect(template) as connection:
            found = connection.execute("SELECT relname FROM pg_stat_user_tables").fetchall()
            self._tables = sorted({name for (name,) in found} - {"alembic_version"})
            for name in self._tables:
                assert not connection.execute(f"SELECT FROM {name} LIMIT 1".encode()).fetchall()
            self._new = connection.execute(_STATE).fetchone()

    def take(self) -> str:
        """One that is like new; gives its name."""
        return self._free.pop() if self._free else self._server.create(self._template)

    def put_back(self, name: str) -> None:
        """Somebody has done with it. It is emptied; if more than rows was changed, or many were,
        nobody gets it again."""
        with self._connect(name) as connection:
            kept = self._is_like_new(connection)
            if kept:
                self._empty(connection)
        if kept:
            self._free.append(name)
        else:
            self._server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _is_like_new(self, connection: psycopg.Connection[Any]) -> bool:
        """Apart from some rows."""
        largest = "SELECT max(pg_table_size(relid)) FROM pg_stat_user_tables"
        ((size,),) = connection.execute(largest).fetchall()
        return size < _USED_UP and connection.execute(_STATE).fetchone() == self._new

    def _empty(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # in any order
            for name in self._tables:
                connection.execute(f"DELETE FROM {name}".encode())
            numbers = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
            connection.execute(numbers.encode())

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        import psycopg

        address = self._server.admin.replace("dbname=postgres", f"dbname={name}")
        return psycopg.connect(address, autocommit=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The server of this test run. A test that uses it is marked ``needs("postgresql")``."""
    server = PostgreSQL(require("postgresql"))
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _shelf(postgresql: PostgreSQL) -> Shelf:
    postgresql.execute("CREATE DATABASE migrated")
    upgrade(postgresql.url("migrated"))
    return Shelf(postgresql, "migrated")


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(_sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a fresh SQLite database."""
    path = tmp_path / "callcenter.db"
    shutil.copyfile(_sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh PostgreSQL database; mark the test ``needs("postgresql")``."""
    server: PostgreSQL = request.getfixturevalue("postgresql")
    shelf: Shelf = request.getfixturevalue("_shelf")
    name = shelf.take()
    yield server.url(name)
    shelf.put_back(name)


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh, migrated database, of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def open_database() -> Iterator[Callable[[str], Database]]:
    """Opens databases, several on one address if wanted, and closes them after the test."""
    opened: list[Database] = []

    def open_(url: str) -> Database:
        opened.append(Database(url))
        return opened[-1]

    yield open_
    for one in opened:
        one.close_sync()


@pytest.fixture
def database(database_url: str, open_database: Callable[[str], Database]) -> Database:
    """A fresh, migrated :class:`Database`, of each kind in turn."""
    return open_database(database_url)


@pytest.fixture(scope="session")
def keys() -> Keys:
    """Keys of a secret that everybody knows."""
    return Keys.from_root(bytes(range(32)))
