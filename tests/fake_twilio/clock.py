"""The fake's own time. It stands still until a test advances it, or runs at a chosen speed.

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
    """``speed`` 0: only :meth:`advance` moves it; 1: as fast as a wall clock; 10: ten times."""

    def __init__(self, speed: float = 0.0) -> None:
        self.speed = speed
        self._epoch = time.time()
        self._now = 0.0
        self._started = time.monotonic()
        self._heap: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._busy = 0
        self._requests = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        if self.speed:
            return (time.monotonic() - self._started) * self.speed
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
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._heap, (self.now + max(0.0, seconds), next(self._order), future))
        self._wake.set()
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
        """Begin to run, if it is a running clock."""
        if self.running and self._pump is None:
            self._started = time.monotonic()
            self._pump = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pump
            self._pump = None
        for _, _, future in self._heap:
            future.cancel()
        self._heap.clear()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            wait: float | None = None
            if self._drop_cancelled():
                wait = (self._heap[0][0] - self.now) / self.speed
                if wait <= 0:
                    heapq.heappop(self._heap)[2].set_result(None)
                    continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait)


async def first(*futures: asyncio.Future[Any]) -> None:
    """Return when one of ``futures`` is done. The others go on."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
