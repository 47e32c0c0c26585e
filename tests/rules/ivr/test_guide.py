"""docs/flows.md is true: its files are run, its tables hold every field, its limits are the real
ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from callcenter.ivr import model, source, visit
from callcenter.ivr.draw import mermaid
from callcenter.ivr.errors import FlowErrors
from callcenter.ivr.lint import render
from callcenter.ivr.loader import parse
from callcenter.ivr.prompts import TEXT_CHARS, Read
from callcenter.ivr.scenario import Does, Expected, GivenCase, parse_scenario, run_scenario
from callcenter.ivr.walk import BUILTINS

GUIDE = (Path(__file__).parents[3] / "docs" / "flows.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
#: A block that begins with ``# some/file.yaml`` is that file.
FILES = {
    found[1]: text
    for language, text in BLOCKS
    if language == "yaml" and (found := re.match(r"# (\S+\.yaml)\n", text))
}
SOURCES = {name: text for name, text in FILES.items() if not name.startswith("scenarios/")}


def test_the_example_is_good_and_its_scenario_goes_as_written() -> None:
    flows = parse(SOURCES)
    text = FILES["scenarios/first.yaml"]
    run_scenario(flows, parse_scenario("scenarios/first.yaml", text))


def test_the_picture_is_the_flow_s() -> None:
    drawn = [text for language, text in BLOCKS if language == "mermaid"]
    assert drawn == [mermaid(parse(SOURCES).flows["main"])]


def test_the_mistakes_are_told_as_shown() -> None:
    broken = dict(SOURCES)
    broken["flows/main.yaml"] = broken["flows/main.yaml"].replace(
        "on_fail: person", "on_fail: persn"
    )
    broken["prompts/id.yaml"] = broken["prompts/id.yaml"].replace("Sampai jumpa", "Dalam 5 menit")
    with pytest.raises(FlowErrors) as bad:
        parse(broken)
    shown = [text for language, text in BLOCKS if language == "text"]
    assert shown == [render(bad.value.errors) + "\n"]


def test_the_prompt_in_pieces_is_one() -> None:
    pieces = next(text for _, text in BLOCKS if text.startswith("# a prompt in pieces"))
    files = dict(SOURCES)
    for language in ("id", "en"):
        files[f"prompts/{language}.yaml"] += pieces
    assert len(parse(files).prompts["id"]["greeting"].segments) == 3


def test_every_field_is_explained() -> None:
    records: list[type[BaseModel]] = [
        model.Flow, model.Variable, model.Say, model.Menu, model.Option, model.LanguageChoice,
        model.Collect, model.Hours, model.Set, model.Branch, model.When, model.RecordMessage,
        model.OpenCase, model.FindCase, model.RecallDraft, model.ResumeCase, model.ActOnCase,
        model.ChoosePin, model.TellCase, model.AppendCase, model.Queue, model.AskPosition,
        model.WaitMusic, model.Leave, model.CallFlow, model.Return, model.Hangup,
        model.CalendarFile, Does, Expected, GivenCase,
    ]  # fmt: skip
    for record in records:
        for name, field in record.model_fields.items():
            written = field.alias or name
            assert re.search(rf"\b{written}\b", GUIDE), f"{record.__name__}.{written}"
    for word in (*BUILTINS, *Read):
        assert f"`{word}`" in GUIDE, word


@pytest.mark.parametrize(
    "limit",
    [
        visit.NODES_PER_STEP,
        visit.INPUTS_PER_CALL,
        visit.INPUTS_AFTER_ERROR,
        visit.FRAMES,
        visit.VISIT_BYTES,
        model.NODES,
        model.VARIABLES,
        TEXT_CHARS,
        source.FILE_CHARS,
    ],
)
def test_the_limits_are_the_real_ones(limit: int) -> None:
    limits = GUIDE.split("## Limits")[1]
    assert re.search(rf"\b{limit:,}\b", limits)
