"""make explains itself, and says in one line what it misses."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.capabilities import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
#: What make's recipes themselves are written in.
TOOLS = ("bash", "env", "sh", "test", "find", "sed", "awk", "git", "mkdir", "touch")


def _make(folder: Path, target: str, programs: Path) -> subprocess.CompletedProcess[str]:
    for tool in TOOLS:
        found = shutil.which(tool)
        if found and not (programs / tool).exists():
            (programs / tool).symlink_to(found)
    make = shutil.which("make")
    assert make
    return subprocess.run(
        [make, "--no-print-directory", target],
        cwd=folder,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what the environment is made from, and nothing made yet."""
    folder = tmp_path / "checkout"
    (folder / "scripts").mkdir(parents=True)
    (folder / "ui").mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements-dev.lock", "scripts/link-node"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH of its own."""
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


def _python(programs: Path, script: str) -> None:
    (programs / "python3").write_text(f"#!/bin/sh\n{script}\n")
    (programs / "python3").chmod(0o755)


def test_help_tells_every_target_and_touches_nothing(checkout: Path, programs: Path) -> None:
    run = _make(checkout, "help", programs)
    assert run.returncode == 0, run.stderr
    told = re.findall(r"^  make (\S+) +\S", run.stdout, re.MULTILINE)
    declared = re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert sorted(told) == sorted(" ".join(declared).split())
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize(
    "python, says",
    [
        (
            None,
            "make: python3 is missing: on Debian apt-get install python3 python3-venv",
        ),
        (
            'case "$2" in *version_info*) exit 1;; *) echo Python 3.9.2;; esac',
            "make: Python 3.11 or newer is needed and this is Python 3.9.2",
        ),
        (
            'case "$2" in *ensurepip*) exit 1;; esac',
            "make: Python's venv module is missing: on Debian apt-get install python3-venv",
        ),
    ],
    ids=["no Python", "an old Python", "no venv"],
)
def test_a_missing_piece_is_one_line(
    checkout: Path, programs: Path, python: str | None, says: str
) -> None:
    if python is not None:
        _python(programs, python)
    run = _make(checkout, ".venv", programs)
    assert run.returncode == 2
    lines = run.stderr.splitlines()
    assert lines[0] == says
    assert len(lines) == 2  # the other is make's own, with the line of the Makefile
    assert not (checkout / ".venv").exists()
