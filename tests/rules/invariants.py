"""What is true of calls, entries, offers, agents and timers after every step, whatever happened.

A :class:`Snapshot` is what is stored: the pure histories keep it in memory, those of the database
read it from the tables.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import msgspec

from callcenter.calls.model import Call, CallState, LegRole, LegState
from callcenter.ivr.visit import VISIT_BYTES
from callcenter.queue.agents import Agent, AgentState
from callcenter.queue.entries import OPEN_ENTRIES, Entry, EntryState, Offer, OfferState

#: What a Fact may hold: ids and codes (see :mod:`callcenter.db.facts`).
CODE = re.compile(r"[A-Za-z0-9_.:,/\-]{0,120}")

_WAITS = (CallState.WAITING, CallState.CALLBACK)
_OFFER_TIMERS = ("unrung", "ring", "join")


class Broken(AssertionError):
    """Something that must always be true is not."""


class Snapshot(msgspec.Struct):
    """``calls`` whole, as a step is given them; ``timers``: (kind, ref) → due."""

    calls: Mapping[str, Call]
    entries: Mapping[str, Entry]
    offers: Mapping[str, Offer]
    agents: Mapping[str, Agent]
    timers: Mapping[tuple[str, str], int]


def need(true: object, what: str, *about: object) -> None:
    if not true:
        raise Broken(f"{what}: {', '.join(map(str, about))}")


def check(seen: Snapshot) -> None:
    """Every invariant. Raises :class:`Broken`."""
    for call in seen.calls.values():
        check_call(seen, call)
    _check_queue(seen)
    for agent in seen.agents.values():
        _check_agent(seen, agent)


def check_call(seen: Snapshot, call: Call) -> None:
    """The caller is in exactly one place, and everything that belongs to it agrees."""
    entry, offer, agent = call.entry, call.offer, call.agent
    callers = [leg for leg in call.legs if leg.role is LegRole.CALLER]
    here = [leg for leg in callers if leg.state is not LegState.GONE]
    ended = call.state is CallState.ENDED
    if call.state is CallState.CALLBACK:
        need(len(here) <= 1, "a telephone is rung once at a time", call)
    else:
        need(len(here) == (0 if ended else 1), "a call ends with its caller's leg", call)
        need(ended or here == [call.caller], "the caller's newest leg", call)
        need(ended or call.caller.rev > 0, "the caller has a Turn", call)
    for leg in call.legs:
        need(leg.state is not LegState.GONE or not leg.in_room, "nobody gone is in a room", leg)
    if call.visit is not None:
        need(len(call.visit.encode()) < VISIT_BYTES, "a visit is small", call)
        queueing = call.state not in (CallState.IVR, CallState.ENDED)
        need(not queueing or call.visit.queueing, "the flow knows that it is queueing", call)
        need(not ended or call.visit.finished, "the flow is finished", call)
    match call.state:
        case CallState.IVR:
            nothing = entry is None and offer is None and agent is None
            need(nothing, "nothing but the flow", call)
        case CallState.PASSED:
            nothing = entry is None and offer is None and agent is None
            need(nothing, "nobody of ours", call)
            need(call.body_leg and call.body_leg.state is LegState.UP, "a body who talks", call)
        case CallState.WAITING | CallState.CALLBACK:
            _check_waiting(call)
        case CallState.TALKING:
            _check_talking(call)
        case CallState.ENDED:
            need(call.ended_at is not None and call.cause, "the end has a time and a cause", call)
            need(entry is None or entry.state not in OPEN_ENTRIES, "no open entry", call)
            need(offer is None or not offer.open, "no open offer", call)
    bodies = [leg for leg in call.legs if leg.role is LegRole.BODY]
    there = [leg for leg in bodies if leg.state is not LegState.GONE]
    need(len(there) <= 1, "one body at a time", call)
    limit = ("call_limit", call.id) in seen.timers
    need(limit != ended or not callers, "a call that is not over has a limit", call)


def _check_waiting(call: Call) -> None:
    entry, offer, agent = call.entry, call.offer, call.agent
    need(entry is not None and entry.state in OPEN_ENTRIES, "an open entry", call)
    assert entry is not None
    need(entry.call == call.id and entry.line == call.line, "its own entry", call)
    need(entry.callback or call.state is CallState.WAITING, "an entry that is called back", call)
    if entry.state is EntryState.WAITING:
        need(offer is None and agent is None, "nobody is asked", call)
        return
    need(offer is not None and offer.open and offer.entry == entry.id, "an open offer", call)
    need(agent is not None and offer is not None and agent.id == offer.agent, "its agent", call)
    need(agent is not None and agent.state is AgentState.OFFERED, "who is offered it", call)
    need(call.agent_leg is not None, "an offer rings a phone", call)


def _check_talking(call: Call) -> None:
    entry, offer, agent, leg = call.entry, call.offer, call.agent, call.agent_leg
    need(entry is not None and entry.state is EntryState.ANSWERED, "an answered entry", call)
    need(offer is not None and offer.state is OfferState.ANSWERED, "an answered offer", call)
    need(agent is not None and agent.state is AgentState.TALKING, "an agent who talks", call)
    need(agent is not None and agent.call == call.id, "in this call", call)
    need(leg is not None and leg.in_room and call.caller.in_room, "both are in the room", call)
    need(leg is not None and leg.state is LegState.UP, "the agent's phone is up", call)
    need(call.answered_at is not None, "answered", call)


def _check_queue(seen: Snapshot) -> None:
    calls = seen.calls
    for entry in seen.entries.values():
        if entry.state in OPEN_ENTRIES:
            one = calls[entry.call]
            need(one.state in _WAITS and one.entry == entry, "nobody lost", entry, one)
    open_offers = [offer for offer in seen.offers.values() if offer.open]
    for offer in open_offers:
        call = calls[offer.call]
        need(call.state in _WAITS and call.offer == offer, "an offer's call", offer)
        kinds = ("join",) if offer.state is OfferState.ACCEPTED else ("unrung", "ring")
        need(any((kind, offer.id) in seen.timers for kind in kinds), "an offer has a limit", offer)
    for key in ("agent", "entry"):
        counts = Counter(getattr(offer, key) for offer in open_offers)
        need(all(count == 1 for count in counts.values()), f"one offer for one {key}", counts)
    for kind, ref in seen.timers:
        if kind in _OFFER_TIMERS:
            need(seen.offers[ref].open, "no timer of an offer that is over", kind, ref)
        elif kind == "call_limit":
            need(calls[ref].state is not CallState.ENDED, "no timer of a call that is over", ref)
        elif kind == "body":
            leg = calls[ref].body_leg
            need(leg is not None and leg.state is not LegState.UP, "no timer of nobody", ref)
        elif kind == "wrap_up":
            need(seen.agents[ref].state is AgentState.WRAP_UP, "no timer of no wrap-up", ref)


def _check_agent(seen: Snapshot, agent: Agent) -> None:
    asked = [offer for offer in seen.offers.values() if offer.open and offer.agent == agent.id]
    talks = [
        call
        for call in seen.calls.values()
        if call.state is CallState.TALKING and call.agent is not None and call.agent.id == agent.id
    ]
    need(bool(asked) == (agent.state is AgentState.OFFERED), "offered: an offer", agent, asked)
    need(bool(talks) == (agent.state is AgentState.TALKING), "talking: a talk", agent, talks)
    need(len(talks) <= 1, "one talk at a time", agent)
    busy = agent.state in (AgentState.OFFERED, AgentState.TALKING, AgentState.WRAP_UP)
    need(busy == (agent.call is not None), "busy with a call", agent)
    if asked:
        need(agent.call == asked[0].call, "the offer's call", agent, asked)
    wraps = agent.state is AgentState.WRAP_UP
    need(not wraps or ("wrap_up", agent.id) in seen.timers, "a wrap-up has a limit", agent)
