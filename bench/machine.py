"""The machine that was measured, and what else it was doing."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import time
from pathlib import Path

from bench.processes import machine_busy_s
from tests.capabilities import ROOT, find

#: How long the machine is watched before the run.
WATCHED_S = 2.0


def describe() -> dict[str, str]:
    """Name → text, in the order in which it is shown."""
    cores = os.cpu_count() or 1
    began = machine_busy_s()
    time.sleep(WATCHED_S)
    busy = (machine_busy_s() - began) / WATCHED_S
    described = {
        "processor": f"{_processor()}, {cores} cores",
        "memory": f"{_memory_gib():.1f} GiB",
        "system": f"{_system()}, Linux {platform.release()}",
        "versions": _versions(),
        "commit": _said("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "busy before": f"{busy:.2f} of {cores} cores (others' work; it should be near 0)",
    }
    if busy > cores / 10:
        described["WARNING"] = "the machine was not idle: these figures are too bad to be compared"
    return described


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
