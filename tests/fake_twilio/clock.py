"""The fake's own time. It stands still until a test advances it, or runs with the event loop.

Seconds are virtual. A test that says ``await clock.advance(60)`` sees everything happen that a
minute brings, in order, with every webhook answered before the next thing happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

#: Loop turns after which nothing more comes of what is ready now.
PASSES = 25


class Clock:
    """``speed`` 0: only :meth:`advance` moves it; 1: as fast as the event loop's clock, which is
    the wall's or a :class:`~tests.fake_twilio.virtual.VirtualLoop`'s; 10: ten times as fast."""

    def __init__(self, speed: float = 0.0) -> None:
        self.speed = speed
        self._epoch = time.time()
        self._now = 0.0
        self._started = 0.0
        self._heap: list[tuple[float, int, asyncio.Future[None]]] = []
        self._running: set[asyncio.Future[None]] = set()
        self._order = itertools.count()
        self._busy = 0
        self._requests = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        if self.speed:
            return (asyncio.get_running_loop().time() - self._started) * self.speed
        return self._now

    @property
    def running(self) -> bool:
        return self.speed > 0

    def wall(self, at: float | None = None) -> datetime:
        """The date of a virtual second."""
        return datetime.fromtimestamp(self._epoch + (self.now if at is None else at), UTC)

    def rfc2822(self, at: float | None = None) -> str:
        """A date as Twilio writes it: ``Thu, 01 Jun 2017 20:48:32 +0000``."""
        return format_datetime(self.wall(at))

    def timer(self, seconds: float) -> asyncio.Future[None]:
        """Done after ``seconds``; cancel it when it is no longer wanted."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if self.running:
            handle = loop.call_later(max(0.0, seconds) / self.speed, _ring, future)
            self._running.add(future)
            future.add_done_callback(lambda _: handle.cancel())
            future.add_done_callback(self._running.discard)
        else:
            due = self._now + max(0.0, seconds)
            heapq.heappush(self._heap, (due, next(self._order), future))
        return future

    async def sleep(self, seconds: float) -> None:
        await self.timer(seconds)

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Something real is under way (a request), and time must not run past it."""
        self._busy += 1
        self._requests += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._quiet.set()

    @property
    def requests_under_way(self) -> int:
        """Webhooks that were sent and not answered, REST requests that are being answered."""
        return self._busy

    async def settle(self) -> None:
        """Return when all that was ready has happened and no request is under way."""
        while True:
            await self._quiet.wait()
            seen = self._requests
            for _ in range(PASSES):
                await asyncio.sleep(0)
            # A request may have begun and ended meanwhile: what it brought needs its passes too.
            if not self._busy and self._requests == seen:
                return

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass: in a running clock by waiting, else at once."""
        if self.running:
            await self.sleep(seconds)
            return
        await self.settle()
        until = self._now + seconds
        while self._drop_cancelled() and self._heap[0][0] <= until:
            due, _, future = heapq.heappop(self._heap)
            self._now = max(self._now, due)
            future.set_result(None)
            await self.settle()
        self._now = until

    async def advance_until(
        self, true: Callable[[], bool], most_s: float = 120.0, real_s: float = 15.0
    ) -> None:
        """Let time pass, a little at a time, until ``true()``; the application gets real time too.

        Raises:
            AssertionError: it did not become true within ``most_s`` virtual or ``real_s`` real
                seconds.
        """
        until = self.now + most_s
        deadline = time.monotonic() + real_s
        await self.settle()
        while not true():
            assert time.monotonic() < deadline, "it did not become true in time"
            assert self.now <= until, f"it did not become true in {most_s} s on the phone"
            await asyncio.sleep(0.01)
            if not true():
                await self.advance(0.25)

    def _drop_cancelled(self) -> bool:
        while self._heap and self._heap[0][2].done():
            heapq.heappop(self._heap)
        return bool(self._heap)

    def start(self) -> None:
        """Time begins now."""
        self._started = asyncio.get_running_loop().time()

    def stop(self) -> None:
        """Nobody waits any longer."""
        for future in [*self._running, *(one for _, _, one in self._heap)]:
            future.cancel()
        self._heap.clear()


def _ring(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def first(*futures: asyncio.Future[Any]) -> None:
    """Return when one of ``futures`` is done. The others go on."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
