"""Minutes of calls by SIPp through a real Asterisk and the application as it is served."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench import asterisk
from bench.stores import Files
from tests.soak.growth import Growth, soak_s

CALLS_PER_S = 4.0
AGENTS = 24
MOST_GROWTH_MIB = 32


@pytest.mark.soak
@pytest.mark.needs("asterisk", "sipp", "espeak", "sox")
async def test_minutes_of_calls(tmp_path: Path) -> None:
    """Every call is answered by an agent and ends well; no leg is left over."""
    async with asterisk.prepared(tmp_path) as (exchange, crowd, menus):
        await asyncio.to_thread(exchange.start)
        openings = asterisk.openings(menus)
        served = asterisk.Served(Files(tmp_path), exchange, crowd, openings, tmp_path / "served")
        try:
            await served.start(AGENTS)
            seconds = soak_s()
            await _calls(served, seconds / 3)  # caches are full then
            growth = {name: Growth(pid) for name, pid in served.processes().items()}
            await _calls(served, 2 * seconds / 3)
            for grown in growth.values():
                grown.check(MOST_GROWTH_MIB)
        finally:
            await served.stop()
        assert served.application.command("audit", "verify").count("Facts") == 1


async def _calls(served: asterisk.Served, seconds: float) -> None:
    ran = await asterisk.run(served, CALLS_PER_S, round(CALLS_PER_S * seconds))
    assert ran.failed == 0, ran.counted
    assert ran.complaints == []
