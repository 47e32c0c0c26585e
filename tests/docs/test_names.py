"""Files, functions, pages and pictures that the documents name exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.capabilities import ROOT
from tests.docs.pages import PAGES, named, prose, read

#: `calls/life.py:step`, `db/facts.py:Sealer.seal`
NAME = re.compile(r"`([\w/]+\.py):([\w.]+)`")
#: `tests/rules`, `scripts/lock --upgrade`
PATH = re.compile(r"`((?:asterisk|callcenter|docs|ivr_flows|migrations|scripts|tests|ui)/[\w./-]*)")
#: `make run`, or as a line of a block
MAKE = re.compile(r"(?:`|^ *)make ([a-z][a-z-]*)(?=[` \n])", re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def _defines(tree: ast.Module | ast.ClassDef, name: str) -> ast.AST | None:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == name:
                return node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(one, ast.Name) and one.id == name for one in targets):
                return node
    return None


def _missing(file: str, name: str) -> bool:
    path = ROOT / "callcenter" / file
    if not path.exists():
        return True
    found: ast.AST | None = ast.parse(path.read_text(encoding="utf-8"))
    for part in name.split("."):
        found = _defines(found, part) if isinstance(found, ast.Module | ast.ClassDef) else None
    return found is None


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not [f"{file}:{name}" for file, name in NAME.findall(text) if _missing(file, name)]
    assert not [path for path in PATH.findall(text) if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        there = target.exists()
        if there and anchor:
            there = anchor in _anchors(target.read_text(encoding="utf-8"))
        if not there:
            broken.append(link)
    assert not broken


def test_every_page_can_be_found_from_the_readme() -> None:
    seen: set[Path] = set()
    look = [ROOT / "README.md"]
    while look:
        page = look.pop()
        if page in seen:
            continue
        seen.add(page)
        for link in LINK.findall(prose(page.read_text(encoding="utf-8"))):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists():
                look.append(target)
    assert not [named(page) for page in PAGES if page not in seen]


def test_what_make_can_do_is_told_and_what_is_told_it_can_do() -> None:
    makefile = read("Makefile")
    told = {name for page in PAGES for name in MAKE.findall(page.read_text(encoding="utf-8"))}
    known = set(" ".join(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)).split())
    assert told <= known
    (to_use_it,) = re.findall(r"^# --- To use it -+\n\n\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert set(to_use_it.split()) <= told
    assert "make twilio" in read("README.md")
    assert "make twilio" in read("docs/twilio.md")


def test_a_key_press_is_told_in_four_lines() -> None:
    told = read("README.md").split("## Where a key press is handled")[1].split("##")[0]
    lines = re.findall(r"^\d\. .*$", told, re.MULTILINE)
    assert len(lines) == 4
    assert all(NAME.search(line) for line in lines)
