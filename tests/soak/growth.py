"""What a process must not keep taking: memory, open files, threads."""

from __future__ import annotations

import os
from pathlib import Path

_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


def soak_s() -> float:
    """How long one soak lasts, seconds: ``SOAK_S``, 300 unless told."""
    return float(os.environ.get("SOAK_S") or 300)


class Growth:
    """Of process ``pid``, from :meth:`begin` to :meth:`check`."""

    def __init__(self, pid: int) -> None:
        self._proc = Path("/proc") / str(pid)
        self._before = self._now()

    def begin(self) -> None:
        self._before = self._now()

    def check(self, most_mib: float, most_files: int = 8) -> None:
        """Raises AssertionError when it has grown by more than that."""
        memory, files, threads = (
            now - before for now, before in zip(self._now(), self._before, strict=True)
        )
        assert memory <= most_mib, f"{memory:.0f} MiB more than before"
        assert files <= most_files, f"{files:.0f} open files more than before"
        assert threads <= most_files, f"{threads:.0f} threads more than before"

    def _now(self) -> tuple[float, float, float]:
        """Resident memory in MiB, open files, threads."""
        resident = int((self._proc / "statm").read_text().split()[1]) * _PAGE_MIB
        files = len(list((self._proc / "fd").iterdir()))
        threads = len(list((self._proc / "task").iterdir()))
        return resident, files, threads
