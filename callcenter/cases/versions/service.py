"""Versions of a case: all that stood in it after each change, readable while its key is.

A body is JSON under the case's own key. The reporter's name lies in it as it lies in the
reporter's row, under the reporter's key: whoever forgets the person forgets it here as well.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping

import msgspec
from sqlalchemy import Row, bindparam, insert, select, update

from callcenter.cases import tables
from callcenter.cases.search import service as search
from callcenter.cases.views import Change, Value
from callcenter.db import Connection, by_key
from callcenter.db.keys import DataKey, Keys

#: Plain columns, as they stand in the row.
_PLAIN = (
    "status", "wait_reason", "topic", "track", "priority", "compartment", "anonymous", "secret",
    "unit", "officer", "custodian", "language", "province", "regency", "incident_on", "workers",
    "outcome", "parent", "merged_into", "summary", "public_note",
)  # fmt: skip
#: Encrypted columns under the case's key.
_SEALED = ("narrative", "employer")
_CONTEXT = "case_version.body"
_NAME = "reporter_name"

# Made once: to make a statement anew costs several times what it takes to run.
_INSERT = insert(tables.case_version)
_OF = tables.case_version.c.case == bindparam("of")
_ONE = select(tables.case_version).where(_OF, tables.case_version.c.version == bindparam("wanted"))
_ALL = select(tables.case_version).where(_OF).order_by(tables.case_version.c.version)
_SET_BODY = update(tables.case_version).where(
    _OF, tables.case_version.c.version == bindparam("wanted")
)
_REPORTER_NAME = select(tables.reporter.c.name).where(tables.reporter.c.id == bindparam("of"))
_REPORTER_KEY = select(tables.reporter.c.key).where(tables.reporter.c.id == bindparam("of"))


class Version(msgspec.Struct, frozen=True):
    """The case after a change. ``by``: an account, None: the reporter or nobody. ``fields``: its
    columns by name; ``reporter_name`` is "" when there was none or the person was forgotten."""

    version: int
    at: int
    by: str | None
    fields: Mapping[str, Value]


def write(connection: Connection, keys: Keys, *, case: str, at: int, by: str | None = None) -> None:
    """Keep the case as its row stands now, under the row's version, and the words that it is found
    by. Call it after each change that raised the version, in the same transaction.

    Raises:
        LookupError: no such case.
        KeyForgotten: it was forgotten.
    """
    row = connection.execute(by_key(tables.case), {"key": case}).first()
    if row is None:
        raise LookupError(case)
    key = keys.open(row.key, f"case:{case}")
    fields = _fields(connection, row, key)
    body = key.encrypt(msgspec.json.encode(fields), _CONTEXT)
    connection.execute(
        _INSERT, {"case": case, "version": row.version, "at": at, "by": by, "body": body}
    )
    search.index(connection, keys, case, fields)


def read(connection: Connection, keys: Keys, case: str, version: int) -> Version | None:
    """The case as it was in ``version``; None when there is no such version or it was forgotten."""
    row = connection.execute(_ONE, {"of": case, "wanted": version}).first()
    key = _case_key(connection, keys, case)
    if row is None or key is None:
        return None
    return _version(connection, keys, row, key)


def diff(before: Version | None, after: Version) -> Change:
    """What ``after`` has different from ``before``; of the first version, all that is not empty."""
    old = before.fields if before is not None else {}
    changed = {
        name: (old.get(name), value)
        for name, value in after.fields.items()
        if (old.get(name) or None) != (value or None)
    }
    return Change(after.version, after.at, after.by, changed)


def changes(connection: Connection, keys: Keys, case: str, since: int = 0) -> list[Change]:
    """What changed after version ``since``, oldest first: for who saves too late, and for the
    timeline. Empty when the case was forgotten."""
    key = _case_key(connection, keys, case)
    if key is None:
        return []
    found, before = [], None
    for row in connection.execute(_ALL, {"of": case}):
        if row.version < since:
            continue
        now = _version(connection, keys, row, key)
        if row.version > since:
            found.append(diff(before, now))
        before = now
    return found


def drop_reporter(connection: Connection, keys: Keys, case: str) -> None:
    """Write every version anew without the reporter: the case has become anonymous."""
    key = _case_key(connection, keys, case)
    if key is None:
        return
    for row in connection.execute(_ALL, {"of": case}).all():
        plain = key.decrypt(row.body, _CONTEXT)
        fields = msgspec.json.decode(plain, type=dict[str, Value])
        if "reporter" in fields:
            kept = {name: one for name, one in fields.items() if name not in ("reporter", _NAME)}
            body = key.encrypt(msgspec.json.encode(kept), _CONTEXT)
            connection.execute(_SET_BODY, {"of": case, "wanted": row.version, "body": body})


def _fields(connection: Connection, row: Row[tuple[object, ...]], key: DataKey) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for name in _PLAIN:
        value = getattr(row, name)
        fields[name] = value.isoformat() if isinstance(value, dt.date) else value
    for name in _SEALED:
        value = getattr(row, name)
        fields[name] = "" if value is None else key.decrypt(value, f"case.{name}").decode()
    if row.reporter is not None:
        sealed: bytes | None = connection.execute(
            _REPORTER_NAME, {"of": row.reporter}
        ).scalar_one_or_none()
        fields["reporter"] = row.reporter
        fields[_NAME] = None if sealed is None else base64.b64encode(sealed).decode()
    return fields


def _version(
    connection: Connection, keys: Keys, row: Row[tuple[object, ...]], key: DataKey
) -> Version:
    plain = key.decrypt(row.body, _CONTEXT)
    fields = msgspec.json.decode(plain, type=dict[str, Value])
    sealed, reporter = fields.get(_NAME), fields.get("reporter")
    fields[_NAME] = ""
    if isinstance(sealed, str) and isinstance(reporter, str):
        wrapped = connection.execute(_REPORTER_KEY, {"of": reporter}).scalar_one_or_none()
        if wrapped:
            person = keys.open(wrapped, f"reporter:{reporter}")
            fields[_NAME] = person.decrypt(base64.b64decode(sealed), "reporter.name").decode()
    return Version(row.version, row.at, row.by, fields)


def _case_key(connection: Connection, keys: Keys, case: str) -> DataKey | None:
    row = connection.execute(by_key(tables.case), {"key": case}).first()
    if row is None or not row.key:
        return None
    return keys.open(row.key, f"case:{case}")
