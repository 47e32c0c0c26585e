"""One case, as far as somebody may see it. A field that they may not see is not in the answer; a
case that they may not know of is the same as none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, select

from callcenter.cases import clocks, routing, secrecy, statuses, tables
from callcenter.cases.attachments import service as attachments
from callcenter.cases.clocks import Clock, Statute
from callcenter.cases.desk.rights import GROUPS, Rights, rights, secrecy_of
from callcenter.cases.desk.service import late_days
from callcenter.cases.facts import NoteKind
from callcenter.cases.hand.service import Work
from callcenter.cases.post import service as post
from callcenter.cases.reporters import service as reporters
from callcenter.cases.rules import Rules
from callcenter.cases.secrecy import Group, Person, Place
from callcenter.cases.service import recordings_of
from callcenter.cases.statuses import FINAL, Actor, CaseEvent, CaseStatus, Field
from callcenter.clock import Given
from callcenter.db import Connection, by_key
from callcenter.db.keys import DataKey, Keys

# Made once: to make a statement anew costs several times what it takes to run.
_G = tables.glass.c
_GLASS = select(_G.emergency, _G.until).where(
    _G.account == bindparam("me"), _G.case == bindparam("of"), _G.until > bindparam("now")
)
_NOTES = select(tables.note).where(tables.note.c.case == bindparam("of")).order_by(tables.note.c.at)
_ASSIGNMENTS = (
    select(tables.assignment)
    .where(tables.assignment.c.case == bindparam("of"))
    .order_by(tables.assignment.c.hop)
)
_OUTSIDE = (
    select(tables.external_ref)
    .where(tables.external_ref.c.case == bindparam("of"))
    .order_by(tables.external_ref.c.at)
)
#: How many linked cases of one kind are shown.
MOST_LINKED: Final = 100
_C = tables.case.c
_LINKED = {
    name: select(tables.case).where(column == bindparam("of")).limit(MOST_LINKED)
    for name, column in (
        ("parent", _C.id),
        ("child", _C.parent),
        ("merged_into", _C.id),
        ("merged_from", _C.merged_into),
        ("same_person", _C.reporter),
    )
}
#: Columns that are shown as they are.
_PLAIN: Final = (
    "number", "status", "channel", "topic", "track", "priority", "compartment", "anonymous",
    "secret", "unit", "officer", "custodian", "language", "province", "regency", "workers",
    "outcome", "gathers", "opened_at", "updated_at", "due_at", "version", "public_note",
)  # fmt: skip
#: Which notes are of which group; whoever sees the case sees the public ones.
NOTE_GROUPS: Final = {
    NoteKind.INTERNAL: Group.NOTES,
    NoteKind.TO_UNIT: Group.NOTES,
    NoteKind.CONTACT: Group.NOTES,
    NoteKind.GLASS: Group.NOTES,
    NoteKind.REPORTER: Group.NARRATIVE,
    NoteKind.PUBLIC: Group.PUBLIC,
}
#: What an event may carry besides what it needs.
_BESIDES: Final[Mapping[CaseEvent, tuple[str, ...]]] = {
    CaseEvent.ROUTE: ("instruction",),
    CaseEvent.FORWARD: ("instruction",),
    CaseEvent.REFER: (Field.THEIR_ID.value,),
    CaseEvent.FOLLOW_UP: (Field.OUTCOME.value,),
}
#: An officer of the unit is given the case by another; no event of the table.
ASSIGN: Final = "assign"
#: What the reporter does at the desk needs their PIN.
PIN: Final = "pin"


class NoCase(LookupError):
    """There is none, or none that somebody may know of."""


class Seen(msgspec.Struct, frozen=True):
    """A case that exists for somebody: its row, what they may, and until when they see what they
    opened with a reason."""

    row: Mapping[str, Any]
    rights: Rights
    opened_until: int | None


class Possible(msgspec.Struct, frozen=True):
    """An event that somebody may do now. ``needs`` and ``optional``: its fields; ``reasons``: the
    codes of a reason that the reporter hears, None where any code does."""

    event: str
    needs: tuple[str, ...]
    optional: tuple[str, ...]
    reasons: Mapping[str, Mapping[str, str]] | None


def look(
    connection: Connection,
    rules: Rules,
    person: Person,
    number: str,
    now: int,
    *,
    talking: Collection[str] = (),
) -> Seen:
    """The case ``number``. ``talking``: the cases of the call that the person is in.

    Raises:
        NoCase: there is none, or none that they may know of.
    """
    row = connection.execute(by_key(tables.case, "number"), {"key": number}).first()
    if row is None:
        raise NoCase(number)
    return seen(connection, rules, person, dict(row._mapping), now, talking=talking)


def seen(
    connection: Connection,
    rules: Rules,
    person: Person,
    row: Mapping[str, Any],
    now: int,
    *,
    talking: Collection[str] = (),
) -> Seen:
    """The same for a row that was read already. Raises as :func:`look`."""
    open_, until = _glass(connection, rules, person, row, now)
    found = rights(person, row, rules.units, talking=row["id"] in talking, glass=open_)
    if found.never:
        raise NoCase(row["number"])
    return Seen(row, found, until)


def _glass(
    connection: Connection, rules: Rules, person: Person, row: Mapping[str, Any], now: int
) -> tuple[frozenset[Group], int | None]:
    """The groups that the person has opened, and until when."""
    wanted = {"me": person.id, "of": row["id"], "now": now}
    opened = connection.execute(_GLASS, wanted).all()
    if not opened:
        return frozenset(), None
    related = secrecy.relations(person, Place(row["unit"], row["custodian"]), rules.units)
    case = secrecy_of(row)
    groups = frozenset(
        group
        for relation in related
        for group in secrecy.GLASS.get((case.compartment, relation), frozenset())
    )
    if case.anonymous:
        groups -= secrecy.HIDDEN_IF_ANONYMOUS
    return groups, max(one.until for one in opened)


# --- the file -------------------------------------------------------------------------------------


def file(
    connection: Connection, keys: Keys, rules: Rules, person: Person, case: Seen, now: int
) -> dict[str, Any]:
    """Every field of the case that ``person`` may see, by its name; ids where others put names.

    Raises:
        KeyForgotten: the case was forgotten.
    """
    row = case.row
    work = Work(connection, keys, Given(now), rules, row)
    key = work.key() if row["key"] or _sealed(row) else None
    fields: dict[str, Any] = {name: row[name] for name in _PLAIN}
    fields |= {
        "wait": row["wait_reason"],
        "incident_on": row["incident_on"] and row["incident_on"].isoformat(),
        "summary": row["summary"] or "",
        "late_days": late_days(rules, row["unit"], row["due_at"], now),
        "clocks": [_clock(one) for one in work.clocks()],
        "statutes": [_statute(one, rules) for one in work.past.statutes],
        "route": _route(rules, row),
        "references": [
            {"system": one.system, "ref": one.ref, "at": one.at, "result_at": one.result_at}
            for one in connection.execute(_OUTSIDE, {"of": row["id"]})
        ],
        "attachments": []
        if key is None
        else [msgspec.to_builtins(one) for one in attachments.listed(connection, key, row["id"])],
        "recordings": [msgspec.to_builtins(one) for one in recordings_of(connection, row["id"])],
    }
    for name in ("narrative", "employer"):
        sealed = row[name]
        text = "" if sealed is None or key is None else key.decrypt(sealed, f"case.{name}").decode()
        fields[name] = text
    if case.rights.sees(Group.NAME) or case.rights.sees(Group.PHONES):
        fields |= person_of(connection, keys, row["reporter"])
        fields["call_at"] = post.call_at(connection, keys, rules, row, now)
    if case.rights.sees(Group.HISTORY):
        notes = case.rights.sees(Group.NOTES)
        fields["assignments"] = _assignments(connection, key if notes else None, row["id"])
        fields["linked"] = _linked(connection, rules, person, case)
    shown = {name: one for name, one in fields.items() if case.rights.sees(GROUPS[name])}
    may = {group.value: one.value for group, one in case.rights.row.items() if one.value != "none"}
    can = [msgspec.to_builtins(one) for one in possible(work, case.rights)]
    return shown | {"may": may, "can": can, "opened_until": case.opened_until}


def _sealed(row: Mapping[str, Any]) -> bool:
    return row["narrative"] is not None or row["employer"] is not None


def notes(connection: Connection, keys: Keys, case: Seen) -> dict[str, str]:
    """The texts of the notes that may be seen, by the note's id."""
    row = case.row
    key = keys.open(row["key"], f"case:{row['id']}") if row["key"] else None
    found = {}
    for one in connection.execute(_NOTES, {"of": row["id"]}):
        if not case.rights.sees(NOTE_GROUPS[NoteKind(one.kind)]):
            continue
        if one.text is not None:
            found[one.id] = one.text
        elif one.sealed is not None and key is not None:
            found[one.id] = key.decrypt(one.sealed, "case_note.sealed").decode()
    return found


def possible(work: Work, may: Rights) -> list[Possible]:
    """What may be done to the case now."""
    mine = work.can(may.actors)
    theirs = work.can((Actor.REPORTER,)) if writes_down(may) else {}
    found = []
    for event in mine | theirs:
        needs = [one.value for one in statuses.CASE_TABLE[work.status, event].needs]
        needs += [] if event in mine else [PIN]
        reasons = statuses.REASONS.get(event)
        found.append(Possible(event.value, tuple(needs), _BESIDES.get(event, ()), reasons))
    if may_assign(work, may):
        found.append(Possible(ASSIGN, ("officer",), (), None))
    return found


def writes_down(may: Rights) -> bool:
    """Whether the person may write down what a reporter does, who tells them the PIN."""
    return not {Actor.AGENT, Actor.TRIAGE, Actor.OFFICER}.isdisjoint(may.actors)


def may_assign(work: Work, may: Rights) -> bool:
    """Whether the person may give the case to an officer of the unit that has it."""
    ours = bool({Actor.HEAD, Actor.OFFICER} & set(may.actors))
    return ours and work.row["officer"] is not None and work.status not in FINAL


def _clock(one: Clock) -> dict[str, Any]:
    return {
        "kind": one.kind.value,
        "unit": one.unit,
        "started": one.started,
        "due": one.due,
        "stopped": one.stopped,
        "standing": one.standing,
        "used": round(one.used, 3),
        "late_days": one.late_days,
    }


def _statute(one: Statute, rules: Rules) -> dict[str, Any]:
    until = clocks.statutory_day(one, rules.deadlines, rules.counting.home)
    return {"code": one.code.value, "on": one.on.isoformat(), "until": until.isoformat()}


def _route(rules: Rules, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Where the rules would send the case, while triage has to decide."""
    topic = rules.topics.get(row["topic"])
    if topic is None or row["status"] != CaseStatus.VERIFYING.value:
        return None
    found = routing.route(
        rules.units, topic, province=row["province"], regency=row["regency"], track=None
    )
    return {"unit": found.unit, "way": found.way.value, "why": found.why, "also": found.also}


def person_of(connection: Connection, keys: Keys, reporter: str | None) -> dict[str, Any]:
    """What is kept of a reporter, by the names of the fields."""
    found = None if reporter is None else reporters.read(connection, keys, reporter)
    if found is None:
        return {"name": "", "minor": False, "phones": [], "safe_contact": None}
    hours = ("may_message", "may_call", "safe_from", "safe_until", "call_from", "call_until")
    contact = {name: getattr(found, name) for name in (*hours, "zone")}
    return {
        "name": found.name,
        "minor": found.minor,
        "phones": [{"number": one, "shared": one in found.shared} for one in found.phones],
        "safe_contact": contact | {"language": found.language},
    }


def _assignments(connection: Connection, key: DataKey | None, case: str) -> list[dict[str, Any]]:
    found = []
    for row in connection.execute(_ASSIGNMENTS, {"of": case}):
        one = {
            name: getattr(row, name)
            for name in ("unit", "state", "hop", "by", "officer", "reason", "better", "sent_at")
        }
        one |= {"phone_from": row.phone_from, "answered_at": row.answered_at}
        one["ended_at"] = row.ended_at
        if key is not None and row.instruction is not None:
            one["instruction"] = key.decrypt(row.instruction, "assignment.instruction").decode()
        found.append(one)
    return found


def _linked(
    connection: Connection, rules: Rules, person: Person, case: Seen
) -> list[dict[str, Any]]:
    """The cases that this one has to do with, as far as they exist for the person."""
    row = case.row
    ends = {
        "parent": row["parent"],
        "child": row["id"] if row["gathers"] else None,
        "merged_into": row["merged_into"],
        "merged_from": row["id"],
        "same_person": row["reporter"] if case.rights.sees(Group.NAME) else None,
    }
    found = []
    for name, end in ends.items():
        if end is not None:
            # Sorted here: to have them in order a planner may read all cases by their ids.
            others = sorted(
                connection.execute(_LINKED[name], {"of": end}).mappings(), key=lambda one: one["id"]
            )
            found += [brief(one, name) for one in visible(person, rules, others, row["id"])]
    return found


def visible(
    person: Person, rules: Rules, others: Iterable[Mapping[Any, Any]], but: str
) -> list[Mapping[Any, Any]]:
    """Those of ``others`` that exist for the person, without the case ``but``."""
    return [
        one for one in others if one["id"] != but and not rights(person, one, rules.units).never
    ]


def brief(row: Mapping[Any, Any], what: str) -> dict[str, Any]:
    """A case beside another; ``what`` it is to it."""
    names = ("number", "topic", "status", "unit", "opened_at")
    return {name: row[name] for name in names} | {"what": what}
