"""One case as a file to read: what was said, which calls it had, and everything done to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import select

from callcenter.calls.tables import call
from callcenter.cases import service
from callcenter.cases.desk.file import service as files
from callcenter.cases.desk.file.service import Seen
from callcenter.cases.rules import Rules
from callcenter.cases.secrecy import Group, Person
from callcenter.cases.service import CallLink
from callcenter.db import Connection
from callcenter.db.facts import Fact
from callcenter.db.keys import Keys
from callcenter.db.tables import fact
from callcenter.web.desk_documents import CaseFile

#: The newest this many steps of a case's history are shown.
MOST_STEPS: Final = 500


def document(
    conn: Connection,
    keys: Keys,
    rules: Rules,
    person: Person,
    case: Seen,
    now: int,
    staff: Mapping[str, str],
) -> CaseFile:
    """The case of ``case`` as ``person`` may see it; ``staff``: account id -> name."""
    fields = files.file(conn, keys, rules, person, case, now)
    for name in ("officer", "custodian"):
        if name in fields:
            fields[name] = _name(fields[name], staff)
    for one in fields.get("attachments", ()):
        one["by"] = _name(one["by"], staff)
    for one in fields.get("assignments", ()):
        one |= {"by": _name(one["by"], staff), "officer": _name(one["officer"], staff)}
    if case.rights.sees(Group.HISTORY):
        links = service.calls_of(conn, case.row["id"])
        notes = files.notes(conn, keys, case)
        fields["calls"] = _calls(conn, links, staff)
        fields["timeline"] = [
            {"at": one.at, "kind": one.kind, "by": _name(one.agent, staff), "data": _told(one)}
            | ({"text": text} if (text := notes.get(str(one.data.get("note")))) else {})
            for one in _history(conn, case.row["id"], [link.call for link in links])
        ]
    return CaseFile.model_validate(fields)


def _told(one: Fact) -> dict[str, str | int | bool]:
    """What a Fact says, without who the reporter is: two cases with one id would be one person's
    also for who may not see the name."""
    return {name: value for name, value in one.data.items() if name != "reporter"}


def _calls(
    conn: Connection, links: list[CallLink], staff: Mapping[str, str]
) -> list[dict[str, object]]:
    query = select(call.c.id, call.c.line, call.c.started_at, call.c.ended_at, call.c.agent).where(
        call.c.id.in_([link.call for link in links])
    )
    known = {row.id: row for row in conn.execute(query)}
    return [
        {
            "id": link.call,
            "role": link.role,
            "at": link.at,
            "line": row.line,
            "lasted_s": (row.ended_at - row.started_at) // 1000 if row.ended_at else None,
            "agent": _name(row.agent, staff),
        }
        for link in links
        if (row := known.get(link.call)) is not None
    ]


def _history(conn: Connection, case: str, calls: list[str]) -> list[Fact]:
    """The newest MOST_STEPS Facts about the case and its calls, oldest first. What a call was to
    another case, and what it was to an agent's day, is not told here."""
    of_call = fact.c.call.in_(calls) & fact.c.case.is_(None) & (fact.c.kind != "agent_state")
    query = (
        select(fact.c.text)
        .where((fact.c.case == case) | of_call)
        .order_by(fact.c.id.desc())
        .limit(MOST_STEPS)
    )
    rows = conn.execute(query).scalars()
    return [msgspec.json.decode(text, type=Fact) for text in rows][::-1]


def _name(account: str | None, staff: Mapping[str, str]) -> str | None:
    return None if account is None else staff.get(account, account)
