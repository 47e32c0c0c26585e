"""Transactions of real calls: how many a second, how long each, how many for one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from bench.center import Center, Times, running_center
from bench.figures import Figure, one, spread
from bench.processes import cpu_s
from bench.stores import Store

#: Callers at a time, each calling again at once: as much as the machine can take.
CALLERS = 16
SECONDS = 6.0
#: Calls that are looked at one by one.
COUNTED = 10
#: New callers a second while latencies are looked at.
RATES = (10, 20)
RATE_SECONDS = 8.0
#: What people take where they take time.
THINK_S, TALK_S = 0.2, 1.0
#: Agents for each new caller a second: a little fewer than it takes, so that somebody waits.
AGENTS_PER_RATE = 1.3


def most(store: Store, folder: Path) -> Iterator[Figure]:
    """What the store takes: calls one after the other, with nobody thinking."""
    yield from asyncio.run(_most(store, folder))


async def _most(store: Store, folder: Path) -> list[Figure]:
    async with running_center(store.fresh(), folder) as center:
        await center.agents(CALLERS)
        times = center.times = Times()
        began = time.perf_counter()
        ours, theirs = time.process_time(), cpu_s(store.server)
        await center.one_after_the_other(CALLERS, began + SECONDS)
        took = time.perf_counter() - began
        ours, theirs = time.process_time() - ours, cpu_s(store.server) - theirs
        await center.go_home()
    calls = max(1, times.ended)
    figures = [
        one("transactions", len(times.written) / took, "/s", _note(times)),
        spread("one transaction, with its wait in line", times.written),
        one("whole calls", times.ended / took, "/s"),
        one("CPU of a call, our process", 1000 * ours / calls, "ms", "with its callers and agents"),
    ]
    if store.server is not None:
        figures.append(one("CPU of a call, database", 1000 * theirs / calls, "ms"))
    return figures


def a_call(store: Store, folder: Path, *, agent_ends: bool) -> Iterator[Figure]:
    """Transactions of one whole call, alone on the machine."""
    yield from asyncio.run(_a_call(store, folder, agent_ends=agent_ends))


async def _a_call(store: Store, folder: Path, *, agent_ends: bool) -> list[Figure]:
    async with running_center(store.fresh(), folder, agent_ends=agent_ends) as center:
        await center.agents(1)
        await _quiet(center)
        times = center.times = Times()
        for _ in range(COUNTED):
            await center.one_caller()
            await _quiet(center)
        await center.go_home()
    end = "the agent hangs up, the caller hears the number" if agent_ends else "the caller hangs up"
    about = ", ".join(f"{n / COUNTED:g} {kind}" for kind, n in times.kinds.most_common())
    return [
        Figure(
            f"transactions of a call: {end}",
            {
                "ours": len(times.written) / COUNTED,
                "sealings": times.sealings / COUNTED,
                "reads": times.reads / COUNTED,
            },
            "",
            COUNTED,
            about + _failed(times),
        )
    ]


def at_rates(store: Store, folder: Path) -> Iterator[Figure]:
    """How soon things happen while callers come in steadily."""
    for rate in RATES:
        yield from asyncio.run(_at_rate(store, folder, rate))


async def _at_rate(store: Store, folder: Path, rate: int) -> list[Figure]:
    async with running_center(store.fresh(), folder, think_s=THINK_S, talk_s=TALK_S) as center:
        await center.agents(round(rate * AGENTS_PER_RATE))
        times = center.times = Times()
        await center.evenly(rate, RATE_SECONDS)
        await center.go_home()
    at = f"{rate} calls/s: "
    return [
        spread(f"{at}key press to next prompt", times.key_to_prompt, _note(times)),
        spread(f"{at}agent ready to ringing", times.ready_to_ring),
        spread(f"{at}a Fact, from its moment to sealed and told", times.sealed),
        spread(f"{at}one transaction, with its wait in line", times.written),
    ]


async def _quiet(center: Center) -> None:
    """Until nothing has been written for a while."""
    before = -1
    while before != len(center.times.written):
        before = len(center.times.written)
        await asyncio.sleep(0.3)


def _note(times: Times) -> str:
    return f"{times.ended} whole calls{_failed(times)}"


def _failed(times: Times) -> str:
    return f"; FAILED: {len(times.failed)}, the first {times.failed[0]}" if times.failed else ""
