"""The life of a call: what follows from each Signal, click and timer. Pure.

``TABLE`` is the whole of it: (state of the call, what happened) → the handler; a pair that is not
in it is refused without any change. A step is a generator, because the flow may need something
from the case store before it can go on: it yields an :class:`Ask`, is sent the Answer, and returns
the :class:`~callcenter.calls.model.Outcome`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from callcenter import line
from callcenter.calls import bodies, callback, late
from callcenter.calls.facts import CallFact
from callcenter.calls.model import (
    Accepted,
    BroughtIn,
    Call,
    CallState,
    Click,
    Declined,
    HungUp,
    Leg,
    LegRole,
    LegState,
    LetGo,
    Offered,
    TimerDue,
    TimerKind,
)
from callcenter.calls.moves import CALL_LIMIT_S, Doing, Life, Steps, World, leg_of
from callcenter.ivr import engine, needs
from callcenter.line import Cause, DeviceKind
from callcenter.queue import entries
from callcenter.queue.agents import AgentEvent
from callcenter.queue.entries import Offer, OfferState
from callcenter.queue.facts import QueueFact

#: Turns of a caller; a line that refuses one after the other would go on for ever.
MOST_TURNS = 1000
#: For "press 1 to take this call" on an agent's telephone.
PRESS_ONE_MS = 8000

#: An agent's leg that ends for one of these has left its talk against everybody's will.
_LOST = (Cause.LOST, Cause.RESTARTED, Cause.FAILED, Cause.UNREACHABLE)


#: What a leg answers to its Turn.
_Answers = line.DigitsEntered | line.Silence | line.PromptsEnded | line.RecordingMade

Happened = line.Signal | Click | TimerDue
Handler = Callable[[Life, Happened], Doing]


def begin(
    call_id: str,
    arrived: line.CallArrived,
    world: World,
    timezone: str,
    *,
    always_open: bool = False,
) -> Steps:
    """A citizen's call, from its first ring. ``always_open``: whatever the opening hours say."""
    now = world.given.now
    caller = Leg(
        arrived.leg, call_id, LegRole.CALLER, arrived.line, LegState.UP, now, answered_at=now
    )
    call = Call(call_id, arrived.line, CallState.IVR, now, legs=(caller,))
    life = Life(call, world)
    life.put(caller)
    life.fact(CallFact.CALL_ARRIVED, line=arrived.line, withheld=arrived.caller is None)
    life.timer(TimerKind.CALL_LIMIT, call.id, CALL_LIMIT_S * 1000)
    yield from life.walk(
        engine.begin(world.flows, flow="main", now=now, timezone=timezone, always_open=always_open)
    )
    return life.outcome()


def step(call: Call, happened: Happened, world: World) -> Steps:
    """What follows from ``happened``. Refused, with nothing changed, when the table says so."""
    life = Life(call, world)
    handler = TABLE.get((call.state, trigger(call, happened)))
    if handler is None:
        life.refused = "not expected"
    else:
        yield from handler(life, happened)
    return life.outcome()


def trigger(call: Call, happened: Happened) -> str:
    """The word of ``happened`` in :data:`TABLE`: whose it is, and what."""
    match happened:
        case Offered():
            return "matched"
        case Accepted():
            return "agent accepts"
        case Declined():
            return "agent declines"
        case HungUp():
            return "agent hangs up"
        case BroughtIn():
            return "agent brings in"
        case LetGo():
            return "agent lets go"
        case TimerDue():
            return f"timer {happened.kind.value}"
    leg = leg_of(call, getattr(happened, "leg", ""))
    what = _OF_LEGS.get(type(happened))
    return f"{leg.role.value} {what}" if leg is not None and what is not None else "nobody"


#: What a leg's Signals are called in the table.
_OF_LEGS: dict[type, str] = {
    line.DigitsEntered: "input",
    line.Silence: "input",
    line.PromptsEnded: "input",
    line.RecordingMade: "input",
    line.RoomEntered: "room",
    line.LegQueued: "queued",
    line.LegRinging: "ringing",
    line.LegAnswered: "answered",
    line.LegGone: "gone",
    line.Refused: "refused",
}

# --- the handlers, in the order of the table ---------------------------------------------------


def _pass() -> Doing:
    """Makes a handler that asks nothing a generator like the others."""
    yield from ()


def _input(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, _Answers)
    if happened.rev != life.call.caller.rev:
        life.refused = "an old Turn"
        return
    yield from life.flow(happened)


def _caller_refused(life: Life, happened: Happened) -> Doing:
    """The line could not do the caller's Turn: the flow goes on as if nothing came of it."""
    assert isinstance(happened, line.Refused)
    caller = life.call.caller
    if happened.rev != caller.rev or life.call.visit is None:
        life.refused = "an old Turn"
        return
    answers = (
        line.Silence(caller.id, caller.rev),
        line.PromptsEnded(caller.id, caller.rev),
        line.RecordingMade(caller.id, caller.rev, "", 0),
    )
    for event in answers if caller.rev < MOST_TURNS else ():
        done = engine.step(life.world.flows, life.call.visit, event, life.now)
        if not done.refused:
            yield from life.walk(done)
            return
    life.commands.append(line.EndLeg(caller.id))  # not even a goodbye can be said


def _caller_gone(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, line.LegGone)
    if not life.leg_becomes(life.call.caller, "gone", happened.cause):
        return
    if life.call.state is CallState.WAITING and happened.cause is Cause.RESTARTED:
        yield from life.keep_place("restarted")
    if life.call.state is CallState.WAITING and life.call.entry is not None:
        life.end_offer(
            "withdraw", AgentEvent.RELEASE, QueueFact.OFFER_WITHDRAWN, reason="caller_gone"
        )
        life.entry("abandon")
        life.fact(
            QueueFact.ABANDONED,
            topic=life.call.entry.topic,
            waited_ms=life.waited_ms(),
            **life.callback(),
        )
    if life.call.state is CallState.TALKING:
        life.talk_over("caller")
        life.agent(AgentEvent.TALK_OVER)
    yield from life.flow(happened)
    life.refused = None  # whether or not the flow cares, the caller is gone
    life.end(happened.cause)


def _limit(life: Life, happened: Happened) -> Doing:
    life.timer(TimerKind.CALL_LIMIT, life.call.id, CALL_LIMIT_S * 1000)
    if life.call.state is CallState.TALKING:
        return
    life.leave("call_limit")
    life.turn(life.call.caller, (), line.Gone())
    # Nothing may keep it: not a Turn that can't be done, nor a flow that goes on instead.
    life.commands.append(line.EndLeg(life.call.caller.id))
    yield from _pass()


def _matched(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, Offered)
    call, given = life.call, happened
    device = given.agent.device_on(call.line)
    free = given.agent.after(AgentEvent.OFFER, life.now, call=call.id)
    if call.entry is None or device is None or free is None:
        life.refused = "nobody to offer it to"
        return
    if life.entry("offer") is None:
        life.refused = "the entry does not wait"
        return
    offer = Offer(given.offer, call.entry.id, call.id, given.agent.id, given.leg, life.now)
    life.set(offer=life.put(offer), agent=given.agent)
    life.agent(AgentEvent.OFFER)
    life.put(
        Leg(
            given.leg,
            call.id,
            LegRole.AGENT,
            call.line,
            LegState.ASKED,
            life.now,
            agent=given.agent.id,
            offer=offer.id,
            device_kind=device.kind,
        )
    )
    life.fact(QueueFact.OFFERED, topic=call.entry.topic)
    life.commands.append(line.RingLeg(given.leg, device))
    life.timer(TimerKind.UNRUNG, offer.id, entries.UNRUNG_S * 1000)
    yield from _pass()


def _current_agent_leg(life: Life, leg_id: str) -> Leg | None:
    leg = life.call.agent_leg
    if leg is None or leg.id != leg_id:
        life.refused = "that offer is over"
        return None
    return leg


def _agent_queued(life: Life, happened: Happened) -> Doing:
    """The line has not asked for the ring yet: only then does its time begin."""
    assert isinstance(happened, line.LegQueued)
    leg, offer = _current_agent_leg(life, happened.leg), life.call.offer
    if leg is None or offer is None or not life.leg_becomes(leg, "queued"):
        return
    if offer.state is OfferState.PENDING:
        after_s = happened.seconds + entries.UNRUNG_S
        life.timer(TimerKind.UNRUNG, offer.id, after_s * 1000)
    yield from _pass()


def _agent_ringing(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, line.LegRinging)
    leg = _current_agent_leg(life, happened.leg)
    offer = life.call.offer
    if leg is None or offer is None or not life.leg_becomes(leg, "ringing"):
        return
    life.set(offer=life.put(msgspec.structs.replace(offer, rang_at=life.now)))
    life.timer(TimerKind.UNRUNG, offer.id, None)
    if offer.state is OfferState.PENDING:
        life.timer(TimerKind.RING, offer.id, entries.RING_S * 1000)
    life.fact(QueueFact.OFFER_RANG)
    yield from _pass()


def _agent_answered(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, line.LegAnswered)
    leg = _current_agent_leg(life, happened.leg)
    offer = life.call.offer
    if leg is None or offer is None or not life.leg_becomes(leg, "answered"):
        return
    life.timer(TimerKind.UNRUNG, offer.id, None)
    if leg.device_kind is DeviceKind.PHONE and offer.state is OfferState.PENDING:
        life.timer(TimerKind.RING, offer.id, PRESS_ONE_MS + 20_000)
        life.turn(
            life.call.agent_leg or leg,
            (line.Say("Telepon dari layanan pengaduan. Tekan satu untuk menerima.", "id"),),
            line.Keys(most=1, first_ms=PRESS_ONE_MS),
        )
    elif offer.state is OfferState.PENDING:
        life.accept()  # accepted before, it has its Turn
    yield from _pass()


def _agent_input(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, _Answers)
    leg = _current_agent_leg(life, happened.leg)
    if leg is None or happened.rev != leg.rev or isinstance(happened, line.RecordingMade):
        life.refused = "an old Turn"
        return
    if isinstance(happened, line.DigitsEntered) and happened.digits == "1":
        life.accept()
    elif isinstance(happened, line.DigitsEntered):
        yield from life.offer_failed("decline", AgentEvent.SKIP, QueueFact.DECLINED)
    else:
        # A voicemail answered, or a pocket.
        yield from life.offer_failed(
            "time_out", AgentEvent.MISS, QueueFact.OFFER_TIMED_OUT, rang=True
        )


def _accepts(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, Accepted)
    offer = life.call.offer
    if offer is None or offer.id != happened.offer or offer.state is not OfferState.PENDING:
        life.refused = "that offer is over"
        return
    life.accept()
    yield from _pass()


def _declines(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, Declined)
    offer = life.call.offer
    if offer is None or offer.id != happened.offer or offer.state is not OfferState.PENDING:
        life.refused = "that offer is over"
        return
    yield from life.offer_failed("decline", AgentEvent.SKIP, QueueFact.DECLINED)


def _agent_gone_waiting(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, line.LegGone | line.Refused)
    leg, offer = _current_agent_leg(life, happened.leg), life.call.offer
    if leg is None or offer is None:
        yield from late.gone(life, happened)
        return
    if isinstance(happened, line.Refused) and happened.rev is not None:
        if happened.rev != leg.rev:
            life.refused = "an old Turn"
            return
    elif not life.leg_becomes(leg, "gone", happened.cause):
        return
    if offer.state is OfferState.PENDING and happened.cause in (Cause.DECLINED, Cause.BUSY):
        yield from life.offer_failed("decline", AgentEvent.SKIP, QueueFact.DECLINED)
        return
    missed = offer.state is OfferState.PENDING and offer.rang_at is not None
    yield from life.offer_failed(
        "time_out",
        AgentEvent.MISS if missed else AgentEvent.UNREACHABLE,
        QueueFact.OFFER_TIMED_OUT,
        rang=offer.rang_at is not None,
    )


def _agent_up(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, line.LegAnswered | line.LegRinging)
    leg = life.call.agent_leg
    current = leg is not None and leg.id == happened.leg
    if not current:
        yield from late.up(life, happened)
    elif isinstance(happened, line.LegAnswered):
        yield from _agent_answered(life, happened)
    else:
        yield from _agent_ringing(life, happened)


def _agent_in_room(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, line.RoomEntered)
    leg, room = _current_agent_leg(life, happened.leg), life.call.room
    if leg is None or room is None or happened.rev != leg.rev or leg.in_room:
        yield from late.room(life, happened)
        return
    if leg.state is not LegState.UP:  # that it was answered is told later, or never
        life.leg_becomes(leg, "answered")
        leg = life.call.agent_leg or leg
    life.put(msgspec.structs.replace(leg, in_room=True))
    if life.call.state is CallState.CALLBACK:
        yield from callback.dial(life)
    else:
        life.turn(life.call.caller, (), line.Room(room))


def _caller_in_room(life: Life, happened: Happened) -> Doing:
    """Both are in the room: now it is answered."""
    assert isinstance(happened, line.RoomEntered)
    caller, leg, entry = life.call.caller, life.call.agent_leg, life.call.entry
    together = leg is not None and leg.in_room
    if happened.rev != caller.rev or not together or entry is None or life.call.offer is None:
        yield from late.room(life, happened)
        return
    life.put(msgspec.structs.replace(caller, in_room=True))
    life.entry("answer")
    life.offer("answer")
    life.timer(TimerKind.JOIN, life.call.offer.id, None)
    life.set(state=CallState.TALKING, answered_at=life.now)
    life.agent(AgentEvent.TALK)
    life.fact(
        CallFact.ANSWERED,
        topic=entry.topic,
        waited_ms=life.waited_ms(),
        **life.callback(),
    )
    if life.call.case is None:
        need = needs.OpenCase(entry.topic, life.call.language or "id")
        yield from life.answer(need)


def _timer_offer(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, TimerDue)
    offer = life.call.offer
    if offer is None or offer.id != happened.ref:
        life.refused = "that offer is over"
        return
    if (happened.kind is TimerKind.JOIN) is not (offer.state is OfferState.ACCEPTED):
        life.refused = "it was accepted meanwhile"
        return
    event = AgentEvent.MISS if happened.kind is TimerKind.RING else AgentEvent.UNREACHABLE
    if life.call.agent_leg is not None and life.call.agent_leg.in_room:
        event = AgentEvent.RELEASE  # it was the caller who did not come
        if life.call.state is CallState.CALLBACK and (yield from callback.unheard_of(life)):
            return
    yield from life.offer_failed(
        "time_out",
        event,
        QueueFact.OFFER_TIMED_OUT,
        rang=offer.rang_at is not None,
    )


def _room_refused(life: Life, happened: Happened) -> Doing:
    """The caller could not be brought to the agent, or the flow's Turn could not be done."""
    assert isinstance(happened, line.Refused)
    leg = life.call.agent_leg
    if leg is not None and leg.in_room and happened.rev == life.call.caller.rev:
        yield from life.offer_failed(
            "time_out", AgentEvent.RELEASE, QueueFact.OFFER_TIMED_OUT, rang=True
        )
    else:
        yield from _caller_refused(life, happened)


def _caller_not_in_room(life: Life, happened: Happened) -> Doing:
    """In touch again, and the talk can't be mended: the others' phones end, the flow goes on."""
    assert isinstance(happened, line.Refused)
    if happened.rev != life.call.caller.rev:
        life.refused = "an old Turn"
        return
    others = (life.call.agent_leg, life.call.body_leg)
    life.commands += [line.EndLeg(leg.id) for leg in others if leg is not None]
    yield from _talk_over(life)


def _agent_gone_talking(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, line.LegGone | line.Refused)
    leg = life.call.agent_leg
    if leg is None or leg.id != happened.leg:
        yield from late.gone(life, happened)
        return
    if isinstance(happened, line.Refused) and happened.rev is not None:
        if happened.rev == leg.rev:
            life.commands.append(line.EndLeg(leg.id))
        else:
            life.refused = "an old Turn"
        return
    if not life.leg_becomes(leg, "gone", happened.cause):
        return
    lost = happened.cause in _LOST
    if bodies.pass_on(life, lost=lost):
        return
    yield from _agent_lost(life) if lost else _talk_over(life)


def _talk_over(life: Life) -> Doing:
    """The caller goes on with the flow, the agent wraps up."""
    life.talk_over("agent")
    life.agent(AgentEvent.TALK_OVER)
    life.set(state=CallState.IVR, entry=None, offer=None, agent=None)
    yield from life.talk_ended()


def _agent_lost(life: Life) -> Doing:
    """The agent's phone vanished: the caller is kept for that agent for a while, then goes to
    whoever is free first."""
    life.talk_over("lost")
    talked_ms = life.now - (life.call.answered_at or life.now)
    life.agent(AgentEvent.LOST)
    entry = life.entry("agent_lost")
    if entry is None or life.call.agent is None:
        return
    kept = entry.kept_for(life.call.agent.id, life.now, talked_ms)
    life.set(state=CallState.WAITING, entry=life.put(kept))
    life.fact(QueueFact.REQUEUED, topic=entry.topic, reason="agent_lost")
    life.timer(TimerKind.MATCH, entry.id, 0)
    life.set(offer=None, agent=None)
    yield from life.flow(needs.Resumed())


def _changes_mind(life: Life, happened: Happened) -> Doing:
    """The agent accepted, and hangs up before the two are together."""
    assert isinstance(happened, HungUp)
    offer = life.call.offer
    if offer is None or offer.agent != happened.agent:
        life.refused = "not your call"
        return
    yield from life.offer_failed("decline", AgentEvent.SKIP, QueueFact.DECLINED)


def _hangs_up(life: Life, happened: Happened) -> Doing:
    assert isinstance(happened, HungUp)
    leg = life.call.agent_leg
    if leg is None or leg.agent != happened.agent:
        life.refused = "not your call"
        return
    life.commands.append(line.EndLeg(leg.id))
    body = life.call.body_leg
    if body is not None and body.state is not LegState.UP:  # nobody is handed over to it
        life.commands.append(line.EndLeg(body.id))
    yield from _pass()


_IVR, _CALLBACK, _WAITING, _TALKING, _PASSED, _ENDED = CallState

#: (state of the call, what happened) → what is done. A pair that is not here changes nothing.
TABLE: dict[tuple[CallState, str], Handler] = {
    (_IVR, "caller input"): _input,
    (_IVR, "caller refused"): _caller_refused,
    (_IVR, "caller gone"): _caller_gone,
    (_IVR, "timer call_limit"): _limit,
    (_IVR, "caller room"): late.room,
    (_WAITING, "caller input"): _input,
    (_WAITING, "caller refused"): _room_refused,
    (_WAITING, "caller room"): _caller_in_room,
    (_WAITING, "caller gone"): _caller_gone,
    (_WAITING, "matched"): _matched,
    (_WAITING, "agent queued"): _agent_queued,
    (_WAITING, "agent ringing"): _agent_up,
    (_WAITING, "agent answered"): _agent_up,
    (_WAITING, "agent input"): _agent_input,
    (_WAITING, "agent accepts"): _accepts,
    (_WAITING, "agent declines"): _declines,
    (_WAITING, "agent hangs up"): _changes_mind,
    (_WAITING, "agent room"): _agent_in_room,
    (_WAITING, "agent refused"): _agent_gone_waiting,
    (_WAITING, "agent gone"): _agent_gone_waiting,
    (_WAITING, "timer unrung"): _timer_offer,
    (_WAITING, "timer ring"): _timer_offer,
    (_WAITING, "timer join"): _timer_offer,
    (_WAITING, "timer call_limit"): _limit,
    (_TALKING, "caller gone"): _caller_gone,
    (_TALKING, "caller refused"): _caller_not_in_room,
    (_TALKING, "caller room"): late.room,
    (_TALKING, "agent room"): late.room,
    (_TALKING, "agent hangs up"): _hangs_up,
    (_TALKING, "agent ringing"): late.up,
    (_TALKING, "agent answered"): late.up,
    (_TALKING, "agent refused"): _agent_gone_talking,
    (_TALKING, "agent gone"): _agent_gone_talking,
    (_TALKING, "agent brings in"): bodies.brings_in,
    (_TALKING, "agent lets go"): bodies.lets_go,
    (_TALKING, "body queued"): bodies.rings,
    (_TALKING, "body ringing"): bodies.rings,
    (_TALKING, "body answered"): bodies.answers,
    (_TALKING, "body room"): bodies.joins,
    (_TALKING, "body refused"): bodies.leaves,
    (_TALKING, "body gone"): bodies.leaves,
    (_TALKING, "timer call_limit"): _limit,
    (_PASSED, "caller gone"): _caller_gone,
    (_PASSED, "caller refused"): bodies.caller_refused,
    (_PASSED, "caller room"): late.room,
    (_PASSED, "body room"): bodies.joins,
    (_PASSED, "body refused"): bodies.leaves,
    (_PASSED, "body gone"): bodies.leaves,
    (_PASSED, "timer call_limit"): _limit,
    (_ENDED, "caller room"): late.room,
}
#: Legs that the call does not need in that state.
_LATE = ((_IVR, "agent"), (_IVR, "body"), (_WAITING, "body"), (_PASSED, "agent"))
TABLE |= {
    (state, f"{role} {what}"): handler
    for state, role in (*_LATE, (_ENDED, "agent"), (_ENDED, "body"))
    for what, handler in (
        ("room", late.room),
        ("ringing", late.up),
        ("answered", late.up),
        ("gone", late.gone),
        ("refused", late.gone),
    )
}
TABLE |= {(state, "timer body"): bodies.unheard_of for state in (_IVR, _WAITING, _TALKING)}
#: Until who is called back says that they want to talk, what concerns the agent is as while the
#: caller waits on the line; what concerns the caller is of its own.
TABLE |= {
    (_CALLBACK, what): handler
    for (state, what), handler in tuple(TABLE.items())
    if state is _WAITING and not what.startswith("caller") and "body" not in what
} | {
    (_CALLBACK, "caller queued"): callback.caller_rings,
    (_CALLBACK, "caller ringing"): callback.caller_rings,
    (_CALLBACK, "caller answered"): callback.caller_answers,
    (_CALLBACK, "caller input"): callback.caller_says,
    (_CALLBACK, "caller room"): late.room,
    (_CALLBACK, "caller refused"): callback.caller_refused,
    (_CALLBACK, "caller gone"): callback.caller_gone,
    (_CALLBACK, "timer call_limit"): callback.expired,
}
