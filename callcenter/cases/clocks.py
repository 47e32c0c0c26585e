"""The clocks of a case, made anew from its history whenever somebody looks.

- A **step clock** begins with each step: triage decides, a unit accepts.
- The **case clock** begins with the first call and goes on whoever has the case. It is counted in
  the calendar of the ministry, so that routing can't move it. Reopening begins a new one; the old
  one stays as it ended.
- They stand still only while the case waits for its reporter (NEEDS_INFO, WAITING for the
  reporter), never while it waits for somebody else. While a period that a law gives is running,
  that one runs in the place of the case clock; without a date on record nothing stands still.
- What the reporter may do for how long, and what happens by itself, are clocks too. A draft with a
  message on it ends when triage opens: as a complaint, whose clocks run from the first call on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from callcenter.cases.calendars import WorkCalendar, undecreed
from callcenter.cases.deadlines import Code, Deadlines, Limit, Measure
from callcenter.cases.statuses import FINAL, CaseEvent, CaseStatus, WaitReason
from callcenter.topics import Priority, Track

_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000
_S = CaseStatus


class Step(msgspec.Struct, frozen=True):
    """From ``at`` on the case had this status, and ``unit`` had the case, None: triage."""

    at: int
    status: CaseStatus
    unit: str | None = None
    wait: WaitReason | None = None
    event: CaseEvent | None = None  #: what led here


class Kind(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    ON_CALL = "on_call"
    VERIFY = "verify"
    ACCEPT = "accept"
    RESOLVE = "resolve"  #: the case clock
    STATUTORY = "statutory"
    CALLBACK = "callback"
    DRAFT = "draft"
    NO_REPLY = "no_reply"
    SILENCE = "silence"
    REOPEN = "reopen"


#: Somebody owes something; the others say until when a reporter may act, or when a case moves by
#: itself.
DUTIES: Final = frozenset(
    {Kind.ACKNOWLEDGE, Kind.VERIFY, Kind.ACCEPT, Kind.RESOLVE, Kind.STATUTORY, Kind.CALLBACK}
)

#: What happens to a case at the end of the others. (To a draft that somebody has begun to tell,
#: something else: it is filed.)
BY_ITSELF: Final[Mapping[Kind, CaseEvent]] = {
    Kind.DRAFT: CaseEvent.ABANDON,
    Kind.NO_REPLY: CaseEvent.NO_REPLY,
    Kind.SILENCE: CaseEvent.SILENCE,
}


class Statute(msgspec.Struct, frozen=True):
    """A period that a law gives (one of ``deadlines.STATUTES``), and the day on which it began."""

    code: Code
    on: dt.date


class Terms(msgspec.Struct, frozen=True):
    """What, besides its history, decides a case's limits.

    ``resolve_days``: of its topic. ``information``: a request for public information (PPID);
    ``longer``: whose time was extended in writing. ``acknowledged_at``: the reporter has number
    and PIN. ``taken_at``: somebody on call has answered. ``message_at``: while it was a draft
    somebody left a message.
    """

    priority: Priority = Priority.P3
    track: Track = Track.NONE
    resolve_days: int | None = None
    information: bool = False
    longer: bool = False
    acknowledged_at: int | None = None
    taken_at: int | None = None
    message_at: int | None = None
    statutes: tuple[Statute, ...] = ()


class Clock(msgspec.Struct, frozen=True):
    """``due`` of one that stands still moves on with every look. ``paused_ms`` is working time
    where the limit is in working time. ``used``: 1.0 is the due moment. ``late_days`` are working
    days. ``marks``: percent → when so much was used up, or will be if it does not stand still.
    ``unit``: who had the case, None: triage.
    """

    kind: Kind
    unit: str | None
    started: int
    due: int
    paused_ms: int
    stopped: int | None
    standing: bool
    used: float
    late_days: int
    marks: Mapping[int, int]

    @property
    def runs(self) -> bool:
        """Whether somebody owes something by its end, which does not move on."""
        return self.kind in DUTIES and self.stopped is None and not self.standing


@dataclass(frozen=True)
class Counting:
    """``home``: the ministry's calendar; ``units``: those of units that have their own."""

    deadlines: Deadlines
    home: WorkCalendar
    units: Mapping[str, WorkCalendar]

    def of(self, unit: str | None) -> WorkCalendar:
        return self.units.get(unit or "", self.home)

    def undecreed(self, at: int) -> list[dt.date]:
        """The coming days, as far ahead as ``days_ahead`` says, that some unit's calendar knows no
        joint leave of yet: due dates that lie after them are too early."""
        ahead = self.deadlines[Code.DAYS_AHEAD].value
        found: set[dt.date] = set()
        for one in (self.home, *self.units.values()):
            found.update(undecreed(one, one.day_of(at), ahead))
        return sorted(found)


#: With triage. A draft, too: its clocks count from the first call.
_TRIAGE: Final = frozenset({_S.DRAFT, _S.NEW, _S.REOPENED, _S.VERIFYING, _S.NEEDS_INFO})


def fold(moves: Iterable[tuple[int, Mapping[str, object]]]) -> tuple[Step, ...]:
    """The history of a case from its moves: when, and what the Fact said (``status``, ``event``,
    ``unit``, ``wait``). A move without a unit leaves the case with the one that had it."""
    steps: list[Step] = []
    for at, data in moves:
        status = CaseStatus(str(data["status"]))
        unit = data.get("unit") or (steps[-1].unit if steps else None)
        wait, event = data.get("wait"), data.get("event")
        steps.append(
            Step(
                at,
                status,
                # The unit that a declining one named has not got the case yet.
                str(unit) if unit and status not in _TRIAGE else None,
                WaitReason(str(wait)) if wait else None,
                CaseEvent(str(event)) if event else None,
            )
        )
    return tuple(steps)


# --- stretches of a history -----------------------------------------------------------------------


class _Stretch(msgspec.Struct, frozen=True):
    """The same status, unit and wait from ``start`` to ``end``, None: still."""

    start: int
    end: int | None
    status: CaseStatus
    unit: str | None
    wait: WaitReason | None


def _stretches(history: Sequence[Step]) -> list[_Stretch]:
    found: list[_Stretch] = []
    for step in history:
        if found:
            last = found[-1]
            if (last.status, last.unit, last.wait) == (step.status, step.unit, step.wait):
                continue
            found[-1] = msgspec.structs.replace(last, end=step.at)
        found.append(_Stretch(step.at, None, step.status, step.unit, step.wait))
    return found


def _runs(stretches: Sequence[_Stretch], statuses: frozenset[CaseStatus]) -> list[list[_Stretch]]:
    """The stretches that follow each other in these statuses."""
    runs: list[list[_Stretch]] = []
    inside = False
    for stretch in stretches:
        if stretch.status in statuses:
            if not inside:
                runs.append([])
            runs[-1].append(stretch)
        inside = stretch.status in statuses
    return runs


#: The ministry has done its part, as long as nobody objects.
_DONE: Final = FINAL | {_S.FOLLOWED_UP, _S.ANSWERED}
_UNFILED: Final = frozenset({_S.DRAFT, _S.ABANDONED})


def _for_reporter(stretch: _Stretch) -> bool:
    return stretch.status is _S.NEEDS_INFO or stretch.wait is WaitReason.REPORTER


# --- one clock ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Meter:
    """Time as one limit measures it."""

    calendar: WorkCalendar
    limit: Limit

    @property
    def _working(self) -> bool:
        return self.limit.measure in (Measure.WORKING_DAYS, Measure.WORKING_HOURS)

    def due(self, start: int) -> int:
        calendar, value = self.calendar, self.limit.value
        match self.limit.measure:
            case Measure.WORKING_DAYS:
                return calendar.due(start, value)
            case Measure.WORKING_HOURS:
                return calendar.advance(start, value * _HOUR_MS)
            case Measure.CLOCK_HOURS:
                return start + value * _HOUR_MS
            case Measure.CLOCK_MINUTES:
                return start + value * _MINUTE_MS
            case Measure.DAYS:
                return calendar.end(calendar.day_of(start) + dt.timedelta(days=value))
            case _:
                raise ValueError(f"{self.limit.measure} is no time")

    def spent(self, start: int, end: int) -> int:
        return self.calendar.spent(start, end) if self._working else max(0, end - start)

    def advance(self, start: int, amount: int) -> int:
        return self.calendar.advance(start, amount) if self._working else start + amount


def due(limit: Limit, calendar: WorkCalendar, start: int) -> int:
    """When a limit of time that began at ``start`` is reached, if it never stands still.

    Raises:
        ValueError: it is no limit of time.
    """
    return _Meter(calendar, limit).due(start)


@dataclass(frozen=True)
class _Maker:
    """Makes the clocks of one case at one moment."""

    counting: Counting
    now: int

    def make(
        self,
        kind: Kind,
        limit: Limit,
        start: int,
        stop: int | None,
        *,
        unit: str | None = None,
        calendar: WorkCalendar | None = None,
        holds: Iterable[_Stretch] = (),
        ends: int | None = None,
    ) -> Clock:
        """``holds``: when it stands still. ``ends``: when it is due, if the limit does not say."""
        calendar = calendar or self.counting.of(unit)
        meter = _Meter(calendar, limit)
        end = self.now if stop is None else min(stop, self.now)
        first = meter.due(start) if ends is None else ends
        total = meter.spent(start, first)
        held = [one for one in holds if one.start < end]
        paused = sum(
            meter.spent(one.start, end if one.end is None else min(one.end, end)) for one in held
        )
        due = meter.advance(first, paused)
        standing = stop is None and any(one.end is None for one in held)
        marks = {
            percent: meter.advance(start, -(-total * percent // 100) + paused)
            for percent in self._percents()
        }
        late = calendar.days_between(calendar.day_of(due), calendar.day_of(end))
        return Clock(
            kind,
            unit,
            start,
            due,
            paused,
            stop,
            standing,
            (meter.spent(start, end) - paused) / total if total else 1.0,
            late,
            marks,
        )

    def _percents(self) -> list[int]:
        limits = self.counting.deadlines.values()
        return [limit.value for limit in limits if limit.measure is Measure.PERCENT]


def clocks(
    history: Sequence[Step], terms: Terms, counting: Counting, now: int
) -> tuple[Clock, ...]:
    """All clocks of a case as they stand at ``now``, those that have stopped too, oldest first.

    ``history``: oldest first. An empty one has no clocks.
    """
    if not history:
        return ()
    maker = _Maker(counting, now)
    stretches = _stretches(history)
    found = [
        *_first(maker, stretches, terms),
        *_steps(maker, stretches, terms),
        *_rounds(maker, stretches, terms),
        *_statutory(maker, stretches, terms),
        *_windows(maker, stretches, _results(history)),
    ]
    return tuple(sorted(found, key=lambda clock: (clock.started, clock.kind)))


def _first(maker: _Maker, stretches: Sequence[_Stretch], terms: Terms) -> Iterable[Clock]:
    """What begins with the first call."""
    limits, start = maker.counting.deadlines, stretches[0].start
    over = next((one.start for one in stretches if one.status in FINAL), None)

    def sooner(at: int | None) -> int | None:
        return min((end for end in (at, over) if end is not None), default=None)

    told = sooner(terms.acknowledged_at)
    yield maker.make(Kind.ACKNOWLEDGE, limits[Code.ACKNOWLEDGE], start, told)
    if terms.priority is Priority.P0:
        yield maker.make(Kind.ON_CALL, limits[Code.ON_CALL], start, sooner(terms.taken_at))
    if stretches[0].status is _S.DRAFT:
        ends = _filed_at(terms, maker.counting.home)
        yield maker.make(Kind.DRAFT, limits[Code.DRAFT], start, stretches[0].end, ends=ends)


def _filed_at(terms: Terms, office: WorkCalendar) -> int | None:
    """When a draft with a message is filed: while triage is at work, or where life is in danger,
    at once. None: there is no message."""
    if terms.message_at is None or terms.priority is Priority.P0:
        return terms.message_at
    return office.opening(terms.message_at)


def _steps(maker: _Maker, stretches: Sequence[_Stretch], terms: Terms) -> Iterable[Clock]:
    """The step clocks: triage has it, or a unit that has not accepted it yet."""
    limits = maker.counting.deadlines
    urgent = terms.priority in (Priority.P0, Priority.P1)
    verify = limits[Code.VERIFY_URGENT if urgent else Code.VERIFY]
    for run in _runs(stretches, _TRIAGE):
        if terms.message_at is None and all(one.status is _S.DRAFT for one in run):
            continue
        holds = filter(_for_reporter, run) if verify.pauses else ()
        start, end = run[0].start, run[-1].end
        yield maker.make(
            Kind.VERIFY,
            verify,
            start,
            end,
            calendar=maker.counting.home,
            holds=holds,
        )
    for one in stretches:
        if one.status is _S.ROUTED:
            yield maker.make(Kind.ACCEPT, limits[Code.ACCEPT], one.start, one.end, unit=one.unit)


def _rounds(maker: _Maker, stretches: Sequence[_Stretch], terms: Terms) -> Iterable[Clock]:
    """The case clock, and another one for each time that the case was opened again."""
    limit = resolve_limit(terms, maker.counting.deadlines)
    rounds: list[list[_Stretch]] = [[]]
    for one in stretches:
        if one.status is _S.REOPENED:
            rounds.append([])
        rounds[-1].append(one)
    for part in rounds:
        if terms.message_at is None and all(one.status in _UNFILED for one in part):
            continue
        done = [run for run in _runs(part, _DONE) if run[-1] is part[-1]]
        stop = done[0][0].start if done else None
        holds = [*filter(_for_reporter, part), *_held_by_law(part, terms, maker)]
        yield maker.make(
            Kind.RESOLVE,
            limit,
            part[0].start,
            stop,
            unit=part[-1].unit,
            calendar=maker.counting.home,
            holds=holds if limit.pauses else (),
        )


def resolve_limit(terms: Terms, deadlines: Deadlines) -> Limit:
    """The limit of the case clock: what the law says of a request for information, then what the
    topic says, then what its track does."""
    if terms.information:
        limit = deadlines[Code.INFORMATION]
        more = deadlines[Code.INFORMATION_LONGER].value if terms.longer else 0
        return msgspec.structs.replace(limit, value=limit.value + more)
    if terms.track is Track.PENGAWASAN:
        limit = deadlines[Code.RESOLVE_INSPECTION]
    elif terms.track is Track.NONE and terms.priority is Priority.P4:
        limit = deadlines[Code.RESOLVE_INFO]
    else:
        limit = deadlines[Code.RESOLVE_OTHER]
    if terms.resolve_days is None:
        return limit
    return msgspec.structs.replace(limit, value=terms.resolve_days)


# --- periods that a law gives ---------------------------------------------------------------------


def statutory_day(statute: Statute, deadlines: Deadlines, calendar: WorkCalendar) -> dt.date:
    """The last day of the period; the day on which it began is day 0."""
    limit = deadlines[statute.code]
    if limit.measure is Measure.DAYS:
        return statute.on + dt.timedelta(days=limit.value)
    return calendar.due_day(statute.on, limit.value)


def _begun(stretch: _Stretch, terms: Terms, maker: _Maker) -> list[Statute]:
    """The periods that had begun before the end of a wait for them, in their order."""
    if stretch.wait is not WaitReason.STATUTORY:
        return []
    end = maker.now if stretch.end is None else stretch.end
    last = maker.counting.of(stretch.unit).day_of(end)
    begun = [statute for statute in terms.statutes if statute.on <= last]
    return sorted(begun, key=lambda statute: statute.on)


def _held_by_law(stretches: Iterable[_Stretch], terms: Terms, maker: _Maker) -> Iterable[_Stretch]:
    """When a period runs in the place of the case clock: from its first day on."""
    for one in stretches:
        begun = _begun(one, terms, maker)
        if begun:
            first = maker.counting.of(one.unit).open(begun[0].on)
            yield msgspec.structs.replace(one, start=max(one.start, first))


def _statutory(maker: _Maker, stretches: Sequence[_Stretch], terms: Terms) -> Iterable[Clock]:
    """The period that runs is the one that began last."""
    for one in stretches:
        begun = _begun(one, terms, maker)
        if begun:
            limit = maker.counting.deadlines[begun[-1].code]
            start = maker.counting.of(one.unit).open(begun[-1].on)
            yield maker.make(Kind.STATUTORY, limit, start, one.end, unit=one.unit)


# --- windows, and what happens by itself ----------------------------------------------------------

_WINDOWS: Final[Mapping[CaseStatus, tuple[tuple[Kind, Code], ...]]] = {
    _S.NEEDS_INFO: ((Kind.NO_REPLY, Code.NO_REPLY),),
    _S.FOLLOWED_UP: ((Kind.SILENCE, Code.SILENCE),),
    _S.ANSWERED: ((Kind.SILENCE, Code.SILENCE),),
    _S.CLOSED: ((Kind.REOPEN, Code.REOPEN),),
    _S.REJECTED: ((Kind.REOPEN, Code.REOPEN),),
    _S.REFERRED_OUT: ((Kind.REOPEN, Code.REOPEN), (Kind.CALLBACK, Code.CALLBACK)),
}


def _results(history: Sequence[Step]) -> list[int]:
    """When bodies outside told what came of it."""
    return [step.at for step in history if step.event is CaseEvent.RESULT]


def _windows(
    maker: _Maker, stretches: Sequence[_Stretch], results: Sequence[int]
) -> Iterable[Clock]:
    """What runs while a case has a status, and the callback that we owe for one that is outside."""
    for one in stretches:
        for kind, code in _WINDOWS.get(one.status, ()):
            stop = one.end
            if kind is Kind.CALLBACK:
                told = [at for at in results if at >= one.start and (stop is None or at <= stop)]
                stop = min(told, default=stop)
            limit = maker.counting.deadlines[code]
            yield maker.make(
                kind, limit, one.start, stop, unit=one.unit, calendar=maker.counting.home
            )


# --- limits that bind somebody --------------------------------------------------------------------

_KINDS: Final[Mapping[Code, Kind]] = {
    Code.DRAFT: Kind.DRAFT,
    Code.NO_REPLY: Kind.NO_REPLY,
    Code.SILENCE: Kind.SILENCE,
    Code.REOPEN: Kind.REOPEN,
}


def guard(
    limit: Code,
    history: Sequence[Step],
    terms: Terms,
    counting: Counting,
    now: int,
    *,
    contacts: int = 0,
) -> str | None:
    """Why a move that ``limit`` binds (:attr:`statuses.Move.by`) can't be done now, or None.

    ``contacts``: tries to reach the reporter since they were asked. Codes: ``too_early``,
    ``too_late``, ``too_few_contacts``, ``head_decides``.

    Raises:
        ValueError: the limit binds no move, or the case is not where it does.
    """
    if limit is Code.DECLINES:
        most = counting.deadlines[Code.DECLINES].value
        return "head_decides" if declined(history) >= most else None
    running = [
        clock
        for clock in clocks(history, terms, counting, now)
        if clock.kind is _KINDS.get(limit) and clock.stopped is None
    ]
    if not running:
        raise ValueError(f"{limit} binds nothing here")
    if limit is Code.REOPEN:
        return "too_late" if now > running[-1].due else None
    if now < running[-1].due:
        return "too_early"
    if limit is Code.NO_REPLY and contacts < counting.deadlines[Code.CONTACTS].value:
        return "too_few_contacts"
    return None


def declined(history: Sequence[Step]) -> int:
    """How many units have declined the case since it was last opened."""
    count = 0
    for step in history:
        if step.event is CaseEvent.REOPEN:
            count = 0
        count += step.event is CaseEvent.DECLINE
    return count


def reopened(history: Sequence[Step]) -> int:
    """How often the case was opened again."""
    return sum(one.status is _S.REOPENED for one in _stretches(history))
