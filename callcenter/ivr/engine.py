"""Walk a caller through a flow: ``step(flows, visit, event, now)`` is the whole engine."""

from __future__ import annotations

import msgspec

from callcenter import line
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.needs import Answer, Need, Resumed, TalkEnded
from callcenter.ivr.visit import Visit

Event = (
    line.DigitsEntered
    | line.Silence
    | line.PromptsEnded
    | line.RecordingMade
    | line.LegGone
    | Answer
    | Resumed
    | TalkEnded
)


class Note(msgspec.Struct, frozen=True):
    """Something worth a Fact. ``data`` holds ids and codes, never what a caller keyed in."""

    kind: str
    data: dict[str, str | int | bool]


class Step(msgspec.Struct, frozen=True):
    """What came of an event.

    Exactly one of ``wait`` and ``need`` is set; neither when the visit is finished or the event
    was refused. The ``steps`` of a Step with a Need are said before those of the Step that follows
    its answer. ``wait`` has an empty name when it is a :class:`~callcenter.line.Recording`.
    ``refused``: the visit did not accept the event, and nothing changed.
    """

    visit: Visit
    steps: tuple[line.Step, ...] = ()
    wait: line.Wait | None = None
    need: Need | None = None
    notes: tuple[Note, ...] = ()
    refused: bool = False


def begin(
    flows: FlowSet,
    *,
    flow: str,
    now: int,
    timezone: str = "Asia/Jakarta",
    always_open: bool = False,
) -> Step:
    """The first step of a new caller.

    ``timezone`` is used where a calendar names none and for dates that are spoken. With
    ``always_open`` every ``hours`` node takes its ``open`` exit.

    Raises:
        KeyError: there is no such flow.
    """
    raise NotImplementedError


def step(flows: FlowSet, visit: Visit, event: Event, now: int) -> Step:
    """What follows from ``event``. Raises nothing; an event that does not fit is refused."""
    raise NotImplementedError
