"""The directory: bodies outside the hotline with the numbers to reach them, for callers.

Read aloud by the IVR, shown in the console and on the desk. The file is ``cases/directory.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from callcenter.cases.files import NUMBER, NUMBER_WANTED, Reader

FILE: Final = "cases/directory.yaml"

_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z")
ALL_DAY: Final = "00:00-24:00"


class Reach(StrEnum):
    """From where a number can be dialled."""

    INDONESIA = "indonesia"
    ABROAD = "abroad"
    WHATSAPP = "whatsapp"


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``dial``: digits as they are keyed. ``show``: as it is printed. ``verified``: somebody has
    read it at ``source``, which is not the same as having called it."""

    dial: str
    reach: Reach
    verified: bool
    source: str
    show: str = ""


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``unit``: its code among the units, for those that cases are referred to. ``emergency``:
    said at once when life is in danger. ``hours`` local in Jakarta, every day."""

    label: dict[str, str]
    numbers: tuple[Number, ...]
    topics: tuple[str, ...]
    code: str = ""  #: the key in the file
    unit: str | None = None
    hours: str = ALL_DAY
    hours_verified: bool = False
    emergency: bool = False

    @property
    def international(self) -> Number | None:
        """Its number in full: what can be dialled from every line. (Short ones and 0800 depend on
        the carrier.)"""
        return self.number(Reach.ABROAD)

    def number(self, reach: Reach) -> Number | None:
        """Its first number of this kind."""
        return next((one for one in self.numbers if one.reach is reach), None)


Directory = Mapping[str, Body]


def load(text: str, *, topics: Collection[str], units: Collection[str]) -> Directory:
    """The bodies of a ``directory.yaml``, by code, in the order of the file.

    Raises:
        FileError: with every mistake in it.
    """
    reader = Reader(FILE, text)
    found = reader.many("bodies", Body)
    bodies = {}
    for code, body in found.items():
        for field, why in _mistakes(body, topics, units):
            reader.wrong(f"bodies.{code}.{field}", why)
        numbers = tuple(
            msgspec.structs.replace(one, show=one.show or one.dial) for one in body.numbers
        )
        bodies[code] = msgspec.structs.replace(body, code=code, numbers=numbers)
    reader.done()
    return bodies


def _mistakes(body: Body, topics: Collection[str], units: Collection[str]) -> list[tuple[str, str]]:
    wrong = []
    if missing := {"id", "en"} - body.label.keys():
        wrong.append(("label", f"no text in {', '.join(sorted(missing))}"))
    if body.code:
        wrong.append(("code", "is the key"))
    if not body.numbers:
        wrong.append(("numbers", "there is none"))
    for index, number in enumerate(body.numbers):
        if not NUMBER.match(number.dial):
            wrong.append((f"numbers.{index}.dial", NUMBER_WANTED))
        elif (number.reach is Reach.ABROAD) != number.dial.startswith("+"):
            wrong.append((f"numbers.{index}.dial", "from abroad, and only then, it begins with +"))
        if number.show and re.sub(r"[ -]", "", number.show) != number.dial:
            wrong.append((f"numbers.{index}.show", "has other digits than dial"))
        if not number.source:
            wrong.append((f"numbers.{index}.source", "is missing"))
    if not _HOURS.match(body.hours) or body.hours[:5] >= body.hours[6:]:
        wrong.append(("hours", "as 06:00-22:00"))
    wrong += [("topics", f"'{topic}' is unknown") for topic in body.topics if topic not in topics]
    if body.unit is not None and body.unit not in units:
        wrong.append(("unit", f"there is no unit '{body.unit}'"))
    return wrong


def about(directory: Directory, topic: str, within: str | None = None) -> list[Body]:
    """Whom to name to a caller with ``topic``: emergencies first, then who is there for the topic
    itself, then for the one that it lies ``within``."""

    def order(body: Body) -> tuple[bool, bool]:
        return (not body.emergency, topic not in body.topics)

    wanted = {topic} if within is None else {topic, within}
    found = [body for body in directory.values() if wanted.intersection(body.topics)]
    return sorted(found, key=order)


def of_unit(directory: Directory, unit: str) -> Body | None:
    """The entry of a body that a case is referred to."""
    return next((body for body in directory.values() if body.unit == unit), None)
