"""Secrecy: who may see or change what of a case. One table, read by every page and every answer.

Two flags, as the national complaint system has them: *anonymous* hides the person, *secret*
restricts the report, and is on unless the reporter wants otherwise, because an employer must get no
intimation of a complaint (ILO C81, article 15(c)). A compartment restricts the case as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from callcenter.cases.units import Units
from callcenter.people.permissions import Role
from callcenter.topics import Compartment, Track


class Relation(StrEnum):
    """What somebody is to one case. One person may be several things to it: :func:`access`."""

    IN_CALL = "in_call"  #: the agent who is talking with the reporter, until it is wrapped up
    OWN_UNIT = "own_unit"  #: an officer of the unit that must act
    CUSTODIAN = "custodian"
    TRIAGE = "triage"
    SUPERVISOR = "supervisor"  #: of the hotline
    ADMIN = "admin"  #: runs the machines
    OTHER_UNIT = "other_unit"  #: an officer of any other unit, also the accused one
    INSPECTORATE = "inspectorate"
    REPORTER = "reporter"  #: whoever has number and PIN, by phone or page
    PUBLIC = "public"


class Group(StrEnum):
    """Fields that belong together."""

    PUBLIC = "public"  #: number, status, unit, due date, public notes
    NARRATIVE = "narrative"
    NAME = "name"  #: the reporter's
    PHONES = "phones"
    EMPLOYER = "employer"
    NOTES = "notes"  #: internal
    ATTACHMENTS = "attachments"
    RECORDINGS = "recordings"
    HISTORY = "history"  #: who did what, and which calls
    SECRECY = "secrecy"  #: the two flags


class Access(StrEnum):
    NONE = "none"
    SEE = "see"
    CHANGE = "change"


_LETTERS: Final = {"-": Access.NONE, "s": Access.SEE, "c": Access.CHANGE}
_NOTHING: Final = "- - - - - - - - - -"

#: (compartment, relation) → access to each group. The columns, in order:
#:   public, narrative, name, phones, employer, notes, attachments, recordings, history, secrecy
_ROWS: Final = {
    # The agent writes down what is said, whatever it is about; the desk goes on from there. Nobody
    # but a named one changes a reporter's words once the call is over. Telephones, and when they
    # may be used, are changed by whoever deals with the case: a reporter gives a new number, or
    # takes one back, where they are just then; one that is not theirs any more tells a stranger.
    # Who the reporter is, and who may know of the report, is decided by the reporter, so the flags
    # are changed where they are spoken with, and not by the unit that must act: it could lay a
    # complaint open to the next one, or have its reporter forgotten.
    Compartment.NORMAL: {
        Relation.IN_CALL: "c c c c c c c s s c",
        Relation.OWN_UNIT: "c s s c c c c s s s",
        Relation.CUSTODIAN: "c c c c c c c s s c",
        Relation.TRIAGE: "c s s c c c c s s c",
        Relation.SUPERVISOR: "s s - - s s - s s s",
        Relation.ADMIN: _NOTHING,
        Relation.OTHER_UNIT: _NOTHING,
        Relation.INSPECTORATE: "s s - - s s s - s s",
        # By telephone and page: never employer, names or narrative. Phones are shared, pages stay
        # open, and somebody may have been made to tell the PIN.
        Relation.REPORTER: "s - - - - - - - - -",
        # Not even that there is such a case.
        Relation.PUBLIC: _NOTHING,
    },
    Compartment.SENSITIVE: {
        Relation.IN_CALL: "c c c c c c c - s c",
        Relation.OWN_UNIT: "c s s c c c c s s s",
        Relation.CUSTODIAN: "c c c c c c c s s c",
        Relation.TRIAGE: "c s s c c c c s s c",
        Relation.SUPERVISOR: _NOTHING,
        Relation.ADMIN: _NOTHING,
        Relation.OTHER_UNIT: _NOTHING,
        Relation.INSPECTORATE: _NOTHING,
        Relation.REPORTER: "s - - - - - - - - -",
        Relation.PUBLIC: _NOTHING,
    },
    Compartment.INTEGRITY: {
        Relation.IN_CALL: "c c c c c - c - - c",
        Relation.OWN_UNIT: _NOTHING,
        Relation.CUSTODIAN: _NOTHING,
        Relation.TRIAGE: _NOTHING,
        Relation.SUPERVISOR: _NOTHING,
        Relation.ADMIN: _NOTHING,
        Relation.OTHER_UNIT: _NOTHING,
        Relation.INSPECTORATE: "c s s c c c c s s c",
        Relation.REPORTER: "s - - - - - - - - -",
        Relation.PUBLIC: _NOTHING,
    },
}

Row = Mapping[Group, Access]


def _row(letters: str) -> Row:
    access = [_LETTERS[letter] for letter in letters.split()]
    return MappingProxyType(dict(zip(Group, access, strict=True)))


TABLE: Final[Mapping[tuple[Compartment, Relation], Row]] = MappingProxyType(
    {
        (compartment, relation): _row(letters)
        for compartment, rows in _ROWS.items()
        for relation, letters in rows.items()
    }
)
#: What another unit sees of a normal case whose reporter did not want it secret.
OPEN_ROW: Final = _row("s s - - s - - - s s")
#: In these relations somebody sees a sensitive case only when they are named for it.
NAMED: Final = frozenset({Relation.OWN_UNIT, Relation.CUSTODIAN, Relation.TRIAGE})
#: Of an anonymous reporter there is none of these, and a voice is a name.
HIDDEN_IF_ANONYMOUS: Final = frozenset({Group.NAME, Group.PHONES, Group.RECORDINGS})
#: Every reading of such a case is a Fact, by whomever.
WATCHED: Final = frozenset({Compartment.SENSITIVE, Compartment.INTEGRITY})


class Secrecy(msgspec.Struct, frozen=True):
    """What a case says about itself."""

    anonymous: bool = False
    secret: bool = True
    compartment: Compartment = Compartment.NORMAL


class Person(msgspec.Struct, frozen=True):
    """Somebody with an account. ``unit``: the officer's; ``head`` of it; ``named`` for sensitive
    cases."""

    id: str
    role: Role
    unit: str | None = None
    head: bool = False
    named: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where a case is: the unit that must act, its custodian, and the agent who is in a call with
    its reporter now."""

    unit: str
    custodian: str | None = None
    talking: str | None = None


def relations(person: Person, place: Place, units: Units) -> frozenset[Relation]:
    """What ``person`` is to a case."""
    found = set()
    match person.role:
        case Role.ADMIN:
            found.add(Relation.ADMIN)
        case Role.SUPERVISOR:
            found.add(Relation.SUPERVISOR)
        case Role.AGENT:
            if person.id == place.talking:
                found.add(Relation.IN_CALL)
            if person.id == place.custodian:
                found.add(Relation.CUSTODIAN)
        case Role.OFFICER:
            if person.unit == units.triage:
                found.add(Relation.TRIAGE)
            if person.unit == units.tracks[Track.INTEGRITAS]:
                found.add(Relation.INSPECTORATE)
            own = person.unit is not None and person.unit == place.unit
            found.add(Relation.OWN_UNIT if own else Relation.OTHER_UNIT)
    return frozenset(found)


_ORDER: Final = (Access.NONE, Access.SEE, Access.CHANGE)


def access(case: Secrecy, relations: frozenset[Relation], *, named: bool = False) -> Row:
    """What somebody in these ``relations`` may do with each group: the most that any gives.

    ``named``: they are named for sensitive cases.
    """
    rows = [_one(case, relation, named=named) for relation in relations]
    found = {
        group: max((row[group] for row in rows), key=_ORDER.index, default=Access.NONE)
        for group in Group
    }
    if case.anonymous:
        found |= dict.fromkeys(HIDDEN_IF_ANONYMOUS, Access.NONE)
    return MappingProxyType(found)


def _one(case: Secrecy, relation: Relation, *, named: bool) -> Row:
    if case.compartment is Compartment.SENSITIVE and relation in NAMED and not named:
        return _row(_NOTHING)
    if (
        relation is Relation.OTHER_UNIT
        and not case.secret
        and case.compartment is Compartment.NORMAL
    ):
        return OPEN_ROW
    return TABLE[case.compartment, relation]


def exists(case: Secrecy, relations: frozenset[Relation], *, named: bool = False) -> bool:
    """Whether there is such a case, as far as they may know. Lists, searches and counts hold no
    other cases than these."""
    return any(one is not Access.NONE for one in access(case, relations, named=named).values())


def may_change(
    case: Secrecy, relations: frozenset[Relation], group: Group, *, named: bool = False
) -> bool:
    return access(case, relations, named=named)[group] is Access.CHANGE


# --- break glass ---------------------------------------------------------------------------------


class Emergency(StrEnum):
    """Why somebody looks where they may not. Each use is a Fact, and the head of triage is told."""

    DANGER = "danger"  #: to life or limb
    LAW = "law"  #: a court or the police asks, with a paper
    REPORTER = "reporter"  #: the reporter asks for it, known by two facts: a lost PIN


#: How long what was opened stays open.
OPENED_S: Final = 3_600
#: Fewer characters say nothing.
REASON_CHARS: Final = 15

#: (compartment, relation) → what may be seen in an emergency. Whoever is not in here never may:
#: not admins, other units or the public, and nothing opens a complaint about officials.
GLASS: Final[Mapping[tuple[Compartment, Relation], frozenset[Group]]] = MappingProxyType(
    {
        (Compartment.NORMAL, Relation.SUPERVISOR): frozenset(
            {Group.NAME, Group.PHONES, Group.ATTACHMENTS}
        ),
        (Compartment.NORMAL, Relation.INSPECTORATE): frozenset(
            {Group.NAME, Group.PHONES, Group.RECORDINGS}
        ),
        (Compartment.SENSITIVE, Relation.SUPERVISOR): frozenset(Group),
        (Compartment.SENSITIVE, Relation.TRIAGE): frozenset(Group),
    }
)


class Refusal(StrEnum):
    """Why the glass stays whole."""

    NEVER = "never"
    REASON = "reason"  #: too short to say anything


def break_glass(
    case: Secrecy, relation: Relation, emergency: Emergency, reason: str
) -> frozenset[Group] | Refusal:
    """The groups that may be seen for :data:`OPENED_S`, never changed.

    ``reason``: in words, kept encrypted; the Fact carries ``emergency``.
    """
    groups = GLASS.get((case.compartment, relation))
    if groups is None:
        return Refusal.NEVER
    if len("".join(reason.split())) < REASON_CHARS:
        return Refusal.REASON
    return groups - HIDDEN_IF_ANONYMOUS if case.anonymous else groups
