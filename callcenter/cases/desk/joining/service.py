"""Cases that belong together: what somebody should look at, one reporter's merged, many reporters'
joined under one that gathers them. Nothing happens by itself, and nobody learns of a case by it
that does not exist for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, select

from callcenter.cases import duplicates, tables
from callcenter.cases.desk.acts.service import Desk
from callcenter.cases.desk.file import service as files
from callcenter.cases.desk.file.service import NoCase
from callcenter.cases.duplicates import DAY_MS, WINDOW_DAYS
from callcenter.cases.errors import Refused
from callcenter.cases.facts import CaseFact
from callcenter.cases.hand import tables as rows
from callcenter.cases.hand.service import Moved
from callcenter.cases.reporters import service as reporters
from callcenter.cases.secrecy import Group
from callcenter.cases.statuses import Actor, CaseEvent, Field

#: Compared with so many at most, the newest first.
MOST_NEAR: Final = 200
_C = tables.case.c
_NEAR = (
    select(tables.case)
    .where(
        _C.employer_hash == bindparam("employer"),
        _C.opened_at.between(bindparam("first"), bindparam("last")),
    )
    .order_by(_C.opened_at.desc())
    .limit(MOST_NEAR)
)
_OF_PEOPLE = (
    select(tables.case)
    .where(_C.reporter.in_(bindparam("of", expanding=True)))
    .order_by(_C.opened_at.desc())
    .limit(MOST_NEAR)
)
#: Who may join a case under another, or take it out again.
_JOIN: Final = frozenset({Actor.TRIAGE, Actor.HEAD, Actor.OFFICER})


class Suggestion(msgspec.Struct, frozen=True):
    """``kind``: of :class:`duplicates.Kind`, or ``person``. ``parent``: the number of the case that
    gathers many reporters'; None: of many, that it has to be opened."""

    kind: str
    cases: list[dict[str, Any]]
    parent: str | None = None


def suggest(desk: Desk, number: str) -> list[Suggestion]:
    """What may belong to the case ``number``.

    Raises:
        NoCase: as :meth:`Desk.look`.
    """
    case = desk.look(number)
    row = case.row
    found = []
    if case.rights.sees(Group.EMPLOYER) and row["employer_hash"]:
        near = _near(desk, row)
        known = {one["id"]: one for one in near}
        new = rows.complaint(desk.rules, row)
        others = [rows.complaint(desk.rules, one) for one in near]
        for one in duplicates.suggest(new, others):
            shown = [known[other] for other in one.cases]
            above = {**known, row["id"]: row}[one.parent]["number"] if one.parent else None
            found.append(_suggestion(one.kind.value, shown, above))
    if case.rights.sees(Group.NAME) and (people := _same_person(desk, row["reporter"])):
        theirs = desk.connection.execute(_OF_PEOPLE, {"of": people}).mappings()
        shown = files.visible(desk.person, desk.rules, theirs, row["id"])
        found += [_suggestion("person", shown)] if shown else []
    return found


def _near(desk: Desk, row: Mapping[str, Any]) -> list[Mapping[Any, Any]]:
    window = WINDOW_DAYS * DAY_MS
    wanted = {
        "employer": row["employer_hash"],
        "first": row["opened_at"] - window,
        "last": row["opened_at"] + window,
    }
    near = desk.connection.execute(_NEAR, wanted).mappings()
    return files.visible(desk.person, desk.rules, near, row["id"])


def _same_person(desk: Desk, reporter: str | None) -> list[str]:
    """Other reporters who have the same name and one of the numbers."""
    known = reporter and reporters.read(desk.connection, desk.keys, reporter)
    if not known:
        return []
    found = {
        one
        for number in known.phones
        for one in reporters.suggest(desk.connection, desk.keys, number=number, name=known.name)
    }
    return sorted(found - {reporter})


def _suggestion(
    kind: str, cases: Iterable[Mapping[Any, Any]], parent: str | None = None
) -> Suggestion:
    return Suggestion(kind, [files.brief(one, kind) for one in cases], parent)


def merge(desk: Desk, number: str, into: str, version: int, *, same_person: bool) -> Moved:
    """The case goes on as another of the same reporter. ``same_person``: somebody says that the two
    have one; who may say it sees both names.

    Raises:
        NoCase, StaleCase, Refused: as :meth:`Desk.move`.
    """
    case = desk.look(number)
    try:
        other = desk.look(into)
    except NoCase:
        raise Refused("unknown", Field.OTHER) from None
    if same_person and case.row["reporter"] != other.row["reporter"]:
        if not (case.rights.sees(Group.NAME) and other.rights.sees(Group.NAME)):
            raise Refused("not_yours", "same_person")
        if case.row["held_at"] is not None:  # the person would be forgotten
            raise Refused("law", "same_person")
        if other.row["reporter"] is None:
            raise Refused("reporter", Field.OTHER)
        try:
            reporters.join(
                desk.connection,
                desk.keys,
                desk.given,
                case=case.row["id"],
                reporter=other.row["reporter"],
            )
        except (LookupError, reporters.Anonymous):
            raise Refused("reporter", Field.OTHER) from None
    return desk.move(number, CaseEvent.MERGE, version, {Field.OTHER: into})


def gather(desk: Desk, number: str, children: Iterable[str]) -> None:
    """Join ``children`` under the case ``number``: all of them or none.

    Raises:
        NoCase, Refused: as :func:`set_parent`.
    """
    desk.look(number)
    try:
        cases = {desk.look(one).row["id"]: one for one in children}
    except NoCase:
        raise Refused("unknown", "children") from None
    for case in sorted(cases):  # the order of all locks
        set_parent(desk, cases[case], number)


def set_parent(desk: Desk, number: str, parent: str | None) -> Moved:
    """Join the case under one that gathers many reporters', or take it out again.

    Raises:
        NoCase: as :meth:`Desk.look`.
        Refused: see :class:`duplicates.Refusal`; ``not_yours``; ``unknown``.
    """
    work, may = desk.take(number)
    if _JOIN.isdisjoint(may.actors):
        raise Refused("not_yours")
    above = None
    if parent is not None:
        try:
            above = desk.look(parent).row
        except NoCase:
            raise Refused("unknown", "parent") from None
        child, gathering = (rows.complaint(desk.rules, one) for one in (work.row, above))
        if (why := duplicates.may_join(child, gathering)) is not None:
            raise Refused(why.value, "parent")
    wanted = None if above is None else above["id"]
    if wanted != work.row["parent"]:
        work.change({"parent": wanted})
        work.say(CaseFact.CASE_JOINED, {"parent": wanted or ""}, by=desk.person.id)
    return work.keep(desk.person.id)
