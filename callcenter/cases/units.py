"""Units: who acts on cases, where, and with which power. The file is ``cases/units.yaml``.

Inspection is a power of the provinces (law 23/2014, annex G); regencies and cities have mediators
only. The provinces' codes are those of the Ministry of Home Affairs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal

import msgspec

from callcenter.cases.files import NUMBER, NUMBER_WANTED, Reader
from callcenter.topics import Track

FILE: Final = "cases/units.yaml"
#: Indonesia's time zones: west, middle, east.
ZONES: Final = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")

_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,15}\Z")
_PROVINCE = re.compile(r"[1-9][0-9]\Z")
_REGENCY = re.compile(r"[1-9][0-9]{3}\Z")
_EMAIL = re.compile(r"[a-z0-9][a-z0-9._+-]{0,62}@[a-z0-9-]+(\.[a-z0-9-]+)+\Z")
_BETWEEN = re.compile(r"(?<=[0-9])[ -](?=[0-9])")
_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]\Z")


class Level(StrEnum):
    PUSAT = "pusat"  #: the ministry itself
    PROVINSI = "provinsi"
    KABKOTA = "kabkota"  #: regency or city
    EKSTERNAL = "eksternal"  #: another body: cases are referred, not assigned


class Power(StrEnum):
    PENGAWAS = "pengawas"  #: inspectors
    MEDIATOR = "mediator"
    TRIASE = "triase"  #: looks at new cases and decides where they go


class Unit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``provinces`` it answers for (empty: the whole country), ``regency`` for one regency or city.

    ``calendar``: the name of its working days. ``zone``: an IANA time zone. ``hours``: of its
    desk, local. ``email``: a neutral address of the desk, where it is told that there is work;
    ``head``: another one, where its head is told what is late. ``language`` of what is written.
    ``phone``: of the desk, as it is shown to whoever has to ring it up.
    """

    name: str
    level: Level
    code: str = ""  #: the key in the file
    parent: str | None = None
    provinces: tuple[str, ...] = ()
    regency: str | None = None
    powers: frozenset[Power] = frozenset()
    calendar: str = "nasional"
    zone: str = "Asia/Jakarta"
    hours: str = "08:00-16:00"
    email: str | None = None
    head: str | None = None
    phone: str | None = None
    language: Literal["id", "en"] = "id"

    @property
    def external(self) -> bool:
        return self.level is Level.EKSTERNAL


class Units(msgspec.Struct, frozen=True):
    """All units by code. ``provinces``: code → name. ``tracks``: who acts on a track that does not
    depend on the province. ``triage``: the one unit that looks at new cases."""

    units: Mapping[str, Unit]
    provinces: Mapping[str, str]
    tracks: Mapping[Track, str]
    triage: str

    @property
    def inner(self) -> frozenset[str]:
        """The codes of those that cases are assigned to; the others are bodies outside."""
        return frozenset(code for code, unit in self.units.items() if not unit.external)

    def provincial(self, province: str) -> Unit:
        """The province's own unit; the loader makes sure that there is one.

        Raises:
            LookupError: no such province.
        """
        for unit in self.units.values():
            if unit.level is Level.PROVINSI and province in unit.provinces:
                return unit
        raise LookupError(province)

    def local(self, regency: str) -> Unit | None:
        """The unit of a regency or city, if it is in the file."""
        for unit in self.units.values():
            if unit.regency == regency:
                return unit
        return None


def load(text: str) -> Units:
    """The units of a ``units.yaml``.

    Raises:
        FileError: with every mistake in it.
    """
    reader = Reader(FILE, text)
    provinces = reader.many("provinces", str)
    found = reader.many("units", Unit)
    tracks = reader.one("tracks", dict[Track, str], {})
    units = {code: msgspec.structs.replace(unit, code=code) for code, unit in found.items()}
    for province in provinces:
        if not _PROVINCE.match(province):
            reader.wrong(f"provinces.{province}", "a code has two digits")
    known, places = reader.keys("units"), reader.keys("provinces")
    for code, unit in found.items():
        for field, why in _mistakes(code, unit, units, known, places):
            reader.wrong(f"units.{code}.{field}", why)
    triage = [code for code, unit in units.items() if Power.TRIASE in unit.powers]
    if len(triage) != 1:
        reader.wrong("units", f"one unit has the power triase, here {len(triage)} have it")
    _check_provinces(reader, units, provinces)
    _check_tracks(reader, tracks, units, known)
    reader.done()
    return Units(units, provinces, tracks, triage[0])


def _mistakes(
    code: str,
    unit: Unit,
    units: Mapping[str, Unit],
    known: frozenset[str],
    places: frozenset[str],
) -> list[tuple[str, str]]:
    wrong = []
    if not _CODE.match(code):
        wrong.append(("code", "capital letters, digits and _, at most 16"))
    if unit.code:
        wrong.append(("code", "is the key"))
    if unit.zone not in ZONES:
        wrong.append(("zone", f"one of {', '.join(ZONES)}"))
    if not _HOURS.match(unit.hours) or unit.hours[:5] >= unit.hours[6:]:
        wrong.append(("hours", "as 08:00-16:00"))
    for field, address in (("email", unit.email), ("head", unit.head)):
        if address is not None and not _EMAIL.match(address):
            wrong.append((field, "is no address"))
    if unit.phone is not None and not NUMBER.match(_BETWEEN.sub("", unit.phone)):
        wrong.append(("phone", f"{NUMBER_WANTED}; blanks and - only between digits"))
    wrong += [
        ("provinces", f"'{province}' is unknown")
        for province in unit.provinces
        if province not in places
    ]
    if unit.parent is not None and unit.parent not in known:
        wrong.append(("parent", f"there is no unit '{unit.parent}'"))
    elif _in_circle(code, units):
        wrong.append(("parent", "leads in a circle"))
    return wrong + _level_mistakes(unit, units)


def _in_circle(code: str, units: Mapping[str, Unit]) -> bool:
    seen = {code}
    parent = units[code].parent
    while parent is not None and parent in units:
        if parent in seen:
            return parent == code
        seen.add(parent)
        parent = units[parent].parent
    return False


def _level_mistakes(unit: Unit, units: Mapping[str, Unit]) -> list[tuple[str, str]]:
    """What a unit of its level must be and may have."""
    wrong = []
    if Power.PENGAWAS in unit.powers and unit.level is not Level.PROVINSI:
        wrong.append(("powers", "inspectors are the provinces' (law 23/2014)"))
    if unit.external and unit.powers:
        wrong.append(("powers", "an external body has none of ours"))
    if (unit.regency is not None) != (unit.level is Level.KABKOTA):
        wrong.append(("regency", "a regency or city has one, and no other unit"))
    if unit.level is Level.PROVINSI and len(unit.provinces) != 1:
        wrong.append(("provinces", "a provincial unit has one"))
    if unit.regency is not None:
        parent = units.get(unit.parent or "")
        if not _REGENCY.match(unit.regency):
            wrong.append(("regency", "a code has four digits"))
        elif unit.provinces != (unit.regency[:2],):
            wrong.append(("provinces", f"should be ['{unit.regency[:2]}']"))
        if (
            parent is None
            or parent.level is not Level.PROVINSI
            or (parent.provinces != unit.provinces)
        ):
            wrong.append(("parent", "should be the unit of its province"))
    return wrong


def _check_provinces(
    reader: Reader, units: Mapping[str, Unit], provinces: Mapping[str, str]
) -> None:
    """Each province has one unit, with inspectors and with mediators; each regency one."""
    for province in provinces:
        own = [
            unit
            for unit in units.values()
            if unit.level is Level.PROVINSI and province in unit.provinces
        ]
        if len(own) != 1:
            reader.wrong(f"provinces.{province}", f"has {len(own)} provincial units, not one")
            continue
        if missing := {Power.PENGAWAS, Power.MEDIATOR} - own[0].powers:
            lacks = ", ".join(sorted(missing))
            reader.wrong(f"units.{own[0].code}.powers", f"{lacks} is missing")
    regencies = [unit.regency for unit in units.values() if unit.regency is not None]
    for regency in sorted({one for one in regencies if regencies.count(one) > 1}):
        reader.wrong("units", f"two units have the regency '{regency}'")


def _check_tracks(
    reader: Reader, tracks: Mapping[Track, str], units: Mapping[str, Unit], known: frozenset[str]
) -> None:
    local = {Track.NONE, Track.PENGAWASAN, Track.PERSELISIHAN}
    for track in Track:
        if (track in tracks) == (track in local):
            why = "depends on topic and province" if track in local else "is missing"
            reader.wrong(f"tracks.{track}", why)
    for track, code in tracks.items():
        if code not in known:
            reader.wrong(f"tracks.{track}", f"there is no unit '{code}'")
        elif track is Track.INTEGRITAS and code in units and units[code].external:
            reader.wrong(f"tracks.{track}", "is the ministry's own inspectorate")
