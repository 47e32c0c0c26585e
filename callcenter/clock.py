"""Time and chance: where they come from, and how they are handed to code that must stay pure."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import hmac
import itertools
import os
import time
from typing import Protocol


class Clock(Protocol):
    """Where ``now`` comes from, and how to wait for a later one."""

    def now(self) -> int:
        """UTC epoch milliseconds."""

    async def sleep_until(self, at: int) -> None:
        """Return when ``now() >= at``."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    async def sleep_until(self, at: int) -> None:
        await asyncio.sleep(max(0, at - self.now()) / 1000)


class JumpClock:
    """A clock that stands still until :meth:`jump` moves it to the next sleeper's time.

    Whoever drives it jumps when all work at the present moment is done, so that a day passes in
    seconds and always in the same order.
    """

    def __init__(self, now: int) -> None:
        self._now = now
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._now

    async def sleep_until(self, at: int) -> None:
        if at <= self._now:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (at, next(self._order), waiter))
        await waiter

    def next_at(self) -> int | None:
        """When the earliest sleeper is due, or None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def jump(self) -> bool:
        """Go to the earliest sleeper's time and wake everybody due then; False when none sleeps."""
        at = self.next_at()
        if at is None:
            return False
        self.set(at)
        return True

    def set(self, now: int) -> None:
        """Go to ``now`` (never back) and wake everybody who is due by then."""
        self._now = max(self._now, now)
        while (due := self.next_at()) is not None and due <= self._now:
            heapq.heappop(self._sleepers)[2].set_result(None)


def id_from(at: int) -> str:
    """Smaller than every id of ``at`` or later, greater than those before: as :meth:`Given.id`
    begins."""
    return f"{at:011x}"


class Given:
    """What a transaction is given from outside: the moment, and a source of ids and digits.

    Drawn before the transaction begins. A transaction that has to run again starts from a fresh
    :meth:`again` and so draws the same ids and the same PIN.
    """

    def __init__(self, now: int, seed: bytes | None = None) -> None:
        self.now = now
        self._seed = seed if seed is not None else os.urandom(32)
        self._count = 0

    def again(self) -> Given:
        """The same moment and the same draws, from their beginning."""
        return Given(self.now, self._seed)

    def _block(self) -> bytes:
        self._count += 1
        return hmac.digest(self._seed, self._count.to_bytes(8, "big"), hashlib.sha256)

    def id(self) -> str:
        """A new id: 32 hex digits, 11 of the moment (so that ids sort by age) and 21 random."""
        return id_from(self.now) + self._block().hex()[:21]

    def digits(self, count: int) -> str:
        """``count`` random decimal digits (at most 20), all equally likely to within 2**-60."""
        number = int.from_bytes(self._block()[:16], "big") % 10**count
        return f"{number:0{count}d}"
