"""Storage: transactions, Facts, timers, the outbox, keys and encrypted columns."""

from __future__ import annotations

from sqlalchemy import Connection, Row

from callcenter.db.database import (
    Database,
    DatabaseAway,
    by_key,
    exclusive,
    for_update,
    try_exclusive,
    upsert,
)
from callcenter.db.schema import metadata

__all__ = [
    "Connection",
    "Database",
    "DatabaseAway",
    "Row",
    "by_key",
    "exclusive",
    "for_update",
    "metadata",
    "try_exclusive",
    "upsert",
]
