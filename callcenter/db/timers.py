"""Timers: Signals with a due time.

A timer is deleted in the transaction that handles it (:func:`take`), so it is handled exactly
once however many processes look. Lock what it is about first, then take it: whoever moves or
cancels a timer holds that lock too.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, select

from callcenter.db.database import upsert
from callcenter.db.tables import timer


class Timer(msgspec.Struct, frozen=True):
    """``kind`` says what is due, ``ref`` (an id or code) for whom; ``due_at`` in epoch ms."""

    key: str
    kind: str
    ref: str
    due_at: int


# Made once: to make a statement anew costs several times what it takes to run.
_CANCEL = delete(timer).where(timer.c.key == bindparam("of"))
_TAKE = _CANCEL.where(timer.c.due_at == bindparam("at"))
_NEXT_DUE = select(func.min(timer.c.due_at))
_DUE = (
    select(timer.c.key, timer.c.kind, timer.c.ref, timer.c.due_at)
    .where(timer.c.due_at <= bindparam("now"))
    .order_by(timer.c.due_at, timer.c.key)
    .limit(bindparam("most"))
)


def set_timer(connection: Connection, kind: str, ref: str, due_at: int) -> None:
    """Set the timer ``kind`` of ``ref``; one that is set already is moved."""
    row = {"key": f"{kind}:{ref}", "kind": kind, "ref": ref, "due_at": due_at}
    upsert(connection, timer, row)


def cancel_timer(connection: Connection, kind: str, ref: str) -> None:
    """Remove it if it is set."""
    connection.execute(_CANCEL, {"of": f"{kind}:{ref}"})


def due(connection: Connection, now: int, limit: int = 100) -> list[Timer]:
    """The timers that are due, the longest overdue first."""
    return [Timer(*row) for row in connection.execute(_DUE, {"now": now, "most": limit})]


def next_due(connection: Connection) -> int | None:
    """When the next timer is due, None when there is none."""
    due_at: int | None = connection.execute(_NEXT_DUE).scalar_one()
    return due_at


def upcoming(connection: Connection, now: int) -> tuple[list[Timer], int | None]:
    """Those that are :func:`due`, and when none is, when the next one will be."""
    found = due(connection, now)
    return found, None if found else next_due(connection)


def take(connection: Connection, timer_: Timer) -> bool:
    """Delete the timer in order to handle it; False when it was moved, cancelled or taken."""
    done = connection.execute(_TAKE, {"of": timer_.key, "at": timer_.due_at})
    return done.rowcount == 1
