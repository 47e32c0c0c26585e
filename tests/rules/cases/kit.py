"""The shipped files of the case store, read once."""

from __future__ import annotations

from functools import cache

from callcenter import resources, topics
from callcenter.cases import rules, units
from callcenter.cases.rules import Rules
from callcenter.cases.units import Units
from callcenter.topics import Topic


def text(file: str) -> str:
    return (resources.flows() / file).read_text(encoding="utf-8")


@cache
def shipped_units() -> Units:
    return units.load(text(units.FILE))


@cache
def shipped_rules() -> Rules:
    return rules.load({file: text(file) for file in rules.FILES})


@cache
def shipped_topics() -> dict[str, Topic]:
    return topics.load(text(topics.FILE))
