"""Two processes on one PostgreSQL, many callers and agents at the same moment: no deadlock, no
agent with two callers, nobody forgotten by the matcher."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.exc import DBAPIError

from callcenter import line
from callcenter.calls.errors import NotNow, NotYours, TooLate
from callcenter.calls.model import CallState
from callcenter.cases.service import CaseForm, StaleCase
from callcenter.clock import SystemClock
from callcenter.db import Database
from callcenter.db import database as db
from callcenter.db.keys import Keys
from callcenter.line import Cause
from callcenter.queue.agents import AgentState
from tests.db.house import House

CALLERS = 24
AGENTS = 6
#: Statements of one transaction may have to wait for another's, but not for a deadlock to be found.
LIMIT_S = 60.0


@pytest.mark.needs("postgresql")
@pytest.mark.parametrize("seed", range(3))
async def test_many_callers_and_agents_at_once(
    postgresql_url: str,
    open_database: Callable[[str], Database],
    keys: Keys,
    seed: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    again: list[str] = []

    def may_run_again(error: DBAPIError, committing: bool) -> bool:
        again.append(str(error.orig))
        return may(error, committing)

    may = db._may_run_again
    monkeypatch.setattr(db, "_may_run_again", may_run_again)
    clock = SystemClock()
    first = House(open_database(postgresql_url), keys, clock, "first")
    second = House(open_database(postgresql_url), keys, clock, "second")
    for house in (first, second):
        await house.start()
    agents = [await first.agent(f"agent-{number}") for number in range(AGENTS)]
    loops = [asyncio.create_task(house.calls.run_timers()) for house in (first, second)]
    rng = random.Random(seed)
    stories = [
        _calls(rng.choice((first, second)), f"leg-{number}", random.Random(seed + number))
        for number in range(CALLERS)
    ]
    over = asyncio.Event()
    works = [_works((first, second), agent, random.Random(seed), over) for agent in agents]
    working = asyncio.gather(*works)
    await asyncio.wait_for(asyncio.gather(*stories), LIMIT_S)
    over.set()
    await asyncio.wait_for(working, LIMIT_S)
    for loop in loops:
        loop.cancel()
    results = await asyncio.gather(*loops, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results), results
    assert "failed" not in caplog.text
    assert not [why for why in again if "deadlock" in why]
    for number in range(CALLERS):
        stored = await first.stored_of(f"leg-{number}")
        assert stored.call.state is CallState.ENDED
    for agent in agents:
        assert (await first.of(agent)).state not in (AgentState.OFFERED, AgentState.TALKING)
    kinds = await first.kinds()
    assert kinds.count("answered") == CALLERS


async def _calls(house: House, leg: str, rng: random.Random) -> None:
    """A caller who waits until somebody has talked to them, and hangs up."""
    await asyncio.sleep(rng.random() / 10)
    call = await house.dials(leg)
    await house.asks(leg)
    while True:
        stored = await house.stored(call)
        if stored.call.state is CallState.TALKING:
            break
        await asyncio.sleep(0.01)
    signals = [line.LegGone(leg, Cause.HUNG_UP)] * 2
    await asyncio.gather(*(house.calls.handle(signal) for signal in signals))


async def _works(
    houses: tuple[House, House], agent: str, rng: random.Random, over: asyncio.Event
) -> None:
    """An agent, whose clicks come to one process and whose phone may be told by the other."""
    while not over.is_set():
        house, other = rng.sample(houses, 2)
        now = await house.of(agent)
        if now.state is AgentState.OFFERED and now.call is not None:
            offer = (await house.stored(now.call)).call.offer
            if offer is None or offer.agent != agent:
                continue
            await asyncio.gather(
                _may_fail(house.desk.accept(agent, offer.id)),
                _may_fail(other.desk.accept(agent, offer.id)),
                other.calls.handle(line.LegAnswered(offer.leg)),
                house.calls.handle(line.LegRinging(offer.leg)),
            )
            await _enter(other, now.call, offer.leg)
        elif now.state is AgentState.TALKING and now.call is not None:
            await asyncio.gather(
                _may_fail(house.desk.save_case(agent, now.call, CaseForm(1, narrative=agent))),
                _may_fail(other.desk.set_agent_state(agent, "ready")),
            )
        elif now.state is AgentState.WRAP_UP:
            await asyncio.gather(
                _may_fail(house.desk.wrap_up_done(agent, "complaint")),
                _may_fail(other.desk.wrap_up_done(agent, "complaint")),
            )
        elif now.state is AgentState.PAUSED:
            await _may_fail(house.desk.set_agent_state(agent, "ready"))
        await asyncio.sleep(0.005)


async def _enter(house: House, call: str, agent_leg: str) -> None:
    """The agent, then the caller, in the room, as their newest Turns say."""
    for leg in (agent_leg, None):
        stored = await house.stored(call)
        name = leg or stored.call.caller.id
        turn = await house.calls.handle(line.LegReturned(name))
        if turn is not None and isinstance(turn.wait, line.Room):
            entered = line.RoomEntered(name, turn.rev, turn.wait.room)
            await asyncio.gather(*(house.calls.handle(entered) for _ in range(2)))


async def _may_fail(asked: Awaitable[object]) -> None:
    try:
        await asked
    except (NotNow, NotYours, TooLate, StaleCase):
        pass
