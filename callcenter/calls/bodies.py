"""Bringing a body of the directory into the talk, and passing the caller on to it. Pure.

The agent has it rung and goes on talking meanwhile; who picks up is in the room with the two. The
agent lets it go again, or leaves: then caller and body talk on by themselves. Whoever leaves, the
others talk on as long as the caller is one of them. Only numbers of the directory are called.
"""

from __future__ import annotations

import msgspec

from callcenter import line
from callcenter.calls import late
from callcenter.calls.facts import CallFact
from callcenter.calls.model import (
    BroughtIn,
    Call,
    CallState,
    Leg,
    LegRole,
    LegState,
    LetGo,
    TimerDue,
    TimerKind,
)
from callcenter.calls.moves import Ask, Doing, Life, leg_of
from callcenter.ivr import needs
from callcenter.line import Cause, Device, DeviceKind
from callcenter.queue.agents import AgentEvent
from callcenter.queue.entries import UNRUNG_S

#: A switchboard takes its time.
RING_S = 60
#: Who was passed on talks for so long at the most: it is we who pay.
PASSED_S = 3600
#: Bodies are called so often in one call: the calls of the day are for those who wait to be called
#: back, too.
TRIES = 6


def pass_on(life: Life, *, lost: bool) -> bool:
    """The agent's leg is gone from the talk (``lost``: against everybody's will). True: a body is
    there, and the caller talks on with it; the agent wraps up, because the caller does not come
    back to them. A body that only rings is asked no more."""
    call = life.call
    leg = call.body_leg
    if leg is None or leg.state is not LegState.UP or not _in_talk(call, leg):
        life.commands += [line.EndLeg(leg.id)] if leg is not None else []
        return False
    life.talk_over("lost" if lost else "agent")
    life.agent(AgentEvent.TALK_OVER, lost=lost)
    life.fact(CallFact.PASSED_ON, body=leg.body or "")
    life.timer(TimerKind.CALL_LIMIT, call.id, PASSED_S * 1000)
    life.set(state=CallState.PASSED, entry=None, offer=None, agent=None)
    return True


def _in_talk(call: Call, leg: Leg) -> bool:
    """Whether it was brought into this talk, not into one that was lost before it was there."""
    return call.offer is not None and leg.offer == call.offer.id


def _current(life: Life, leg_id: str) -> Leg | None:
    leg = life.call.body_leg
    if leg is None or leg.id != leg_id:
        life.refused = "that leg is gone"
        return None
    return leg


# --- the handlers ---------------------------------------------------------------------------------


def brings_in(life: Life, happened: object) -> Doing:
    assert isinstance(happened, BroughtIn)
    call = life.call
    agent_leg, offer = call.agent_leg, call.offer
    if agent_leg is None or offer is None or agent_leg.agent != happened.agent:
        life.refused = "not your call"
        return
    if (there := call.body_leg) is not None:
        life.refused = "known" if there.body == happened.body else "engaged"
        return
    if sum(leg.role is LegRole.BODY for leg in call.legs) >= TRIES:
        life.refused = "enough"
        return
    answer = yield Ask(call, needs.MayCallBody(happened.body))
    if not isinstance(answer, needs.BodyNumber) or answer.number is None:
        life.refused = (isinstance(answer, needs.BodyNumber) and answer.refused) or "store"
        return
    leg = Leg(
        life.world.given.id(),
        call.id,
        LegRole.BODY,
        call.line,
        LegState.ASKED,
        life.now,
        body=happened.body,
        offer=offer.id,
        device_kind=DeviceKind.PHONE,
    )
    life.put(leg)
    life.fact(CallFact.BODY_CALLED, body=happened.body)
    device = Device(DeviceKind.PHONE, answer.number)
    life.commands.append(line.RingLeg(leg.id, device, RING_S))
    _limit(life)


def _limit(life: Life, queued_s: int = 0) -> None:
    """Of what is asked once, nothing may ever be heard: it counts as unanswered by then."""
    life.timer(TimerKind.BODY, life.call.id, (queued_s + RING_S + UNRUNG_S) * 1000)


def unheard_of(life: Life, happened: object) -> Doing:
    """The line should have told by now what came of the ring: the body is asked no more."""
    assert isinstance(happened, TimerDue)
    leg = life.call.body_leg
    if leg is None or leg.state is LegState.UP:
        life.refused = "nobody is asked"
    else:
        life.commands.append(line.EndLeg(leg.id))
        life.leg_becomes(leg, "gone", Cause.NO_ANSWER)
    yield from ()


def lets_go(life: Life, happened: object) -> Doing:
    assert isinstance(happened, LetGo)
    agent_leg, leg = life.call.agent_leg, life.call.body_leg
    if agent_leg is None or agent_leg.agent != happened.agent:
        life.refused = "not your call"
    elif leg is None:
        life.refused = "nobody is asked"
    else:
        life.commands.append(line.EndLeg(leg.id))
    yield from ()


def rings(life: Life, happened: object) -> Doing:
    assert isinstance(happened, line.LegRinging | line.LegQueued)
    leg = _current(life, happened.leg)
    queued_s = happened.seconds if isinstance(happened, line.LegQueued) else None
    what = "ringing" if queued_s is None else "queued"
    if leg is not None and life.leg_becomes(leg, what) and queued_s is not None:
        _limit(life, queued_s)
    yield from ()


def answers(life: Life, happened: object) -> Doing:
    """Somebody picked up, and comes to the two at once."""
    assert isinstance(happened, line.LegAnswered)
    leg, room = life.call.body_leg, life.call.room
    if leg is None or leg.id != happened.leg:
        life.commands.append(line.EndLeg(happened.leg))  # it was given up
    elif room is None or not _in_talk(life.call, leg):
        yield from late.up(life, happened)
    elif life.leg_becomes(leg, "answered"):
        life.turn(life.call.body_leg or leg, (), line.Room(room))


def joins(life: Life, happened: object) -> Doing:
    """It is in the room."""
    assert isinstance(happened, line.RoomEntered)
    leg = life.call.body_leg
    if leg is None or leg.id != happened.leg or happened.rev != leg.rev or leg.in_room:
        yield from late.room(life, happened)
        return
    life.put(msgspec.structs.replace(leg, in_room=True))
    life.fact(CallFact.BODY_JOINED, body=leg.body or "")


def leaves(life: Life, happened: object) -> Doing:
    """It hung up, or never came. The caller goes on with the agent; without one, with the flow."""
    assert isinstance(happened, line.LegGone | line.Refused)
    leg = leg_of(life.call, happened.leg)
    if leg is not None and isinstance(happened, line.Refused) and happened.rev is not None:
        if happened.rev == leg.rev:
            life.commands.append(line.EndLeg(leg.id))
        else:
            life.refused = "an old Turn"
        return
    if leg is None or not life.leg_becomes(leg, "gone", happened.cause):
        return
    if life.call.state is CallState.PASSED:
        life.set(state=CallState.IVR)
        yield from life.talk_ended()


def caller_refused(life: Life, happened: object) -> Doing:
    """In touch again, and the caller can't be brought back to the body: the flow goes on."""
    assert isinstance(happened, line.Refused)
    leg = life.call.body_leg
    if leg is None or happened.rev != life.call.caller.rev:
        life.refused = "an old Turn"
    else:
        life.commands.append(line.EndLeg(leg.id))
    yield from ()
