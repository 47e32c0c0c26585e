"""The schema: the migrations give what the tables say, on both databases, and only forward."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.engine.interfaces import ReflectedIndex

from callcenter import resources
from callcenter.db import Database, DatabaseAway
from callcenter.db.migrate import all_tables, current, drift, head, upgrade
from tests.databases import PostgreSQL


def options(index: ReflectedIndex) -> list[tuple[str, str]]:
    return sorted((name, str(what)) for name, what in index.get("dialect_options", {}).items())


def shape(inspector: Inspector) -> dict[str, object]:
    """What a schema enforces, also the parts that alembic does not compare."""
    return {
        name: {
            "checks": sorted(
                (str(one["name"]), one["sqltext"]) for one in inspector.get_check_constraints(name)
            ),
            "unique": sorted(
                (str(one["name"]), one["column_names"])
                for one in inspector.get_unique_constraints(name)
            ),
            "indexes": sorted(
                (str(one["name"]), one["column_names"], one["unique"], options(one))
                for one in inspector.get_indexes(name)
            ),
            "foreign": sorted(
                (one["constrained_columns"], one["referred_table"], str(one["options"]))
                for one in inspector.get_foreign_keys(name)
            ),
            "columns": {
                one["name"]: (str(one["type"]), one["nullable"], one["default"])
                for one in inspector.get_columns(name)
            },
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def test_the_migrations_give_what_the_tables_say(database: Database) -> None:
    assert database.read_sync(drift) == []


def test_also_where_alembic_does_not_look(database: Database) -> None:
    def compare(connection: Connection) -> None:
        migrated = shape(inspect(connection))
        connection.execute(text("DROP TABLE alembic_version"))
        metadata = all_tables()
        metadata.drop_all(connection)
        metadata.create_all(connection)
        assert migrated == shape(inspect(connection))
        raise LookupError("put everything back")

    with pytest.raises(LookupError):
        database.write_sync(compare)


def test_every_tables_file_is_in_the_metadata(database: Database) -> None:
    names = database.read_sync(lambda c: set(inspect(c).get_table_names()))
    assert names == {*all_tables().tables, "alembic_version"}
    assert {"fact", "fact_head", "timer", "command", "key_check"} <= names


def test_the_schema_is_at_its_head_and_upgrading_again_changes_nothing(
    database_url: str, database: Database
) -> None:
    assert database.read_sync(current) == head() is not None
    upgrade(database_url)
    assert database.read_sync(current) == head()


def test_a_new_database_has_no_schema(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new.db")
    assert database.read_sync(current) is None
    database.close_sync()


def test_a_newer_database_is_refused(database_url: str, database: Database) -> None:
    later = text("UPDATE alembic_version SET version_num = '9999'")
    database.write_sync(lambda connection: connection.execute(later))
    with pytest.raises(ValueError, match="9999, newer than this program"):
        upgrade(database_url)


@pytest.mark.needs("postgresql")
def test_processes_that_start_together_migrate_once(postgresql: PostgreSQL) -> None:
    url = postgresql.url(postgresql.create("template0"))
    program = "import sys; from callcenter.db.migrate import upgrade; upgrade(sys.argv[1])"
    starting = [subprocess.Popen([sys.executable, "-c", program, url]) for _ in range(3)]
    assert [one.wait(60) for one in starting] == [0, 0, 0]
    database = Database(url)
    assert database.read_sync(current) == head()
    database.close_sync()


def test_a_migration_that_fails_leaves_the_schema_as_it_was(
    database_url: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_of_migrations(tmp_path)
    write(folder, "9001", head(), 'op.create_table("half", sa.Column("x", sa.Integer))')
    write(folder, "9002", "9001", 'op.execute("INSERT INTO half VALUES (1)"); raise OSError("no")')
    monkeypatch.setattr(resources, "migrations", lambda: folder)
    with pytest.raises(OSError, match="no"):
        upgrade(database_url)
    assert database.read_sync(current) != "9001"
    assert "half" not in database.read_sync(lambda c: inspect(c).get_table_names())


def test_a_copied_sqlite_table_keeps_the_rows_that_refer_to_it(
    sqlite_url: str,
    open_database: Callable[[str], Database],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = copy_of_migrations(tmp_path)
    write(
        folder,
        "9001",
        head(),
        'op.create_table("parent", sa.Column("id", sa.Integer, primary_key=True))\n'
        '    op.create_table("child", sa.Column("p", sa.Integer,'
        ' sa.ForeignKey("parent.id", ondelete="CASCADE")))\n'
        '    op.execute("INSERT INTO parent VALUES (1)")\n'
        '    op.execute("INSERT INTO child VALUES (1)")',
    )
    write(
        folder,
        "9002",
        "9001",
        'with op.batch_alter_table("parent", recreate="always") as batch:\n'
        '        batch.add_column(sa.Column("more", sa.Text))',
    )
    monkeypatch.setattr(resources, "migrations", lambda: folder)
    upgrade(sqlite_url)
    database = open_database(sqlite_url)
    assert database.read_sync(lambda c: c.execute(text("SELECT p FROM child")).all()) == [(1,)]
    write(folder, "9003", "9002", 'op.execute("DELETE FROM parent")')
    with pytest.raises(RuntimeError, match="broke foreign keys"):
        upgrade(sqlite_url)
    assert database.read_sync(current) == "9002"


def test_a_database_that_cannot_be_reached_is_away(tmp_path: Path) -> None:
    with pytest.raises(DatabaseAway):
        upgrade(f"postgresql+psycopg://nobody@/x?host={tmp_path}")


def copy_of_migrations(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resources.migrations(), tmp_path / "migrations"))


def write(folder: Path, revision: str, after: str | None, body: str) -> None:
    (folder / "versions" / f"{revision}_test.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f'revision = "{revision}"\ndown_revision = "{after}"\n\n\n'
        f"def upgrade() -> None:\n    {body}\n"
    )
