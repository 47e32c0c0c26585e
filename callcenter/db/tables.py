"""Tables of the storage itself: Facts and their head, timers, the outbox, the key check."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from callcenter.db.schema import Counter, Id, Millis, metadata

#: Facts. ``text`` is the canonical JSON of the whole Fact with its ``id``, and ``mac`` covers it;
#: the columns before it repeat parts of it to search by. ``seq`` and ``hash`` are the sealer's.
fact = Table(
    "fact",
    metadata,
    Column("id", Counter, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("at", Millis, nullable=False),
    Column("call", Id),
    Column("entry", Id),
    Column("offer", Id),
    Column("agent", Id),
    Column("case", Id),
    Column("text", Text, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("seq", Millis, unique=True),
    Column("hash", LargeBinary),
    CheckConstraint("(seq IS NULL) = (hash IS NULL)", name="sealed"),
)
Index(
    "ix_fact_unsealed",
    fact.c.id,
    sqlite_where=fact.c.seq.is_(None),
    postgresql_where=fact.c.seq.is_(None),
)
for _column in (fact.c.call, fact.c.case):
    Index(
        f"ix_fact_{_column.name}",
        _column,
        sqlite_where=_column.is_not(None),
        postgresql_where=_column.is_not(None),
    )
Index("ix_fact_at", fact.c.at)

#: One row: where the chain ends. Its lock makes one sealer at a time; its ``mac`` makes the
#: removal of the newest sealed Facts visible.
fact_head = Table(
    "fact_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Millis, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one"),
)

#: One row: proves that the secret is the one that this database was written with.
key_check = Table(
    "key_check",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("value", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one"),
)

#: Signals with a due time.
timer = Table(
    "timer",
    metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("ref", Id, nullable=False),
    Column("due_at", Millis, nullable=False),
)
Index("ix_timer_due_at", timer.c.due_at)

#: The outbox: Commands that are decided and not yet known to be done.
command = Table(
    "command",
    metadata,
    Column("id", Id, primary_key=True),
    Column("line", Text, nullable=False),
    Column("leg", Id),
    Column("once", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("claimed_by", Text),
    Column("created_at", Millis, nullable=False),
)
