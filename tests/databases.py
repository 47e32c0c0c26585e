"""Fixtures: a fresh, migrated database for each test, on SQLite and on PostgreSQL.

``database`` and ``database_url`` run a test twice, once on each. One PostgreSQL server serves a
test run: made in a temporary folder, reached by a socket in it, ended by its own pid. The schema
comes from alembic, once for each kind; a test gets a copy.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from callcenter.db import Database
from callcenter.db.keys import Keys
from callcenter.db.migrate import upgrade
from tests.capabilities import require

SERVER_USER = "postgres"
START_S = 30.0


class PostgreSQL:
    """A server of our own. ``admin`` is psycopg's address of its maintenance database."""

    SETTINGS: ClassVar[dict[str, str]] = {
        "listen_addresses": "",
        "fsync": "off",  # what is tested is us, not a power cut
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
def _postgresql_template(postgresql: PostgreSQL) -> str:
    postgresql.execute("CREATE DATABASE migrated")
    upgrade(postgresql.url("migrated"))
    return "migrated"


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
    name = server.create(request.getfixturevalue("_postgresql_template"))
    yield server.url(name)
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


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
