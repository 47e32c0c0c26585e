"""Our names and Twilio's: a book that outlives us, and its twin in memory."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Protocol

from callcenter.clock import Clock
from callcenter.db import Database
from callcenter.telephony.twilio import tables


class Names(Protocol):
    """Agents' legs and recordings: what we call them, and what Twilio does.

    Every method raises :class:`callcenter.db.DatabaseAway` while the book can't be reached.
    """

    async def remember(self, ours: str, theirs: str) -> None: ...

    async def theirs(self, ours: str) -> str | None: ...

    async def ours(self, theirs: Iterable[str]) -> dict[str, str]:
        """Twilio's name → ours, of those that are in the book."""

    async def forget(self, ours: str) -> None: ...


class StoredNames:
    """In the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def remember(self, ours: str, theirs: str) -> None:
        now = self._clock.now()
        await self._database.write(partial(tables.remember, ours=ours, theirs=theirs, now=now))

    async def theirs(self, ours: str) -> str | None:
        return await self._database.read(partial(tables.theirs_of, ours=ours))

    async def ours(self, theirs: Iterable[str]) -> dict[str, str]:
        wanted = list(theirs)
        return await self._database.read(partial(tables.ours_of, theirs=wanted)) if wanted else {}

    async def forget(self, ours: str) -> None:
        await self._database.write(partial(tables.forget, ours=ours))


class NamesInMemory:
    """For tests; two lines that share one are as one that was restarted."""

    def __init__(self) -> None:
        self._theirs: dict[str, str] = {}

    async def remember(self, ours: str, theirs: str) -> None:
        self._theirs[ours] = theirs

    async def theirs(self, ours: str) -> str | None:
        return self._theirs.get(ours)

    async def ours(self, theirs: Iterable[str]) -> dict[str, str]:
        wanted = set(theirs)
        return {their: our for our, their in self._theirs.items() if their in wanted}

    async def forget(self, ours: str) -> None:
        self._theirs.pop(ours, None)
