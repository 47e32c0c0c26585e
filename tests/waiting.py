"""Waiting for something to become true, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

#: Enough for a busy machine; a test that passes needs a fraction of it.
LIMIT_S = 20.0


async def until(true: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Return as soon as ``true()``; fail after ``limit_s``."""
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        await asyncio.sleep(0.005)
