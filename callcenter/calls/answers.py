"""Answers to what a flow needs, from the stores, in the transaction of the step."""

from __future__ import annotations

from callcenter.calls import followup, keeping, tables
from callcenter.calls.followup import Stores
from callcenter.calls.model import Call, Outcome
from callcenter.calls.moves import Ask, Steps
from callcenter.cases import service as cases
from callcenter.ivr import needs
from callcenter.queue import service as queue
from callcenter.queue.estimate import wait_s

#: What an agent needs after a talk, until it is measured by topic.
TYPICAL_WRAP_UP_S = 30


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
            waiting = queue.waiting_count(stores.connection, need.topic, stores.given.now)
            return needs.Staff(
                signed_in, ready, waiting, 0 if ready else _wait_s(stores, waiting + 1, signed_in)
            )
        case needs.AskSpeakers():
            found = queue.speakers(stores.connection, need.topic, need.language)
            return needs.Speakers(found)
        case needs.AskPosition():
            if call.entry is None:
                return needs.NeedFailed("not_waiting")
            position = queue.position(stores.connection, call.entry, stores.given.now)
            signed_in, _ = queue.staff(stores.connection, call.entry.topic)
            return needs.Position(position, _wait_s(stores, position, signed_in))
        case needs.KeepPlace():
            return keeping.keep_place(stores, call)
        case needs.MayDial():
            return keeping.may_dial(stores)
        case needs.MayCallBody():
            return _body_number(stores, call, need.body)
        case needs.JoinQueue() | needs.LeaveQueue() | needs.Rejoin():
            return needs.NeedFailed("unknown_need")  # decided in the life of the call
    return followup.answer(stores, call, need)


def _body_number(stores: Stores, call: Call, code: str) -> needs.BodyNumber:
    """The number of a body of the directory: no other one can be called in a talk."""
    body = stores.rules.directory.get(code)
    number = None if body is None else body.international
    if number is None:
        return needs.BodyNumber(None, "no_number")
    if call.line not in stores.outgoing.lines:
        return needs.BodyNumber(None, "line")
    refused = keeping.may_dial(stores).refused
    return needs.BodyNumber(None if refused else number.dial, refused)


def _wait_s(stores: Stores, position: int, agents: int) -> int | None:
    talks = tables.latest_talks_ms(stores.connection)
    return wait_s(position, agents, talks, TYPICAL_WRAP_UP_S)
