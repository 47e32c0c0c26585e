"""The case store's tables. What a person said or is called is in encrypted columns."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from callcenter.db.schema import metadata

case = Table(
    "case_record",  # CASE is a word of SQL
    metadata,
    Column("id", String(40), primary_key=True),
    Column("number", String(10), nullable=False, unique=True),
    Column("pin_hash", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("topic", String(40), nullable=False),
    Column("unit", String(40), nullable=False),
    Column("custodian", String(40)),
    Column("language", String(8), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("key", LargeBinary),  #: wrapped; NULL once the case was forgotten
    Column("narrative", LargeBinary),
    Column("reporter_name", LargeBinary),
    Column("employer", LargeBinary),
    Index("ix_case_status_updated", "status", "updated_at"),
    Index("ix_case_updated", "updated_at"),
)

call_case = Table(
    "call_case",
    metadata,
    Column("call", String(64), primary_key=True),
    Column("case", String(40), ForeignKey("case_record.id"), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("pin", LargeBinary),  #: readable for the agent only until the call is wrapped up
    Index("ix_call_case_case", "case", "at"),
)

pin_attempt = Table(
    "pin_attempt",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case", String(40), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_pin_attempt_case", "case", "at"),
)

recording = Table(
    "recording",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("line", String(16), nullable=False),
    Column("call", String(64), nullable=False, index=True),
    Column("case", String(40), ForeignKey("case_record.id"), index=True),
    Column("seconds", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("key", LargeBinary),  #: wrapped; opens the file that we keep
    Column("file", String(80)),  #: below the recordings folder, NULL until it was fetched
)
