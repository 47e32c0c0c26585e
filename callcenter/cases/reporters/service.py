"""Reporters in the store: who complained, each under a key of their own.

A row is made when there is something to keep of a person, and never for an anonymous case. One
reporter may have several cases; that two cases have the same one is said by a person, never found
by itself (:func:`suggest` and :func:`join`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, update

from callcenter.cases import tables, words
from callcenter.cases.facts import CaseFact
from callcenter.cases.post import letters
from callcenter.cases.versions import service as versions
from callcenter.clock import Given
from callcenter.db import Connection, by_key
from callcenter.db.facts import Fact, append
from callcenter.db.keys import FORGOTTEN, DataKey, Keys
from callcenter.messages import service as messages

#: A person has not more; a form that brings more is refused by its document.
PHONES_MOST = 5

# Made once: to make a statement anew costs several times what it takes to run.
_INSERT = insert(tables.reporter)
_SET = update(tables.reporter).where(tables.reporter.c.id == bindparam("of"))
_PHONES = (
    select(
        tables.reporter_phone.c.number_hash,
        tables.reporter_phone.c.number,
        tables.reporter_phone.c.shared,
    )
    .where(tables.reporter_phone.c.reporter == bindparam("of"))
    .order_by(tables.reporter_phone.c.number_hash)
)
_INSERT_PHONE = insert(tables.reporter_phone)
_DROP_PHONES = delete(tables.reporter_phone).where(
    tables.reporter_phone.c.reporter == bindparam("of")
)
_DROP_PHONE = _DROP_PHONES.where(tables.reporter_phone.c.number_hash == bindparam("lookup"))
_SHARE = update(tables.reporter_phone).where(
    tables.reporter_phone.c.reporter == bindparam("of"),
    tables.reporter_phone.c.number_hash == bindparam("lookup"),
)
_SET_CASE = update(tables.case).where(tables.case.c.id == bindparam("of"))
_CASES = (
    select(tables.case.c.id)
    .where(tables.case.c.reporter == bindparam("of"))
    .order_by(tables.case.c.opened_at)
)
_SAME = (
    select(tables.reporter.c.id)
    .join(tables.reporter_phone, tables.reporter_phone.c.reporter == tables.reporter.c.id)
    .where(
        tables.reporter_phone.c.number_hash == bindparam("lookup"),
        tables.reporter.c.name_hash == bindparam("named"),
    )
    .order_by(tables.reporter.c.created_at)
)


class Reporter(msgspec.Struct, frozen=True):
    """A person. ``phones`` in E.164; ``shared``: those of them that others answer, an employer's
    say: a caller is known by them, and nobody calls or writes there. ``safe_from`` and
    ``safe_until`` in minutes since midnight in ``zone``: when they may be written to and called;
    ``call_from`` and ``call_until``: when they may be called, if that is another time. None: they
    did not say."""

    id: str
    name: str
    phones: tuple[str, ...]
    language: str
    minor: bool
    may_message: bool
    may_call: bool
    safe_from: int | None
    safe_until: int | None
    call_from: int | None
    call_until: int | None
    zone: str | None
    shared: tuple[str, ...] = ()


#: Since midnight; None leaves it as it is, an empty text empties it.
Minute = int | Literal[""] | None


class Form(msgspec.Struct, frozen=True):
    """What is written down of a person; None leaves a field as it is, an empty text empties it."""

    name: str | None = None
    phones: tuple[str, ...] | None = None
    language: str | None = None
    minor: bool | None = None
    may_message: bool | None = None
    may_call: bool | None = None
    safe_from: Minute = None
    safe_until: Minute = None
    call_from: Minute = None
    call_until: Minute = None
    zone: str | None = None
    shared: tuple[str, ...] | None = None


class Anonymous(Exception):
    """Nothing is kept of the reporter of this case."""


_HOURS = ("safe_from", "safe_until", "call_from", "call_until", "zone")
#: Whether, where and when they are written to.
_REACHED = frozenset({"phones", "shared", "may_message", "safe_from", "safe_until", "zone"})
_PLAIN = ("language", "minor", "may_message", "may_call", *_HOURS)


def owner(reporter: str) -> str:
    """The owner's name of a reporter's data key."""
    return f"reporter:{reporter}"


def name_of(connection: Connection, keys: Keys, reporter: str | None) -> str:
    """The person's name; "" when there is no person, no name, or it was forgotten."""
    row = None if reporter is None else _row(connection, reporter)
    if row is None or not row.key or row.name is None:
        return ""
    return keys.open(row.key, owner(row.id)).decrypt(row.name, "reporter.name").decode()


def read(connection: Connection, keys: Keys, reporter: str) -> Reporter | None:
    """The person; None when there is no such row or it was forgotten."""
    row = _row(connection, reporter)
    if row is None or not row.key:
        return None
    key = keys.open(row.key, owner(reporter))
    phones = _phones(connection, key, reporter)
    return Reporter(
        id=row.id,
        name="" if row.name is None else key.decrypt(row.name, "reporter.name").decode(),
        phones=tuple(phones),
        **{name: getattr(row, name) for name in _PLAIN},
        shared=tuple(number for number, shared in phones.items() if shared),
    )


def save(
    connection: Connection,
    keys: Keys,
    given: Given,
    *,
    case: str,
    form: Form,
    caller: str | None = None,
    by: str | None = None,
) -> str | None:
    """Write down what ``form`` says of the reporter of ``case``; gives the reporter's id.

    The row is made if need be, when there is anything to keep: None when there is not. ``caller``:
    the number that the case was opened from, in E.164; it is added to the phones. Lock the case
    before, and raise its version after: this writes none.

    Raises:
        LookupError: no such case.
        Anonymous: nothing may be kept.
    """
    row = connection.execute(by_key(tables.case), {"key": case}).first()
    if row is None:
        raise LookupError(case)
    said = {name: one for name in _PLAIN if (one := getattr(form, name)) is not None}
    wanted = {name: None if one == "" else one for name, one in said.items()}
    if row.anonymous:
        if form.name or form.phones or wanted.keys() - {"language"}:
            raise Anonymous(case)
        return None
    person = None if row.reporter is None else _row(connection, row.reporter)
    told_how = any(one is not None for one in wanted.values())
    if person is None and not (form.name or form.phones or caller or told_how):
        return None
    if person is None or not person.key:
        person = _make(connection, keys, given, case, row.language)
    key = keys.open(person.key, owner(person.id))
    changed = {name: one for name, one in wanted.items() if getattr(person, name) != one}
    told = sorted(changed)
    if form.name is not None and form.name != name_of(connection, keys, person.id):
        changed["name"] = key.encrypt(form.name.encode(), "reporter.name")
        hashed = words.person(form.name)
        changed["name_hash"] = keys.word_hash("person", hashed) if hashed else None
        told.append("name")
    if changed:
        connection.execute(_SET, {"of": person.id, **changed})
    if _set_phones(connection, keys, key, person.id, form.phones, caller):
        told.append("phones")
    if form.shared is not None and _set_shared(connection, keys, person.id, form.shared):
        told.append("shared")
    if not _REACHED.isdisjoint(told):
        _withdraw(connection, keys, given.now, person.id)
    if told:
        data: dict[str, str | int | bool] = {"reporter": person.id, "fields": ",".join(told)}
        fact = Fact(CaseFact.REPORTER_SAVED, given.now, case=case, agent=by, data=data)
        append(connection, keys, [fact])
    return str(person.id)


def _withdraw(connection: Connection, keys: Keys, now: int, reporter: str) -> None:
    """What waits to be sent was put as they could be reached before; they hear of the next news."""
    for case in cases_of(connection, reporter):
        messages.withdraw(connection, keys, now, case=case, templates=letters.TO_REPORTERS)


def suggest(connection: Connection, keys: Keys, *, number: str, name: str) -> list[str]:
    """Reporters who have this number and this name: perhaps the same person. Oldest first."""
    named = words.person(name)
    if not named:
        return []
    lookup = {"lookup": keys.number_hash(number), "named": keys.word_hash("person", named)}
    return list(connection.execute(_SAME, lookup).scalars())


def join(connection: Connection, keys: Keys, given: Given, *, case: str, reporter: str) -> None:
    """Somebody says that the case is this ``reporter``'s, who is reached no less safely than before
    under either. A person without a case is forgotten.

    Raises:
        LookupError: no such case, or no such reporter (any more).
        Anonymous: nothing may be kept.
    """
    row = connection.execute(by_key(tables.case, lock=True), {"key": case}).first()
    person = _row(connection, reporter)
    if row is None or person is None or not person.key:
        raise LookupError(case if row is None else reporter)
    if row.anonymous:
        raise Anonymous(case)
    if row.reporter == reporter:
        return
    left = None if row.reporter is None else read(connection, keys, row.reporter)
    kept = read(connection, keys, reporter)
    connection.execute(_SET_CASE, {"of": case, "reporter": reporter})
    if left is not None and kept is not None:
        save(connection, keys, given, case=case, form=_both(kept, left))
    if row.reporter is not None and not cases_of(connection, row.reporter):
        forget(connection, row.reporter)
    data: dict[str, str | int | bool] = {"reporter": reporter, "fields": "joined"}
    append(connection, keys, [Fact(CaseFact.REPORTER_SAVED, given.now, case=case, data=data)])


def _both(kept: Reporter, left: Reporter) -> Form:
    """How somebody is reached who was written down twice: as both allow. A telephone that others
    answer by one of them is one."""
    said = any(getattr(kept, name) is not None for name in _HOURS)
    return Form(
        phones=(*kept.phones, *left.phones),
        shared=(*kept.shared, *left.shared),
        minor=kept.minor or left.minor,
        may_message=kept.may_message and left.may_message,
        may_call=kept.may_call and left.may_call,
        **{} if said else {name: getattr(left, name) for name in _HOURS},
    )


def unlink(connection: Connection, keys: Keys, case: str) -> str | None:
    """Take the person off ``case``, also off its versions. Gives the reporter who has no other
    case now: forget them."""
    row = connection.execute(by_key(tables.case, lock=True), {"key": case}).first()
    if row is None or row.reporter is None:
        return None
    connection.execute(_SET_CASE, {"of": case, "reporter": None})
    versions.drop_reporter(connection, keys, case)
    left: str = row.reporter
    return None if cases_of(connection, left) else left


def forget(connection: Connection, reporter: str) -> None:
    """Destroy the person's key and all that is kept of them; the row stays, with nothing in it."""
    connection.execute(
        _SET,
        {"of": reporter, "key": FORGOTTEN, "name": None, "name_hash": None, "minor": False}
        | dict.fromkeys(_HOURS),
    )
    connection.execute(_DROP_PHONES, {"of": reporter})


def cases_of(connection: Connection, reporter: str) -> list[str]:
    """The ids of the person's cases, oldest first."""
    return list(connection.execute(_CASES, {"of": reporter}).scalars())


def by_number(connection: Connection, keys: Keys, number: str) -> list[str]:
    """The reporters who have this number (E.164)."""
    found = select(tables.reporter_phone.c.reporter).where(
        tables.reporter_phone.c.number_hash == keys.number_hash(number)
    )
    return list(connection.execute(found).scalars())


def _make(
    connection: Connection, keys: Keys, given: Given, case: str, language: str
) -> Row[tuple[object, ...]]:
    reporter = given.id()
    _, wrapped = keys.make(owner(reporter))
    row = {
        "id": reporter,
        "key": wrapped,
        "language": language,
        "minor": False,
        "may_message": False,  # until somebody has asked them: others may read it
        "may_call": True,
        "created_at": given.now,
    }
    connection.execute(_INSERT, row)
    connection.execute(_SET_CASE, {"of": case, "reporter": reporter})
    made = _row(connection, reporter)
    assert made is not None
    return made


def _set_phones(
    connection: Connection,
    keys: Keys,
    key: DataKey,
    reporter: str,
    wanted: Collection[str] | None,
    caller: str | None,
) -> bool:
    """Whether the phones are others now."""
    known = connection.execute(_PHONES, {"of": reporter}).all()
    before = {row.number_hash for row in known}
    numbers = {keys.number_hash(one): one for one in wanted or ()}
    if caller is not None:
        numbers[keys.number_hash(caller)] = caller
    gone = set() if wanted is None else before - numbers.keys()
    new = numbers.keys() - before
    for lookup in sorted(gone):
        connection.execute(_DROP_PHONE, {"of": reporter, "lookup": lookup})
    for lookup in sorted(new):
        sealed = key.encrypt(numbers[lookup].encode(), "reporter.number")
        row = {"reporter": reporter, "number_hash": lookup, "number": sealed, "shared": False}
        connection.execute(_INSERT_PHONE, row)
    return bool(gone or new)


def _set_shared(connection: Connection, keys: Keys, reporter: str, wanted: Collection[str]) -> bool:
    """Whether others than before are shared now. A number that is none of the person's is not."""
    numbers = {keys.number_hash(one) for one in wanted}
    changed = False
    for row in connection.execute(_PHONES, {"of": reporter}).all():
        shared = row.number_hash in numbers
        if shared != row.shared:
            values = {"of": reporter, "lookup": row.number_hash, "shared": shared}
            connection.execute(_SHARE, values)
            changed = True
    return changed


def _phones(connection: Connection, key: DataKey, reporter: str) -> dict[str, bool]:
    """Number → whether others answer it."""
    rows = connection.execute(_PHONES, {"of": reporter})
    return {key.decrypt(row.number, "reporter.number").decode(): row.shared for row in rows}


def _row(connection: Connection, reporter: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(by_key(tables.reporter), {"key": reporter}).first()
