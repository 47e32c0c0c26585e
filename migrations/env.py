"""Run by alembic. ``callcenter/db/migrate.py`` hands us the connection, inside a transaction."""

from __future__ import annotations

from alembic import context

from callcenter.db.migrate import all_tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=all_tables(),
    render_as_batch=True,  # SQLite changes a column by copying the table
    compare_server_default=True,
    transactional_ddl=True,  # also on SQLite: every BEGIN is ours
)
context.run_migrations()
