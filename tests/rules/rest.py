"""What is true when nothing is under way: the network does what we believe that it does."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from callcenter.calls.model import Call, CallState, LegState
from callcenter.queue.agents import AgentState
from callcenter.queue.entries import SAME_AGENT_S, EntryState, OfferState
from callcenter.queue.matching import Free, Matches, Waiting, match
from tests.rules.invariants import Snapshot, need
from tests.rules.network import Network, Phone


def matches(
    seen: Snapshot, knows: Mapping[str, frozenset[str]], lines: Collection[str], now: int
) -> Matches:
    """Whom the matcher brings together now; ``knows``: the topics of each agent."""
    waiting = []
    for entry in seen.entries.values():
        if entry.state is not EntryState.WAITING:
            continue
        refused = {
            offer.agent: offer.ended_at + SAME_AGENT_S * 1000
            for offer in seen.offers.values()
            if offer.entry == entry.id
            and offer.state in (OfferState.DECLINED, OfferState.TIMED_OUT)
            and offer.ended_at is not None
        }
        waiting.append(Waiting(entry, refused))
    free = [
        Free(
            agent.id,
            agent.ready_since,
            knows[agent.id],
            frozenset(name for name in lines if agent.device_on(name) is not None),
        )
        for agent in seen.agents.values()
        if agent.state is AgentState.READY
    ]
    return match(waiting, free, now)


def check_rest(seen: Snapshot, network: Network, found: Matches) -> None:
    """Compare what is stored with the phones and rooms that exist; ``found``: whom the matcher
    would bring together now. Raises :class:`~tests.rules.invariants.Broken`."""
    call_of = {leg.id: call for call in seen.calls.values() for leg in call.legs}
    inside: dict[str | None, list[str]] = {}
    for phone in network.phones.values():
        inside.setdefault(phone.room, []).append(phone.leg)
        if phone.state == "gone":
            continue
        need(phone.leg in call_of, "a phone that nobody knows", phone)
        _check_phone(phone, call_of[phone.leg])
    rooms = {call.room for call in seen.calls.values() if call.state is not CallState.ENDED}
    for room in network.rooms.keys() - network.unknown_rooms:
        need(room in rooms, "a room that nobody needs", room)
    for call in seen.calls.values():
        legs = [leg.id for leg in call.legs if leg.in_room]
        live = (leg.id for leg in call.legs if leg.state is not LegState.GONE)
        phones = [network.phones[leg] for leg in live if leg in network.phones]
        told = not any(phone.untold or phone.lost_input for phone in phones)
        if call.state in (CallState.TALKING, CallState.PASSED) and told:
            here = sorted(inside.get(call.room, []))
            need(
                here == sorted(legs) and call.caller.id in here, "they are in the room", here, call
            )
            others = 2 if call.body_leg is not None and call.body_leg.in_room else 1
            others -= call.state is CallState.PASSED
            need(len(here) == 1 + others, "who talks is in the room", here, call)
    need(not found.pairs, "nobody waits while an agent is free", found.pairs)
    waits = any(entry.state is EntryState.WAITING for entry in seen.entries.values())
    if waits and found.again_at is not None:
        timed = [due for (kind, _), due in seen.timers.items() if kind == "match"]
        need(timed, "the matcher looks again", found)
        need(min(timed) <= found.again_at, "the matcher looks again in time", timed)


def _check_phone(phone: Phone, call: Call) -> None:
    """A phone that is there is needed, and does what its leg was last told."""
    if phone.body:
        current = call.body_leg is not None and call.body_leg.id == phone.leg
        talks = call.state in (CallState.TALKING, CallState.PASSED)
        need(current and talks, "a body that nobody needs", phone, call)
        return
    if not phone.citizen:
        current = call.agent_leg is not None and call.agent_leg.id == phone.leg
        need(current, "an agent's leg that nobody needs", phone, call)
        return
    leg = call.caller
    need(call.state is not CallState.ENDED, "a caller whose call is over", phone, call)
    need(phone.rev == leg.rev, "the caller does what is newest", phone, leg)
    alone = call.state in (CallState.IVR, CallState.WAITING) and call.offer is None
    heard = phone.room is None and not phone.silent
    need(heard or not alone or phone.lost_input, "a caller in silence", phone, call)


def check_end(seen: Snapshot, network: Network) -> None:
    """Everything has come to its end."""
    for call in seen.calls.values():
        need(call.state is CallState.ENDED, "every call ends", call)
    up = [phone for phone in network.phones.values() if phone.state != "gone"]
    need(not up, "no leg is left over", up)
    rooms = network.rooms.keys() - network.unknown_rooms
    need(not rooms, "no room is left over", rooms)
    need(not seen.timers, "no timer is left over", seen.timers)
