"""Recordings that lines make: of callers in a flow, and of those who called while we were away."""

from __future__ import annotations

import msgspec

from callcenter import line
from callcenter.calls import life, tables
from callcenter.calls.facts import CallFact
from callcenter.calls.model import Call, CallState, FactDraft, Outcome, TimerKind, Timing
from callcenter.calls.vault import service as vault
from callcenter.cases import service as cases
from callcenter.cases.rules import Rules
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.keys import Keys
from callcenter.line import Cause
from callcenter.topics import Topic


def note(
    connection: Connection, given: Given, call: Call, happened: life.Happened
) -> Timing | None:
    """Note a recording of ``call``, whether or not its flow still waits for it.

    Gives the timer that fetches it; None when it is known or empty, this is no recording, or the
    caller is anonymous, whose voice is dropped.
    """
    now = given.now
    if not isinstance(happened, line.RecordingMade) or happened.seconds <= 0:
        return None
    new = cases.keep_recording(
        connection,
        name=happened.name,
        line=call.line,
        call=call.id,
        seconds=happened.seconds,
        now=now,
    )
    if new and vault.is_anonymous(connection, call.case):
        vault.keep_no_voice(connection, given, call.line, happened.name)
        return None
    return Timing(TimerKind.RECORDING, happened.name, now) if new else None


def keep(
    connection: Connection,
    keys: Keys,
    given: Given,
    left: line.MessageLeft,
    rules: Rules,
    topic: Topic,
) -> Outcome:
    """A case about ``topic`` with the call that it came by, whose recording is to be fetched.

    Refused when the message is known.
    """
    call_id = given.id()
    outcome = _over(call_id, left)
    if cases.known_recording(connection, left.name):
        return Outcome(outcome.call, refused="known")
    key, wrapped = keys.make(tables.owner(call_id))
    tables.insert_call(connection, call_id, left.line, given.now, key=wrapped)
    cases.keep_recording(
        connection,
        name=left.name,
        line=left.line,
        call=call_id,
        seconds=left.seconds,
        now=left.at,
    )
    case, _, _ = cases.open_case(
        connection,
        keys,
        given,
        rules,
        call=call_id,
        call_key=wrapped,
        topic=topic.code,
        language="id",
        told=False,
    )
    cases.add_message(
        connection,
        keys,
        given,
        rules,
        call=call_id,
        case=case,
        recording=left.name,
        seconds=left.seconds,
    )
    cases.finish_call(connection, keys, given, rules, call=call_id, event=None)
    outcome = msgspec.structs.replace(
        outcome,
        call=msgspec.structs.replace(outcome.call, case=case, topic=topic.code, language="id"),
        timers=(Timing(TimerKind.RECORDING, left.name, given.now),),
    )
    tables.save(connection, key, outcome)
    return outcome


def _over(call_id: str, left: line.MessageLeft) -> Outcome:
    """A message that the network took while we were away: a call that has already ended."""
    ended = left.at + left.seconds * 1000
    call = Call(
        call_id, left.line, CallState.ENDED, left.at, ended_at=ended, cause=Cause.HUNG_UP.value
    )
    lasted: dict[str, str | int | bool] = {
        "stage": "message",
        "cause": Cause.HUNG_UP.value,
        "lasted_ms": ended - left.at,
    }
    return Outcome(
        call,
        facts=(
            FactDraft(CallFact.CALL_ARRIVED, data={"line": left.line, "withheld": True}),
            FactDraft(CallFact.CALL_ENDED, data=lasted),
        ),
    )
