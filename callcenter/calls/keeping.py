"""Keeping a caller's place: the call in which they are called back, made while they are here."""

from __future__ import annotations

from callcenter.calls import outgoing, tables
from callcenter.calls.followup import Stores
from callcenter.calls.model import Call
from callcenter.cases.followup import service as comeback
from callcenter.ivr import needs


def keep_place(stores: Stores, call: Call) -> needs.Answer:
    """A call without a caller on the line: with the number of this one, its place in the flow, and
    the cases that were opened in it."""
    connection, keys, now = stores.connection, stores.keys, stores.given.now
    said = tables.who_rang(connection, keys, call.id)
    number = said.number if said is not None else None
    hashed = tables.number_hash(connection, call.id) or ""
    today = tables.dialled_since(connection, now - outgoing.DAY_MS, to=hashed)
    why = outgoing.refusal(stores.outgoing, call.line, number, today)
    if why is not None or number is None or call.entry is None:
        return needs.PlaceRefused(why or "not_waiting")
    pending = tables.callback_of(connection, hashed)
    if pending is not None:
        new, new_key = pending
    else:
        new = stores.given.id()
        key, new_key = keys.make(tables.owner(new))
        tables.insert_call(
            connection,
            new,
            call.line,
            now,
            key=new_key,
            number=key.encrypt(number.encode(), "call.number"),
            number_hash=hashed,
        )
        tables.begin_callback(connection, key, call, new)
    comeback.hand_over(
        connection,
        keys,
        now,
        call=call.id,
        call_key=stores.call_key,
        to=new,
        to_key=new_key,
        about=call.case,
    )
    return needs.PlaceKept(new, known=pending is not None)


def may_dial(stores: Stores) -> needs.Dial:
    """Whether the calls that the operator allows in a day, to callers and to bodies, are not used
    up."""
    today = tables.dialled_since(stores.connection, stores.given.now - outgoing.DAY_MS)
    return needs.Dial("cap" if today >= stores.outgoing.a_day else None)
