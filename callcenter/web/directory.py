"""Names for the ids on a page: staff, their topics, topic labels. Read again every few seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import select

from callcenter.clock import Clock
from callcenter.db import Connection, Database
from callcenter.people import accounts
from callcenter.queue.tables import agent_topic

FRESH_MS: Final = 5_000


class Names(msgspec.Struct, frozen=True):
    """``staff``: account id -> name. ``knows``: agent id -> topic codes."""

    staff: Mapping[str, str]
    knows: Mapping[str, frozenset[str]]


class Directory:
    """Names, at most FRESH_MS old."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._names = Names({}, {})
        self._read_at: int | None = None

    async def names(self) -> Names:
        """The names as they are, or were a moment ago."""
        now = self._clock.now()
        if self._read_at is None or not 0 <= now - self._read_at < FRESH_MS:
            self._names = await self._db.read(read)
            self._read_at = now
        return self._names


def read(conn: Connection) -> Names:
    """All names and skills."""
    staff = {one.id: one.name for one in accounts.every(conn)}
    knows: dict[str, set[str]] = {}
    for agent, topic in conn.execute(select(agent_topic.c.agent, agent_topic.c.topic)):
        knows.setdefault(agent, set()).add(topic)
    return Names(staff, {agent: frozenset(topics) for agent, topics in knows.items()})
