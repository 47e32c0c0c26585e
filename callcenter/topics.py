"""Topics: what a call or a case is about. They are a file that the ministry edits, ``topics.yaml``.

A tree of two levels. Callers choose an upper topic, and skills and queues know no other. The lower
ones lie ``within`` an upper one and say what a complaint is really about: which track it takes,
how urgent it is, and in how many working days it is to be resolved. A case may have either.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Literal

import holidays
import msgspec
import yaml

FILE: Final = "topics.yaml"


class Track(StrEnum):
    """By which law a case goes on, and so who has the power to act on it."""

    NONE = "none"  #: information and services
    PENGAWASAN = "pengawasan"  #: labour inspection
    PERSELISIHAN = "perselisihan"  #: dispute between worker and employer: mediation
    JAMSOS = "jamsos"  #: social security
    PMI = "pmi"  #: migrant workers
    PIDANA = "pidana"  #: crime
    INTEGRITAS = "integritas"  #: misconduct of officials


class Priority(StrEnum):
    P0 = "P0"  #: life in danger: a person at once
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


class Compartment(StrEnum):
    """Who may know of a case at all."""

    NORMAL = "normal"
    SENSITIVE = "sensitive"  #: children, violence, trafficking: staff who are named for it
    INTEGRITY = "integrity"  #: complaints about officials: the inspectorate alone


class Rise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """More urgent around a feast: ``to`` from ``days`` before its first day to ``days`` after."""

    to: Priority
    feast: Literal["idul_fitri"]
    days: int


class Topic(msgspec.Struct, frozen=True):
    """``head_start_s``: how much earlier than its arrival a caller of this topic counts as queued.

    ``unit`` is the code of the part of the ministry that acts on it, or answers for those who do;
    ``also``: other units and bodies that it concerns. ``label`` has a text for each language.
    ``resolve_days`` are working days.
    """

    code: str
    label: Mapping[str, str]
    head_start_s: int
    unit: str
    within: str | None = None
    track: Track = Track.NONE
    priority: Priority = Priority.P3
    rise: Rise | None = None
    resolve_days: int = 14
    compartment: Compartment = Compartment.NORMAL
    also: tuple[str, ...] = ()

    def rises_on(self, day: dt.date) -> bool:
        """Whether ``day``, a day in the ministry's time zone, is in its season."""
        return self.rise is not None and _near(self.rise, day)

    def priority_on(self, day: dt.date) -> Priority:
        """The priority of a case about it that comes in on ``day``."""
        if self.rise is None or not self.rises_on(day):
            return self.priority
        return min(self.rise.to, self.priority)


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: dict[str, str]
    unit: str
    head_start_s: int | None = None
    within: str | None = None
    track: Track | None = None
    priority: Priority | None = None
    rise: Rise | None = None
    resolve_days: int | None = None
    compartment: Compartment = Compartment.NORMAL
    also: tuple[str, ...] = ()


class TopicError(ValueError):
    """The topics file can't be read; each line of the message names a topic and a field."""


def load(text: str) -> dict[str, Topic]:
    """The topics of a ``topics.yaml``, by code, in the order of the file.

    Raises:
        TopicError: the text is not a topics file; with every mistake in it.
    """
    try:
        tree: Any = yaml.load(text, Loader=yaml.CSafeLoader)
        raw = msgspec.convert(tree, dict[str, dict[str, dict[str, Any]]])["topics"]
    except (yaml.YAMLError, msgspec.ValidationError, KeyError) as error:
        raise TopicError(f"{FILE}: {error}") from error
    wrong: list[str] = []
    entries: dict[str, _Entry] = {}
    for code, fields in raw.items():
        try:
            entries[code] = msgspec.convert(fields, _Entry)
        except msgspec.ValidationError as error:
            wrong.append(f"{code}: {error}")
    upper_codes = {code for code, fields in raw.items() if fields.get("within") is None}
    for code, entry in entries.items():
        wrong += [f"{code}.{field}: {why}" for field, why in _mistakes(entry, upper_codes)]
    if wrong:
        raise TopicError("\n".join(f"{FILE}: {one}" for one in wrong))
    return {code: _topic(code, entry, entries) for code, entry in entries.items()}


def _mistakes(entry: _Entry, upper_codes: Collection[str]) -> list[tuple[str, str]]:
    found = []
    if missing := {"id", "en"} - entry.label.keys():
        found.append(("label", f"no text in {', '.join(sorted(missing))}"))
    lower = {name: getattr(entry, name) for name in ("track", "priority", "resolve_days")}
    found += amiss(entry.within, lower, entry.head_start_s, upper_codes)
    if entry.resolve_days is not None and not 1 <= entry.resolve_days <= 250:
        found.append(("resolve_days", "1 to 250 working days"))
    if entry.rise is not None and not 1 <= entry.rise.days <= 60:
        found.append(("rise.days", "1 to 60"))
    return found


def amiss(
    within: str | None,
    lower: Mapping[str, object],
    head_start_s: int | None,
    upper_codes: Collection[str],
) -> list[tuple[str, str]]:
    """What is wrong between the two levels, as (field, why).

    ``lower``: the fields that a lower topic must have.
    """
    if within is None:
        return []
    found = []
    if within not in upper_codes:
        found.append(("within", f"'{within}' is no topic that callers choose"))
    if head_start_s is not None:
        found.append(("head_start_s", "callers wait by the topic that this one lies within"))
    found += [
        (name, "is missing: a topic within another has its own")
        for name, value in lower.items()
        if value is None
    ]
    return found


def _topic(code: str, entry: _Entry, entries: Mapping[str, _Entry]) -> Topic:
    queued_by = entries[entry.within] if entry.within is not None else entry
    return Topic(
        code,
        entry.label,
        queued_by.head_start_s or 0,
        entry.unit,
        entry.within,
        entry.track or Track.NONE,
        entry.priority or Priority.P3,
        entry.rise,
        entry.resolve_days or 14,
        entry.compartment,
        entry.also,
    )


# --- the two levels -----------------------------------------------------------------------------


def upper(topics: Mapping[str, Topic], code: str) -> str:
    """The topic that callers choose and agents know; a code that is no more stays as it is."""
    topic = topics.get(code)
    return code if topic is None or topic.within is None else topic.within


def uppers(topics: Mapping[str, Topic]) -> dict[str, Topic]:
    """The topics that callers choose, in their order."""
    return {code: topic for code, topic in topics.items() if topic.within is None}


def priority_on(topics: Mapping[str, Topic], code: str, day: dt.date) -> Priority:
    """The priority of a case about ``code``, which must be one of ``topics``, on ``day``.

    As long as nobody has said more than the upper topic, what lies within it and is in its season
    is presumed; that a case is about anything else that is urgent is not.
    """
    found = topics[code].priority_on(day)
    within = (one for one in topics.values() if one.within == code and one.rises_on(day))
    return min([found, *(one.priority_on(day) for one in within)])


# --- feasts ---------------------------------------------------------------------------------------


def _near(rise: Rise, day: dt.date) -> bool:
    """A lunar year is shorter than ours: the feast may be in any month, and twice in a year."""
    return any(
        abs((day - feast).days) <= rise.days
        for year in (day.year - 1, day.year, day.year + 1)
        for feast in _idul_fitri(year)
    )


@lru_cache(maxsize=64)
def _idul_fitri(year: int) -> tuple[dt.date, ...]:
    """Its first days: by decree as far as the library knows them, estimated after that."""
    days = holidays.country_holidays("ID", years=year, expand=False, language="id")
    named = days.get_named("Hari Raya Idul Fitri", lookup="startswith")
    return tuple(sorted(named))
