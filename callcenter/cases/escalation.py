"""Who is told that a case stands still, and when: read off its clocks and what was told before.

75 / 100 / 200 % of a duty's clock tell whoever has to act, the head of the unit, and the
directorate (which also counts as a breach in public). A case that was opened again twice goes to
the inspectorate. Where life is in danger the next one on call is told until somebody answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from callcenter.cases.clocks import DUTIES, Clock, Kind
from callcenter.cases.deadlines import Code, Deadlines


class Level(StrEnum):
    """Who is told."""

    ASSIGNEE = "assignee"
    HEAD = "head"  #: of the unit that has the case
    DIRECTORATE = "directorate"
    INSPECTORATE = "inspectorate"
    ON_CALL = "on_call"


_LEVELS: Final = (
    (Code.WARN_ASSIGNEE, Level.ASSIGNEE),
    (Code.WARN_HEAD, Level.HEAD),
    (Code.WARN_DIRECTORATE, Level.DIRECTORATE),
)


class Escalation(msgspec.Struct, frozen=True):
    """Tell ``level`` of the clock ``kind`` that began at ``started`` in ``unit``.

    Two are the same thing when they are equal. ``count``: which one on the list of those on call,
    from 1. The inspectorate is told of a case, not of a clock.
    """

    level: Level
    kind: Kind | None = None
    started: int = 0
    unit: str | None = None
    count: int = 0

    @property
    def public(self) -> bool:
        """Whether it counts as a breach in what the ministry publishes."""
        return self.level is Level.DIRECTORATE


class Plan(msgspec.Struct, frozen=True):
    """``due``: to be told now. ``look``: when to ask again, None: only after the case has moved."""

    due: tuple[Escalation, ...]
    look: int | None


def plan(
    clocks: Sequence[Clock],
    reopenings: int,
    done: Mapping[Escalation, int],
    deadlines: Deadlines,
    now: int,
) -> Plan:
    """What is due at ``now``.

    ``done``: what was told before, and when. ``reopenings``: how often the case was opened again.
    A clock that has stopped tells nobody any more, however late it was.
    """
    due: list[Escalation] = []
    looks: list[int] = []
    for clock in clocks:
        if clock.stopped is not None:
            continue
        if clock.kind in DUTIES:
            for code, level in _LEVELS:
                at = clock.marks[deadlines[code].value]
                told = Escalation(level, clock.kind, clock.started, clock.unit)
                if at > now:
                    looks += [] if clock.standing else [at]
                elif not _known(told, done):
                    due.append(told)
        elif clock.kind is Kind.ON_CALL:
            told, at = _next_on_call(clock, done)
            left = deadlines[Code.ON_CALL_TIMES].value - told.count
            if left >= 0 and at <= now:
                due.append(told)
                at, left = now + clock.due - clock.started, left - 1
            looks += [at] if left >= 0 else []
    review = Escalation(Level.INSPECTORATE)
    if reopenings >= deadlines[Code.REOPENED].value and review not in done:
        due.append(review)
    return Plan(tuple(due), min(looks, default=None))


def _known(told: Escalation, done: Mapping[Escalation, int]) -> bool:
    """Whether it was told before. The head of a unit that gets a late case is told, too; but one
    clock is one breach in public, whichever units had the case."""
    if not told.public:
        return told in done
    return any(msgspec.structs.replace(one, unit=told.unit) == told for one in done)


def _next_on_call(clock: Clock, done: Mapping[Escalation, int]) -> tuple[Escalation, int]:
    """Who on the list is next, and when. The first is told at once; each has the clock's time to
    answer, counted from being told, so that a server that was away does not ring all at once."""
    count, at = 0, clock.started
    for told, when in done.items():
        if told.level is Level.ON_CALL and told.started == clock.started:
            count = max(count, told.count)
            at = max(at, when + clock.due - clock.started)
    return Escalation(Level.ON_CALL, clock.kind, clock.started, clock.unit, count + 1), at
