"""Minutes of steady calls on the simulator line: nothing fails, is left over, or keeps growing."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bench.center import Center, running_center
from callcenter.calls.tables import leg
from callcenter.db import Connection
from callcenter.db.facts import verify
from callcenter.db.tables import command, timer
from callcenter.telephony.simulator import line as simulator
from tests.soak.growth import Growth, soak_s

CALLS_PER_S = 4
AGENTS = 8
THINK_S, TALK_S = 0.1, 0.8
#: Of this process, the callers and agents and their stopwatches in it.
MOST_GROWTH_MIB = 24


@pytest.mark.soak
@pytest.mark.parametrize("agent_ends", [False, True], ids=["caller ends", "agent ends"])
async def test_minutes_of_calls(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agent_ends: bool
) -> None:
    # Ended calls are shown on a page for ten minutes; that is not what is looked at here.
    monkeypatch.setattr(simulator, "ENDED_S", 5)
    seconds = soak_s()
    growth = Growth(os.getpid())
    async with running_center(
        database_url, tmp_path, think_s=THINK_S, talk_s=TALK_S, agent_ends=agent_ends
    ) as center:
        await center.agents(AGENTS)
        await center.evenly(CALLS_PER_S, seconds / 3)  # caches are full then
        gc.collect()
        growth.begin()
        began = time.monotonic()
        await center.evenly(CALLS_PER_S, 2 * seconds / 3)
        await center.go_home()
        assert time.monotonic() - began < 2 * seconds / 3 + 20, "it did not keep up"
        await _tidied(center)
        gc.collect()
        growth.check(MOST_GROWTH_MIB)
        assert center.times.failed == []
        assert center.times.ended == round(CALLS_PER_S * seconds / 3) * 3
        assert center.phones.live() == []
        assert not center.app.performer.busy
        verdict = await center.app.db.read(lambda conn: verify(conn, center.app.store.keys))
        assert verdict.bad is None
        assert verdict.unsealed == 0


async def _tidied(center: Center) -> None:
    """Wait until nothing is left in the outbox and no leg is there."""

    def left(connection: Connection) -> tuple[int, int, int]:
        live = select(func.count()).select_from(leg).where(leg.c.state != "gone")
        return (
            connection.execute(select(func.count()).select_from(command)).scalar_one(),
            connection.execute(live).scalar_one(),
            connection.execute(select(func.count()).select_from(timer)).scalar_one(),
        )

    deadline = time.monotonic() + 20
    while any(found := await center.app.db.read(left)):
        assert time.monotonic() < deadline, f"left over: Commands, legs, timers: {found}"
        await asyncio.sleep(0.1)
