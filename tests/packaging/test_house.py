"""House rules that no linter knows: short files and functions, no names of particular machines."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capabilities import ROOT

MOST_LINES_OF_A_FILE = 600
MOST_LINES_OF_A_FUNCTION = 60

#: Addresses of package registries and folders of one developer's machine have no business here.
PRIVATE = re.compile(
    r"(registry\.npmjs|files\.pythonhosted|pypi\.org|deb\.debian\.org|registry\.yarnpkg"
    r"|/home/(?!dev\b)\w|/Users/\w|/root/)"
)


def _tracked(*suffixes: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and (not suffixes or file.suffix in suffixes)]


def _functions(file: Path) -> Iterator[tuple[str, int]]:
    """Each function's name and the lines of its body, its docstring not counted."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            yield node.name, (node.end_lineno or node.lineno) - first.lineno + 1


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_files_and_functions_are_short() -> None:
    long = []
    for file in _tracked(".py", ".ts", ".tsx"):
        if "migrations" in file.parts:  # these are lists of tables
            continue
        lines = len(file.read_text(encoding="utf-8").splitlines())
        if lines > MOST_LINES_OF_A_FILE:
            long.append(f"{file.relative_to(ROOT)}: {lines} lines")
        if file.suffix == ".py":
            long += [
                f"{file.relative_to(ROOT)}: {name} has {length} lines"
                for name, length in _functions(file)
                if length > MOST_LINES_OF_A_FUNCTION
            ]
    assert not long, "\n".join(long)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_file_names_a_registry_or_one_developers_folders() -> None:
    named = []
    for file in _tracked():
        if file == Path(__file__):
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # a picture, a sound
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if PRIVATE.search(line):
                named.append(f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not named, "\n".join(named)
