"""Answers to what a flow needs, from the stores, in the transaction of the step."""

from __future__ import annotations

import msgspec

from callcenter.calls import tables
from callcenter.calls.model import Outcome
from callcenter.calls.moves import Ask, Steps
from callcenter.cases import service as cases
from callcenter.cases.rules import Rules
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.keys import Keys
from callcenter.ivr import needs
from callcenter.queue import service as queue
from callcenter.queue.estimate import wait_s
from callcenter.topics import upper

#: What an agent needs after a talk, until it is measured by topic.
TYPICAL_WRAP_UP_S = 30


class Stores(msgspec.Struct, frozen=True):
    """What an answer is made from. ``call_key`` is the call's wrapped key."""

    connection: Connection
    keys: Keys
    given: Given
    rules: Rules
    call_key: bytes


def run(steps: Steps, stores: Stores) -> Outcome:
    """Answer what the step asks, until it has decided."""
    try:
        ask = next(steps)
        while True:
            ask = steps.send(answer(stores, ask))
    except StopIteration as decided:
        outcome: Outcome = decided.value
        return outcome


def answer(stores: Stores, ask: Ask) -> needs.Answer:
    """The answer to ``ask.need``."""
    call, need = ask.call, ask.need
    match need:
        case needs.OpenCase():
            case, number, pin = cases.open_case(
                stores.connection,
                stores.keys,
                stores.given,
                stores.rules,
                call=call.id,
                call_key=stores.call_key,
                topic=need.topic,
                language=need.language,
            )
            return needs.CaseOpened(case, number, pin)
        case needs.FindCase() if need.number is not None:
            return _find(stores, call.id, need)
        case needs.AppendCase():
            added = cases.add_message(
                stores.connection,
                stores.keys,
                stores.given,
                stores.rules,
                call=call.id,
                case=need.case,
                recording=need.recording,
                seconds=need.seconds,
            )
            return needs.CaseAppended() if added else needs.NeedFailed("no_such_case")
        case needs.AskStaff():
            signed_in, ready = queue.staff(stores.connection, need.topic)
            waiting = queue.waiting_count(stores.connection, need.topic)
            return needs.Staff(
                signed_in, ready, waiting, 0 if ready else _wait_s(stores, waiting + 1, signed_in)
            )
        case needs.AskPosition():
            if call.entry is None:
                return needs.NeedFailed("not_waiting")
            position = queue.position(stores.connection, call.entry)
            signed_in, _ = queue.staff(stores.connection, call.entry.topic)
            return needs.Position(position, _wait_s(stores, position, signed_in))
    return needs.NeedFailed("unknown_need")


def _wait_s(stores: Stores, position: int, agents: int) -> int | None:
    talks = tables.latest_talks_ms(stores.connection)
    return wait_s(position, agents, talks, TYPICAL_WRAP_UP_S)


def _find(stores: Stores, call: str, need: needs.FindCase) -> needs.Answer:
    found = cases.find_case(
        stores.connection,
        stores.keys,
        stores.given,
        call=call,
        number=need.number or "",
        pin=need.pin,
        caller=tables.number_hash(stores.connection, call),
    )
    if found == "locked":
        return needs.CaseLocked()
    if isinstance(found, str):
        return needs.CaseNotFound()
    # A caller waits for who knows the upper topic.
    topic = upper(stores.rules.topics, found.topic)
    return needs.CaseFound(found.id, found.number, found.status, topic, found.unit or None)
