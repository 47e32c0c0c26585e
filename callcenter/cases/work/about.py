"""What the topic of a case decides about it."""

from __future__ import annotations

import datetime as dt

import msgspec

from callcenter.cases import routing
from callcenter.cases.rules import Rules
from callcenter.topics import Compartment, Priority, Track, priority_on


class About(msgspec.Struct, frozen=True):
    track: Track = Track.NONE
    priority: Priority = Priority.P3
    compartment: Compartment = Compartment.NORMAL


def about(rules: Rules, topic: str, now: int) -> About:
    """Of a case about ``topic`` that came in, or was understood, at ``now``. A topic that is no
    more decides nothing."""
    found = rules.topics.get(topic)
    if found is None:
        return About()
    day: dt.date = rules.counting.home.day_of(now)
    track = routing.track_of(found) or Track.NONE
    return About(track, priority_on(rules.topics, topic, day), found.compartment)
