"""What an agent's console shows: one whole document, read from the rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from callcenter.calls import tables
from callcenter.calls.model import CallState, Leg, LegState
from callcenter.calls.outcomes import OUTCOMES
from callcenter.calls.service import Calls
from callcenter.calls.tables import Stored
from callcenter.cases import service as cases
from callcenter.cases.directory import Number, Reach, about
from callcenter.cases.rules import Rules
from callcenter.db import Connection
from callcenter.line import DeviceKind
from callcenter.queue import service as queue
from callcenter.queue.agents import WRAP_UP_S, Agent, AgentState
from callcenter.queue.entries import RING_S, OfferState

#: More than these are on the page of the directory.
BODIES_MOST = 3


class TopicView(msgspec.Struct, frozen=True):
    code: str
    label: Mapping[str, str]


class DeviceView(msgspec.Struct, frozen=True):
    kind: DeviceKind
    up: bool


class AgentView(msgspec.Struct, frozen=True):
    id: str
    state: AgentState
    since: int
    reason: str | None
    topics: tuple[TopicView, ...]
    device: DeviceView


class OfferView(msgspec.Struct, frozen=True):
    """``language``: what to speak, as far as it is known. ``expires_at``: when it counts as missed;
    None until the phone really rings. ``callback``: the caller keeps a place and is called once the
    agent has accepted; ``tries``: how often they were."""

    id: str
    call: str
    topic: TopicView
    language: str | None
    caller: str | None
    line: str
    waited_ms: int
    offered_at: int
    rang_at: int | None
    expires_at: int | None
    leg: str
    callback: bool
    tries: int


class CaseDraft(msgspec.Struct, frozen=True):
    number: str
    pin: str | None
    topic: str
    status: str
    narrative: str
    reporter_name: str
    employer: str
    anonymous: bool
    version: int


class BodyView(msgspec.Struct, frozen=True):
    """A body outside, to be named to the caller: its numbers as they are read out, its hours.
    ``call``: the number that is called to bring it into the talk; None: it can't be."""

    code: str
    label: Mapping[str, str]
    numbers: tuple[str, ...]
    hours: str
    call: str | None


class JoinedView(msgspec.Struct, frozen=True):
    """The body that the agent brings into the talk. ``state``: ringing or talking."""

    code: str
    label: Mapping[str, str]
    state: str
    since: int


class CallView(msgspec.Struct, frozen=True):
    """``state``: connecting, dialling (the caller's telephone rings), talking or held. ``chose``:
    what the flow learnt from the caller. ``others``: cases that were opened in this call besides
    ``case``. ``bodies``: who else is there for what it is about; ``joined``: the one that is
    brought into the talk."""

    id: str
    state: str
    since: int
    answered_at: int | None
    caller: str | None
    line: str
    topic: TopicView | None
    language: str | None
    chose: tuple[str, ...]
    leg: str | None
    case: CaseDraft | None
    others: tuple[CaseDraft, ...]
    bodies: tuple[BodyView, ...]
    joined: JoinedView | None


class WrapUpView(msgspec.Struct, frozen=True):
    call: str
    since: int
    until: int
    case: CaseDraft | None
    others: tuple[CaseDraft, ...]


class OutcomeView(msgspec.Struct, frozen=True):
    code: str
    label: Mapping[str, str]


class TodayView(msgspec.Struct, frozen=True):
    """Since midnight."""

    answered: int
    missed: int


class ConsoleView(msgspec.Struct, frozen=True):
    agent: AgentView
    offer: OfferView | None
    call: CallView | None
    wrap_up: WrapUpView | None
    outcomes: tuple[OutcomeView, ...]
    today: TodayView


def view(connection: Connection, calls: Calls, agent_id: str, now: int) -> ConsoleView:
    """All that ``agent_id`` needs to see at ``now``. An agent who never came is offline."""
    agent = queue.load_agent(connection, agent_id, lock=False) or Agent(agent_id)
    midnight = dt.datetime.fromtimestamp(now / 1000, ZoneInfo(calls.timezone)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    answered, missed = queue.answered_and_missed(
        connection, agent_id, int(midnight.timestamp() * 1000)
    )
    held = None if agent.call else queue.held_for(connection, agent_id, now)
    call_id = held.call if held is not None else agent.call
    stored = tables.peek(connection, calls.keys, call_id) if call_id else None
    offer = call = wrap_up = None
    if stored is not None and agent.state is AgentState.OFFERED:
        offer, call = _offer(connection, calls, stored, agent, now)
    elif stored is not None and held is not None:
        call = _call(connection, calls, stored, "held")
    elif stored is not None and agent.state is AgentState.TALKING:
        call = _call(connection, calls, stored, "talking")
    elif stored is not None and agent.state is AgentState.WRAP_UP:
        until = agent.since + WRAP_UP_S * 1000
        case, others = _cases(connection, calls, stored)
        wrap_up = WrapUpView(stored.call.id, agent.since, until, case, others)
    topics = tuple(_topic(calls, code) for code in queue.topics_of(connection, agent_id))
    device = DeviceView(agent.device.kind, agent.device_up)
    return ConsoleView(
        AgentView(agent.id, agent.state, agent.since, agent.reason, topics, device),
        offer,
        call,
        wrap_up,
        tuple(OutcomeView(outcome.code, outcome.label) for outcome in OUTCOMES.values()),
        TodayView(answered, missed),
    )


def _topic(calls: Calls, code: str) -> TopicView:
    """A topic that is no more is shown by its code."""
    topic = calls.topics.get(code)
    return TopicView(code, topic.label if topic else {"id": code, "en": code})


def _offer(
    connection: Connection, calls: Calls, stored: Stored, agent: Agent, now: int
) -> tuple[OfferView | None, CallView | None]:
    """The offer while it is open, and the call that it becomes once it is accepted."""
    one, entry = stored.call.offer, stored.call.entry
    if one is None or entry is None or one.agent != agent.id:
        return None, None
    if one.state is OfferState.ACCEPTED:
        dialling = stored.call.state is CallState.CALLBACK
        return None, _call(connection, calls, stored, "dialling" if dialling else "connecting")
    shown = OfferView(
        one.id,
        stored.call.id,
        _topic(calls, entry.topic),
        entry.language or stored.call.language,
        tables.caller_number(calls.keys, stored),
        stored.call.line,
        now - entry.entered_at,
        one.created_at,
        one.rang_at,
        None if one.rang_at is None else one.rang_at + RING_S * 1000,
        one.leg,
        entry.callback and stored.call.state is CallState.CALLBACK,
        entry.tries,
    )
    return shown, None


def _call(connection: Connection, calls: Calls, stored: Stored, state: str) -> CallView:
    call = stored.call
    leg = call.agent_leg
    chose = (("language", call.language), ("topic", call.topic))
    case, others = _cases(connection, calls, stored)
    return CallView(
        call.id,
        state,
        call.answered_at or call.started_at,
        call.answered_at,
        tables.caller_number(calls.keys, stored),
        call.line,
        _topic(calls, call.topic) if call.topic else None,
        (call.entry.language if call.entry else None) or call.language,
        tuple(f"{name}: {code}" for name, code in chose if code),
        leg.id if leg is not None else None,
        case,
        others,
        _bodies(calls, call.line, case.topic if case is not None else call.topic),
        _joined(calls.rules, call.body_leg),
    )


def _bodies(calls: Calls, line: str, topic: str | None) -> tuple[BodyView, ...]:
    """Whom to name to a caller with this topic, who calls on ``line``."""
    known = calls.rules.topics.get(topic or "")
    found = [] if known is None else about(calls.rules.directory, known.code, known.within)
    calls_out = line in calls.outgoing.lines
    return tuple(
        BodyView(
            one.code,
            one.label,
            tuple(map(_read_out, one.numbers)),
            one.hours,
            one.international.show if calls_out and one.international is not None else None,
        )
        for one in found[:BODIES_MOST]
    )


def _joined(rules: Rules, leg: Leg | None) -> JoinedView | None:
    if leg is None or leg.body is None:
        return None
    body = rules.directory.get(leg.body)
    label = body.label if body is not None else {"id": leg.body, "en": leg.body}
    up = leg.state is LegState.UP
    return JoinedView(
        leg.body, label, "talking" if up else "ringing", leg.answered_at or leg.started_at
    )


def _read_out(number: Number) -> str:
    return f"WhatsApp {number.show}" if number.reach is Reach.WHATSAPP else number.show


def _cases(
    connection: Connection, calls: Calls, stored: Stored
) -> tuple[CaseDraft | None, tuple[CaseDraft, ...]]:
    """The call's case, and the others that were opened in it."""
    of = stored.call.case
    others = [one for one in cases.opened_in(connection, stored.call.id) if one != of]
    return (
        _case(connection, calls, stored, of) if of is not None else None,
        tuple(_case(connection, calls, stored, one) for one in others),
    )


def _case(connection: Connection, calls: Calls, stored: Stored, of: str) -> CaseDraft:
    case = cases.load(connection, calls.keys, of, call=stored.call.id, call_key=stored.key)
    fields = {name: getattr(case, name) for name in CaseDraft.__struct_fields__}
    return CaseDraft(**fields)
