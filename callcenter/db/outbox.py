"""The outbox: one row per Command, written with the decision and deleted when it is done.

``claimed_by`` is the running process that has the Command in hand. Rows of any other owner are
left over from a process that ended, and what became of them is unknown: a *state* is compared and
set again, a *once* is never sent again without looking first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from callcenter.db.database import for_update
from callcenter.db.tables import command


class Pending(msgspec.Struct, frozen=True):
    """A row of the outbox. ``claimed_by``: the process that had it before."""

    id: str
    line: str
    leg: str | None
    once: bool
    body: bytes
    claimed_by: str | None
    created_at: int


# Made once: to make a statement anew costs several times what it takes to run.
_PUT = insert(command)
_DONE = delete(command).where(command.c.id == bindparam("key"))


def put(
    connection: Connection,
    *,
    id: str,  # noqa: A002
    line: str,
    leg: str | None,
    once: bool,
    body: bytes,
    claimed_by: str | None,
    at: int,
) -> None:
    """Keep a Command until it is :func:`done`."""
    connection.execute(
        _PUT,
        {
            "id": id,
            "line": line,
            "leg": leg,
            "once": once,
            "body": body,
            "claimed_by": claimed_by,
            "created_at": at,
        },
    )


def done(connection: Connection, ids: Iterable[str]) -> None:
    """Remove what has been performed; an unknown id is ignored."""
    rows = [{"key": key} for key in ids]
    if rows:
        connection.execute(_DONE, rows)


def unclaimed_or_orphaned(
    connection: Connection, lines: Collection[str], claimed_by: str
) -> list[Pending]:
    """Claim for ``claimed_by`` every row of ``lines`` that it does not hold yet, oldest first."""
    waiting = select(
        command.c.id,
        command.c.line,
        command.c.leg,
        command.c.once,
        command.c.body,
        command.c.claimed_by,
        command.c.created_at,
    ).where(
        command.c.line.in_(lines),
        or_(command.c.claimed_by.is_(None), command.c.claimed_by != claimed_by),
    )
    oldest_first = waiting.order_by(command.c.created_at, command.c.id)
    rows = connection.execute(for_update(oldest_first, skip_locked=True)).all()
    if rows:
        ids = [row.id for row in rows]
        connection.execute(
            update(command).where(command.c.id.in_(ids)).values(claimed_by=claimed_by)
        )
    return [Pending(*row) for row in rows]
