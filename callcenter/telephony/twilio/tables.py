"""What Twilio calls the things that we named: agents' legs and recordings.

A citizen's leg has Twilio's own name. An agent's leg is named by us before it is called, and a
recording by the Turn that asks for it, so after a restart we must still know which is which.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, delete, select

from callcenter.db import Connection, metadata, upsert
from callcenter.db.schema import Id, Millis

twilio_name = Table(
    "twilio_name",
    metadata,
    Column("ours", Id, primary_key=True),
    Column("theirs", Id, nullable=False),
    Column("at", Millis, nullable=False),
    Index("ix_twilio_name_theirs", "theirs"),
)


def remember(connection: Connection, ours: str, theirs: str, now: int) -> None:
    """``ours`` is what Twilio calls ``theirs``."""
    upsert(connection, twilio_name, {"ours": ours, "theirs": theirs, "at": now})


def theirs_of(connection: Connection, ours: str) -> str | None:
    """Twilio's name of ``ours``."""
    wanted = select(twilio_name.c.theirs).where(twilio_name.c.ours == ours)
    found: str | None = connection.execute(wanted).scalar_one_or_none()
    return found


def ours_of(connection: Connection, theirs: list[str]) -> dict[str, str]:
    """Our names of these, as far as there are any."""
    wanted = select(twilio_name.c.theirs, twilio_name.c.ours).where(
        twilio_name.c.theirs.in_(theirs)
    )
    return {row.theirs: row.ours for row in connection.execute(wanted)}


def forget(connection: Connection, ours: str) -> None:
    """It is no more."""
    connection.execute(delete(twilio_name).where(twilio_name.c.ours == ours))
