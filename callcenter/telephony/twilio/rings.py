"""Rings wait here for their turn: Twilio takes one new call a second unless an account has more.

What it could not take at once would wait at Twilio, where it can't be called back. Here it can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from callcenter.line import RingLeg

Send = Callable[[RingLeg], Awaitable[None]]


class Rings:
    """A queue that lets ``per_s`` rings a second through to ``send``, in order."""

    def __init__(self, per_s: float, send: Send) -> None:
        self._apart_s = 1 / per_s
        self._send = send
        self._waiting: dict[str, RingLeg] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._more = asyncio.Event()
        self._next_at = 0.0

    def put(self, ring: RingLeg) -> float:
        """Take ``ring`` on; the answer: in how many seconds it will be sent."""
        ahead = max(0.0, self._next_at - asyncio.get_running_loop().time())
        self._waiting[ring.leg] = ring
        self._more.set()
        return ahead + (len(self._waiting) - 1) * self._apart_s

    def withdraw(self, leg: str) -> bool:
        """Forget the ring; False when it is not here (any more)."""
        return self._waiting.pop(leg, None) is not None

    async def run(self) -> None:
        """Send, until cancelled."""
        clock = asyncio.get_running_loop().time
        try:
            while True:
                await self._more.wait()
                if not self._waiting:
                    self._more.clear()
                    continue
                if (wait := self._next_at - clock()) > 0:
                    await asyncio.sleep(wait)
                    continue  # the ring may be gone meanwhile
                ring = self._waiting.pop(next(iter(self._waiting)))
                self._next_at = clock() + self._apart_s
                # A slow answer must not hold the next ring up.
                task = asyncio.create_task(_ended(self._send(ring)))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
        finally:
            for task in self._sending:
                task.cancel()


async def _ended(sending: Awaitable[None]) -> None:
    await sending
