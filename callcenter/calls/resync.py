"""In touch with a phone network again: compare what we believe with what is there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from callcenter import line
from callcenter.calls.model import Leg, LegRole, LegState, room_of
from callcenter.line import Cause

_ORDER = (LegRole.CALLER, LegRole.BODY, LegRole.AGENT)


class Plan(msgspec.Struct, frozen=True):
    """``signals`` to be handled in this order; then ``turns``: the legs that are given their
    newest Turn; then ``commands``."""

    signals: tuple[line.Signal, ...]
    turns: tuple[str, ...]
    commands: tuple[line.Command, ...]


def plan(known: Iterable[Leg], resumed: line.LineResumed, offers: Collection[str]) -> Plan:
    """What follows from ``resumed``.

    ``known`` are the legs that we believe are on this line, ``offers`` the open and the answered
    offers of live calls, and those whose talk was passed on: what belongs to any other one ends.

    Legs that are gone are told first, callers before bodies and these before agents: of a call
    that ended while we were away, nobody is put back into the queue, and nobody is passed on to a
    body that has left. No caller is hung up.
    """
    live = {leg.leg: leg for leg in resumed.legs}
    ours = {leg.id: leg for leg in known}
    # Nothing that we knew is there: the network itself was restarted.
    restarted = bool(ours) and not live.keys() & ours.keys()
    signals: list[line.Signal] = []
    turns = []
    commands: list[line.Command] = []
    for leg in sorted(ours.values(), key=lambda leg: (_ORDER.index(leg.role), leg.id)):
        if leg.id not in live:
            signals.append(line.LegGone(leg.id, _why_gone(leg, restarted)))
        elif leg.role is not LegRole.CALLER and leg.offer not in offers:
            commands.append(line.EndLeg(leg.id))
        else:
            turns.append(leg.id)
            if live[leg.id].up and leg.state is not LegState.UP:
                signals.append(line.LegAnswered(leg.id))
    for there in resumed.legs:
        if there.leg in ours:
            continue
        if there.inbound:
            signals.append(line.CallArrived(there.leg, resumed.line, there.to, there.caller))
        else:
            commands.append(line.EndLeg(there.leg))
    kept = {room_of(offer) for offer in offers}
    commands += [line.EndRoom(room) for room in resumed.rooms if room not in kept]
    return Plan(tuple(signals), tuple(turns), tuple(commands))


def _why_gone(leg: Leg, restarted: bool) -> Cause:
    if restarted:
        return Cause.RESTARTED
    if leg.role is not LegRole.CALLER and leg.state is not LegState.UP:
        return Cause.UNREACHABLE
    # An agent may have hung up or been cut off. The caller is still there, so: cut off.
    return Cause.LOST if leg.role is LegRole.AGENT else Cause.HUNG_UP
