"""The examples that are marked ``sh run`` are run, one after the other as a reader would.

A ``json`` block after one shows what its last line gives: the same fields, of the same kinds.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capabilities import ROOT
from tests.docs.pages import PAGES, fences, named
from tests.e2e.served import Served, serving

pytestmark = [pytest.mark.needs("curl", "pages")]

ADDRESS = "http://127.0.0.1:8000"
LIMIT_S = 60
#: Between what two blocks print.
MARK = "=== the next block ==="


def _examples(page: Path) -> list[tuple[str, object]]:
    """The blocks to be run, each with what it must give (None: anything)."""
    found: list[tuple[str, object]] = []
    for kind, text in fences(page.read_text(encoding="utf-8")):
        if kind == "sh run":
            found.append((text, None))
        elif kind == "json" and found and found[-1][1] is None:
            found[-1] = (found[-1][0], json.loads(text))
    return found


RUN = [page for page in PAGES if _examples(page)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("examples")) as served:
        yield served


def _shape(value: object) -> object:
    """What kind of thing ``value`` is, inside too. Empty lists and null are of any kind."""
    if isinstance(value, dict):
        return {name: _shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else None
    return None if value is None else type(value).__name__


def _like(shown: object, given: object) -> bool:
    if isinstance(shown, dict) and isinstance(given, dict):
        same = shown.keys() == given.keys()
        return same and all(_like(inner, given[name]) for name, inner in shown.items())
    if isinstance(shown, list) and isinstance(given, list):
        return _like(shown[0], given[0])
    return shown is None or given is None or shown == given


@pytest.mark.parametrize("page", RUN, ids=named)
def test_examples_do_what_the_page_says(page: Path, served: Served) -> None:
    examples = _examples(page)
    blocks = [text.replace(ADDRESS, served.url) for text, _ in examples]
    script = "\n".join(
        ["set -euo pipefail", *(f"{block}\necho; echo '{MARK}'" for block in blocks)]
    )
    kept = ("HOME", "LANG", "PATH", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {
        "PATH": f"{ROOT / '.venv' / 'bin'}:{environment['PATH']}",
        "password": served.passwords["agen"],
        "NO_PROXY": "127.0.0.1",
    }
    run = subprocess.run(
        ["bash", "-c", script],
        cwd=served.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    said = run.stdout.split(MARK)
    for (block, shown), output in zip(examples, said, strict=False):
        assert '"error"' not in output, f"{block}\n{output}"
        if shown is not None:
            given = json.loads(output.strip().splitlines()[-1])
            assert _like(_shape(shown), _shape(given)), f"{block}\n{output}"
