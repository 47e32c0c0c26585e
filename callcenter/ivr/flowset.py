"""Flows, prompts, calendars and topics that were checked together, under one hash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from callcenter.ivr.expressions import Expression
from callcenter.ivr.hours import Calendar
from callcenter.ivr.model import Flow, Topic
from callcenter.ivr.prompts import Prompt

#: Prompts that the engine says by itself.
SORRY = "system.sorry"  #: then the call ends: the flow itself is at its end
OPTION = "menu.option"  #: slots ``{label|words}`` and ``{key|words}``
OPERATOR = "menu.operator"  #: a label
REPEAT = "menu.repeat"  #: a label
OFFER = "language.offer"  #: in the language that it offers; slot ``{key|words}``
CONFIRM = "collect.confirm"  #: after a ``confirm`` prompt: 1 is yes, 2 is no
CONSENT = "record.consent"  #: after a ``consent`` prompt: 1 is yes, 2 is no


@dataclass(frozen=True)
class FlowSet:
    """``sources``: path below the flows' folder to text, from which :func:`loader.parse` makes an
    equal set again; ``hash``: sha256 of them, hex.

    ``topics`` are those that callers choose. ``prompts`` are by language, then by key;
    ``expressions`` and ``patterns`` by their text.
    """

    hash: str
    sources: Mapping[str, str] = field(compare=False, repr=False)
    flows: Mapping[str, Flow] = field(compare=False, repr=False)
    prompts: Mapping[str, Mapping[str, Prompt]] = field(compare=False, repr=False)
    calendars: Mapping[str, Calendar] = field(compare=False, repr=False)
    topics: Mapping[str, Topic] = field(compare=False, repr=False)
    expressions: Mapping[str, Expression] = field(compare=False, repr=False)
    patterns: Mapping[str, re.Pattern[str]] = field(compare=False, repr=False)
    #: Variables that hold secrets.
    sensitive: frozenset[str] = field(compare=False, repr=False)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that every prompt has."""
        return tuple(self.prompts)

    def initial(self) -> Mapping[str, str | int | bool | None]:
        """What the variables of all flows begin with, without those that begin as none."""
        return MappingProxyType(
            {
                name: variable.initial
                for flow in self.flows.values()
                for name, variable in flow.vars.items()
                if variable.initial is not None
            }
        )
