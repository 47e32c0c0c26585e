"""One step in the making: the visit as it changes, what is said, what is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from callcenter import line
from callcenter.ivr import model
from callcenter.ivr.flowset import SORRY, FlowSet
from callcenter.ivr.needs import Need
from callcenter.ivr.prompts import Voice
from callcenter.ivr.reader import READERS
from callcenter.ivr.visit import Frame, Value, Visit

#: Where a node leads: to a node of its flow, to a wait, to a Need, or (None) to the end.
Outcome = str | line.Wait | Need | None

#: Between the options of a menu, milliseconds.
OPTION_PAUSE = line.Pause(500)


class Note(msgspec.Struct, frozen=True):
    """Something worth a Fact. ``data`` holds ids and codes, never what a caller keyed in."""

    kind: str
    data: dict[str, str | int | bool]


def _minutes(seconds: int | None) -> int | None:
    """Whole minutes, upwards, at least one."""
    return None if seconds is None else max(1, -(-seconds // 60))


def _inside(label: str) -> str:
    """A label as it stands inside a sentence: ``Upah`` with a small letter, ``PHK`` as it is."""
    return label[0].lower() + label[1:] if label[1:2].islower() else label


#: Variables that every flow has.
BUILTINS: Mapping[str, Callable[[Visit], Value]] = {
    "topic": lambda visit: visit.topic,
    "language": lambda visit: visit.language,
    "case": lambda visit: visit.case is not None,
    "case_number": lambda visit: visit.case_number,
    "pin": lambda visit: visit.pin,
    "status": lambda visit: visit.status,
    "unit": lambda visit: visit.unit,
    "due": lambda visit: visit.due,
    "wait": lambda visit: visit.waits_for,
    "late_days": lambda visit: visit.late_days,
    "head_told": lambda visit: visit.head_told,
    "public_note": lambda visit: visit.note,
    "may_object": lambda visit: "object" in visit.can,
    "may_withdraw": lambda visit: "withdraw" in visit.can,
    "may_reopen": lambda visit: "reopen" in visit.can,
    "may_confirm": lambda visit: "confirm" in visit.can,
    "may_press": lambda visit: "press" in visit.can,
    "may_add": lambda visit: "statement" in visit.can,
    "weakness": lambda visit: visit.weakness,
    "position": lambda visit: visit.position,
    "wait_minutes": lambda visit: _minutes(visit.wait_s),
    "recorded_s": lambda visit: visit.recorded_s,
}
#: What ``forget`` clears of the visit itself.
_STANDING: Mapping[str, Any] = {
    "status": None,
    "unit": None,
    "due": None,
    "waits_for": None,
    "late_days": 0,
    "head_told": False,
    "note": False,
    "can": (),
}
FORGETTABLE: Mapping[str, Mapping[str, Any]] = {
    "topic": {"topic": None},
    "case": {"case": None, "case_number": None, "pin": None, "claim": "", **_STANDING},
    "pin": {"pin": None},
    "status": _STANDING,
}

zone = lru_cache(maxsize=16)(ZoneInfo)


class Walk:
    """``visit`` is replaced as the step goes on; nothing outside sees it before the end."""

    def __init__(self, flows: FlowSet, visit: Visit, now: int) -> None:
        self.flows = flows
        self.visit = visit
        self.now = now
        self.steps: list[line.Step] = []
        self.notes: list[Note] = []
        self.said: list[str] = []
        self.path: list[tuple[str, str]] = []

    @property
    def flow(self) -> model.Flow:
        return self.flows.flows[self.visit.flow]

    def change(self, **fields: Any) -> None:
        """Replace fields of the visit."""
        self.visit = msgspec.structs.replace(self.visit, **fields)

    def note(self, kind: str, **data: str | int | bool) -> None:
        self.notes.append(Note(kind, data))

    # --- variables

    def value(self, name: str) -> Value:
        """A variable's value; none when it was never set."""
        builtin = BUILTINS.get(name)
        return builtin(self.visit) if builtin else self.visit.vars.get(name)

    def set(self, values: Mapping[str, Value]) -> None:
        """Set variables; none takes no place."""
        merged = {**self.visit.vars, **values}
        self.change(vars={name: value for name, value in merged.items() if value is not None})

    def forget(self, names: Iterable[str]) -> None:
        """Make variables none."""
        for name in names:
            if name in FORGETTABLE:
                self.change(**FORGETTABLE[name])
            else:
                self.set({name: None})

    # --- saying

    def say(
        self,
        keys: Iterable[str],
        slots: Mapping[str, str] | None = None,
        language: str | None = None,
    ) -> None:
        """Say prompts. ``slots`` are further words for ``{name|words}``."""
        if self.visit.gone:
            return
        language = language or self.visit.language
        given = slots or {}
        voice = Voice(
            language,
            READERS[language],
            zone(self.visit.timezone),
            lambda name: given[name] if name in given else self.value(name),
            lambda name, value: value if name in given else self.words(language, name, value),
        )
        prompts = self.flows.prompts[language]
        for key in keys:
            self.said.append(key)
            self.steps += voice.say(prompts[key])

    def words(self, language: str, name: str, value: str) -> str:
        """An enum's own words."""
        if name == "topic" and value in self.flows.topics:
            return _inside(self.flows.topics[value].label[language])
        prompts = self.flows.prompts[language]
        prompt = prompts.get(f"{name}.{value.lower()}") or prompts.get(f"{name}.other")
        return (prompt.plain() if prompt else None) or READERS[language].missing

    def label(self, key: str) -> str:
        """A label's words, in the caller's language."""
        return self.flows.prompts[self.visit.language][key].plain() or ""

    # --- moving

    def at(self, node: str) -> None:
        """Be at a node of the current flow, for the first time."""
        self.path.append((self.visit.flow, node))
        self.change(node=node, part="", silences=0, wrongs=0, repeats=0)

    def enter_flow(self, flow: str) -> str:
        """Go into a flow, to come back to the node where we are. Returns its first node."""
        frame = Frame(self.visit.flow, self.visit.node)
        self.change(flow=flow, frames=(*self.visit.frames, frame))
        return self.flow.start

    def leave_flow(self) -> model.Node:
        """Go back out of a flow, to the node that led into it."""
        *frames, frame = self.visit.frames
        self.change(flow=frame.flow, node=frame.node, frames=tuple(frames))
        return self.flow.nodes[frame.node]

    def error(self, reason: str) -> Outcome:
        """Something went wrong that no exit was made for: to ``on_error``, once a call."""
        self.note("node_failed", node=self.visit.node, reason=reason)
        if self.visit.gone:
            return None
        if self.visit.erred:
            self.say((SORRY,))
            return line.Gone()
        self.change(erred=True, visited=0)
        return self.flow.on_error
