"""Retention: what is erased when. The rules are a file, ``cases/retention.yaml``.

The same function tells what is due and what a preview shows; erasing is destroying keys, and the
skeleton of Facts stays, for statistics.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from callcenter.cases.files import Reader

FILE: Final = "cases/retention.yaml"


class Part(StrEnum):
    """What can be erased by itself."""

    CALL = "call"  #: what is kept of a call without a case: its row's caller, its visit
    RECONNECT = "reconnect"  #: the hash that lets an anonymous caller come back
    RECORDINGS = "recordings"
    PERSON = "person"  #: name, phones and all else under the person's key
    CASE = "case"  #: narrative, notes, attachments, search words: all under the case's key


class Since(StrEnum):
    """From when a rule counts."""

    CALL_ENDED = "call_ended"
    CASE_CLOSED = "case_closed"  #: its latest closing; a case that was reopened is not closed
    CASE_ABANDONED = "case_abandoned"  #: a draft that nobody came back to; it is closed, too


class Hold(StrEnum):
    """Why nothing is erased for now."""

    STATUTORY = "statutory"  #: a statutory track runs: mediation, court, inspection notes
    LAW = "law"  #: law enforcement runs (law 27/2022, article 15)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Erase ``parts`` when ``days`` or ``years`` have passed ``since``, unless a hold applies."""

    since: Since
    parts: tuple[Part, ...]
    source: str
    days: int = 0
    years: int = 0
    holds: frozenset[Hold] = frozenset(Hold)
    code: str = ""  #: the key in the file


class Kept(msgspec.Struct, frozen=True):
    """The facts of one case, or of one call without a case, as far as rules ask for them; times
    are epoch ms. ``parts``: what is still there."""

    id: str
    parts: frozenset[Part]
    call_ended: int | None = None
    case_closed: int | None = None
    case_abandoned: int | None = None
    holds: frozenset[Hold] = frozenset()


class Due(msgspec.Struct, frozen=True):
    """``part`` of ``id`` was to be erased at ``at``, by ``rule``. ``held``: but must not be."""

    id: str
    part: Part
    rule: str
    at: int
    held: frozenset[Hold] = frozenset()


def load(text: str) -> tuple[Rule, ...]:
    """The rules of a ``retention.yaml``.

    Raises:
        FileError: with every mistake in it.
    """
    reader = Reader(FILE, text)
    rules = []
    for code, rule in reader.many("rules", Rule).items():
        if (rule.days > 0) == (rule.years > 0) or rule.days < 0 or rule.years < 0:
            reader.wrong(f"rules.{code}", "has days or years, one of them, more than 0")
        if rule.years > 100 or rule.days > 36_500:
            reader.wrong(f"rules.{code}", "a hundred years at most")
        if not rule.parts:
            reader.wrong(f"rules.{code}.parts", "is empty")
        if not rule.source.strip():
            reader.wrong(f"rules.{code}.source", "is empty")
        if rule.code:
            reader.wrong(f"rules.{code}.code", "is the key")
        if Part.PERSON in rule.parts and Hold.LAW not in rule.holds:
            reader.wrong(f"rules.{code}.holds", "law is missing (law 27/2022, article 15)")
        rules.append(msgspec.structs.replace(rule, code=code))
    reader.done()
    return tuple(rules)


def due_at(rule: Rule, since: int, zone: ZoneInfo) -> int:
    """When ``rule`` falls due: so many whole days, or years of the calendar in ``zone``. What began
    on a 29 February ends on a 1 March."""
    began = dt.datetime.fromtimestamp(since / 1000, zone)
    if rule.years:
        year = began.year + rule.years
        try:
            end = began.replace(year=year)
        except ValueError:
            end = began.replace(year=year, month=3, day=1)
    else:
        end = began + dt.timedelta(days=rule.days)
    return int(end.timestamp() * 1000)


def due(rules: Sequence[Rule], kept: Kept, now: int, zone: ZoneInfo) -> tuple[Due, ...]:
    """What is to be erased by ``now``, each part once, by the earliest rule; with what holds it."""
    found: dict[Part, Due] = {}
    for rule in rules:
        since = _since(kept)[rule.since]
        if since is None:
            continue
        at = due_at(rule, since, zone)
        if at > now:
            continue
        held = rule.holds & kept.holds
        for part in rule.parts:
            if part not in kept.parts:
                continue
            before = found.get(part)
            if before is None or (bool(held), at) < (bool(before.held), before.at):
                found[part] = Due(kept.id, part, rule.code, at, held)
    return tuple(found[part] for part in Part if part in found)


def _since(kept: Kept) -> Mapping[Since, int | None]:
    return {
        Since.CALL_ENDED: kept.call_ended,
        Since.CASE_CLOSED: kept.case_closed,
        Since.CASE_ABANDONED: kept.case_abandoned,
    }


class Refusal(StrEnum):
    """Why a person's wish to be forgotten can't be met now."""

    LAW = "law"
    STATUTORY = "statutory"
    OPEN = "open"  #: withdraw the case first: somebody is working on it
    LIVE = "live"  #: the caller is on the phone


def may_forget(kept: Kept, *, open_case: bool) -> Refusal | None:
    """Whether a person's data may be erased because they ask for it. None: it may."""
    if Hold.LAW in kept.holds:
        return Refusal.LAW
    if Hold.STATUTORY in kept.holds:
        return Refusal.STATUTORY
    return Refusal.OPEN if open_case else None
