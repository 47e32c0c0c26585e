"""Routing: from topic, place and track to the one unit that has the power to act."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from callcenter.cases.units import Level, Power, Unit, Units
from callcenter.topics import Compartment, Topic, Track


class Way(StrEnum):
    ASSIGN = "assign"  #: to a unit of ours, or of the provinces and regencies
    REFER = "refer"  #: to another body, with a shadow clock
    TRIAGE = "triage"  #: somebody must look first; ``why`` says what is missing


class Route(msgspec.Struct, frozen=True):
    """Where a case goes. ``why``: the rule, or what is missing. ``also``: whom else it concerns."""

    unit: str
    way: Way
    why: str
    also: tuple[str, ...] = ()


#: What a unit needs to act on a track in a province, nearest level first. A track that is not here
#: belongs to one unit for the whole country.
LOCAL: Final[Mapping[Track, tuple[Power, tuple[Level, ...]]]] = MappingProxyType(
    {
        Track.PENGAWASAN: (Power.PENGAWAS, (Level.PROVINSI,)),
        Track.PERSELISIHAN: (Power.MEDIATOR, (Level.KABKOTA, Level.PROVINSI)),
    }
)


def track_of(topic: Topic, track: Track | None = None) -> Track | None:
    """The track that a case takes: the one that was decided, or its topic's. None: nobody has said
    more than what callers choose. A complaint about officials has no other track than its own."""
    if topic.compartment is Compartment.INTEGRITY:
        return Track.INTEGRITAS
    if track is not None:
        return track
    return None if topic.within is None else topic.track


def route(
    units: Units,
    topic: Topic,
    *,
    province: str | None = None,
    regency: str | None = None,
    track: Track | None = None,
) -> Route:
    """Where a case about ``topic`` goes.

    ``province``, ``regency``: codes of the place of work, as far as they are known; a regency
    tells its province.
    """
    taken = track_of(topic, track)
    if taken is None:
        return Route(units.triage, Way.TRIAGE, "topic", topic.also)
    place = regency[:2] if regency is not None else province
    if taken in LOCAL and place not in units.provinces:
        return Route(units.triage, Way.TRIAGE, "province", topic.also)
    unit = _acting(units, topic, taken, place, regency)
    way = Way.REFER if unit.external else Way.ASSIGN
    # An accused unit must not learn of a complaint about it by being told beside.
    also = () if taken is Track.INTEGRITAS else topic.also
    return Route(unit.code, way, taken.value, tuple(code for code in also if code != unit.code))


def _acting(
    units: Units, topic: Topic, track: Track, province: str | None, regency: str | None
) -> Unit:
    if track in LOCAL:
        power, levels = LOCAL[track]
        local = units.local(regency) if regency is not None else None
        if local is not None and local.level in levels and power in local.powers:
            return local
        assert province is not None
        return units.provincial(province)
    code = topic.unit if track is Track.NONE else units.tracks[track]
    return units.units.get(code) or units.units[units.triage]


def able(units: Units, unit: str, track: Track, province: str | None) -> bool:
    """Whether ``unit`` may act on a case of this track, whose place of work is in ``province``."""
    found = units.units.get(unit)
    if found is None:
        return False
    if track in LOCAL:
        power, _ = LOCAL[track]
        here = not found.provinces or province in found.provinces
        return power in found.powers and here
    return track is Track.NONE or found.code == units.tracks[track]
