"""Where pages, migrations, flows and configuration come from: the checkout, or the wheel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from callcenter import resources
from tests.capabilities import ROOT

LOOK = """
import json
from callcenter import resources
finders = (resources.pages, resources.migrations, resources.flows, resources.asterisk)
print(json.dumps({find.__name__: str(find()) for find in finders}))
"""


def _build(folder: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_checkout_reads_its_own_folders() -> None:
    assert resources.in_checkout()
    assert resources.migrations() == ROOT / "migrations"
    assert resources.flows() == ROOT / "ivr_flows"
    assert resources.asterisk() == ROOT / "asterisk"


def test_pages_that_are_not_built_are_an_error_that_says_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "callcenter")
    with pytest.raises(resources.ResourceMissing, match="run `make ui`"):
        resources.pages()


@pytest.fixture
def small_project(tmp_path: Path) -> Path:
    """A project with our build files, one file in each shipped folder, and no pages."""
    project = tmp_path / "project"
    for name in ("pyproject.toml", "LICENSE", "README.md", "scripts/hatch_build.py"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, project / name)
    (project / "callcenter").mkdir()
    for name in ("__init__.py", "resources.py", "py.typed"):
        shutil.copy(ROOT / "callcenter" / name, project / "callcenter" / name)
    for name, (folder, proof) in resources.FOLDERS.items():
        if name != "pages":
            (project / folder / proof).parent.mkdir(parents=True, exist_ok=True)
            (project / folder / proof).mkdir()
            (project / folder / proof / "file.txt").write_text(name)
    return project


def test_a_wheel_without_pages_is_refused(small_project: Path) -> None:
    build = _build(small_project, small_project / "dist")
    assert build.returncode != 0
    assert "the pages are not built: run `make ui`" in build.stderr
    assert not list((small_project / "dist").glob("*.whl"))


@pytest.mark.needs("pages")
def test_a_wheel_brings_everything_and_reads_nothing_else(tmp_path: Path) -> None:
    """The wheel is unpacked away from the checkout and comes first on the path."""
    build = _build(ROOT, tmp_path / "dist")
    assert build.returncode == 0, build.stderr
    (wheel,) = (tmp_path / "dist").glob("callcenter-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert "callcenter/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "ui/", "scripts/"))]

    look = subprocess.run(
        [sys.executable, "-c", LOOK],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    inside = tmp_path / "site" / "callcenter" / "_resources"
    assert json.loads(look.stdout) == {
        "pages": str(inside / "pages"),
        "migrations": str(inside / "migrations"),
        "flows": str(inside / "ivr_flows"),
        "asterisk": str(inside / "asterisk"),
    }
    for name, (folder, _) in resources.FOLDERS.items():
        shipped = {path.relative_to(inside / name) for path in (inside / name).rglob("*.*")}
        here = {path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*.*")}
        assert shipped == {path for path in here if "__pycache__" not in path.parts}, name
