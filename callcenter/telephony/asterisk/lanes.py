"""Things done one after the other, while the lanes beside go on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[None]]


class Lane:
    """Jobs in the order in which they came. One that fails is logged, and the next one is done."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: deque[Job] = deque()
        self._task: asyncio.Task[None] | None = None
        self._since: float | None = None

    def put(self, job: Job) -> None:
        """Do ``job`` after those before it. Returns at once."""
        self._jobs.append(job)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name=self._name)

    async def _work(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._jobs:
            job = self._jobs.popleft()
            self._since = clock()
            try:
                await job()
            except Exception:
                log.exception("lane_job_failed", lane=self._name)
            finally:
                self._since = None

    @property
    def busy_s(self) -> float:
        """How long the present job has been at it."""
        return 0.0 if self._since is None else asyncio.get_running_loop().time() - self._since

    def clear(self) -> None:
        """Forget the jobs that have not begun."""
        self._jobs.clear()

    async def done(self) -> None:
        """Wait until everything that was put in so far is done or forgotten."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        self._jobs.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
