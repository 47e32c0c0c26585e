"""The Facts of the queue: their kinds, and the codes that they carry."""

from __future__ import annotations

from enum import StrEnum


class QueueFact(StrEnum):
    QUEUED = "queued"  #: topic
    REQUEUED = "requeued"  #: topic, reason: back in the queue with the place kept
    ABANDONED = "abandoned"  #: topic, waited_ms: the caller hung up while waiting
    LEFT_QUEUE = "left_queue"  #: topic, reason, waited_ms: by a key, a time limit
    OFFERED = "offered"  #: topic
    OFFER_RANG = "offer_rang"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    OFFER_TIMED_OUT = "offer_timed_out"  #: rang: false when the phone never rang
    OFFER_WITHDRAWN = "offer_withdrawn"  #: reason
    AGENT_STATE = "agent_state"  #: state, was, reason
    DEVICE_CHANGED = "device_changed"  #: up
