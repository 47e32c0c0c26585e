"""The runner of scenarios itself: it must notice every difference."""

from __future__ import annotations

import pytest

from callcenter import resources
from callcenter.ivr.loader import load
from callcenter.ivr.scenario import ScenarioFailed, parse_scenario, run_scenario

FLOWS = load(resources.flows())
HEAD = 'scenario: A call\nnow: "2026-11-24T09:10:00+07:00"\n'
START = "steps:\n  - hears: [welcome, language.offer]\n"


def run(text: str) -> None:
    run_scenario(FLOWS, parse_scenario("scenarios/a.yaml", HEAD + text))


def test_a_call_that_goes_as_written() -> None:
    run(START + "  - hangs_up: true\n  - expect: {finished: true, node: top}\n")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("steps:\n  - hears: welcome\n", "heard ['welcome', 'language.offer'], not ['welcome']"),
        (START + "  - says: Halo\n", "never heard 'Halo'"),
        (START + "  - speaks: 4\n", "RecordingMade does not fit here (top, keys)"),
        (START + "  - talks: agent\n", "TalkEnded does not fit here"),
        (START + "  - listens: true\n", "PromptsEnded does not fit here"),
        (START + "  - expect: {language: en}\n", "language is 'id', not 'en'"),
        (START + "  - expect: {asked: [open_case]}\n", "asked is (), not ('open_case',)"),
        (START + "  - refused: keys\n", "keys was accepted"),
        (START + "  - silence: true\n    keys: '1'\n", "step 2: exactly one thing a step"),
        ("steps:\n  - hangs_up: true\n", "heard at the end, and not expected: ['welcome'"),
        (
            "given: {cases: [{number: '2648151621', pin: '1', status: new, topic: upah}]}\n"
            + START,
            "cases that nobody looked up: ['2648151621']",
        ),
        ("given: {fail: [open_case]}\n" + START, "never asked, so never failed: ['open_case']"),
    ],
)
def test_differences(text: str, expected: str) -> None:
    with pytest.raises(ScenarioFailed) as bad:
        run(text)
    assert expected in str(bad.value)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("steps: []\n", "scenarios/a.yaml:3: steps: "),
        ("steps:\n  - shouts: true\n", "scenarios/a.yaml:4: steps.0.shouts: "),
        ("steps:\n  - keys: 1\n", "scenarios/a.yaml:4: steps.0.keys: "),
        ("steps: [", "scenarios/a.yaml:"),
    ],
)
def test_files_that_are_no_scenarios(text: str, expected: str) -> None:
    with pytest.raises(ScenarioFailed) as bad:
        parse_scenario("scenarios/a.yaml", HEAD + text)
    assert expected in str(bad.value)


@pytest.mark.parametrize("now", ["tomorrow", "2026-11-24T09:10:00"])
def test_moments_need_an_offset(now: str) -> None:
    text = f'scenario: A call\nnow: "{now}"\n{START}'
    with pytest.raises(ScenarioFailed, match="now: "):
        run_scenario(FLOWS, parse_scenario("scenarios/a.yaml", text))
