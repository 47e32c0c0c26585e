"""Papers and pictures beside a case, under the case's own key.

They lie in the database, so that a backup has them and an erasure reaches them.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, func, insert, select, update

from callcenter.cases import tables
from callcenter.cases.attachments.rules import Kind
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.keys import DataKey

_T = tables.attachment
_KEPT = _T.c.content.is_not(None)
# Made once: to make a statement anew costs several times what it takes to run.
_COUNT = select(func.count()).select_from(_T).where(_T.c.case == bindparam("of"), _KEPT)
_LISTED = (
    select(_T.c.id, _T.c.name, _T.c.kind, _T.c.size, _T.c.by, _T.c.at)
    .where(_T.c.case == bindparam("of"), _KEPT)
    .order_by(_T.c.at, _T.c.id)
)
_WHOLE = select(_T).where(_T.c.case == bindparam("of"), _KEPT).order_by(_T.c.at, _T.c.id)
_ONE = select(_T).where(_T.c.id == bindparam("one"), _T.c.case == bindparam("of"), _KEPT)
_REMOVE = (
    update(_T)
    .where(_T.c.id == bindparam("one"), _T.c.case == bindparam("of"), _KEPT)
    .values(name=None, content=None)
)
_INSERT = insert(_T)


class Attachment(msgspec.Struct, frozen=True):
    """``size`` in bytes; ``by``: the account that put it here."""

    id: str
    name: str
    kind: Kind
    size: int
    by: str
    at: int


class File(msgspec.Struct, frozen=True):
    """One as it is handed out."""

    name: str
    kind: Kind
    content: bytes


def count(connection: Connection, case: str) -> int:
    found: int = connection.execute(_COUNT, {"of": case}).scalar_one()
    return found


def listed(connection: Connection, key: DataKey, case: str) -> list[Attachment]:
    """Those of a case, oldest first, without their content."""
    return [
        Attachment(row.id, _name(key, row.name), Kind(row.kind), row.size, row.by, row.at)
        for row in connection.execute(_LISTED, {"of": case})
    ]


def keep(
    connection: Connection, key: DataKey, given: Given, case: str, file: File, *, by: str
) -> str:
    """Keep ``file`` beside the case; gives its id."""
    one = given.id()
    row = {
        "id": one,
        "case": case,
        "name": key.encrypt(file.name.encode(), "attachment.name"),
        "content": key.encrypt(file.content, "attachment.content"),
        "kind": file.kind.value,
        "size": len(file.content),
        "by": by,
        "at": given.now,
    }
    connection.execute(_INSERT, row)
    return one


def read(connection: Connection, key: DataKey, case: str, one: str) -> File | None:
    """One of a case; None: there is none of this id (any more)."""
    row = connection.execute(_ONE, {"one": one, "of": case}).first()
    return None if row is None else _file(key, row)


def remove(connection: Connection, case: str, one: str) -> bool:
    """Destroy it; False: there is none of this id (any more)."""
    return connection.execute(_REMOVE, {"one": one, "of": case}).rowcount > 0


def whole(connection: Connection, key: DataKey, case: str) -> list[File]:
    """All of a case, oldest first."""
    return [_file(key, row) for row in connection.execute(_WHOLE, {"of": case})]


def _file(key: DataKey, row: Row[Any]) -> File:
    content = key.decrypt(row.content, "attachment.content")
    return File(_name(key, row.name), Kind(row.kind), content)


def _name(key: DataKey, sealed: bytes) -> str:
    return key.decrypt(sealed, "attachment.name").decode()
