"""The table of agents: every pair of state and event, what is booked, what is missed."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.line import Device, DeviceKind
from callcenter.queue import agents
from callcenter.queue.agents import AGENT_TABLE, Agent, AgentEvent, AgentState

BUSY = (AgentState.OFFERED, AgentState.TALKING, AgentState.WRAP_UP)
BOOKED = (AgentEvent.READY, AgentEvent.PAUSE)


def an_agent(state: AgentState, **fields: object) -> Agent:
    call = "call" if state in BUSY else None
    agent = Agent("sari", state, since=1_000, ready_since=500, call=call)
    return msgspec.structs.replace(agent, **fields)


@pytest.mark.parametrize("state,event", [*itertools.product(AgentState, AgentEvent)])
def test_every_pair(state: AgentState, event: AgentEvent) -> None:
    before = an_agent(state)
    after = before.after(event, 9_000, call="call")
    if state in BUSY and event in BOOKED:
        assert after == msgspec.structs.replace(before, pause_after=event is AgentEvent.PAUSE)
    elif (state, event) not in AGENT_TABLE:
        assert after is None
    else:
        assert after is not None
        assert after.state is AGENT_TABLE[(state, event)]
        assert after.since == 9_000
        assert (after.call is not None) == (after.state in BUSY)


def test_everybody_can_be_reached_and_left() -> None:
    """No state is a trap: from each one an agent can get ready, and can leave."""
    for start in AgentState:
        reached, todo = {start}, [start]
        while todo:
            state = todo.pop()
            found = {to for (of, _), to in AGENT_TABLE.items() if of is state} - reached
            reached |= found
            todo += found
        assert {AgentState.READY, AgentState.OFFLINE} <= reached, start


@pytest.mark.parametrize("state", BUSY)
def test_a_pause_is_booked_for_when_the_agent_is_free(state: AgentState) -> None:
    booked = an_agent(state).after(AgentEvent.PAUSE, 2_000, reason="lunch")
    assert booked is not None
    assert booked.state is state
    ends = {
        AgentState.OFFERED: AgentEvent.RELEASE,
        AgentState.TALKING: AgentEvent.LOST,
        AgentState.WRAP_UP: AgentEvent.WRAPPED,
    }
    after = booked.after(ends[state], 3_000)
    assert after is not None
    assert (after.state, after.reason, after.pause_after) == (AgentState.PAUSED, "lunch", False)


def test_a_booked_pause_outlives_the_whole_call_and_can_be_taken_back() -> None:
    agent = an_agent(AgentState.OFFERED).after(AgentEvent.PAUSE, 2_000, reason="prayer")
    for event in (AgentEvent.TALK, AgentEvent.TALK_OVER):
        assert agent is not None
        agent = agent.after(event, 3_000)
    assert agent is not None
    assert (agent.state, agent.reason) == (AgentState.WRAP_UP, "prayer")
    paused = agent.after(AgentEvent.WRAPPED, 4_000)
    assert paused is not None
    assert (paused.state, paused.reason) == (AgentState.PAUSED, "prayer")
    taken_back = agent.after(AgentEvent.READY, 4_000)
    assert taken_back is not None
    ready = taken_back.after(AgentEvent.WRAPPED, 5_000)
    assert ready is not None
    assert (ready.state, ready.reason) == (AgentState.READY, None)


def test_misses_in_a_row_pause_the_agent() -> None:
    agent = an_agent(AgentState.READY)
    for count in range(1, agents.MISSES_TO_PAUSE + 1):
        offered = agent.after(AgentEvent.OFFER, 1_000 * count, call="call")
        assert offered is not None
        missed = offered.after(AgentEvent.MISS, 1_000 * count)
        assert missed is not None
        agent = missed
        if count < agents.MISSES_TO_PAUSE:
            assert (agent.state, agent.misses) == (AgentState.READY, count)
    assert (agent.state, agent.reason, agent.misses) == (AgentState.PAUSED, "missed", 0)


@pytest.mark.parametrize(
    "events,misses",
    [
        ([AgentEvent.RELEASE], 1),  # through no fault of the agent's: counted on
        ([AgentEvent.UNREACHABLE], 1),
        ([AgentEvent.SKIP], 0),  # who declines is there
        ([AgentEvent.TALK], 0),
    ],
)
def test_what_interrupts_a_row_of_misses(events: list[AgentEvent], misses: int) -> None:
    agent: Agent | None = an_agent(AgentState.OFFERED, misses=1)
    for event in events:
        assert agent is not None
        agent = agent.after(event, 2_000)
    assert agent is not None
    assert agent.misses == misses


def test_never_rang_is_not_a_miss_but_a_pause_with_its_reason() -> None:
    agent = an_agent(AgentState.OFFERED).after(AgentEvent.UNREACHABLE, 2_000)
    assert agent is not None
    assert (agent.state, agent.reason, agent.misses) == (AgentState.PAUSED, "unreachable", 0)


def test_who_is_released_keeps_the_place_among_the_idle() -> None:
    offered = an_agent(AgentState.OFFERED, ready_since=500)
    released = offered.after(AgentEvent.RELEASE, 9_000)
    assert released is not None
    assert (released.ready_since, released.since) == (500, 9_000)
    for event in (AgentEvent.SKIP, AgentEvent.MISS):
        to_the_end = offered.after(event, 9_000)
        assert to_the_end is not None
        assert to_the_end.ready_since == 9_000


def test_what_rings_on_which_line() -> None:
    def on(line: str, kind: DeviceKind, *, up: bool = False) -> bool:
        agent = an_agent(AgentState.READY, device=Device(kind, "address"), device_up=up)
        return agent.device_on(line) is not None

    for kind in DeviceKind:
        assert on("simulator", kind)
    assert not on("asterisk", DeviceKind.SIMULATED)
    assert not on("asterisk", DeviceKind.BROWSER)
    assert on("asterisk", DeviceKind.BROWSER, up=True)
    assert on("asterisk", DeviceKind.SIP)
    assert on("asterisk", DeviceKind.PHONE)


@given(st.lists(st.sampled_from(AgentEvent), max_size=60))
def test_any_events_at_all(events: list[AgentEvent]) -> None:
    agent, now = Agent("sari"), 0
    for event in events:
        now += 1
        after = agent.after(event, now, reason="why", call="call")
        again = agent.after(event, now, reason="why", call="call")
        assert after == again
        if after is None:
            continue
        agent = after
        assert (agent.call is not None) == (agent.state in BUSY)
        assert agent.misses <= agents.MISSES_TO_PAUSE
        assert not agent.pause_after or agent.state in BUSY
        assert agent.since <= now
        assert agent.ready_since <= agent.since
