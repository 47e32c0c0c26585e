"""The tables of people: accounts, sign-ins, and the tries that are counted."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table

from callcenter.db.schema import metadata

account: Final = Table(
    "account",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("username", String(64), nullable=False, unique=True),  # lower case
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    Column("language", String(8), nullable=False),
    Column("password_hash", String(200), nullable=False),
    # What an agent answers with; null: what the running line offers (a browser, or simulated).
    Column("device_kind", String(16)),
    Column("device_address", String(200)),
    Column("unit", String(16)),  # an officer's; its code
    Column("head", Boolean, nullable=False),  # of that unit
    Column("named", Boolean, nullable=False),  # for sensitive cases
    Column("active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

sign_in: Final = Table(
    "sign_in",
    metadata,
    # SHA-256 of the cookie: a stolen copy of the database signs nobody in.
    Column("token_hash", String(64), primary_key=True),
    Column("account", String(32), ForeignKey("account.id"), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

# One row for the account that was tried and one for the address that tried. ``key`` is a keyed
# hash: what people type into the username field by mistake is often their password.
sign_in_attempt: Final = Table(
    "sign_in_attempt",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_sign_in_attempt_key_at", "key", "at"),
)
