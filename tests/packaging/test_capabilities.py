"""A test that the machine can't run is skipped and named in the last lines, or fails in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.capabilities import CAPABILITIES, ROOT, find, lacking, require

STORY = """
import pytest

@pytest.mark.needs("chromium", "sipp")
def test_with_everything(): ...

@pytest.mark.needs("sox")
def test_with_sox(): ...

def test_with_nothing(): ...
"""


def _pytest(
    folder: Path, *words: str, require_all: bool, text: str = STORY
) -> subprocess.CompletedProcess[str]:
    """Run ``text`` on a machine whose PATH holds nothing."""
    story = folder / "test_story.py"
    story.write_text(text)
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("PYTEST_") and key != "REQUIRE_ALL"
    }
    environment |= {"PATH": str(folder), "PYTHONPATH": str(ROOT)}
    if require_all:
        environment["REQUIRE_ALL"] = "1"
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-q"]
    command += ["-p", "tests.conftest", "-p", "no:cacheprovider", *words, str(story)]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", [(), ("-n", "1")], ids=["one process", "xdist"])
def test_the_last_lines_say_what_did_not_run_and_why(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    run = _pytest(tmp_path, *words, require_all=False)
    assert run.returncode == 0, run.stdout + run.stderr
    last = run.stdout.splitlines()[-4:]
    assert "tests that did not run here: 2" in last[0]
    reasons = "\n".join(last[1:3])
    assert (
        "1 x no chromium (as root on Debian, `scripts/debian-packages` installs it); no sipp"
        in reasons
    )
    assert "1 x no sox" in reasons
    assert "1 passed, 2 skipped" in last[3]


def test_require_all_fails_them(tmp_path: Path) -> None:
    run = _pytest(tmp_path, require_all=True)
    assert run.returncode == 1
    assert "REQUIRE_ALL is set, and there is no sox" in run.stdout
    assert "1 passed, 2 errors" in run.stdout


def test_require_all_forbids_any_other_skip_too(tmp_path: Path) -> None:
    text = "import pytest\ndef test_it(): pytest.skip('some day')\n"
    run = _pytest(tmp_path, require_all=True, text=text)
    assert run.returncode == 1
    assert "which REQUIRE_ALL forbids" in run.stdout
    assert "1 x some day" in run.stdout


def test_each_capability_says_how_to_get_it() -> None:
    for name in CAPABILITIES:
        reason = lacking((name,))
        assert (reason is None) == (find(name) is not None)
    with pytest.raises(KeyError):
        find("a fax machine")


def test_requiring_what_is_not_there_is_an_error_of_the_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(CAPABILITIES, "fax", (lambda: None, "buy one"))
    with pytest.raises(RuntimeError, match="mark the test needs"):
        require("fax")
