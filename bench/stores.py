"""Empty databases to measure on: SQLite files, and a PostgreSQL server of our own.

The server runs as one would in earnest (fsync, full page writes, autovacuum), on the same disk as
the files, and is ended by its own pid.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol

from tests.capabilities import require
from tests.databases import PostgreSQL


class Store(Protocol):
    """A kind of database. ``server``: pid of its server, None for files."""

    name: str

    @property
    def server(self) -> int | None: ...

    def fresh(self) -> str:
        """The address of a new, empty database."""


class Files:
    """SQLite files below ``folder``."""

    name = "SQLite"
    server = None

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def fresh(self) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{self._folder.resolve()}/{next(self._numbers)}.db"


class Server(PostgreSQL):
    """A PostgreSQL server that keeps its word."""

    name = "PostgreSQL"
    SETTINGS: ClassVar[dict[str, str]] = {"listen_addresses": "", "max_connections": "200"}

    @property
    def server(self) -> int | None:
        return self._process.pid if self._process else None

    def fresh(self) -> str:
        name = f"bench_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """A server of our own while the block runs.

    Raises:
        RuntimeError: there is no PostgreSQL on this machine, or it did not start.
    """
    server = Server(require("postgresql"))
    try:
        server.start()
        yield server
    finally:
        server.remove()
