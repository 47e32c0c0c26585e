"""The Facts of calls: their kinds, and the codes that they carry."""

from __future__ import annotations

from enum import StrEnum


class CallFact(StrEnum):
    CALL_ARRIVED = "call_arrived"  #: line, withheld
    DIALLED = "dialled"  #: topic, tries: the telephone of whoever is called back is rung
    ANSWERED = "answered"  #: topic, waited_ms, callback: agent and caller are in the room
    BODY_CALLED = "body_called"  #: body: its telephone is rung, to join the talk
    BODY_JOINED = "body_joined"  #: body: it talks with them
    BODY_LEFT = "body_left"  #: body, cause, talked_ms (0: it never answered)
    PASSED_ON = "passed_on"  #: body: the agent has left, and it talks on with the caller
    TALK_ENDED = "talk_ended"  #: talked_ms, by: agent, caller or lost
    CALL_ENDED = "call_ended"  #: stage, cause, lasted_ms
    WRAP_UP_DONE = "wrap_up_done"  #: outcome
    # The flow engine notes these; each carries what its name says.
    LANGUAGE_CHOSEN = "language_chosen"
    TOPIC_CHOSEN = "topic_chosen"
