"""The shipped flows, by their transcripts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from callcenter import resources
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.loader import load
from callcenter.ivr.scenario import (
    Run,
    coverage,
    parse_scenario,
    run_scenario,
)

SCENARIOS = sorted((resources.flows() / "scenarios").glob("*.yaml"))


@pytest.fixture(scope="module")
def flows() -> FlowSet:
    return load(resources.flows())


def walk(flows: FlowSet, path: Path) -> Run:
    text = path.read_text(encoding="utf-8")
    return run_scenario(flows, parse_scenario(f"scenarios/{path.name}", text))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_call_goes_as_written(flows: FlowSet, path: Path) -> None:
    walk(flows, path)


def test_every_way_through_the_flows_is_walked(
    flows: FlowSet, capsys: pytest.CaptureFixture[str]
) -> None:
    walked, every, missed = coverage(flows, [walk(flows, path) for path in SCENARIOS])
    with capsys.disabled():
        sys.stdout.write(f"\nshipped flows: {walked} of {every} ways walked\n")
    assert not missed
