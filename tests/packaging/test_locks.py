"""The locks name exact versions with hashes, and no addresses."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.capabilities import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")


def _blocks(lock: str) -> list[str]:
    """The lines of each locked package, joined."""
    lines = (ROOT / lock).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return [block for block in text.replace("\\\n", " ").splitlines() if block.strip()]


def _name(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_one_version_and_a_hash(lock: str) -> None:
    for block in _blocks(lock):
        assert re.match(r"[\w.-]+==[\w.]+( ;.*)? +--hash=sha256:[0-9a-f]{64}", block), block


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_address(lock: str) -> None:
    assert not re.search(
        r"https?://|file:|--(extra-)?index-url|--find-links|@ ", "\n".join(_blocks(lock))
    )


def test_what_the_project_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = {_name(block) for block in _blocks(LOCKS[0])}
    everything = {_name(block) for block in _blocks(LOCKS[1])}
    asked = project["project"]["dependencies"]
    asked += project["project"]["optional-dependencies"]["postgres"]
    assert {_name(line) for line in asked} <= runtime <= everything
    assert {_name(line) for line in project["dependency-groups"]["dev"]} <= everything


def test_the_pages_lock_is_current_and_names_no_address() -> None:
    lock = json.loads((ROOT / "ui" / "package-lock.json").read_text())
    packages = {name: about for name, about in lock["packages"].items() if name}
    assert packages
    for name, about in packages.items():
        assert "resolved" not in about, name
        assert about["integrity"].startswith("sha512-"), name
    asked = json.loads((ROOT / "ui" / "package.json").read_text())
    for kind in ("dependencies", "devDependencies"):
        assert lock["packages"][""].get(kind, {}) == asked.get(kind, {})
    assert "omit-lockfile-registry-resolved=true" in (ROOT / "ui" / ".npmrc").read_text().split()


def test_the_lock_script_leaves_them_as_they_are() -> None:
    """Cheap form: the header says who writes them (the script itself needs the network)."""
    for lock in LOCKS:
        assert "scripts/lock" in (ROOT / lock).read_text().splitlines()[1]
    assert Path(ROOT / "scripts" / "lock").stat().st_mode & 0o111
