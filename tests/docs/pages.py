"""The documents as tests read them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.capabilities import ROOT

#: Every page that is ours to keep true.
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    """The text of a page, by its path in the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def fences(text: str) -> list[tuple[str, str]]:
    """The fenced blocks: what stands behind the fence, and what is in it."""
    return _FENCE.findall(text)


def prose(text: str) -> str:
    """``text`` without its fenced blocks."""
    return _FENCE.sub("", text)


def named(path: Path) -> str:
    """The path of a page in the repository: how tests call it."""
    return str(path.relative_to(ROOT))
