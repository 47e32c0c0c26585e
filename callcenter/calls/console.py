"""What an agent's console shows: one whole document, read from the rows."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import msgspec

from callcenter.calls import tables
from callcenter.calls.model import CallState
from callcenter.calls.outcomes import OUTCOMES, CallOutcome
from callcenter.calls.service import Calls
from callcenter.calls.tables import Stored
from callcenter.cases import service as cases
from callcenter.cases.service import CaseView
from callcenter.db import Connection
from callcenter.queue import service as queue
from callcenter.queue.agents import WRAP_UP_S, Agent, AgentState
from callcenter.queue.entries import RING_S, OfferState


class ConsoleOffer(msgspec.Struct, frozen=True):
    """``expires_at``: when it counts as missed; None until the phone really rings."""

    id: str
    call: str
    topic: str
    language: str | None
    caller: str | None
    line: str
    waited_ms: int
    offered_at: int
    rang_at: int | None
    expires_at: int | None
    leg: str


class ConsoleCall(msgspec.Struct, frozen=True):
    """``chose``: the caller's ``language`` and ``topic``, as the flow learnt them."""

    id: str
    state: str
    since: int
    answered_at: int | None
    caller: str | None
    line: str
    topic: str | None
    language: str | None
    chose: tuple[str, ...]
    leg: str | None
    case: CaseView | None


class ConsoleWrapUp(msgspec.Struct, frozen=True):
    call: str
    since: int
    until: int
    case: CaseView | None


class ConsoleView(msgspec.Struct, frozen=True):
    """``topics`` are codes; ``answered`` and ``missed`` count since midnight."""

    agent: Agent
    topics: tuple[str, ...]
    offer: ConsoleOffer | None
    call: ConsoleCall | None
    wrap_up: ConsoleWrapUp | None
    outcomes: tuple[CallOutcome, ...]
    answered: int
    missed: int


def view(connection: Connection, calls: Calls, agent_id: str, now: int) -> ConsoleView:
    """All that ``agent_id`` needs to see at ``now``. An agent who never came is offline."""
    agent = queue.load_agent(connection, agent_id, lock=False) or Agent(agent_id)
    midnight = dt.datetime.fromtimestamp(now / 1000, ZoneInfo(calls.timezone)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    answered, missed = queue.answered_and_missed(
        connection, agent_id, int(midnight.timestamp() * 1000)
    )
    stored = tables.peek(connection, calls.keys, agent.call) if agent.call else None
    offer = call = wrap_up = None
    if stored is not None and agent.state is AgentState.OFFERED:
        offer, call = _offer(connection, calls, stored, agent, now)
    elif stored is not None and agent.state is AgentState.TALKING:
        call = _call(connection, calls, stored, "talking")
    elif stored is not None and agent.state is AgentState.WRAP_UP:
        until = agent.since + WRAP_UP_S * 1000
        case = _case(connection, calls, stored)
        wrap_up = ConsoleWrapUp(stored.call.id, agent.since, until, case)
    return ConsoleView(
        agent,
        tuple(queue.topics_of(connection, agent_id)),
        offer,
        call,
        wrap_up,
        tuple(OUTCOMES.values()),
        answered,
        missed,
    )


def _offer(
    connection: Connection, calls: Calls, stored: Stored, agent: Agent, now: int
) -> tuple[ConsoleOffer | None, ConsoleCall | None]:
    """The offer while it is open, and the call that it becomes once it is accepted."""
    one, entry = stored.call.offer, stored.call.entry
    if one is None or entry is None or one.agent != agent.id:
        return None, None
    if one.state is OfferState.ACCEPTED:
        return None, _call(connection, calls, stored, "connecting")
    shown = ConsoleOffer(
        one.id,
        stored.call.id,
        entry.topic,
        stored.call.language,
        tables.caller_number(calls.keys, stored),
        stored.call.line,
        now - entry.entered_at,
        one.created_at,
        one.rang_at,
        None if one.rang_at is None else one.rang_at + RING_S * 1000,
        one.leg,
    )
    return shown, None


def _call(connection: Connection, calls: Calls, stored: Stored, state: str) -> ConsoleCall:
    call = stored.call
    leg = call.agent_leg
    chose = (("language", call.language), ("topic", call.topic))
    return ConsoleCall(
        call.id,
        state if call.state is not CallState.ENDED else "ended",
        call.answered_at or call.started_at,
        call.answered_at,
        tables.caller_number(calls.keys, stored),
        call.line,
        call.topic,
        call.language,
        tuple(f"{name}: {code}" for name, code in chose if code),
        leg.id if leg is not None else None,
        _case(connection, calls, stored),
    )


def _case(connection: Connection, calls: Calls, stored: Stored) -> CaseView | None:
    if stored.call.case is None:
        return None
    return cases.load(
        connection, calls.keys, stored.call.case, call=stored.call.id, call_key=stored.key
    )
