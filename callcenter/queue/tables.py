"""The queue's tables."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    and_,
)

from callcenter.db.schema import metadata
from callcenter.queue.entries import OPEN_ENTRIES, OPEN_OFFERS, EntryState

agent = Table(
    "agent",
    metadata,
    Column("id", String(40), ForeignKey("account.id"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("ready_since", BigInteger, nullable=False),
    Column("reason", String(40)),
    Column("misses", Integer, nullable=False),
    Column("pause_after", Boolean, nullable=False),
    Column("call", String(64)),
    Column("device_kind", String(16), nullable=False),
    Column("device_address", String(200), nullable=False),
    Column("device_up", Boolean, nullable=False),
    Index("ix_agent_ready", "state", "ready_since"),
)

agent_topic = Table(
    "agent_topic",
    metadata,
    Column("agent", String(40), ForeignKey("account.id"), primary_key=True),
    Column("topic", String(40), primary_key=True),
)

#: What an agent speaks besides Indonesian, which all do; a code, that no prompt may have.
agent_language = Table(
    "agent_language",
    metadata,
    Column("agent", String(40), ForeignKey("account.id"), primary_key=True),
    Column("language", String(8), primary_key=True),
)

entry = Table(
    "entry",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("call", String(64), nullable=False, index=True),
    Column("line", String(16), nullable=False),
    Column("topic", String(40), nullable=False),
    Column("rank", BigInteger, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reserved_for", String(40)),
    Column("reserved_until", BigInteger, nullable=False),
    Column("language", String(8)),
    Column("language_until", BigInteger, nullable=False),
    Column("callback", Boolean, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("call_from", BigInteger, nullable=False),
)
Index(
    "ix_entry_waiting",
    entry.c.rank,
    entry.c.id,
    sqlite_where=entry.c.state == EntryState.WAITING.value,
    postgresql_where=entry.c.state == EntryState.WAITING.value,
)
# A caller is in the queue once.
_open_entry = entry.c.state.in_([state.value for state in OPEN_ENTRIES])
Index(
    "uq_entry_open_call",
    entry.c.call,
    unique=True,
    sqlite_where=_open_entry,
    postgresql_where=_open_entry,
)

offer = Table(
    "offer",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("entry", String(40), ForeignKey("entry.id"), nullable=False),
    Column("call", String(64), nullable=False),
    Column("agent", String(40), ForeignKey("account.id"), nullable=False),
    Column("leg", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("rang_at", BigInteger),
    Column("ended_at", BigInteger),
    Index("ix_offer_entry", "entry", "ended_at"),
    Index("ix_offer_agent", "agent", "created_at"),
)
# Two open offers for one agent or one entry can't be written, whatever the code believes.
_open = and_(offer.c.state.in_([state.value for state in OPEN_OFFERS]))
Index("uq_offer_open_agent", offer.c.agent, unique=True, sqlite_where=_open, postgresql_where=_open)
Index("uq_offer_open_entry", offer.c.entry, unique=True, sqlite_where=_open, postgresql_where=_open)
