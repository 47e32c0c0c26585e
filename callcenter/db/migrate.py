"""The schema and its history: ``migrations/`` (alembic), forward only, on both databases."""

from __future__ import annotations

import importlib
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

import callcenter
from callcenter import resources
from callcenter.db.database import DatabaseAway, exclusive, is_away, parse_url, sqlite_engine
from callcenter.db.schema import metadata


def all_tables() -> MetaData:
    """The metadata with every ``callcenter/**/tables.py`` in it."""
    for folder in callcenter.__path__:
        for path in sorted(Path(folder).rglob("tables.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            importlib.import_module(".".join(("callcenter", *parts)))
    return metadata


def upgrade(url: str) -> None:
    """Bring the schema of ``url`` to :func:`head`, in one transaction. Blocks.

    Raises:
        DatabaseAway: it cannot be reached.
        ValueError: ``url`` is not one of ours, or the database is newer than this program.
    """
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            exclusive(connection, "migrate")  # of processes that start together, one migrates
            known = {script.revision for script in _scripts().walk_revisions()}
            before = current(connection)
            if before is not None and before not in known:
                raise ValueError(f"the database has schema {before}, newer than this program knows")
            command.upgrade(_config(connection), "head")
            if connection.dialect.name == "sqlite":
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise RuntimeError(f"the migration broke foreign keys: {broken[:3]}")
    except DBAPIError as error:
        if is_away(error):
            raise DatabaseAway(str(error.orig)) from error
        raise
    finally:
        engine.dispose()


def head() -> str | None:
    """The schema that this program needs."""
    return _scripts().get_current_head()


def current(connection: Connection) -> str | None:
    """The schema that the database has; None before the first :func:`upgrade`."""
    return MigrationContext.configure(connection).get_current_revision()


def drift(connection: Connection) -> list[object]:
    """What ``tables.py`` files say and the migrations do not: empty when they agree."""
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, all_tables()))


def write_revision(message: str, *, initial: bool = False) -> Path:
    """Write the migration from what the migrations give to what ``tables.py`` files say.

    Its number is the next one; ``initial`` writes 0001 anew from nothing. Only in a checkout.
    """
    folder = resources.migrations()
    versions = folder / "versions"
    if initial:
        for old in versions.glob("*.py"):
            old.unlink()
    number = f"{len(list(versions.glob('*.py'))) + 1:04}"
    scratch = versions.parent / "scratch.db"
    scratch.unlink(missing_ok=True)
    url = f"sqlite:///{scratch}"
    try:
        upgrade(url)
        engine = _engine(url)
        with engine.begin() as connection:
            command.revision(_config(connection), message=message, autogenerate=True, rev_id=number)
        engine.dispose()
    finally:
        for leftover in versions.parent.glob("scratch.db*"):
            leftover.unlink()
    (written,) = versions.glob(f"{number}_*.py")
    return written


def _engine(url: str) -> Engine:
    """An engine to migrate with: no limits on time, and SQLite's foreign keys looked at after."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed, size=1, foreign_keys=False)
    return create_engine(parsed, poolclass=NullPool)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.migrations()).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(resources.migrations()))
