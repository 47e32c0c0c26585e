"""What a test may need from the machine, how to find it, and how to get it.

A test says ``@pytest.mark.needs("asterisk", "sipp")``. Where one of them is absent the test is
skipped and the last lines of the run say so; with ``REQUIRE_ALL=1`` it fails instead.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: A folder or program, or None when it is not there.
Probe = Callable[[], Path | None]


def _program(*names: str) -> Probe:
    def probe() -> Path | None:
        found = next(filter(None, map(shutil.which, names)), None)
        return Path(found) if found else None

    return probe


def _asterisk() -> Path | None:
    """The folder of the Asterisk that ``asterisk/install.sh`` made; only root can enter it."""
    if os.geteuid() != 0:
        return None
    script = ROOT / "asterisk" / "install.sh"
    where = subprocess.run([script, "--where"], capture_output=True, text=True, check=False)
    return Path(where.stdout.strip()) if where.returncode == 0 else None


def _postgresql() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl`` of the newest server on this machine."""
    on_path = shutil.which("initdb")
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda program: [int(n) for n in re.findall(r"\d+", program.parent.parent.name)],
    )
    if folders:
        return folders[-1].parent
    return Path(on_path).parent if on_path else None


def _node() -> Path | None:
    node = ROOT / ".venv" / "bin" / "node"
    return node if node.exists() else None


def _pages() -> Path | None:
    pages = ROOT / "ui" / "dist"
    return pages if (pages / "index.html").exists() else None


_DEBIAN = "as root on Debian, `scripts/debian-packages` installs it"

#: name -> (how to find it, how to get it)
CAPABILITIES: dict[str, tuple[Probe, str]] = {
    "asterisk": (_asterisk, "as root on Debian, `asterisk/install.sh` makes one"),
    "sipp": (_program("sipp"), _DEBIAN),
    "chromium": (_program("chromium", "chromium-browser", "google-chrome"), _DEBIAN),
    "postgresql": (_postgresql, _DEBIAN),
    "curl": (_program("curl"), _DEBIAN),
    "espeak": (_program("espeak-ng"), _DEBIAN),
    "sox": (_program("sox"), _DEBIAN),
    "node": (_node, "`make .venv` brings it"),
    "pages": (_pages, "`make ui` builds them"),
}


@cache
def find(name: str) -> Path | None:
    """Where capability ``name`` is on this machine, or None.

    ``sipp``, ``chromium``, ``curl``, ``espeak``, ``sox``, ``node``: the program. ``asterisk``: the
    folder it is installed in. ``postgresql``: the folder of its server programs. ``pages``: the
    built pages.

    Raises:
        KeyError: no such capability.
    """
    return CAPABILITIES[name][0]()


def require(name: str) -> Path:
    """:func:`find`, for a test or fixture that is marked as needing ``name``.

    Raises:
        RuntimeError: it is not there.
    """
    found = find(name)
    if found is None:
        raise RuntimeError(f"{name} is not on this machine: mark the test needs({name!r})")
    return found


def lacking(names: tuple[str, ...]) -> str | None:
    """Why a test that needs ``names`` can't run here, or None."""
    missing = [name for name in names if find(name) is None]
    if not missing:
        return None
    return "; ".join(f"no {name} ({CAPABILITIES[name][1]})" for name in missing)
