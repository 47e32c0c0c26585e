"""One case as a file to read: what was said, which calls it had, and everything done to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from sqlalchemy import select

from callcenter.calls.tables import call
from callcenter.cases import service
from callcenter.cases.service import CallLink, CaseView
from callcenter.db import Connection
from callcenter.db.facts import Fact
from callcenter.db.tables import fact
from callcenter.web.documents import CaseDocument

#: The newest this many steps of a case's history are shown.
MOST_STEPS: Final = 500


def document(conn: Connection, view: CaseView, staff: Mapping[str, str]) -> CaseDocument:
    """The case of ``view``; ``staff``: account id -> name."""
    links = service.calls_of(conn, view.id)
    return CaseDocument.model_validate(
        {
            **{
                name: getattr(view, name)
                for name in CaseDocument.model_fields
                if hasattr(view, name)
            },
            "custodian": _name(view.custodian, staff),
            "calls": _calls(conn, links, staff),
            "recordings": [
                {"name": one.name, "seconds": one.seconds, "at": one.at}
                for one in service.recordings_of(conn, view.id)
            ],
            "timeline": [
                {"at": one.at, "kind": one.kind, "by": _name(one.agent, staff), "data": one.data}
                for one in _history(conn, view.id, [link.call for link in links])
            ],
        }
    )


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
