"""Retention in the store: what is due by the rules of ``cases/retention.yaml``, and its forgetting.

The rules decide (:mod:`callcenter.cases.retention`); here is only what they ask about. A preview
and a run see the same list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from sqlalchemy import Executable, Row, bindparam, delete, func, or_, select

from callcenter.calls import tables as calls
from callcenter.calls.vault import service as vault
from callcenter.calls.vault.service import Erasure, Kind
from callcenter.cases import tables
from callcenter.cases.retention import Due, Kept, Part, Rule, Since, due
from callcenter.cases.statuses import FINAL, CaseStatus
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.keys import Keys

#: Wrong PINs are counted over a day at most; afterwards nobody needs to know of them.
PIN_ATTEMPTS_MS = 2 * 86_400_000

_DAY_MS = 86_400_000
_C, _R, _CALL = tables.case, tables.recording, calls.call
_CLOSED = _C.c.status.in_([status.value for status in FINAL])
_ABANDONED = _C.c.status == CaseStatus.ABANDONED.value
_ENDED = (
    select(_C.c.id, _C.c.status, _C.c.wait_reason, _C.c.status_at, _C.c.held_at, _C.c.reporter)
    .where(func.length(_C.c.key) > 0, _C.c.status_at <= bindparam("latest"))
    .order_by(_C.c.status_at)
)
_CASES = _ENDED.where(_CLOSED, ~_ABANDONED)
_DRAFTS = _ENDED.where(_ABANDONED)
_HEARD = or_(_R.c.key.is_(None), func.length(_R.c.key) > 0)
_RECORDINGS = (
    select(_R.c.name, _C.c.id, _C.c.status, _C.c.wait_reason, _C.c.status_at, _C.c.held_at)
    .join(_C, _C.c.id == _R.c.case)
    .where(_HEARD, _CLOSED, _C.c.status_at <= bindparam("latest"))
    .order_by(_R.c.name)
)
_LINKED = select(tables.call_case.c.call).where(tables.call_case.c.call == _CALL.c.id).exists()
_CALLS = (
    select(_CALL.c.id, _CALL.c.ended_at)
    .where(
        _CALL.c.case.is_(None),
        func.length(_CALL.c.key) > 0,
        _CALL.c.ended_at <= bindparam("latest"),
        ~_LINKED,
    )
    .order_by(_CALL.c.ended_at)
)
_RETURNING = (
    select(_CALL.c.id, _CALL.c.ended_at)
    .where(_CALL.c.reconnect.is_not(None), _CALL.c.ended_at <= bindparam("latest"))
    .order_by(_CALL.c.ended_at)
)
_OLD_PINS = delete(tables.pin_attempt).where(tables.pin_attempt.c.at <= bindparam("latest"))
#: What is forgotten for a part; a reconnect hash is only deleted.
_KINDS = {Part.CALL: Kind.CALL, Part.PERSON: Kind.ANONYMOUS, Part.CASE: Kind.CASE}


def find_due(connection: Connection, rules: Sequence[Rule], now: int, zone: ZoneInfo) -> list[Due]:
    """What is to be forgotten by ``now``, and what would be if nothing held it. A recording is
    named by its name, all else by its id."""
    found: list[Due] = []
    for kept in _kept(connection, rules, now):
        found += due(rules, kept, now, zone)
    cases = {one.id for one in found if one.part is Part.CASE and not one.held}
    return [one for one in found if one.part is not Part.PERSON or one.id not in cases]


def forget_due(
    connection: Connection, keys: Keys, given: Given, dues: Iterable[Due]
) -> list[Erasure]:
    """Forget what of ``dues`` nothing holds, also since they were found."""
    done: list[Erasure] = []
    for one in dues:
        if one.held:
            continue
        if one.part is Part.RECONNECT:
            calls.forget_caller(connection, one.id)
            continue
        kind = _KINDS.get(one.part, Kind.RECORDING)
        try:
            done += vault.forget(connection, keys, given, kind, one.id, reason=one.rule)
        except vault.Held:  # a case was reopened, or a hold was set: not any more
            continue
    return done


def forget_old_pins(connection: Connection, now: int) -> int:
    """Delete who has tried PINs when nobody counts it any more; gives how many."""
    return connection.execute(_OLD_PINS, {"latest": now - PIN_ATTEMPTS_MS}).rowcount


def _kept(connection: Connection, rules: Sequence[Rule], now: int) -> Iterator[Kept]:
    def rows(
        statement: Executable, parts: set[Part], *since: Since
    ) -> list[Row[tuple[object, ...]]]:
        about = [one for one in rules if one.since in since and not parts.isdisjoint(one.parts)]
        return _rows(connection, statement, about, now)

    for part, statement in ((Part.CALL, _CALLS), (Part.RECONNECT, _RETURNING)):
        for row in rows(statement, {part}, Since.CALL_ENDED):
            yield Kept(row.id, frozenset({part}), call_ended=row.ended_at)
    for row in rows(_RECORDINGS, {Part.RECORDINGS}, Since.CASE_CLOSED):
        parts = frozenset({Part.RECORDINGS})
        yield Kept(row.name, parts, case_closed=row.status_at, holds=vault.holds_of(row))
    for row in rows(_CASES, {Part.PERSON, Part.CASE}, Since.CASE_CLOSED):
        parts = frozenset({Part.CASE} if row.reporter is None else {Part.CASE, Part.PERSON})
        yield Kept(row.id, parts, case_closed=row.status_at, holds=vault.holds_of(row))
    for row in rows(_DRAFTS, {Part.CASE}, Since.CASE_CLOSED, Since.CASE_ABANDONED):
        at = row.status_at
        holds = vault.holds_of(row)
        yield Kept(row.id, frozenset({Part.CASE}), None, at, at, holds)


def _rows(
    connection: Connection, statement: Executable, rules: Sequence[Rule], now: int
) -> list[Row[tuple[object, ...]]]:
    """All that may be due by ``rules``, and some that are not yet: a year is at least 365 days."""
    spans = [(rule.days + 365 * rule.years) * _DAY_MS for rule in rules]
    if not spans:
        return []
    return list(connection.execute(statement, {"latest": now - min(spans)}))
