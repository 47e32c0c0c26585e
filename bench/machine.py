"""The machine that was measured, and what else it was doing."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, spread
from bench.processes import cpu_s, machine_busy_s
from tests.capabilities import ROOT, find

#: How long the machine is watched before the run.
WATCHED_S = 2.0
#: More work of others than this share of the machine, and the figures are too bad.
DISTURBED = 0.1
SYNCS = 300


class Watch:
    """Watches what else the machine does, from before the run until :meth:`describe`."""

    def __init__(self) -> None:
        self._cores = os.cpu_count() or 1
        busy = machine_busy_s()
        time.sleep(WATCHED_S)
        self._busy_before = (machine_busy_s() - busy) / WATCHED_S
        self._began, self._busy, self._ours = time.monotonic(), machine_busy_s(), _ours_s()

    def describe(self) -> dict[str, str]:
        """Name → text, in the order in which it is shown."""
        took = time.monotonic() - self._began
        others = max(0.0, machine_busy_s() - self._busy - (_ours_s() - self._ours)) / took
        described = {
            "processor": f"{_processor()}, {self._cores} cores",
            "memory": f"{_memory_gib():.1f} GiB",
            "system": f"{_system()}, Linux {platform.release()}",
            "versions": _versions(),
            "commit": _said("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
            "others' work": (
                f"{self._busy_before:.2f} cores before the run, {others:.2f} during it"
            ),
        }
        if max(self._busy_before, others) > DISTURBED * self._cores:
            described["WARNING"] = "the machine had other work: these figures are worse than it is"
        return described


def disk(folder: Path) -> Iterator[Figure]:
    """What a commit waits for: a small write that has reached the disk."""
    times = []
    with (folder / "disk").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    yield spread("4 KiB written and synced to the disk", times)


def _ours_s() -> float:
    """CPU of this process and of all that it started."""
    return cpu_s(os.getpid())


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def _versions() -> str:
    versions = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    postgresql, asterisk = find("postgresql"), find("asterisk")
    if postgresql is not None:
        said = _said(str(postgresql / "postgres"), "--version")
        versions.append("PostgreSQL " + said.split()[2] if said else "PostgreSQL ?")
    if asterisk is not None:
        versions.append(_said("chroot", str(asterisk), "/usr/sbin/asterisk", "-V"))
    return ", ".join(versions)


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"
