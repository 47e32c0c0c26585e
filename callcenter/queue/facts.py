"""The Facts of the queue: their kinds, and the codes that they carry."""

from __future__ import annotations

from enum import StrEnum


class QueueFact(StrEnum):
    QUEUED = "queued"  #: topic
    PLACE_KEPT = "place_kept"  #: topic, waited_ms, reason (asked, restarted), back: the call
    NOT_REACHED = "not_reached"  #: topic, cause, tries: they keep their place
    GIVEN_UP = "given_up"  #: topic, reason: expired or the last cause; tries: nobody calls any more
    REQUEUED = "requeued"  #: topic, reason: back in the queue with the place kept
    ABANDONED = "abandoned"  #: topic, waited_ms, callback: the caller hung up while waiting
    LEFT_QUEUE = "left_queue"  #: topic, reason, waited_ms, callback: by a key, a time limit
    OFFERED = "offered"  #: topic
    OFFER_RANG = "offer_rang"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    OFFER_TIMED_OUT = "offer_timed_out"  #: rang: false when the phone never rang
    OFFER_WITHDRAWN = "offer_withdrawn"  #: reason
    AGENT_STATE = "agent_state"  #: state, was, reason
    DEVICE_CHANGED = "device_changed"  #: up
