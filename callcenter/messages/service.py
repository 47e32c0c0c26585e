"""Messages in the store: put, taken to be sent, and what became of them.

``put`` belongs to the caller's transaction: what is rolled back is never sent. A message is
``asked`` for in a transaction of its own, before the request: whatever happens afterwards, it is
looked for before it is sent again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import Row

from callcenter.clock import Given
from callcenter.db import Connection, by_key, exclusive, upsert
from callcenter.db.facts import Fact, append
from callcenter.db.keys import FORGOTTEN, KeyForgotten, Keys, Tampered
from callcenter.messages import rules, tables
from callcenter.messages.facts import MessageFact
from callcenter.messages.model import FAILED, Channel, Event, Letter, Reason, State, after
from callcenter.messages.rules import Allowed, Hours, Word
from callcenter.messages.texts import Texts

#: Facts that a message's new state brings.
_FACTS = {
    State.ACCEPTED: MessageFact.MESSAGE_SENT,
    State.SENT: MessageFact.MESSAGE_SENT,
    State.DELIVERED: MessageFact.MESSAGE_DELIVERED,
    State.READ: MessageFact.MESSAGE_READ,
    State.FAILED: MessageFact.MESSAGE_FAILED,
    State.UNDELIVERED: MessageFact.MESSAGE_FAILED,
    State.UNKNOWN: MessageFact.MESSAGE_FAILED,
    State.REFUSED: MessageFact.MESSAGE_REFUSED,
}
_Row = Row[Any]


class About(msgspec.Struct, frozen=True):
    """What a message is about: ids and codes. ``agent``: who had it sent."""

    call: str | None = None
    case: str | None = None
    unit: str | None = None
    agent: str | None = None


class Latest(msgspec.Struct, frozen=True):
    """The newest message of its kind, as a page shows it."""

    channel: Channel
    state: State
    reason: Reason | None
    error_code: int | None

    @property
    def failed(self) -> bool:
        """Whether another one may be sent in its place."""
        return self.state in FAILED


def put(
    connection: Connection,
    keys: Keys,
    given: Given,
    allowed: Allowed,
    *,
    channel: Channel,
    template: str,
    language: str,
    recipient: str | None,
    params: Mapping[str, str],
    about: About,
    hours: Hours | None = None,
) -> Reason | None:
    """Keep a message to be sent, in the caller's transaction; or why it will not be, which is kept
    as well. ``recipient``: a number in E.164, or an e-mail address of a unit. ``hours``: it is sent
    within them, however late it gets its turn."""
    id_ = given.id()
    key, wrapped = keys.make(_owner(id_))
    lookup = None if recipient is None else keys.number_hash(recipient)
    reason = _refusal(connection, given.now, allowed, channel, recipient, lookup)
    sealed = None if recipient is None else key.encrypt(recipient.encode(), "message.recipient")
    connection.execute(
        tables.INSERT,
        {
            "id": id_,
            "channel": channel.value,
            "template": template,
            "language": language,
            "case": about.case,
            "call": about.call,
            "unit": about.unit,
            "key": wrapped,
            "recipient": sealed,
            "recipient_hash": lookup,
            "params": key.encrypt(msgspec.json.encode(params), "message.params"),
            "state": (State.REFUSED if reason else State.WAITING).value,
            "reason": reason,
            "attempts": 0,
            "next_at": None if reason else _first_at(hours, given.now),
            **_columns(hours),
            "created_at": given.now,
            "updated_at": given.now,
        },
    )
    data: dict[str, str | int | bool] = {"message": id_, "channel": channel.value}
    kind = MessageFact.MESSAGE_REFUSED if reason else MessageFact.MESSAGE_PUT
    data |= {"template": template} | ({"reason": reason.value} if reason else {})
    if about.unit is not None:
        data["unit"] = about.unit
    fact = Fact(kind, given.now, call=about.call, case=about.case, agent=about.agent, data=data)
    append(connection, keys, [fact])
    return reason


def _refusal(
    connection: Connection,
    now: int,
    allowed: Allowed,
    channel: Channel,
    recipient: str | None,
    lookup: str | None,
) -> Reason | None:
    since = now - rules.DAY_S * 1000
    each = {"of": lookup, "since": since, "most": rules.A_DAY_EACH}
    today_each: int = connection.execute(tables.COUNT_EACH, each).scalar_one()
    counted = {"since": since, "most": allowed.a_day}
    today: int = connection.execute(tables.COUNT, counted).scalar_one()
    return rules.refusal(
        allowed,
        channel,
        recipient,
        opted_out=is_opted_out(connection, lookup),
        today_each=today_each,
        today=today,
    )


def _first_at(hours: Hours | None, now: int) -> int:
    return now if hours is None else rules.next_within(hours, now)


def _columns(hours: Hours | None) -> dict[str, object]:
    if hours is None:
        return {}
    return {"hours_from": hours.start, "hours_until": hours.end, "zone": hours.zone}


def withdraw(
    connection: Connection, keys: Keys, now: int, *, case: str, templates: Collection[str]
) -> None:
    """What these messages about ``case`` say is over: those that still wait are not sent."""
    wanted = {"about": case, "names": list(templates)}
    for row in connection.execute(tables.WAITING, wanted).all():
        _move(connection, keys, now, row, Event.REFUSE, reason=Reason.NEEDLESS)


class Sent(msgspec.Struct, frozen=True):
    """A message as it was put: for the person it was for. ``params`` is what was filled in."""

    at: int
    channel: str
    template: str
    language: str
    state: str
    recipient: str
    params: Mapping[str, str]


def sent(connection: Connection, keys: Keys, case: str) -> list[Sent]:
    """The messages about ``case`` to citizens, oldest first, but for those that were forgotten."""
    found = []
    for row in connection.execute(tables.TO_READ, {"of": case}):
        if row.recipient is None:
            continue
        key = keys.open(row.key, _owner(row.id))
        params = msgspec.json.decode(key.decrypt(row.params, "message.params"), type=dict[str, str])
        recipient = key.decrypt(row.recipient, "message.recipient").decode()
        found.append(
            Sent(
                row.created_at,
                row.channel,
                row.template,
                row.language,
                row.state,
                recipient,
                params,
            )
        )
    return found


class Outcome(msgspec.Struct, frozen=True):
    """What became of a message: ids and codes."""

    case: str | None
    unit: str | None
    template: str
    state: State


def outcome(connection: Connection, message: str) -> Outcome | None:
    """How ``message`` stands; None: there is none."""
    row = connection.execute(by_key(tables.message), {"key": message}).first()
    return None if row is None else Outcome(row.case, row.unit, row.template, State(row.state))


def put_since(connection: Connection, case: str, template: str, since: int) -> bool:
    """Whether a ``template`` about ``case`` was put at ``since`` or later, or refused."""
    wanted = {"about": case, "name": template, "since": since}
    return connection.execute(tables.PUT_SINCE, wanted).first() is not None


def told_since(connection: Connection, case: str, template: str, since: int) -> bool:
    """Whether a ``template`` about ``case`` was put at ``since`` or later, and arrived or still
    may."""
    wanted = {"about": case, "name": template, "since": since}
    return connection.execute(tables.TOLD_SINCE, wanted).first() is not None


def last_channel(connection: Connection, case: str, template: str) -> Channel | None:
    """How the newest ``template`` about ``case`` was sent; None: there is none."""
    wanted = {"about": case, "name": template}
    found: str | None = connection.execute(tables.LAST_CHANNEL, wanted).scalar_one_or_none()
    return None if found is None else Channel(found)


def latest(connection: Connection, *, call: str, case: str, template: str) -> Latest | None:
    """The newest ``template`` about this case in this call."""
    wanted = {"of": call, "about": case, "name": template}
    row = connection.execute(tables.LATEST, wanted).first()
    if row is None:
        return None
    reason = None if row.reason is None else Reason(row.reason)
    return Latest(Channel(row.channel), State(row.state), reason, row.error_code)


# --- sending --------------------------------------------------------------------------------------


def next_due(connection: Connection) -> int | None:
    """When the next message must be seen to, None when none must."""
    due_at: int | None = connection.execute(tables.NEXT_DUE).scalar_one()
    return due_at


def asked(connection: Connection, keys: Keys, now: int, texts: Texts, most: int) -> list[Letter]:
    """Take what is due to be sent, and note that it is asked for: commit this before the requests.

    Whoever opted out since it was put is not written to any more; what has come out of its hours
    waits for the next.
    """
    letters = []
    for row in _due(connection, now, State.WAITING, most):
        if is_opted_out(connection, row.recipient_hash):
            _move(connection, keys, now, row, Event.REFUSE, reason=Reason.OPTED_OUT)
            continue
        hours = Hours(row.hours_from, row.hours_until, row.zone) if row.zone else None
        if (first_at := _first_at(hours, now)) > now:
            connection.execute(tables.SET, {"of": row.id, "next_at": first_at})
            continue
        letter = _letter(keys, texts, row)
        if letter is None:
            _move(connection, keys, now, row, Event.FAIL)
            continue
        _move(connection, keys, now, row, Event.ASK)
        letters.append(msgspec.structs.replace(letter, asked_at=now))
    return letters


def to_look_at(
    connection: Connection, keys: Keys, now: int, texts: Texts, most: int
) -> list[Letter]:
    """Take what was asked for and not answered, and what the provider has and says nothing more of.

    Each is taken again later, whatever becomes of this look.
    """
    letters: list[Letter] = []
    for state in (State.ASKED, State.ACCEPTED, State.SENT):
        for row in _due(connection, now, state, most - len(letters)):
            later = rules.next_at(state, now, row.asked_at)
            connection.execute(tables.SET, {"of": row.id, "next_at": later})
            letter = _letter(keys, texts, row)
            letters += [] if letter is None else [letter]
    return letters


def known(connection: Connection, provider_ids: Collection[str]) -> set[str]:
    """Those of ``provider_ids`` that we know to be messages of ours."""
    return set(connection.execute(tables.KNOWN, {"of": list(provider_ids)}).scalars())


def became(
    connection: Connection,
    keys: Keys,
    now: int,
    message: str,
    event: Event,
    *,
    provider_id: str | None = None,
    code: int = 0,
    reason: Reason | None = None,
) -> bool:
    """Note what became of ``message``; False when that is nothing new, or there is no such message.

    ``provider_id`` names it at the provider. What is told of another one than the one that we know
    of changes nothing.
    """
    row = connection.execute(tables.LOCKED, {"of": message}).first()
    if row is None or (provider_id and row.provider_id and provider_id != row.provider_id):
        return False
    return _move(
        connection, keys, now, row, event, provider_id=provider_id, code=code, reason=reason
    )


def postpone(connection: Connection, keys: Keys, given: Given, message: str, code: int = 0) -> bool:
    """``message`` was surely not sent: it waits to be tried again, or has failed too often."""
    row = connection.execute(tables.LOCKED, {"of": message}).first()
    if row is None:
        return False
    chance = int(given.digits(4)) / 10_000
    again_at = rules.again_at(given.now, row.attempts, chance)
    if again_at is None:
        return _move(connection, keys, given.now, row, Event.FAIL, code=code)
    return _move(connection, keys, given.now, row, Event.POSTPONE, code=code, next_at=again_at)


def forget(
    connection: Connection,
    keys: Keys,
    now: int,
    *,
    call: str | None = None,
    case: str | None = None,
) -> None:
    """Destroy the keys of what citizens were written about ``call`` or ``case``; what waits is not
    sent any more."""
    for statement, of in ((tables.OF_CALL, call), (tables.OF_CASE, case)):
        rows = connection.execute(statement, {"of": of}).all() if of is not None else []
        for row in rows:
            _move(connection, keys, now, row, Event.REFUSE, reason=Reason.NO_NUMBER)
            gone = dict.fromkeys(("recipient", "recipient_hash", "params", "next_at"))
            connection.execute(tables.SET, {"of": row.id, "key": FORGOTTEN, **gone})


def _due(connection: Connection, now: int, state: State, most: int) -> list[_Row]:
    wanted = {"now": now, "state": state.value, "most": max(0, most)}
    return list(connection.execute(tables.DUE, wanted))


def _move(
    connection: Connection,
    keys: Keys,
    now: int,
    row: _Row,
    event: Event,
    *,
    provider_id: str | None = None,
    code: int = 0,
    reason: Reason | None = None,
    next_at: int | None = None,
) -> bool:
    before = State(row.state)
    state = after(before, event)
    if state is None:
        return False
    asked_at = now if state is State.ASKED else row.asked_at
    if next_at is None:
        next_at = rules.next_at(state, now, asked_at if asked_at is not None else now)
    connection.execute(
        tables.SET,
        {
            "of": row.id,
            "state": state.value,
            "next_at": next_at,
            "asked_at": asked_at,
            "attempts": row.attempts + (state is State.ASKED),
            "provider_id": row.provider_id or provider_id,
            "error_code": code or row.error_code,
            "reason": reason or row.reason,
            "updated_at": now,
        },
    )
    kind = _FACTS.get(state)
    if kind is None or kind is _FACTS.get(before):
        return True
    data: dict[str, str | int | bool] = {"message": row.id, "channel": row.channel}
    if kind is MessageFact.MESSAGE_FAILED:
        data |= {"state": state.value, "code": code}
    elif reason is not None:
        data["reason"] = reason.value
    append(connection, keys, [Fact(kind, now, call=row.call, case=row.case, data=data)])
    return True


def _letter(keys: Keys, texts: Texts, row: _Row) -> Letter | None:
    """None: whom it was for was forgotten, or somebody changed the row."""
    try:
        key = keys.open(row.key, _owner(row.id))
        params = msgspec.json.decode(key.decrypt(row.params, "message.params"), type=dict[str, str])
        recipient = key.decrypt(row.recipient, "message.recipient").decode()
    except (KeyForgotten, Tampered):
        return None
    return Letter(
        row.id,
        Channel(row.channel),
        recipient,
        texts.text(row.template, row.language, params),
        params,
        texts.content(row.template, row.language),
        row.asked_at or 0,
        row.provider_id,
        texts.subject(row.template, row.language, params),
    )


def _owner(message: str) -> str:
    return f"message:{message}"


# --- who wants none, and who writes to us ---------------------------------------------------------


def is_opted_out(connection: Connection, lookup: str | None) -> bool:
    """Whether this recipient, by its keyed hash, wants no messages."""
    return connection.execute(tables.IS_OUT, {"of": lookup}).first() is not None


def stop(connection: Connection, keys: Keys, now: int, lookup: str) -> None:
    """Whoever has this number wants no messages any more."""
    if not is_opted_out(connection, lookup):
        upsert(connection, tables.opted_out, {"recipient_hash": lookup, "at": now})
        append(connection, keys, [Fact(MessageFact.OPTED_OUT, now)])


def start(connection: Connection, keys: Keys, now: int, lookup: str) -> None:
    """Whoever has this number allows messages again."""
    if connection.execute(tables.NO_MORE_OUT, {"of": lookup}).rowcount:
        append(connection, keys, [Fact(MessageFact.OPTED_IN, now)])


def written_to_us(
    connection: Connection,
    keys: Keys,
    now: int,
    *,
    number: str,
    message: str,
    word: Word,
    answer: bool,
) -> str | None:
    """Somebody wrote to us: respect what they want, and give the template that answers them.

    None: no answer, because they had one within :data:`rules.ANSWER_S` (a ``message`` that is told
    again gets the same one), or too many others had; because they want none, or are not to be
    answered at all (``answer`` is false).
    Whether the number is known to us, or has a case, is not looked at: everybody gets the same
    after the same work.
    """
    lookup = keys.number_hash(number)
    exclusive(connection, f"writer:{lookup}")  # ten texts at once are answered once
    if word is Word.STOP:
        stop(connection, keys, now, lookup)
    elif word is Word.START:
        start(connection, keys, now, lookup)
    out = is_opted_out(connection, lookup)
    last = connection.execute(tables.ANSWERED, {"of": lookup}).first()
    again = last is not None and last.message == message
    lately = last is not None and now - last.at < rules.ANSWER_S * 1000
    since = now - rules.ANSWER_S * 1000
    counted = {"since": since, "most": rules.ANSWERS}
    storm = connection.execute(tables.COUNT_ANSWERED, counted).scalar_one() >= rules.ANSWERS
    if not answer or ((lately or storm) and not again) or (out and word is not Word.STOP):
        return None
    if not again:
        connection.execute(tables.FORGET_ANSWERED, {"before": since})
        row = {"writer_hash": lookup, "message": message, "at": now}
        upsert(connection, tables.answered, row)
    return "stop_confirmed" if word is Word.STOP else "how_to_ask"
