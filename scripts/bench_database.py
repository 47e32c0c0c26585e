"""Measure the storage: transactions a second, their time, and how soon a Fact is sealed and told.

One transaction here reads a row, moves a timer, writes a Command and a Fact: about what one Signal
costs. Run it with the addresses of *empty* databases, or import :func:`measure`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable

import msgspec

from callcenter.db import Connection, Database, outbox, timers
from callcenter.db.facts import Fact, SealedFact, Sealer, append
from callcenter.db.keys import Keys
from callcenter.db.migrate import upgrade


class Figures(msgspec.Struct, frozen=True):
    """Times in milliseconds; ``sealed`` from the commit until a subscriber knows."""

    callers: int
    per_second: float
    p50: float
    p99: float
    sealed_p50: float
    sealed_p99: float
    reads_p50: float
    reads_p99: float
    cpu_ms: float


def _transaction(keys: Keys, number: int) -> Callable[[Connection], None]:
    call = f"call-{number}"

    def run(connection: Connection) -> None:
        timers.next_due(connection)
        timers.set_timer(connection, "bench", str(number % 50), number)
        outbox.put(
            connection, id=call, line="x", leg=None, once=True, body=b"{}", claimed_by="b", at=1
        )
        append(connection, keys, [Fact("queued", number, call=call, data={"topic": "upah"})])

    return run


async def measure(url: str, *, callers: int = 16, seconds: float = 5.0) -> Figures:
    """The figures of ``callers`` that write one transaction after the other."""
    upgrade(url)
    database, keys = Database(url), Keys.from_root(bytes(32))
    sealer = Sealer(database, keys)
    written: list[float] = []
    reads: list[float] = []
    committed: dict[str, float] = {}
    sealed: list[float] = []

    def told(batch: list[SealedFact]) -> None:
        now = time.perf_counter()
        sealed.extend(now - committed.get(one.fact.call or "", now) for one in batch)

    end = time.perf_counter() + seconds

    async def caller(first: int) -> None:
        number = first
        while (start := time.perf_counter()) < end:
            await database.write(_transaction(keys, number))
            written.append(time.perf_counter() - start)
            committed[f"call-{number}"] = time.perf_counter()
            sealer.nudge()
            number += callers

    async def reader() -> None:
        while (start := time.perf_counter()) < end:
            await database.read(timers.next_due)
            reads.append(time.perf_counter() - start)
            await asyncio.sleep(0.02)

    sealer.subscribe(told)
    running = asyncio.create_task(sealer.run())
    cpu = time.process_time()
    await asyncio.gather(reader(), *(caller(n) for n in range(callers)))
    cpu = time.process_time() - cpu
    running.cancel()
    await database.close()
    written.sort()
    sealed.sort()
    reads.sort()

    def at(times: list[float], share: float) -> float:
        return round(1000 * times[min(len(times) - 1, int(share * len(times)))], 2)

    return Figures(
        callers=callers,
        per_second=round(len(written) / seconds),
        p50=at(written, 0.5),
        p99=at(written, 0.99),
        sealed_p50=at(sealed, 0.5),
        sealed_p99=at(sealed, 0.99),
        reads_p50=at(reads, 0.5),
        reads_p99=at(reads, 0.99),
        cpu_ms=round(1000 * cpu / len(written), 2),
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for url in sys.argv[1:] or [f"sqlite:///{folder}/bench.db"]:
            for callers in (1, 16):
                figures = asyncio.run(measure(url.replace("{n}", str(callers)), callers=callers))
                print(url.split(":")[0], msgspec.json.encode(figures).decode())


if __name__ == "__main__":
    main()
