"""Answers to what a flow needs, from the stores, in the transaction of the step."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from callcenter.calls.moves import Ask
from callcenter.cases import service as cases
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.keys import Keys
from callcenter.ivr import needs
from callcenter.queue import service as queue
from callcenter.queue.topics import Topic


class Stores(msgspec.Struct, frozen=True):
    """What an answer is made from. ``call_key`` is the call's wrapped key."""

    connection: Connection
    keys: Keys
    given: Given
    topics: Mapping[str, Topic]
    call_key: bytes
    timezone: str


def answer(stores: Stores, ask: Ask) -> needs.Answer:
    """The answer to ``ask.need``."""
    call, need = ask.call, ask.need
    match need:
        case needs.OpenCase():
            topic = stores.topics.get(need.topic)
            case, number, pin = cases.open_case(
                stores.connection,
                stores.keys,
                stores.given,
                call=call.id,
                call_key=stores.call_key,
                topic=need.topic,
                unit=topic.unit if topic else "",
                language=need.language,
                timezone=stores.timezone,
            )
            return needs.CaseOpened(case, number, pin)
        case needs.FindCase():
            return _find(stores, call.id, need)
        case needs.AppendCase():
            added = cases.add_message(
                stores.connection,
                stores.keys,
                stores.given.now,
                call=call.id,
                case=need.case,
                recording=need.recording,
                seconds=need.seconds,
            )
            return needs.CaseAppended() if added else needs.NeedFailed("no_such_case")
        case needs.AskStaff():
            signed_in, ready = queue.staff(stores.connection, need.topic)
            waiting = queue.waiting_count(stores.connection, need.topic)
            return needs.Staff(signed_in, ready, waiting)
        case needs.AskPosition():
            if call.entry is None:
                return needs.NeedFailed("not_waiting")
            return needs.Position(queue.position(stores.connection, call.entry))
    return needs.NeedFailed("unknown_need")


def _find(stores: Stores, call: str, need: needs.FindCase) -> needs.Answer:
    found = cases.find_case(
        stores.connection,
        stores.keys,
        stores.given,
        call=call,
        number=need.number,
        pin=need.pin,
    )
    if found == "locked":
        return needs.CaseLocked()
    if isinstance(found, str):
        return needs.CaseNotFound()
    return needs.CaseFound(found.id, found.number, found.status, found.topic, found.unit or None)
