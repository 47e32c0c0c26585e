"""Recordings that lines make: of callers in a flow, and of those who called while we were away."""

from __future__ import annotations

import msgspec

from callcenter import line
from callcenter.calls import life, tables
from callcenter.calls.model import Call, Outcome, TimerKind, Timing
from callcenter.calls.vault import service as vault
from callcenter.cases import service as cases
from callcenter.cases.rules import Rules
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.keys import Keys
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
    outcome = life.message(call_id, left)
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
