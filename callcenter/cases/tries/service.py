"""Tries at a PIN, which are counted, and what is done about a lost one.

Whoever knows the number, and says two more things as they stand in the case, is given a new PIN by
the agent they talk with; so is who reads out the code that was sent to a telephone in the case.

An anonymous reporter left no two things, so there is nothing to know them by: a new complaint is
opened, and triage joins the two. A wrong thing counts as a wrong PIN does, and is told as a number
that nobody has is.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, update

from callcenter.cases import pins, tables, words
from callcenter.cases.facts import CaseFact
from callcenter.cases.numbers import PIN_DIGITS
from callcenter.cases.post import service as post
from callcenter.cases.rules import Rules
from callcenter.clock import Given
from callcenter.db import Connection, by_key, upsert
from callcenter.db.facts import Fact, append
from callcenter.db.keys import Keys

#: So many things must be right, and none wrong.
LEAST: Final = 2

_TRIES = {
    name: select(tables.pin_attempt.c.at).where(
        tables.pin_attempt.c[column] == bindparam("of"),
        tables.pin_attempt.c.at > bindparam("since"),
    )
    for name, column in (("call", "call"), ("case", "case"), ("caller", "caller_hash"))
}
_INSERT_TRY = insert(tables.pin_attempt)
_FORGET_PIN = update(tables.call_case).where(tables.call_case.c.case == bindparam("of"))
_FORGIVE = delete(tables.pin_attempt).where(tables.pin_attempt.c.case == bindparam("of"))
_LOST: Final = "lost:"
_CODE: Final = "code:"
_SENT: Final = "sent:"
#: How long a code is good, and how often it may be said wrong.
CODE_S: Final = 600
CODE_TRIES: Final = 3
_DROP_CODE = delete(tables.pin_code).where(tables.pin_code.c.case == bindparam("of"))
_WRONG_CODE = update(tables.pin_code).where(tables.pin_code.c.case == bindparam("of"))
_NOBODYS: Final = b""
_NAME = select(tables.reporter.c.name_hash).where(tables.reporter.c.id == bindparam("of"))
_PHONES = select(tables.reporter_phone.c.number_hash).where(
    tables.reporter_phone.c.reporter == bindparam("of")
)
_SET_PIN = update(tables.case).where(tables.case.c.id == bindparam("of"))


class Said(msgspec.Struct, frozen=True):
    """What the caller says of the case; "" is not said. ``phone`` in E.164: one that was given
    when the complaint was made. The number that the call comes from proves nothing."""

    name: str = ""
    phone: str = ""
    employer: str = ""


class NewPin(msgspec.Struct, frozen=True):
    """To be told once, by the agent. Link the call to ``case``."""

    case: str
    number: str
    pin: str


def recover(
    connection: Connection,
    keys: Keys,
    given: Given,
    *,
    call: str,
    by: str,
    number: str,
    said: Said,
) -> NewPin | str:
    """A new PIN for the case ``number``, or why there is none: ``unknown`` (no such case, or
    something is wrong) or ``locked``."""
    row = connection.execute(by_key(tables.case, "number", lock=True), {"key": number}).first()
    case = tried(keys, number, None if row is None else row.id)
    # Counted apart: a person helps those, too, who have tried too many PINs.
    counts = (_LOST + call, _LOST + case, None)
    verdict = pins.decide(counted(connection, *counts, given.now), given.now)
    reporter = "" if row is None else row.reporter or ""
    named = connection.execute(_NAME, {"of": reporter}).scalar_one_or_none() or _NOBODYS
    phones = [one.encode() for one in connection.execute(_PHONES, {"of": reporter}).scalars()]
    employer = _NOBODYS if row is None else row.employer_hash or _NOBODYS
    right = [
        *_same(said.name and keys.word_hash("person", words.person(said.name)), [named]),
        *_same(said.phone and keys.number_hash(said.phone).encode(), phones),
        *_same(said.employer and keys.word_hash("employer", words.employer(said.employer)),
               [employer]),
    ]  # fmt: skip
    answer = pins.answer(verdict, right=row is not None and len(right) >= LEAST and all(right))
    if row is None or answer != "found":
        refuse(connection, keys, given, *counts, why=answer, said_in=call)
        return answer
    return _new_pin(connection, keys, given, row, call=call, by=by)


def send_code(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    call: str,
    by: str,
    number: str,
) -> str | None:
    """Send a code to a telephone of the reporter of case ``number``, if they may be written to now.
    Gives ``locked``, or None: also where there is no such case or nobody to write to, so that
    nobody learns of a case by it."""
    row = connection.execute(by_key(tables.case, "number", lock=True), {"key": number}).first()
    case = tried(keys, number, None if row is None else row.id)
    counts = (_SENT + call, _SENT + case, None)
    if not pins.decide(counted(connection, *counts, given.now), given.now).allowed:
        return "locked"
    made = {"id": given.id(), "case": counts[1], "call": counts[0], "caller_hash": None}
    connection.execute(_INSERT_TRY, made | {"at": given.now})
    code = given.digits(PIN_DIGITS)
    if row is None or not post.send_code(
        connection, keys, given, rules, row=dict(row._mapping), code=code, call=call, by=by
    ):
        return None
    kept = {"case": case, "code_hash": keys.pin_hash(_CODE + case, code), "tries": 0}
    upsert(connection, tables.pin_code, kept | {"until": given.now + CODE_S * 1000})
    return None


def recover_by_code(
    connection: Connection,
    keys: Keys,
    given: Given,
    *,
    call: str,
    by: str,
    number: str,
    code: str,
) -> NewPin | str:
    """A new PIN for whoever reads out the code that was sent, or why there is none: ``unknown`` or
    ``locked``. Codes are counted apart from PINs and from what else is said."""
    row = connection.execute(by_key(tables.case, "number", lock=True), {"key": number}).first()
    case = tried(keys, number, None if row is None else row.id)
    counts = (_CODE + call, _CODE + case, None)
    verdict = pins.decide(counted(connection, *counts, given.now), given.now)
    sent = connection.execute(by_key(tables.pin_code, "case"), {"key": case}).first()
    good = sent is not None and given.now < sent.until and sent.tries < CODE_TRIES
    said = keys.pin_hash(_CODE + case, code)
    right = hmac.compare_digest(said, sent.code_hash if sent is not None else "0" * 64)
    answer = pins.answer(verdict, right=good and right and row is not None)
    if row is None or answer != "found":
        if sent is not None:
            connection.execute(_WRONG_CODE, {"of": case, "tries": sent.tries + 1})
        refuse(connection, keys, given, *counts, why=answer, said_in=call)
        return answer
    return _new_pin(connection, keys, given, row, call=call, by=by)


def _new_pin(
    connection: Connection, keys: Keys, given: Given, row: Row[Any], *, call: str, by: str
) -> NewPin:
    """The case in ``row`` has another PIN, and what was tried before counts no more."""
    case: str = row.id
    pin = pins.choose(given.digits, row.number)
    connection.execute(_SET_PIN, {"of": case, "pin_hash": keys.pin_hash(case, pin)})
    forget_pin(connection, case)
    forget_code(connection, case)
    connection.execute(_FORGIVE, {"of": case})
    append(connection, keys, [Fact(CaseFact.PIN_SET, given.now, call=call, agent=by, case=case)])
    return NewPin(case, row.number, pin)


def forget_code(connection: Connection, case: str) -> None:
    """No code is good for ``case`` any more."""
    connection.execute(_DROP_CODE, {"of": case})


def tried(keys: Keys, number: str, case: str | None) -> str:
    """What tries are counted for: the case, or a number that nobody has."""
    # Somebody may have keyed a phone number.
    return case if case is not None else f"none:{keys.number_hash(number)[:28]}"


def refuse(
    connection: Connection,
    keys: Keys,
    given: Given,
    call: str | None,
    case: str,
    caller: str | None,
    *,
    why: str,
    said_in: str | None = None,
) -> None:
    """A try failed, or came after the last one: count it, and say so in a Fact. ``said_in``: the
    call that it was made in, where ``call`` is another name for it."""
    if why != "locked":
        made = {"id": given.id(), "case": case, "call": call, "caller_hash": caller}
        connection.execute(_INSERT_TRY, made | {"at": given.now})
    data: dict[str, str | int | bool] = {"reason": why}
    append(
        connection, keys, [Fact(CaseFact.PIN_REFUSED, given.now, call=said_in or call, data=data)]
    )


def forget_pin(connection: Connection, case: str) -> None:
    """No agent can read the PIN of ``case`` any more: there is a new one."""
    connection.execute(_FORGET_PIN, {"of": case, "pin": None})


def counted(
    connection: Connection, call: str | None, case: str, caller: str | None, now: int
) -> pins.Tries:
    """The tries that :data:`pins.LIMITS` count. ``caller``: a keyed hash of the phone number or
    address that asks, None: it is withheld."""
    windows = {limit.per.value: limit.window_s for limit in pins.LIMITS}
    found = {}
    for name, of in (("call", call), ("case", case), ("caller", caller)):
        window_s = windows[name]
        since = 0 if window_s is None else now - window_s * 1000
        # None is nobody's: the statement is run all the same.
        times = connection.execute(_TRIES[name], {"of": of or "", "since": since}).scalars()
        found[name] = tuple(times)
    return pins.Tries(**found)


def _same(said: bytes | str, known: list[bytes]) -> list[bool]:
    """Whether what was said is one of ``known``; nothing when nothing was said."""
    if isinstance(said, str):
        return []
    return [any(hmac.compare_digest(said, one) for one in known)]
