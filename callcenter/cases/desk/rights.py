"""What somebody may see, change and do of one case: secrecy, asked for a person with an account."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import Any, Final

import msgspec

from callcenter.cases import secrecy
from callcenter.cases.secrecy import Access, Group, Person, Place, Relation, Secrecy
from callcenter.cases.statuses import Actor
from callcenter.cases.units import Units
from callcenter.people.permissions import Role
from callcenter.topics import Compartment, Track

#: Field → the group that decides who sees and changes it. What is not here is in no answer.
GROUPS: Final[Mapping[str, Group]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "number", "status", "wait", "channel", "topic", "track", "priority", "compartment",
                "unit", "officer", "custodian", "language", "province",
                "regency", "incident_on", "workers", "outcome", "gathers", "opened_at",
                "updated_at", "due_at", "late_days", "version", "public_note", "clocks",
                "statutes", "references", "route",
            ),
            Group.PUBLIC,
        ),
        "anonymous": Group.SECRECY,
        "secret": Group.SECRECY,
        "narrative": Group.NARRATIVE,
        "name": Group.NAME,
        "minor": Group.NAME,
        "phones": Group.PHONES,
        "safe_contact": Group.PHONES,
        "call_at": Group.PHONES,
        "employer": Group.EMPLOYER,
        "summary": Group.NARRATIVE,  # it retells it
        "attachments": Group.ATTACHMENTS,
        "recordings": Group.RECORDINGS,
        "calls": Group.HISTORY,
        "timeline": Group.HISTORY,
        "assignments": Group.HISTORY,
        "linked": Group.HISTORY,
    }
)  # fmt: skip


#: The same for who changes it, where that is another group: an officer's words, not the reporter's.
CHANGED_AS: Final[Mapping[str, Group]] = MappingProxyType({**GROUPS, "summary": Group.NOTES})


class Rights(msgspec.Struct, frozen=True):
    """``row``: what may be done with each group. ``actors``: as whom the person acts, first the one
    who may most. ``never``: nothing is seen, and there is no such case."""

    relations: frozenset[Relation]
    row: Mapping[Group, Access]
    actors: tuple[Actor, ...]

    @property
    def never(self) -> bool:
        return all(one is Access.NONE for one in self.row.values())

    def sees(self, group: Group) -> bool:
        return self.row[group] is not Access.NONE

    def changes(self, group: Group) -> bool:
        return self.row[group] is Access.CHANGE


def secrecy_of(row: Mapping[str, Any]) -> Secrecy:
    """What a row of the case table says about itself."""
    return Secrecy(row["anonymous"], row["secret"], Compartment(row["compartment"]))


def rights(
    person: Person,
    row: Mapping[str, Any],
    units: Units,
    *,
    talking: bool = False,
    glass: frozenset[Group] = frozenset(),
) -> Rights:
    """Of the case in ``row``. ``talking``: the person is in a call about it now. ``glass``: groups
    that somebody opened for a while, with a reason."""
    case = secrecy_of(row)
    place = Place(row["unit"], row["custodian"], person.id if talking else None)
    related = secrecy.relations(person, place, units)
    by_table = secrecy.access(case, related, named=person.named)
    seen = dict(by_table)
    for group in glass:
        if seen[group] is Access.NONE:
            seen[group] = Access.SEE
    exists = any(one is not Access.NONE for one in by_table.values())
    actors = _actors(person, related, case.compartment) if exists else ()
    return Rights(related, MappingProxyType(seen), actors)


def _actors(
    person: Person, related: frozenset[Relation], compartment: Compartment
) -> tuple[Actor, ...]:
    """As whom somebody acts on a case that they see."""
    found = []
    own = Relation.OWN_UNIT in related
    looks = Relation.TRIAGE
    if compartment is Compartment.INTEGRITY:
        looks = Relation.INSPECTORATE  # nobody else looks at these first
    if person.head and own:
        found.append(Actor.HEAD)
    if looks in related:
        found.append(Actor.TRIAGE)
    if own:
        found.append(Actor.OFFICER)
    if Relation.SUPERVISOR in related:
        found.append(Actor.SUPERVISOR)
    if related & {Relation.IN_CALL, Relation.CUSTODIAN}:
        found.append(Actor.AGENT)
    return tuple(found)


# --- lists ----------------------------------------------------------------------------------------

#: Which cases exist for somebody: (compartment, secret).
Shapes = frozenset[tuple[Compartment, bool]]


class Sight(msgspec.Struct, frozen=True):
    """Which cases somebody may know of. ``anywhere``: wherever they are; ``own``: those of the
    person's unit; ``held``: those whose custodian the person is."""

    anywhere: Shapes
    own: Shapes
    held: Shapes


def sight(person: Person, units: Units) -> Sight:
    """What :func:`secrecy.exists` says of every case that there could be."""

    def shapes(place: Place) -> Shapes:
        related = secrecy.relations(person, place, units)
        return frozenset(
            (compartment, secret)
            for compartment, secret in product(Compartment, (False, True))
            if secrecy.exists(Secrecy(False, secret, compartment), related, named=person.named)
        )

    elsewhere = Place("")
    mine = person.role is Role.OFFICER and person.unit is not None
    return Sight(
        shapes(elsewhere),
        shapes(Place(person.unit or "")) if mine else frozenset(),
        shapes(Place("", person.id)) if person.role is Role.AGENT else frozenset(),
    )


def desk_of(person: Person, units: Units) -> str | None:
    """The unit whose new cases the person looks at first: triage, or the inspectorate."""
    homes = (units.triage, units.tracks[Track.INTEGRITAS])
    return person.unit if person.role is Role.OFFICER and person.unit in homes else None
