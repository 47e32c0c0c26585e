"""What a ministry has decided about cases, as one object, read once at the start from its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from callcenter import topics as topic_files
from callcenter.cases import assignments, calendars, deadlines, directory, units
from callcenter.cases.clocks import Counting
from callcenter.cases.deadlines import Code, Deadlines
from callcenter.cases.directory import Directory
from callcenter.cases.files import FileError
from callcenter.cases.post.letters import Writing
from callcenter.cases.units import Units
from callcenter.topics import Compartment, Topic, TopicError, Track

T = TypeVar("T")

FILES: Final = (
    topic_files.FILE,
    units.FILE,
    deadlines.FILE,
    calendars.FILE,
    directory.FILE,
)


@dataclass(frozen=True)
class Rules:
    """``topics`` by code, in the order of their file; ``counting``: limits and calendars;
    ``writing``: what units and reporters are written to with, None: nobody is."""

    topics: Mapping[str, Topic]
    units: Units
    counting: Counting
    directory: Directory
    writing: Writing | None = None

    @property
    def deadlines(self) -> Deadlines:
        return self.counting.deadlines

    @property
    def limits(self) -> assignments.Limits:
        """How often a case may be handed on."""
        return assignments.Limits(
            hops=self.deadlines[Code.HOPS].value, declines=self.deadlines[Code.DECLINES].value
        )

    def home(self, compartment: Compartment) -> str:
        """The unit that must act as long as no other has the case: triage, or the inspectorate,
        which alone may know of complaints about officials."""
        if compartment is Compartment.INTEGRITY:
            return self.units.tracks[Track.INTEGRITAS]
        return self.units.triage


def load(texts: Mapping[str, str]) -> Rules:
    """The rules in ``texts``: :data:`FILES` → what stands in them. No directory is an empty one.

    Raises:
        FileError: with every mistake in every file.
    """
    mistakes: list[str] = []

    def read(file: str, how: Callable[[str], T]) -> T | None:
        try:
            return how(texts[file])
        except FileError as bad:
            mistakes.extend(bad.mistakes)
        except TopicError as bad:
            mistakes.extend(str(bad).splitlines())
        return None

    known = read(topic_files.FILE, topic_files.load)
    found = read(units.FILE, units.load)
    limits = read(deadlines.FILE, deadlines.load)
    days = read(calendars.FILE, calendars.load)
    bodies: Directory | None = {}
    if directory.FILE in texts and known is not None and found is not None:
        codes, places = frozenset(known), frozenset(found.units)
        bodies = read(directory.FILE, lambda text: directory.load(text, topics=codes, units=places))
    if known is not None and found is not None:
        mistakes += _unknown_units(known, found, bodies or {})
    if found is not None and days is not None:
        mistakes += [
            f"{units.FILE}: units.{code}.calendar: there is no calendar '{unit.calendar}'"
            for code, unit in found.units.items()
            if unit.calendar not in days
        ]
    if mistakes or known is None or found is None or limits is None or days is None:
        raise FileError(mistakes)
    made = {
        code: calendars.calendar(days[unit.calendar], unit.zone, unit.hours)
        for code, unit in found.units.items()
    }
    return Rules(known, found, Counting(limits, made[found.triage], made), bodies or {})


def _unknown_units(known: Mapping[str, Topic], found: Units, bodies: Directory) -> list[str]:
    return [
        f"{topic_files.FILE}: {code}.{field}: there is no unit '{unit}'"
        for code, topic in known.items()
        for field, codes in (("unit", (topic.unit,)), ("also", topic.also))
        for unit in codes
        if unit not in found.units and not (field == "also" and unit in bodies)
    ]
