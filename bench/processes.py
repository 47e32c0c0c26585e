"""Other processes: started for a measurement, and their processor time, from /proc."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.capabilities import ROOT

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
#: Until a server that was started listens.
START_S = 60.0
#: Fields of /proc/PID/stat after the name in brackets: parent, and the four times in ticks, our own
#: and those of children that have ended.
_PARENT, _TIMES = 1, slice(11, 15)


def cpu_s(pid: int | None) -> float:
    """Seconds of processor time that ``pid`` and all its children have taken; 0 for None."""
    if pid is None:
        return 0.0
    wanted = {pid}
    ticks = 0
    stats = {int(path.name): path for path in Path("/proc").iterdir() if path.name.isdigit()}
    rows = {number: row for number, path in stats.items() if (row := _row(path))}
    grown = True
    while grown:
        more = {number for number, row in rows.items() if int(row[_PARENT]) in wanted} - wanted
        grown = bool(more)
        wanted |= more
    for number in wanted & rows.keys():
        ticks += sum(int(value) for value in rows[number][_TIMES])
    return ticks / _TICKS_PER_S


def _row(path: Path) -> list[str]:
    try:
        return (path / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return []


def machine_busy_s() -> float:
    """Seconds that all processors of this machine have worked since it started."""
    values = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    idle = int(values[3]) + int(values[4])
    return (sum(int(value) for value in values[:8]) - idle) / _TICKS_PER_S


# --- started --------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def process(command: list[str], environment: dict[str, str]) -> AsyncIterator[None]:
    """``python`` with ``command`` while the block runs."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        running.terminate()
        await running.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


async def listening(port: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
