"""Calling back whose place in the queue was kept: what follows while nobody is on the line. Pure.

An agent accepts first and is in the room; only then is the caller's telephone rung, once at a
time. Whoever picks up hears the queue's ``called_back`` flow, and is a caller like any other from
the moment that they say they want to talk. Until then the entry keeps its place, whatever happens
to the agent or to the telephone.
"""

from __future__ import annotations

from collections.abc import Generator

import msgspec

from callcenter import line
from callcenter.calls.facts import CallFact
from callcenter.calls.model import CallState, Leg, LegRole, LegState, TimerKind
from callcenter.calls.moves import CALL_LIMIT_S, Ask, Doing, Life
from callcenter.ivr import needs
from callcenter.line import Cause, Device, DeviceKind
from callcenter.queue import entries
from callcenter.queue.agents import AgentEvent
from callcenter.queue.facts import QueueFact


def dial(life: Life) -> Doing:
    """The agent is in the room: ring the caller, unless their telephone rings already or is up."""
    call = life.call
    if call.entry is None or call.offer is None:
        return
    life.timer(TimerKind.JOIN, call.offer.id, entries.DIALLED_S * 1000)
    if call.dialled is not None:
        return
    answer = yield Ask(call, needs.MayDial())
    refused = answer.refused if isinstance(answer, needs.Dial) else "store"
    if refused is not None:  # which is nobody's try
        _later(life, entries.NOT_NOW_AGAIN_S, refused)
        return
    entry = msgspec.structs.replace(call.entry, tries=call.entry.tries + 1)
    life.set(entry=life.put(entry))
    leg = Leg(
        life.world.given.id(),
        call.id,
        LegRole.CALLER,
        call.line,
        LegState.ASKED,
        life.now,
        device_kind=DeviceKind.CALLER,
    )
    life.put(leg)
    life.fact(CallFact.DIALLED, topic=entry.topic, tries=entry.tries)
    device = Device(DeviceKind.CALLER, call.id)
    life.commands.append(line.RingLeg(leg.id, device, entries.DIAL_S))


def missed(life: Life, cause: Cause) -> Doing:
    """The caller's telephone is gone before they said that they want to talk."""
    entry = life.call.entry
    if entry is None:
        return
    after_s = entries.call_again(entry.tries, cause)
    if after_s is None:
        yield from _given_up(life, cause.value, cause)
    else:
        _later(life, after_s, cause.value)


def _later(life: Life, after_s: int, cause: str) -> None:
    """Not reached: the agent is free, and the entry waits in its place to be called again."""
    life.end_offer("withdraw", AgentEvent.RELEASE, QueueFact.OFFER_WITHDRAWN, reason="not_reached")
    entry = life.entry("offer_over") or life.call.entry
    if entry is not None:
        entry = msgspec.structs.replace(entry, call_from=life.now + after_s * 1000)
        life.set(entry=life.put(entry))
        life.fact(QueueFact.NOT_REACHED, topic=entry.topic, cause=cause, tries=entry.tries)
        life.timer(TimerKind.MATCH, entry.id, after_s * 1000)


def _given_up(life: Life, reason: str, cause: Cause) -> Doing:
    """Nobody calls them any more; the Fact says so, and their case is there."""
    life.end_offer("withdraw", AgentEvent.RELEASE, QueueFact.OFFER_WITHDRAWN, reason="given_up")
    entry = life.entry("leave")
    if entry is not None:
        life.fact(QueueFact.GIVEN_UP, topic=entry.topic, reason=reason, tries=entry.tries)
    yield from life.flow(line.LegGone("", cause))
    life.refused = None
    life.end(cause)


def unheard_of(life: Life) -> Generator[Ask, needs.Answer, bool]:
    """The agent has waited for long enough, and of the caller's telephone nothing is heard: it is
    asked no more. False: somebody has picked up, and hears what they may press."""
    leg = life.call.dialled
    if leg is None or leg.state is LegState.UP:
        return False
    life.commands.append(line.EndLeg(leg.id))
    life.leg_becomes(leg, "gone", Cause.NO_ANSWER)
    yield from missed(life, Cause.NO_ANSWER)
    return True


# --- the handlers ---------------------------------------------------------------------------------


def caller_rings(life: Life, happened: object) -> Doing:
    assert isinstance(happened, line.LegRinging | line.LegQueued)
    leg = life.call.dialled
    if leg is None or leg.id != happened.leg:
        life.refused = "that leg is gone"
    else:
        life.leg_becomes(leg, "ringing" if isinstance(happened, line.LegRinging) else "queued")
    yield from ()


def caller_answers(life: Life, happened: object) -> Doing:
    """Somebody picked up."""
    assert isinstance(happened, line.LegAnswered)
    leg = life.call.dialled
    if leg is None or leg.id != happened.leg:
        life.refused = "that leg is gone"
    elif life.leg_becomes(leg, "answered"):
        yield from life.flow(needs.CalledBack())


def caller_says(life: Life, happened: object) -> Doing:
    """What they press. Who wants to talk comes to the agent at once, where one is there."""
    assert isinstance(
        happened, line.DigitsEntered | line.Silence | line.PromptsEnded | line.RecordingMade
    )
    leg = life.call.dialled
    if leg is None or leg.id != happened.leg or happened.rev != leg.rev:
        life.refused = "an old Turn"
        return
    yield from life.flow(happened)
    call = life.call
    if call.state is CallState.CALLBACK or life.refused is not None:
        return
    life.timer(TimerKind.CALL_LIMIT, call.id, CALL_LIMIT_S * 1000)
    agent_leg, room = call.agent_leg, call.room
    if agent_leg is not None and agent_leg.in_room and call.offer is not None and room is not None:
        life.timer(TimerKind.JOIN, call.offer.id, entries.JOIN_S * 1000)
        life.turn(call.caller, (), line.Room(room))


def caller_refused(life: Life, happened: object) -> Doing:
    """The line would not ring, or could not say what it should."""
    assert isinstance(happened, line.Refused)
    leg = life.call.dialled
    if leg is None or leg.id != happened.leg or happened.rev not in (None, leg.rev):
        life.refused = "an old Turn"
    elif happened.rev is not None:
        life.commands.append(line.EndLeg(leg.id))
    elif life.leg_becomes(leg, "gone", happened.cause):
        yield from missed(life, happened.cause)


def caller_gone(life: Life, happened: object) -> Doing:
    assert isinstance(happened, line.LegGone)
    leg = life.call.dialled
    if leg is None or leg.id != happened.leg:
        life.refused = "that leg is gone"
    elif life.leg_becomes(leg, "gone", happened.cause):
        yield from missed(life, happened.cause)


def expired(life: Life, happened: object) -> Doing:
    """The place was kept for long enough. A telephone that still rings is ended first."""
    leg = life.call.dialled
    if leg is not None:
        life.commands.append(line.EndLeg(leg.id))
        life.timer(TimerKind.CALL_LIMIT, life.call.id, entries.DIALLED_S * 1000)
        return
    yield from _given_up(life, "expired", Cause.NO_ANSWER)
